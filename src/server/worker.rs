//! Media workers: one thread each, with a runtime of its own. A call's socket, timers and stream live on its worker.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use std::{io, thread};

use media_engine::buf::Pool;
use media_engine::net::{PortRange, RtpPorts};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sip_core::net::IncomingCall;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, LocalSet};

use super::{Shared, StartError, WORKER_QUEUE};
use crate::call;
use crate::control::Placing;
use crate::telemetry::Gauge;

/// Packet buffers that one call may hold at most: a full jitter buffer, and one being written.
const BUFFERS_PER_CALL: usize = 64;

/// What the calls of one worker share. It never leaves the worker's thread.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: Pool,
    pub(crate) ports: RtpPorts,
    pub(crate) rng: RefCell<StdRng>,
}

/// A call that begins.
#[derive(Debug)]
pub(super) enum Job {
    /// It came in.
    Incoming(Box<IncomingCall>),
    /// It is to be placed.
    Place(Box<Placing>),
}

/// The way to one worker.
#[derive(Debug)]
pub(super) struct Worker {
    calls: mpsc::Sender<Job>,
    load: Gauge,
    idle: watch::Receiver<bool>,
}

impl Worker {
    /// Starts `count` workers, each with its share of the RTP ports.
    pub(super) fn start_all(count: usize, shared: &Arc<Shared>, rng: &mut StdRng) -> Result<Arc<[Self]>, StartError> {
        let range = shared.loaded.dialplan.media.ports;
        let range = PortRange::new(range.first(), range.last())?;
        let parts: Vec<_> = range.split(u16::try_from(count).unwrap_or(u16::MAX)).collect();
        let most = (shared.loaded.dialplan.sip.max_calls as usize).div_ceil(parts.len());
        let start = |(index, ports)| Ok(Self::start(index, ports, most, shared, StdRng::from_seed(rng.random()))?);
        parts.into_iter().enumerate().map(start).collect()
    }

    fn start(index: usize, ports: PortRange, most: usize, shared: &Arc<Shared>, mut rng: StdRng) -> io::Result<Self> {
        let (calls, inbox) = mpsc::channel(WORKER_QUEUE);
        let (set_idle, idle) = watch::channel(false);
        let load = Gauge::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (shared, its_load) = (Arc::clone(shared), load.clone());
        thread::Builder::new().name(format!("media-{index}")).spawn(move || {
            let context = Rc::new(Context {
                pool: Pool::new(most.saturating_mul(BUFFERS_PER_CALL)),
                ports: RtpPorts::new(ports, RtpPorts::REST, &mut rng),
                rng: RefCell::new(rng),
                shared,
            });
            LocalSet::new().block_on(&runtime, run(context, inbox, its_load));
            // Nobody waits any more when the server was dropped and not stopped.
            set_idle.send_replace(true);
        })?;
        Ok(Self { calls, load, idle })
    }

    /// How many calls it has.
    pub(super) fn calls(&self) -> usize {
        self.load.value()
    }

    /// Hands a call over; gives it back when the worker is behind.
    pub(super) fn give(&self, job: Job) -> Result<(), Job> {
        self.calls.try_send(job).map_err(mpsc::error::TrySendError::into_inner)
    }

    /// Waits until its last call has ended after a stop, or until `deadline`.
    pub(super) async fn idle(&self, deadline: Instant) {
        let mut idle = self.idle.clone();
        let ended = tokio::time::timeout_at(deadline.into(), idle.wait_for(|idle| *idle)).await;
        if ended.is_err() {
            tracing::warn!(event = "stop.cut", calls = self.calls(), "calls did not end in time");
        }
    }
}

/// Takes calls until the server stops, then waits for the last to end.
async fn run(context: Rc<Context>, mut inbox: mpsc::Receiver<Job>, load: Gauge) {
    let mut calls = JoinSet::new();
    let stop = context.shared.stop.clone();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            job = inbox.recv() => match job {
                Some(job) => {
                    let held = (load.hold(), context.shared.gauges.calls.hold());
                    let context = Rc::clone(&context);
                    calls.spawn_local(async move {
                        match job {
                            Job::Incoming(call) => call::run(*call, &context).await,
                            Job::Place(placing) => call::place(*placing, &context).await,
                        }
                        drop(held);
                    });
                }
                None => break,
            },
            Some(_) = calls.join_next() => {}
        }
    }
    inbox.close();
    calls.join_all().await;
}
