//! What runs where.
//!
//! ```text
//! signalling runtime (one thread)                   media worker (one thread per core)
//!   sip-core driver ── new calls ──► dispatcher ──►   call, call, call …   one task each
//!   flow requests (HTTPS)                             its RTP socket, its WebSocket, its timers
//! ```
//!
//! A call lives on one worker from its first packet to its last; no packet crosses a thread. Channels, all bounded:
//!
//! | channel | capacity | when full |
//! |---|---|---|
//! | new calls to a worker | [`WORKER_QUEUE`] | the call is refused with 503 |
//! | those of `sip_core::net` | see there | see there |

mod shared;
mod worker;

use std::io;
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
use tokio_util::sync::CancellationToken;

use crate::config::Loaded;
use crate::telemetry::Gauges;

pub(crate) use shared::Shared;
pub(crate) use worker::Context;
use worker::Worker;

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
    /// The trunks make no gate.
    #[error("the trunks cannot be used")]
    Gate(#[from] GateError),
    /// The RTP ports make no pair.
    #[error("`media.ports` cannot be used")]
    Ports(#[from] PortRangeError),
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
    gauges: Gauges,
    stop: CancellationToken,
    dispatcher: tokio::task::JoinHandle<sip_core::net::Server>,
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
        let sip_server = signalling.block_on(sip_core::net::serve(config))?;
        let (sip, listening) = (sip_server.handle().clone(), sip_server.listening().to_vec());
        let (gauges, stop) = (Gauges::default(), CancellationToken::new());
        let shared =
            Arc::new(Shared::new(loaded, sip.clone(), signalling.handle().clone(), gauges.clone(), stop.clone()));
        let count = options.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let workers = Worker::start_all(count, &shared, &mut rng)?;
        for listener in &listening {
            tracing::info!(event = "sip.listening", transport = %listener.transport, address = %listener.address, "listening");
        }
        tracing::info!(event = "ready", workers = workers.len(), "ready for calls");
        let dispatcher = signalling.spawn(dispatch(sip_server, Arc::clone(&workers), stop.clone()));
        Ok(Self { signalling, sip, listening, gauges, stop, dispatcher, workers })
    }

    /// The sockets, with the ports that were bound.
    pub fn listening(&self) -> &[Listening] {
        &self.listening
    }

    /// What is alive now.
    pub const fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// Gauges and counters of the SIP endpoint; `None` when it has stopped.
    pub fn sip_stats(&self) -> Option<Stats> {
        self.signalling.block_on(self.sip.stats()).ok()
    }

    /// Serves until SIGTERM or SIGINT, then ends the calls within `grace` and stops.
    ///
    /// # Errors
    /// The signals cannot be listened to.
    pub fn run_until_signal(self, grace: Duration) -> io::Result<()> {
        self.signalling.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
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
            if let Ok(sip_server) = self.dispatcher.await {
                sip_server.shutdown(deadline.saturating_duration_since(Instant::now())).await;
            }
        });
        tracing::info!(event = "stopped", calls_cut = self.gauges.calls.value(), "stopped");
        self.signalling.shutdown_background();
    }
}

/// Hands each new call to the worker that has the fewest.
async fn dispatch(
    mut sip_server: sip_core::net::Server,
    workers: Arc<[Worker]>,
    stop: CancellationToken,
) -> sip_core::net::Server {
    let sip = sip_server.handle().clone();
    loop {
        let call = tokio::select! {
            () = stop.cancelled() => return sip_server,
            call = sip_server.next_call() => call,
        };
        let Some(call) = call else { return sip_server };
        let refused = match workers.iter().min_by_key(|worker| worker.calls()) {
            Some(freest) => freest.give(call).err(),
            None => Some(call),
        };
        if let Some(call) = refused {
            refuse(&sip, &call).await;
        }
    }
}

async fn refuse(sip: &SipHandle, call: &IncomingCall) {
    let reject = Reject {
        status: StatusCode::SERVICE_UNAVAILABLE,
        reason: Some(Cause::Q850(42)),
        retry_after: Some(Duration::from_secs(1)),
    };
    tracing::warn!(event = "call.refused", reason = "worker_queue_full", "every media worker is busy");
    if sip.command(call.key, Command::Reject(reject)).await.is_err() {
        tracing::debug!("the endpoint has stopped");
    }
}
