//! What runs where.
//!
//! ```text
//! signalling runtime (one thread)                   media worker (one thread per core)
//!   sip-core driver ── new calls ──► dispatcher ──►   call, call, call …   one task each
//!   flow requests (HTTPS)                             its RTP socket, its WebSocket, its timers
//!
//! api (one thread, where the dialplan has `[api]`): HTTP ── orders ──► dispatcher, and the calls
//! ```
//!
//! A call lives on one worker from its first packet to its last; no packet crosses a thread. Channels, all bounded:
//!
//! | channel | capacity | when full |
//! |---|---|---|
//! | new calls to a worker | [`WORKER_QUEUE`] | the call is refused with 503 |
//! | those of `sip_core::net` | see there | see there |

mod gauges;
mod renew;
mod replaceable;
mod shared;
mod trunks;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use media_engine::net::PortRangeError;
use rand::rngs::{StdRng, SysRng};
use rand::{RngExt, SeedableRng};
use sip_core::admission::GateError;
use sip_core::endpoint::{Cause, Command, Reject, Stats};
use sip_core::net::{IncomingCall, Listening, ServeError, SipHandle};
use sip_core::wire::StatusCode;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use crate::api::ApiListenError;
use crate::api::{self, Api, ApiServer};
use crate::callbacks::Callbacks;
use crate::config::Loaded;
use crate::control::{Control, PlaceRefused, Placing};
use crate::identity::Verifier;
use crate::telemetry::{Gauges, PiiKey};

pub(crate) use replaceable::{Replaceable, Replacements};
pub(crate) use shared::Shared;
pub(crate) use worker::Context;
use worker::{Job, Worker};

/// New calls that a worker has not taken yet. Full: the call is refused with 503.
pub(crate) const WORKER_QUEUE: usize = 64;

/// How the server is started, beside what the dialplan says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Media workers; `None` for one for each processor.
    pub workers: Option<usize>,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The system gave no thread, runtime or randomness.
    #[error("the system does not let the server start")]
    System(#[from] io::Error),
    /// The system's random source failed.
    #[error("the system's random source failed")]
    Random(#[from] rand::rngs::SysError),
    /// A SIP listener failed.
    #[error("SIP cannot be served")]
    Sip(#[from] ServeError),
    /// The API does not listen.
    #[error(transparent)]
    Api(#[from] ApiListenError),
    /// The names of next hops cannot be looked up.
    #[error("this machine's name servers are not known")]
    Resolver(#[from] sip_core::net::ResolverError),
    /// The trunks make no gate.
    #[error("the trunks cannot be used")]
    Gate(#[from] GateError),
    /// The RTP ports make no pair.
    #[error("`media.ports` cannot be used")]
    Ports(#[from] PortRangeError),
    /// A next hop is no URI.
    #[error("trunk `{trunk}`: no call can be sent to `{hop}`")]
    Hop {
        /// The trunk.
        trunk: String,
        /// The next hop.
        hop: String,
    },
    /// A `sips:` peer has no address.
    #[error("trunk `{trunk}`: the peer `{host}` cannot be resolved")]
    Peer {
        /// The trunk.
        trunk: String,
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    signalling: Runtime,
    sip: SipHandle,
    listening: Vec<Listening>,
    api: Option<ApiServer>,
    callbacks: Callbacks,
    gauges: Gauges,
    stop: CancellationToken,
    shared: Arc<Shared>,
    dispatcher: tokio::task::JoinHandle<sip_core::net::Server>,
    trunk_log: Option<tokio::task::JoinHandle<()>>,
    workers: Arc<[Worker]>,
}

impl Server {
    /// Binds every listener and starts the threads.
    ///
    /// # Errors
    /// A port is taken, a name cannot be resolved, or the system refuses a thread.
    pub fn start(loaded: Loaded, options: Options) -> Result<Self, StartError> {
        let signalling =
            Builder::new_multi_thread().worker_threads(1).thread_name("signalling").enable_all().build()?;
        let mut rng = StdRng::try_from_rng(&mut SysRng)?;
        let config = signalling.block_on(loaded.sip_config(rng.random(), Instant::now()))?;
        let mut sip_server = signalling.block_on(sip_core::net::serve(config))?;
        let (sip, listening) = (sip_server.handle().clone(), sip_server.listening().to_vec());
        let (gauges, stop) = (Gauges::default(), CancellationToken::new());
        let pii = PiiKey::default();
        let (control, outlets) = Control::new(pii.clone());
        let shared = Arc::new(Shared::new(
            loaded,
            sip.clone(),
            signalling.handle().clone(),
            gauges.clone(),
            pii,
            control,
            stop.clone(),
        ));
        let count = options.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let workers = Worker::start_all(count, &shared, &mut rng)?;
        for listener in &listening {
            tracing::info!(event = "sip.listening", transport = %listener.transport, address = %listener.address, "listening");
        }
        let api = start_api(&shared)?;
        let callbacks = Callbacks::start(outlets.changes, &shared);
        tracing::info!(event = "ready", workers = workers.len(), "ready for calls");
        let trunk_log = sip_server.take_trunk_events().map(|events| signalling.spawn(trunks::watch(events)));
        let dispatch =
            Dispatch { shared: Arc::clone(&shared), workers: Arc::clone(&workers), placing: outlets.placing };
        let dispatcher = signalling.spawn(dispatch.run(sip_server));
        Ok(Self { signalling, sip, listening, api, callbacks, gauges, stop, shared, dispatcher, trunk_log, workers })
    }

    /// The sockets, with the ports that were bound.
    pub fn listening(&self) -> &[Listening] {
        &self.listening
    }

    /// Where the API listens, with the port that was bound; `None` when there is none.
    pub fn api(&self) -> Option<SocketAddr> {
        self.api.as_ref().map(ApiServer::address)
    }

    /// What is alive now.
    pub const fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// How often identities of callers held, failed (by reason), were fetched for; empty without `[identity]`.
    pub fn identity_counts(&self) -> Vec<(&'static str, u64)> {
        self.shared.identity.as_ref().map(Verifier::counts).unwrap_or_default()
    }

    /// Gauges and counters of the SIP endpoint; `None` when it has stopped.
    pub fn sip_stats(&self) -> Option<Stats> {
        self.signalling.block_on(self.sip.stats()).ok()
    }

    /// Serves until SIGTERM or SIGINT, then ends the calls within `grace` and stops. SIGHUP has the certificates read again,
    /// SIGUSR1 has the gauges logged.
    ///
    /// # Errors
    /// The signals cannot be listened to.
    pub fn run_until_signal(self, grace: Duration) -> io::Result<()> {
        self.signalling.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            let (mut renew, mut look) = (signal(SignalKind::hangup())?, signal(SignalKind::user_defined1())?);
            loop {
                tokio::select! {
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                    _ = renew.recv() => self.renew_certificates().await,
                    _ = look.recv() => self.log_gauges().await,
                }
            }
            Ok::<_, io::Error>(())
        })?;
        self.stop(grace);
        Ok(())
    }

    /// Ends every call, waits for that at most `grace`, and stops all threads.
    pub fn stop(self, grace: Duration) {
        tracing::info!(event = "stopping", calls = self.gauges.calls.value(), "ending the calls");
        self.stop.cancel();
        let deadline = Instant::now() + grace;
        self.signalling.block_on(async {
            for worker in self.workers.iter() {
                worker.idle(deadline).await;
            }
            self.callbacks.finish(deadline).await;
            if let Ok(sip_server) = self.dispatcher.await {
                sip_server.shutdown(deadline.saturating_duration_since(Instant::now())).await;
            }
            // The endpoint is gone, so this ends: with the registrations that were taken back.
            if let Some(trunk_log) = self.trunk_log {
                drop(trunk_log.await);
            }
        });
        if let Some(api) = self.api {
            api.join();
        }
        tracing::info!(event = "stopped", calls_cut = self.gauges.calls.value(), "stopped");
        self.signalling.shutdown_background();
    }
}

/// Opens the API on its own thread, where the dialplan has one.
fn start_api(shared: &Shared) -> Result<Option<ApiServer>, ApiListenError> {
    let loaded = &shared.loaded;
    let (Some(wanted), Some(secrets)) = (&loaded.dialplan.api, &loaded.api) else { return Ok(None) };
    let address = wanted.listen.address;
    let listen = match &secrets.tls {
        Some(tls) => api::Listen::Tls(address, Arc::clone(tls)),
        None if wanted.listen.tls => return Err(ApiListenError::PlainNotLoopback(address)),
        None => api::Listen::Plain(address),
    };
    let sip = Some(shared.sip.clone());
    let api = Api::new(Arc::clone(&secrets.clients), shared.control.clone(), Arc::clone(&loaded.dialplan), sip);
    ApiServer::start(api, listen, shared.stop.clone()).map(Some)
}

/// Hands each new call to the worker that has the fewest, or to the call whose place it takes.
struct Dispatch {
    shared: Arc<Shared>,
    workers: Arc<[Worker]>,
    placing: mpsc::Receiver<Placing>,
}

impl Dispatch {
    async fn run(mut self, mut sip_server: sip_core::net::Server) -> sip_core::net::Server {
        loop {
            tokio::select! {
                () = self.shared.stop.cancelled() => return sip_server,
                call = sip_server.next_call() => match call {
                    Some(call) => self.incoming(call).await,
                    None => return sip_server,
                },
                Some(placing) = self.placing.recv() => self.place(placing),
            }
        }
    }

    async fn incoming(&self, call: IncomingCall) {
        if let Some(replaced) = call.invite.get().replaces() {
            if let Err(call) = self.shared.replaceable.give(replaced, call) {
                refuse(&self.shared.sip, &call, StatusCode::REQUEST_PENDING, "replaced_call_busy").await;
            }
            return;
        }
        if let Err(Job::Incoming(call)) = self.give(Job::Incoming(Box::new(call))) {
            refuse(&self.shared.sip, &call, StatusCode::SERVICE_UNAVAILABLE, "worker_queue_full").await;
        }
    }

    fn place(&self, placing: Placing) {
        if let Err(Job::Place(placing)) = self.give(Job::Place(Box::new(placing))) {
            placing.refuse(PlaceRefused::Full);
        }
    }

    fn give(&self, job: Job) -> Result<(), Job> {
        match self.workers.iter().min_by_key(|worker| worker.calls()) {
            Some(freest) => freest.give(job),
            None => Err(job),
        }
    }
}

async fn refuse(sip: &SipHandle, call: &IncomingCall, status: StatusCode, why: &'static str) {
    let reject = Reject { status, reason: Some(Cause::Q850(42)), retry_after: Some(Duration::from_secs(1)) };
    tracing::warn!(event = "call.refused", reason = why, "a call is refused");
    if sip.command(call.key, Command::Reject(reject)).await.is_err() {
        tracing::debug!("the endpoint has stopped");
    }
}
