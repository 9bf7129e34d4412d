//! `Idempotency-Key`: an order that is sent twice is carried out once, and both get the same answer. Time is an argument.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::answer::{Answer, Refusal};
use super::limits::{IDEMPOTENCY_FOR, MAX_IDEMPOTENCY_KEYS};

/// A key within its client and path, as its SHA-256: what a client writes takes no more room than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Slot([u8; 32]);

impl Slot {
    pub(super) fn new(client: &str, path: &str, key: &[u8]) -> Self {
        // NUL stands in none of the first two.
        let parts = [client.as_bytes(), b"\0", path.as_bytes(), b"\0", key];
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part);
        }
        Self(digest.finalize().into())
    }
}

/// What a key means for the request that carries it.
#[derive(Debug)]
pub(super) enum Claim {
    /// New: carry it out, then [`Idempotency::settle`] it.
    First,
    /// Carried out before: this was the answer.
    Again(Answer),
    /// Not to be carried out.
    Refused(Refusal),
}

/// The keys of the last day, bounded in number.
#[derive(Debug)]
pub(super) struct Idempotency(Mutex<Table>);

#[derive(Debug)]
struct Table {
    entries: HashMap<Slot, Entry>,
    /// In the order of their first use. A slot that was released and used again stands here twice; the later one counts.
    order: VecDeque<(Slot, Instant)>,
    kept: usize,
    keep_for: Duration,
}

#[derive(Debug)]
struct Entry {
    since: Instant,
    body: [u8; 32],
    /// `None` while the first request is under way.
    answer: Option<Answer>,
}

impl Default for Idempotency {
    fn default() -> Self {
        Self::new(MAX_IDEMPOTENCY_KEYS, IDEMPOTENCY_FOR)
    }
}

impl Idempotency {
    pub(super) fn new(kept: usize, keep_for: Duration) -> Self {
        Self(Mutex::new(Table { entries: HashMap::new(), order: VecDeque::new(), kept, keep_for }))
    }

    /// Looks a key up, and takes it if it is new.
    pub(super) fn claim(&self, slot: Slot, body: &[u8], now: Instant) -> Claim {
        let body = Sha256::digest(body).into();
        let mut table = self.table();
        table.forget(now);
        match table.entries.get(&slot) {
            Some(entry) if entry.body != body => Claim::Refused(Refusal::IdempotencyReused),
            Some(Entry { answer: Some(answer), .. }) => Claim::Again(answer.clone()),
            Some(Entry { answer: None, .. }) => Claim::Refused(Refusal::IdempotencyBusy),
            None => {
                table.entries.insert(slot, Entry { since: now, body, answer: None });
                table.order.push_back((slot, now));
                Claim::First
            }
        }
    }

    /// Keeps the answer for those who come again; forgets the key when the answer is one to be tried again after.
    pub(super) fn settle(&self, slot: Slot, answer: &Answer) {
        let mut table = self.table();
        if answer.is_lasting() {
            if let Some(entry) = table.entries.get_mut(&slot) {
                entry.answer = Some(answer.clone());
            }
        } else {
            table.entries.remove(&slot);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Each change is whole: what a panic leaves behind can be read.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn forget(&mut self, now: Instant) {
        while let Some((slot, since)) = self.order.front().copied() {
            if self.order.len() < self.kept && now.saturating_duration_since(since) < self.keep_for {
                break;
            }
            self.order.pop_front();
            if self.entries.get(&slot).is_some_and(|entry| entry.since == since) {
                self.entries.remove(&slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::json;

    use super::*;

    fn answer(status: u16) -> Answer {
        Answer::new(StatusCode::from_u16(status).unwrap(), &json!({ "n": status }))
    }

    fn again(claim: &Claim) -> Option<u16> {
        match claim {
            Claim::Again(answer) => Some(answer.status.as_u16()),
            Claim::First | Claim::Refused(_) => None,
        }
    }

    fn refused(claim: Claim) -> Option<Refusal> {
        match claim {
            Claim::Refused(refusal) => Some(refusal),
            Claim::First | Claim::Again(_) => None,
        }
    }

    #[test]
    fn the_second_of_two_gets_the_answer_of_the_first() {
        let (table, now) = (Idempotency::default(), Instant::now());
        let slot = Slot::new("ops", "/v1/calls", b"k1");
        assert!(matches!(table.claim(slot, b"{}", now), Claim::First));
        assert_eq!(refused(table.claim(slot, b"{}", now)), Some(Refusal::IdempotencyBusy));
        table.settle(slot, &answer(202));
        assert_eq!(again(&table.claim(slot, b"{}", now)), Some(202));
        assert_eq!(refused(table.claim(slot, b"{ }", now)), Some(Refusal::IdempotencyReused));
        for other in [Slot::new("dev", "/v1/calls", b"k1"), Slot::new("ops", "/v1/calls/x", b"k1")] {
            assert!(matches!(table.claim(other, b"[]", now), Claim::First), "a key counts within its client and path");
        }
    }

    #[test]
    fn what_may_be_tried_again_is_not_kept() {
        let (table, now) = (Idempotency::default(), Instant::now());
        let slot = Slot::new("ops", "/v1/calls", b"k1");
        for status in [409, 429, 503] {
            assert!(matches!(table.claim(slot, b"{}", now), Claim::First));
            table.settle(slot, &answer(status));
        }
        assert!(matches!(table.claim(slot, b"{}", now), Claim::First));
        table.settle(slot, &answer(403));
        assert_eq!(again(&table.claim(slot, b"{}", now)), Some(403));
    }

    #[test]
    fn keys_are_bounded_in_number_and_age() {
        let (table, now) = (Idempotency::new(2, Duration::from_mins(1)), Instant::now());
        let slots: Vec<_> = (0..3_u8).map(|n| Slot::new("ops", "/", &[n])).collect();
        for slot in &slots {
            assert!(matches!(table.claim(*slot, b"", now), Claim::First));
            table.settle(*slot, &answer(202));
        }
        assert_eq!(table.table().entries.len(), 2);
        assert!(matches!(table.claim(slots[0], b"", now), Claim::First), "the oldest was dropped");
        let later = now + Duration::from_mins(1);
        assert!(matches!(table.claim(slots[2], b"", later), Claim::First), "the rest is too old");
        assert_eq!(table.table().entries.len(), 1);
    }
}
