//! What waits for the socket: control messages, which are never dropped, and audio, which grows too old.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::event::WsMessage;
use crate::limits::MAX_WAITING_CONTROL;

#[derive(Debug)]
pub(super) struct Outbox {
    items: VecDeque<Item>,
    control: usize,
    age: Duration,
    /// Dropped audio that the next audio must be preceded by.
    gap_ms: u64,
    /// Since when nothing has been taken while something waited.
    stalled_since: Option<Instant>,
}

#[derive(Debug)]
enum Item {
    Control(WsMessage),
    Audio { message: WsMessage, ms: u32, since: Instant },
}

/// What the socket is to be given next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Control(WsMessage),
    Audio(WsMessage),
    /// Audio of this length was dropped here.
    Gap(u64),
}

impl Outbox {
    pub(super) fn new(age: Duration) -> Self {
        Self { items: VecDeque::with_capacity(16), control: 0, age, gap_ms: 0, stalled_since: None }
    }

    /// Queues a control message. `false` when too many wait already.
    #[must_use]
    pub(super) fn control(&mut self, message: WsMessage) -> bool {
        if self.control >= MAX_WAITING_CONTROL {
            return false;
        }
        self.control += 1;
        self.items.push_back(Item::Control(message));
        true
    }

    /// Queues audio and drops what has grown too old. Gives the length of what was dropped.
    pub(super) fn audio(&mut self, message: WsMessage, ms: u32, now: Instant) -> u64 {
        self.stalled_since.get_or_insert(now);
        self.items.push_back(Item::Audio { message, ms, since: now });
        let mut dropped = 0;
        while let Some(old) = self.oldest_audio(now) {
            self.items.remove(old.0);
            dropped += u64::from(old.1);
        }
        self.gap_ms += dropped;
        dropped
    }

    /// Where the oldest audio stands, if it is too old, and its length.
    fn oldest_audio(&self, now: Instant) -> Option<(usize, u32)> {
        let (index, ms, since) = self.items.iter().enumerate().find_map(|(index, item)| match item {
            Item::Audio { ms, since, .. } => Some((index, *ms, *since)),
            Item::Control(_) => None,
        })?;
        (now.saturating_duration_since(since) > self.age).then_some((index, ms))
    }

    /// How long the application has taken nothing although audio waited.
    pub(super) fn stalled(&self, now: Instant) -> Duration {
        self.stalled_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// The next message, or the gap that comes before it.
    pub(super) fn pop(&mut self) -> Option<Next> {
        self.stalled_since = None;
        match self.items.front()? {
            Item::Audio { .. } if self.gap_ms > 0 => return Some(Next::Gap(std::mem::take(&mut self.gap_ms))),
            Item::Audio { .. } | Item::Control(_) => {}
        }
        match self.items.pop_front()? {
            Item::Audio { message, .. } => Some(Next::Audio(message)),
            Item::Control(message) => {
                self.control -= 1;
                Some(Next::Control(message))
            }
        }
    }

    /// Throws away all that waits, for a last word that must not wait behind it.
    pub(super) fn empty(&mut self) {
        self.items.clear();
        self.control = 0;
        self.gap_ms = 0;
    }
}
