//! Which event is posted when. Time is an argument, and what is posted is of no concern here.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::time::Instant;

use dialplan::Name;

use super::event::Callback;
use super::{MAX_UNDER_WAY, MAX_UNDER_WAY_PER_APP, MAX_WAITING, PAUSE, TRIES};
use crate::control::CallId;

/// All events that are not delivered yet.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Of each call, in order. Only the first of each is tried; none is empty.
    calls: HashMap<CallId, VecDeque<Callback>>,
    /// Tries of the first, so far.
    tries: HashMap<CallId, u32>,
    /// When the first of each call is to be tried, unless it is under way. The number keeps equal instants apart, in order.
    due: BTreeMap<(Instant, u64), CallId>,
    numbers: u64,
    waiting: usize,
    under_way: HashMap<Name, usize>,
}

/// How a try went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Taken.
    Delivered,
    /// Not taken; perhaps later.
    Failed,
    /// The receiver wants no more of this call (410).
    Gone,
}

/// Too many events wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// What a try that failed means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is off the list.
    Done,
    /// It is tried again.
    Again,
    /// So many events are given up.
    GivenUp(usize),
}

impl Queue {
    /// Takes an event, unless there are too many.
    pub(super) fn push(&mut self, callback: Callback, now: Instant) -> Result<(), Full> {
        if self.waiting >= MAX_WAITING {
            return Err(Full);
        }
        self.waiting += 1;
        let call = callback.call;
        let events = self.calls.entry(call).or_default();
        events.push_back(callback);
        if events.len() == 1 {
            self.schedule(call, now);
        }
        Ok(())
    }

    /// The next event that is to be posted now. It is under way until [`Queue::on_outcome`].
    pub(super) fn poll(&mut self, now: Instant) -> Option<Callback> {
        if self.under_way.values().sum::<usize>() >= MAX_UNDER_WAY {
            return None;
        }
        let due = self.due.range(..=(now, u64::MAX));
        let first = |call: &CallId| self.calls.get(call).and_then(VecDeque::front);
        let free = |app: &Name| self.under_way.get(app).is_none_or(|count| *count < MAX_UNDER_WAY_PER_APP);
        let (at, callback) =
            due.filter_map(|(at, call)| Some((*at, first(call)?))).find(|(_, callback)| free(&callback.app))?;
        let callback = callback.clone();
        self.due.remove(&at);
        *self.under_way.entry(callback.app.clone()).or_default() += 1;
        Some(callback)
    }

    /// Says how a try went.
    pub(super) fn on_outcome(&mut self, callback: &Callback, outcome: Outcome, now: Instant) -> Verdict {
        if let Some(count) = self.under_way.get_mut(&callback.app) {
            *count -= 1;
            if *count == 0 {
                self.under_way.remove(&callback.app);
            }
        }
        let call = callback.call;
        let tries = self.tries.entry(call).or_default();
        *tries += 1;
        let tries = *tries;
        match outcome {
            Outcome::Failed if tries < TRIES => {
                self.schedule(call, now + PAUSE * 4_u32.pow(tries - 1));
                Verdict::Again
            }
            Outcome::Delivered => {
                self.drop_first(call, now);
                Verdict::Done
            }
            Outcome::Failed => {
                self.drop_first(call, now);
                Verdict::GivenUp(1)
            }
            Outcome::Gone => {
                self.tries.remove(&call);
                let count = self.calls.remove(&call).map_or(0, |events| events.len());
                self.waiting -= count;
                Verdict::GivenUp(count)
            }
        }
    }

    /// When [`Queue::poll`] is to be asked again; `None` when only an outcome or a new event changes anything.
    pub(super) fn wake(&self, now: Instant) -> Option<Instant> {
        // What is due already waits for a place, and an outcome makes one.
        let later = (Bound::Excluded((now, u64::MAX)), Bound::Unbounded);
        self.due.range(later).next().map(|((at, _), _)| *at)
    }

    /// Events that are not delivered.
    pub(super) const fn len(&self) -> usize {
        self.waiting
    }

    fn drop_first(&mut self, call: CallId, now: Instant) {
        self.tries.remove(&call);
        let Some(events) = self.calls.get_mut(&call) else { return };
        if events.pop_front().is_some() {
            self.waiting -= 1;
        }
        if events.is_empty() {
            self.calls.remove(&call);
        } else {
            self.schedule(call, now);
        }
    }

    fn schedule(&mut self, call: CallId, at: Instant) {
        self.numbers += 1;
        self.due.insert((at, self.numbers), call);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ai_bridge::webhook::MessageId;
    use uuid::Uuid;

    use super::*;

    fn callback(call: u128, name: &'static str, app: &str) -> Callback {
        Callback {
            call: Uuid::from_u128(call),
            app: app.parse().unwrap(),
            url: "https://bot.example.com/status".parse().unwrap(),
            id: MessageId::new("evt_1").unwrap(),
            name,
            body: bytes::Bytes::new(),
        }
    }

    fn names(queue: &mut Queue, now: Instant) -> Vec<(u128, &'static str)> {
        std::iter::from_fn(|| queue.poll(now)).map(|callback| (callback.call.as_u128(), callback.name)).collect()
    }

    #[test]
    fn events_of_a_call_go_one_after_the_other_and_calls_at_the_same_time() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for (call, name) in [(1, "a"), (1, "b"), (2, "c"), (1, "d")] {
            queue.push(callback(call, name, "bot"), now).unwrap();
        }
        assert_eq!(names(&mut queue, now), [(1, "a"), (2, "c")]);
        assert_eq!(queue.on_outcome(&callback(1, "a", "bot"), Outcome::Delivered, now), Verdict::Done);
        assert_eq!(names(&mut queue, now), [(1, "b")]);
        assert_eq!(queue.on_outcome(&callback(2, "c", "bot"), Outcome::Delivered, now), Verdict::Done);
        assert_eq!(queue.on_outcome(&callback(1, "b", "bot"), Outcome::Delivered, now), Verdict::Done);
        assert_eq!(names(&mut queue, now), [(1, "d")]);
        queue.on_outcome(&callback(1, "d", "bot"), Outcome::Delivered, now);
        assert_eq!((queue.len(), queue.wake(now)), (0, None));
        assert!(
            queue.calls.is_empty() && queue.tries.is_empty() && queue.under_way.is_empty(),
            "nothing is left behind"
        );
    }

    #[test]
    fn what_fails_is_tried_three_times_and_holds_up_its_own_call_only() {
        let (mut queue, mut now) = (Queue::default(), Instant::now());
        queue.push(callback(1, "a", "bot"), now).unwrap();
        queue.push(callback(1, "b", "bot"), now).unwrap();
        for pause in [1, 4] {
            assert_eq!(names(&mut queue, now), [(1, "a")]);
            assert_eq!(queue.on_outcome(&callback(1, "a", "bot"), Outcome::Failed, now), Verdict::Again);
            let due = now + Duration::from_secs(pause);
            assert_eq!(queue.wake(now), Some(due));
            assert!(names(&mut queue, now + Duration::from_millis(pause * 1_000 - 1)).is_empty());
            now = due;
        }
        queue.push(callback(2, "c", "bot"), now).unwrap();
        assert_eq!(names(&mut queue, now), [(1, "a"), (2, "c")]);
        assert_eq!(queue.on_outcome(&callback(1, "a", "bot"), Outcome::Failed, now), Verdict::GivenUp(1));
        assert_eq!(names(&mut queue, now), [(1, "b")], "the next has three tries of its own");
        assert_eq!(queue.on_outcome(&callback(1, "b", "bot"), Outcome::Failed, now), Verdict::Again);
    }

    #[test]
    fn who_is_gone_gets_no_more_of_the_call() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for name in ["a", "b", "c"] {
            queue.push(callback(1, name, "bot"), now).unwrap();
        }
        assert_eq!(names(&mut queue, now), [(1, "a")]);
        assert_eq!(queue.on_outcome(&callback(1, "a", "bot"), Outcome::Gone, now), Verdict::GivenUp(3));
        assert_eq!((queue.len(), queue.wake(now)), (0, None));
    }

    #[test]
    fn a_slow_application_does_not_hold_up_another() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for call in 0..100 {
            queue.push(callback(call, "a", "slow"), now).unwrap();
        }
        queue.push(callback(100, "b", "quick"), now).unwrap();
        let first = names(&mut queue, now);
        assert_eq!(first.len(), MAX_UNDER_WAY_PER_APP + 1);
        assert!(first.contains(&(100, "b")));
    }

    #[test]
    fn events_are_bounded_in_number() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for call in 0..MAX_WAITING as u128 {
            queue.push(callback(call, "a", "bot"), now).unwrap();
        }
        assert_eq!(queue.push(callback(0, "b", "bot"), now), Err(Full));
    }
}
