//! Which calls another one may take the place of (RFC 3891), by the dialog that is to be replaced.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sip_core::endpoint::CallKey;
use sip_core::net::IncomingCall;
use tokio::sync::mpsc;

/// Calls that wait to take the place of one call. Full: the next is refused with 491.
const WAITING: usize = 1;

/// The way to the actor of each dialog. Locked when a call begins, ends, or is to be replaced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replacements(Arc<Mutex<HashMap<CallKey, mpsc::Sender<IncomingCall>>>>);

impl Replacements {
    /// Enters the dialog of a call that begins.
    pub(crate) fn enter(&self, key: CallKey) -> Replaceable {
        let (calls, inbox) = mpsc::channel(WAITING);
        self.with(|all| all.insert(key, calls));
        Replaceable { key, inbox, all: self.clone() }
    }

    /// Hands a call over to the one whose place it takes; gives it back where that is not to be had.
    pub(super) fn give(&self, replaced: CallKey, call: IncomingCall) -> Result<(), IncomingCall> {
        let Some(calls) = self.with(|all| all.get(&replaced).cloned()) else { return Err(call) };
        calls.try_send(call).map_err(mpsc::error::TrySendError::into_inner)
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<CallKey, mpsc::Sender<IncomingCall>>) -> T) -> T {
        // Each change is one step: what a panic leaves behind is whole.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Held by a call's actor.
#[derive(Debug)]
pub(crate) struct Replaceable {
    key: CallKey,
    inbox: mpsc::Receiver<IncomingCall>,
    all: Replacements,
}

impl Replaceable {
    /// The next call that is to take this one's place. Safe to cancel.
    pub(crate) async fn next(&mut self) -> IncomingCall {
        match self.inbox.recv().await {
            Some(call) => call,
            None => std::future::pending().await,
        }
    }

    /// The call goes on with another dialog.
    pub(crate) fn follow(&mut self, key: CallKey) {
        let old = std::mem::replace(&mut self.key, key);
        self.all.with(|all| {
            if let Some(calls) = all.remove(&old) {
                all.insert(key, calls);
            }
        });
    }
}

impl Drop for Replaceable {
    fn drop(&mut self) {
        self.all.with(|all| all.remove(&self.key));
    }
}
