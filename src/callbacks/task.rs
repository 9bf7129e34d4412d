//! Posts what the queue says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ai_bridge::flow;
use ai_bridge::net::{AddressGuard, HttpClient, HttpError, HttpOptions};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::event::Callback;
use super::queue::{Outcome, Queue, Verdict};
use crate::control::Change;
use crate::server::Shared;
use crate::telemetry::millis;

/// The task that posts, on the signalling runtime.
#[derive(Debug)]
pub(crate) struct Callbacks {
    task: JoinHandle<()>,
    drain: CancellationToken,
}

impl Callbacks {
    /// Starts it.
    pub(crate) fn start(changes: mpsc::Receiver<Change>, shared: &Arc<Shared>) -> Self {
        let drain = CancellationToken::new();
        let posting = Posting {
            shared: Arc::clone(shared),
            queue: Queue::default(),
            posts: JoinSet::new(),
            changes,
            drain: drain.clone(),
        };
        Self { task: shared.signalling.spawn(posting.run()), drain }
    }

    /// Delivers what there is, until `deadline`. To be called when the last call has ended.
    pub(crate) async fn finish(self, deadline: Instant) {
        self.drain.cancel();
        let abort = self.task.abort_handle();
        if tokio::time::timeout_at(deadline.into(), self.task).await.is_err() {
            tracing::warn!(event = "callback.cut", "status callbacks are given up: the server stops");
            abort.abort();
        }
    }
}

struct Posting {
    shared: Arc<Shared>,
    queue: Queue,
    posts: JoinSet<(Callback, Outcome)>,
    changes: mpsc::Receiver<Change>,
    drain: CancellationToken,
}

impl Posting {
    async fn run(mut self) {
        let mut draining = false;
        loop {
            while let Some(callback) = self.queue.poll(Instant::now()) {
                self.posts.spawn(post(Arc::clone(&self.shared), callback));
            }
            if draining && self.queue.len() == 0 {
                return;
            }
            let wake = self.queue.wake(Instant::now());
            tokio::select! {
                Some(change) = self.changes.recv(), if !draining => self.push(change),
                Some(done) = self.posts.join_next() => self.on_done(done),
                () = sleep_until(wake) => {}
                () = self.drain.cancelled(), if !draining => {
                    draining = true;
                    while let Ok(change) = self.changes.try_recv() {
                        self.push(change);
                    }
                }
            }
        }
    }

    fn push(&mut self, change: Change) {
        let app = change.view.app.as_ref().and_then(|app| self.shared.loaded.dialplan.app(app.as_str()));
        let Some(app) = app else { return };
        let Some(callback) = Callback::of(change, app.account()) else { return };
        let (call, name) = (callback.call, callback.name);
        if self.queue.push(callback, Instant::now()).is_err() {
            tracing::warn!(event = "callback.lost", %call, name, reason = "queue_full", "a status callback is lost");
        }
    }

    fn on_done(&mut self, done: Result<(Callback, Outcome), tokio::task::JoinError>) {
        // It fails only by a panic, which is told where it happens.
        let Ok((callback, outcome)) = done else { return };
        if let Verdict::GivenUp(events) = self.queue.on_outcome(&callback, outcome, Instant::now()) {
            tracing::warn!(event = "callback.lost", call = %callback.call, name = callback.name, events, reason = "not_taken", "status callbacks are given up");
        }
    }
}

/// One try.
async fn post(shared: Arc<Shared>, callback: Callback) -> (Callback, Outcome) {
    let begun = Instant::now();
    let posted = try_post(&shared, &callback).await;
    let (call, name) = (callback.call, callback.name);
    let outcome = match &posted {
        Some(Ok(())) => {
            tracing::debug!(event = "callback.delivered", %call, name, ms = millis(begun.elapsed()), "status callback taken");
            Outcome::Delivered
        }
        Some(Err(error)) => {
            tracing::info!(event = "callback.failed", %call, name, %error, ms = millis(begun.elapsed()), "status callback not taken");
            if matches!(error, HttpError::Status { status: 410, .. }) { Outcome::Gone } else { Outcome::Failed }
        }
        // Its application or keys are not in the dialplan: no later try would find them.
        None => Outcome::Gone,
    };
    (callback, outcome)
}

async fn try_post(shared: &Shared, callback: &Callback) -> Option<Result<(), HttpError>> {
    let app = shared.loaded.dialplan.app(callback.app.as_str())?;
    let link = shared.loaded.links.find(&app.signing, app.ca.as_ref())?;
    let signer = link.signer.as_ref()?;
    let url = flow::HttpsUrl::parse(callback.url.as_str()).ok()?;
    let guard = AddressGuard::new(app.private_hosts.iter().map(ToString::to_string));
    let client = HttpClient::new(link.tls.clone(), HttpOptions { total: DEADLINE, ..HttpOptions::default() });
    Some(client.post_event(&url, &guard, signer, &callback.id, callback.body.clone()).await.map(|_| ()))
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Deadline of one try.
const DEADLINE: Duration = Duration::from_secs(5);
