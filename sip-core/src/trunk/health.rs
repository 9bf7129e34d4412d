//! Whether one hop is there.
//!
//! ```text
//! Up --failure--> Suspect --failure--> Down --answer--> Holding --answer after the hold-down--> Up
//!  ^--- answer ------|                  ^--- failure ------|
//! ```
//!
//! A hop is good until something shows that it is not. Where the rule wants pings, OPTIONS decides: at the interval while
//! all is well, soon after a failure, and ever more slowly while the hop is down. Without pings only calls tell: a hop that
//! is down becomes suspect again after a while, for one call to try.
//!
//! A call that is refused with 503 is no such failure: a proxy may pass on the 503 of one callee, who shall not take down a
//! trunk. It makes a hop suspect, and no more where there are pings. Without them several different callees do that are
//! refused in a row, with no other answer to a call among them, before the suspicion is over.

use std::time::{Duration, Instant};

use crate::limits;
use crate::wire::{StatusCode, Uri};

use super::HopState;
use super::wait::{Backoff, shortened};

/// The health of one hop.
#[derive(Debug)]
pub(crate) struct Health {
    ping: Option<Duration>,
    hold_down: Duration,
    state: State,
    failures: u32,
    /// Without pings: the callees that were refused with 503 since the last sign of life.
    refused: Vec<Uri>,
    slow: Backoff,
    round_trip: Option<Duration>,
    ping_at: Option<Instant>,
    /// The ping under way.
    pinged: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    /// Without pings: trusted again at `until`.
    Suspect {
        until: Option<Instant>,
    },
    /// Without pings: suspect again at `until`.
    Down {
        until: Option<Instant>,
    },
    Holding {
        until: Instant,
    },
}

/// Whether an answer to an OPTIONS, or to a request of a call, shows that a hop is there.
///
/// Any final response does, a refusal too (RFC 3261 11.2: a server may answer what it would answer to an INVITE), and so
/// do 500 and 501: the hop read the request and wrote an answer. Not so 503 (it wants no requests, RFC 3261 21.5.4), and
/// 408, 502 and 504, by which a proxy in front says that what stands behind it does not answer.
pub(crate) const fn shows_life(status: StatusCode) -> bool {
    !matches!(status.code(), 408 | 502 | 503 | 504)
}

impl Health {
    /// A hop that nothing is known of. Its first ping is due within a second.
    pub(crate) fn new(ping: Option<Duration>, hold_down: Duration, random: u32, now: Instant) -> Self {
        let first = ping.unwrap_or(hold_down).max(limits::PING_AT_LEAST);
        Self {
            ping,
            hold_down,
            state: State::Up,
            failures: 0,
            refused: Vec::new(),
            slow: Backoff::new(first, SLOWEST.max(first)),
            round_trip: None,
            ping_at: ping.map(|_| now + shortened(Duration::from_secs(1), 100, random)),
            pinged: None,
        }
    }

    pub(crate) const fn state(&self) -> HopState {
        match self.state {
            State::Up => HopState::Up,
            State::Suspect { .. } => HopState::Suspect,
            State::Down { .. } => HopState::Down,
            State::Holding { .. } => HopState::Holding,
        }
    }

    /// Whether calls may go there.
    pub(crate) const fn is_usable(&self) -> bool {
        matches!(self.state, State::Up | State::Suspect { .. })
    }

    /// Whether a sign of life would change nothing.
    pub(crate) const fn is_steady(&self) -> bool {
        matches!(self.state, State::Up) && self.failures == 0
    }

    pub(crate) const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// An OPTIONS is sent now.
    pub(crate) const fn on_ping(&mut self, now: Instant) {
        self.pinged = Some(now);
        self.ping_at = None;
    }

    /// The OPTIONS was answered by something that shows life.
    pub(crate) fn on_pong(&mut self, random: u32, now: Instant) {
        if let Some(sent) = self.pinged.take() {
            self.round_trip = Some(now.saturating_duration_since(sent));
        }
        self.on_alive(now);
        self.plan(random, now);
    }

    /// The OPTIONS was not answered, or by something that shows no life. `counts`: that is news.
    pub(crate) fn on_silence(&mut self, counts: bool, random: u32, now: Instant) {
        self.pinged = None;
        if counts {
            self.on_failure(random, now);
        } else if self.ping.is_some() {
            self.ping_at = Some(now + self.trust_again());
        }
    }

    /// Something else than a ping was answered.
    pub(crate) fn on_alive(&mut self, now: Instant) {
        self.failures = 0;
        self.refused.clear();
        let is_up = match self.state {
            State::Up => return,
            State::Suspect { .. } => true,
            State::Down { .. } => self.ping.is_none() || self.hold_down.is_zero(),
            State::Holding { until } => until <= now,
        };
        if is_up {
            self.state = State::Up;
            self.slow.reset();
        } else if matches!(self.state, State::Down { .. }) {
            self.state = State::Holding { until: now + self.hold_down };
            self.ping_at = self.pinged.is_none().then_some(now + limits::PING_AT_LEAST);
        }
    }

    /// A call to `callee` was refused with 503, by the hop or by somebody behind it.
    pub(crate) fn on_refused(&mut self, callee: &Uri, random: u32, now: Instant) {
        if !self.is_usable() {
            return;
        }
        let at = now + self.trust_again();
        if self.ping.is_some() {
            self.state = State::Suspect { until: None };
            if self.pinged.is_none() {
                self.ping_at = Some(self.ping_at.map_or(at, |planned| planned.min(at)));
            }
            return;
        }
        self.state = State::Suspect { until: Some(at) };
        if !self.refused.contains(callee) {
            self.refused.push(callee.clone());
        }
        if self.refused.len() >= REFUSALS {
            self.refused.clear();
            self.failures = FAILURES;
            self.on_failure(random, now);
        }
    }

    /// A request there failed: no answer, no connection, or 503 to one that is of no call.
    pub(crate) fn on_failure(&mut self, random: u32, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        let goes_down = match self.state {
            State::Up | State::Suspect { .. } => self.failures >= FAILURES,
            State::Down { .. } | State::Holding { .. } => true,
        };
        let again = if goes_down { self.slow.fail(random) } else { self.trust_again() };
        let until = self.ping.is_none().then_some(now + again);
        self.state = if goes_down { State::Down { until } } else { State::Suspect { until } };
        if self.ping.is_some() && self.pinged.is_none() {
            self.ping_at = Some(now + again);
        }
    }

    /// Without pings how long a suspect hop stays suspect; with pings when the next is sent.
    fn trust_again(&self) -> Duration {
        self.ping.map_or(self.hold_down, |ping| ping.min(limits::PING_AT_LEAST)).max(limits::PING_AT_LEAST)
    }

    /// When the next ping is due after one that was answered.
    fn plan(&mut self, random: u32, now: Instant) {
        let Some(interval) = self.ping else { return };
        let at = now + shortened(interval, 10, random);
        self.ping_at = Some(match self.state {
            State::Holding { until } => at.min(until.max(now)),
            State::Up | State::Suspect { .. } | State::Down { .. } => at,
        });
    }

    /// No more pings: the endpoint shuts down.
    pub(crate) const fn rest(&mut self) {
        self.ping = None;
        self.ping_at = None;
        self.pinged = None;
    }

    /// When [`Health::handle_timeout`] is wanted next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let until = match self.state {
            State::Suspect { until } | State::Down { until } => until,
            State::Up | State::Holding { .. } => None,
        };
        [until, self.ping_at].into_iter().flatten().min()
    }

    /// Time has passed. True when an OPTIONS is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> bool {
        match self.state {
            State::Suspect { until: Some(until) } if until <= now => {
                self.state = State::Up;
                self.failures = 0;
                self.refused.clear();
            }
            State::Down { until: Some(until) } if until <= now => {
                self.state = State::Suspect { until: None };
                self.failures = FAILURES - 1;
            }
            State::Up | State::Suspect { .. } | State::Down { .. } | State::Holding { .. } => {}
        }
        self.ping_at.is_some_and(|at| at <= now)
    }
}

/// Failures in a row, of pings or of calls, after which a hop is down.
const FAILURES: u32 = 2;
/// Callees in a row that are refused with 503, after which a hop without pings is down.
const REFUSALS: usize = 5;
/// The longest wait between two pings of a hop that is down.
const SLOWEST: Duration = Duration::from_mins(5);
