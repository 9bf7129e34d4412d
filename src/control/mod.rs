//! The seam between those who command calls (the API) and the calls themselves.
//!
//! ```text
//! api ── place ──► PLACE_QUEUE ──► whoever opens calls: Placing::accept | Placing::refuse
//! api ── order ──► ORDER_QUEUE of that call ──► its actor: Ordered::accept | Ordered::refuse
//! api ── view  ──► the registry ◄── the actor's Presence: ringing, answered, ended
//!                       └──► CHANGE_QUEUE ──► status callbacks
//! ```
//!
//! A call's actor holds its [`Presence`] for as long as it lives. Every queue is bounded and nobody waits for room in one:
//! what finds it full is refused. The registry is locked for the moment of a look-up or a change of state, a few times in a
//! call's life and never from its media path.

mod digits;
mod order;
mod place;
mod presence;
mod registry;
mod view;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

pub(crate) use digits::SecretDigits;
pub(crate) use order::{Order, OrderRefused, Ordered, TransferMode, TransferTarget};
pub(crate) use place::{PlaceOrder, PlaceRefused, Placing};
pub(crate) use presence::{NewCall, Presence};
pub(crate) use view::{CallState, CallView, Change, Direction};

use crate::telemetry::PiiKey;
use registry::Registry;

/// A call, by the id it has in logs, flow requests, streams and the API.
pub(crate) type CallId = Uuid;

/// Calls that were ordered and that nobody has begun to open yet. Full: [`PlaceRefused::Full`].
pub(crate) const PLACE_QUEUE: usize = 64;
/// Orders to one call that its actor has not taken yet. Full: [`OrderRefused::Busy`].
pub(crate) const ORDER_QUEUE: usize = 8;
/// Changes of state that no status callback has been made of yet. Full: the change is not called back, and that is logged.
pub(crate) const CHANGE_QUEUE: usize = 1_024;
/// Calls that are still known after their end.
pub(crate) const ENDED_KEPT: usize = 10_000;
/// How long an ended call is known.
pub(crate) const ENDED_FOR: Duration = Duration::from_hours(1);
/// How long an order or a call to be placed waits for a yes or no.
pub(crate) const DECISION_DEADLINE: Duration = Duration::from_secs(5);
/// Most digits of one order (Teler's bound).
pub(crate) const MAX_DIGITS: usize = 64;

/// Places calls, commands them and looks at them. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Control(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Mutex<Registry>,
    placing: mpsc::Sender<Placing>,
    changes: mpsc::Sender<Change>,
    pii: PiiKey,
}

/// What comes out of [`Control`]: each part has one reader.
#[derive(Debug)]
pub(crate) struct Outlets {
    /// Calls to be opened.
    pub(crate) placing: mpsc::Receiver<Placing>,
    /// Changes of calls that have a status callback.
    pub(crate) changes: mpsc::Receiver<Change>,
}

impl Control {
    /// A registry without calls. Numbers are shown under `pii`.
    pub(crate) fn new(pii: PiiKey) -> (Self, Outlets) {
        let (placing, to_open) = mpsc::channel(PLACE_QUEUE);
        let (changes, changed) = mpsc::channel(CHANGE_QUEUE);
        let registry = Mutex::new(Registry::new(ENDED_KEPT, ENDED_FOR));
        let control = Self(Arc::new(Inner { registry, placing, changes, pii }));
        (control, Outlets { placing: to_open, changes: changed })
    }

    /// Has a call opened. `Ok` says that it is being dialled, not that anybody answered.
    pub(crate) async fn place(&self, order: PlaceOrder) -> Result<CallId, PlaceRefused> {
        let (answer, decided) = oneshot::channel();
        let placing = Placing::new(self.clone(), order, answer);
        self.0.placing.try_send(placing).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => PlaceRefused::Full,
            mpsc::error::TrySendError::Closed(_) => PlaceRefused::Draining,
        })?;
        match tokio::time::timeout(DECISION_DEADLINE, decided).await {
            Ok(Ok(decision)) => decision,
            // Dropped unanswered: whoever opens calls has gone.
            Ok(Err(_)) => Err(PlaceRefused::Draining),
            // A late yes is undone: `Placing::accept` sees that nobody waits any more.
            Err(_) => Err(PlaceRefused::Full),
        }
    }

    /// What is known of a call that lives, or has ended a short while ago.
    pub(crate) fn get(&self, id: CallId) -> Option<CallView> {
        self.registry().view(id, Instant::now())
    }

    /// Tells a call to do something. `Ok` says that its actor has begun to.
    pub(crate) async fn order(&self, id: CallId, order: Order) -> Result<(), OrderRefused> {
        let orders = self.registry().orders(id, Instant::now())?;
        let (answer, decided) = oneshot::channel();
        orders.try_send(Ordered::new(order, answer)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => OrderRefused::Busy,
            mpsc::error::TrySendError::Closed(_) => OrderRefused::NotLive,
        })?;
        match tokio::time::timeout(DECISION_DEADLINE, decided).await {
            Ok(Ok(decision)) => decision,
            // The call ended with the order in its queue.
            Ok(Err(_)) => Err(OrderRefused::NotLive),
            Err(_) => Err(OrderRefused::Busy),
        }
    }

    /// Enters a call that begins; its actor holds what is returned until its end.
    pub(crate) fn enter(&self, call: NewCall) -> Presence {
        let (orders, inbox) = mpsc::channel(ORDER_QUEUE);
        let id = call.id;
        let change = self.registry().enter(call, orders, unix_ms());
        self.tell(change);
        Presence::new(self.clone(), id, inbox)
    }

    fn advance(&self, id: CallId, state: CallState, reason: Option<String>) {
        let change = self.registry().advance(id, state, reason, unix_ms(), Instant::now());
        self.tell(change);
    }

    fn tell(&self, change: Option<Change>) {
        let Some(change) = change else { return };
        let (call, state) = (change.view.id, change.view.state);
        if self.0.changes.try_send(change).is_err() {
            tracing::warn!(
                event = "callback.lost", %call, state = state.as_str(), reason = "queue_full",
                "a change of state is not called back"
            );
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // A change is one assignment after the other, each whole: what a panic leaves behind can be read.
        self.0.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pii(&self) -> &PiiKey {
        &self.0.pii
    }
}

/// The wall clock, for what people and applications read.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    crate::telemetry::millis(since)
}
