//! Calls that live, and those that ended a short while ago. Time is an argument.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use dialplan::{HttpsUrl, Name};
use tokio::sync::mpsc;

use super::{CallId, CallState, CallView, Change, NewCall, OrderRefused, Ordered};

/// All calls by their id. Those that live are as many as there are actors; those that ended are bounded in number and age.
#[derive(Debug)]
pub(super) struct Registry {
    calls: HashMap<CallId, Entry>,
    /// In the order of their end.
    ended: VecDeque<(CallId, Instant)>,
    kept: usize,
    keep_for: Duration,
}

#[derive(Debug)]
struct Entry {
    view: CallView,
    callback: Option<HttpsUrl>,
    /// `None` once the call has ended.
    orders: Option<mpsc::Sender<Ordered>>,
}

impl Entry {
    fn change(&self, at_ms: u64) -> Option<Change> {
        self.callback.clone().map(|url| Change { view: self.view.clone(), url, at_ms })
    }
}

impl Registry {
    pub(super) fn new(kept: usize, keep_for: Duration) -> Self {
        Self { calls: HashMap::new(), ended: VecDeque::new(), kept, keep_for }
    }

    pub(super) fn enter(&mut self, call: NewCall, orders: mpsc::Sender<Ordered>, unix_ms: u64) -> Option<Change> {
        let NewCall { id, direction, from, to, app, status_callback_url, custom } = call;
        let view = CallView {
            id,
            state: CallState::Initiated,
            direction,
            from,
            to,
            app,
            created_ms: unix_ms,
            answered_ms: None,
            ended_ms: None,
            reason: None,
            custom,
        };
        let entry = Entry { view, callback: status_callback_url, orders: Some(orders) };
        let change = entry.change(unix_ms);
        self.calls.insert(id, entry);
        change
    }

    /// Moves a call on; never back, and never out of its end.
    pub(super) fn advance(
        &mut self,
        id: CallId,
        state: CallState,
        reason: Option<String>,
        unix_ms: u64,
        now: Instant,
    ) -> Option<Change> {
        let entry = self.calls.get_mut(&id)?;
        let view = &mut entry.view;
        if view.state.is_final() || state <= view.state {
            return None;
        }
        view.state = state;
        if state == CallState::Answered {
            view.answered_ms = Some(unix_ms);
        }
        if state.is_final() {
            // What was answered is completed, however its end is called.
            view.state = if view.answered_ms.is_some() { CallState::Completed } else { CallState::Failed };
            view.ended_ms = Some(unix_ms);
            view.reason = reason;
            entry.orders = None;
            self.ended.push_back((id, now));
        }
        let change = entry.change(unix_ms);
        self.forget(now);
        change
    }

    pub(super) fn belongs_to(&mut self, id: CallId, app: &Name) {
        if let Some(entry) = self.calls.get_mut(&id) {
            entry.view.app.get_or_insert_with(|| app.clone());
        }
    }

    pub(super) fn view(&mut self, id: CallId, now: Instant) -> Option<CallView> {
        self.forget(now);
        self.calls.get(&id).map(|entry| entry.view.clone())
    }

    pub(super) fn orders(&mut self, id: CallId, now: Instant) -> Result<mpsc::Sender<Ordered>, OrderRefused> {
        self.forget(now);
        let entry = self.calls.get(&id).ok_or(OrderRefused::Unknown)?;
        entry.orders.clone().ok_or(OrderRefused::NotLive)
    }

    fn forget(&mut self, now: Instant) {
        while let Some((id, at)) = self.ended.front() {
            if self.ended.len() <= self.kept && now.saturating_duration_since(*at) < self.keep_for {
                break;
            }
            self.calls.remove(id);
            self.ended.pop_front();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }
}
