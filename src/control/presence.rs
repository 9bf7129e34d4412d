//! A call in the registry, from the side of its actor.

use std::cell::Cell;
use std::collections::BTreeMap;

use dialplan::{HttpsUrl, Name};
use tokio::sync::mpsc;

use super::{CallId, CallState, Control, Direction, Ordered};
use crate::telemetry::Pii;

/// A call that begins.
#[derive(Debug)]
pub(crate) struct NewCall {
    pub(crate) id: CallId,
    pub(crate) direction: Direction,
    pub(crate) from: Pii,
    pub(crate) to: Pii,
    /// The application it belongs to; an inbound call may have none.
    pub(crate) app: Option<Name>,
    pub(crate) status_callback_url: Option<HttpsUrl>,
    pub(crate) custom: BTreeMap<String, String>,
}

/// Held by a call's actor while the call lives. Dropped before [`Presence::ended`], the call has failed.
#[derive(Debug)]
pub(crate) struct Presence {
    control: Control,
    id: CallId,
    orders: mpsc::Receiver<Ordered>,
    ended: Cell<bool>,
}

impl Presence {
    pub(super) fn new(control: Control, id: CallId, orders: mpsc::Receiver<Ordered>) -> Self {
        Self { control, id, orders, ended: Cell::new(false) }
    }

    /// The call's id.
    #[cfg(test)]
    pub(crate) const fn id(&self) -> CallId {
        self.id
    }

    /// The next order. Safe to cancel. Never `None` in practice: the registry holds the other end while the call lives.
    pub(crate) async fn next_order(&mut self) -> Option<Ordered> {
        self.orders.recv().await
    }

    /// An application has been given the call: from now on its clients see it. The first one keeps it.
    pub(crate) fn belongs_to(&self, app: &Name) {
        self.control.registry().belongs_to(self.id, app);
    }

    /// The other side rings.
    pub(crate) fn ringing(&self) {
        self.control.advance(self.id, CallState::Ringing, None);
    }

    /// Somebody has answered.
    pub(crate) fn answered(&self) {
        self.control.advance(self.id, CallState::Answered, None);
    }

    /// The call has ended: `Completed` if it was answered, else `Failed`.
    pub(crate) fn ended(&self, state: CallState, reason: impl Into<String>) {
        if !self.ended.replace(true) {
            self.control.advance(self.id, state, Some(reason.into()));
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.ended(CallState::Failed, "internal_error");
    }
}
