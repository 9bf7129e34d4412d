//! The timer values of RFC 3261, by the RFC's letters.

use std::time::Duration;

/// The three base values, and the last resort. Every other timer is made from them (RFC 3261, table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// T1: the estimate of a round trip.
    pub t1: Duration,
    /// T2: the longest gap between retransmissions of anything but an INVITE request.
    pub t2: Duration,
    /// T4: how long a message may stay in the network.
    pub t4: Duration,
    /// How long any transaction may live that the TU never finishes (THREATS T32). Not an RFC timer.
    pub last_resort: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            last_resort: Duration::from_mins(3),
        }
    }
}

impl Timers {
    /// Timer A: the first retransmission of an INVITE over UDP.
    pub const fn a(&self) -> Duration {
        self.t1
    }

    /// Timer B: an INVITE without any response.
    pub const fn b(&self) -> Duration {
        self.sixty_four_t1()
    }

    /// Timer D: how long the client absorbs retransmissions of a final response over UDP; 32 s at least.
    pub fn d(&self, reliable: bool) -> Duration {
        if reliable { Duration::ZERO } else { self.sixty_four_t1().max(D_AT_LEAST) }
    }

    /// Timer E: the first retransmission of a non-INVITE request over UDP.
    pub const fn e(&self) -> Duration {
        self.t1
    }

    /// Timer F: a non-INVITE request without a final response.
    pub const fn f(&self) -> Duration {
        self.sixty_four_t1()
    }

    /// Timer G: the first retransmission of a final response to an INVITE over UDP.
    pub const fn g(&self) -> Duration {
        self.t1
    }

    /// Timer H: a final response to an INVITE without an ACK.
    pub const fn h(&self) -> Duration {
        self.sixty_four_t1()
    }

    /// Timer I: how long the server absorbs retransmissions of the ACK over UDP.
    pub const fn i(&self, reliable: bool) -> Duration {
        if reliable { Duration::ZERO } else { self.t4 }
    }

    /// Timer J: how long the server answers retransmissions of a non-INVITE request over UDP.
    pub const fn j(&self, reliable: bool) -> Duration {
        if reliable { Duration::ZERO } else { self.sixty_four_t1() }
    }

    /// Timer K: how long the client absorbs retransmissions of a final response over UDP.
    pub const fn k(&self, reliable: bool) -> Duration {
        if reliable { Duration::ZERO } else { self.t4 }
    }

    /// Timer L: how long an accepted INVITE absorbs retransmissions of itself (RFC 6026 7.1).
    pub const fn l(&self) -> Duration {
        self.sixty_four_t1()
    }

    /// Timer M: how long the client takes 2xx responses of other forks (RFC 6026 7.2).
    pub const fn m(&self) -> Duration {
        self.sixty_four_t1()
    }

    /// The gap that follows `gap` where retransmissions slow down to T2 (timers E and G, and the 2xx of a UAS core).
    pub fn backoff(&self, gap: Duration) -> Duration {
        gap.saturating_mul(2).min(self.t2)
    }

    const fn sixty_four_t1(&self) -> Duration {
        self.t1.saturating_mul(64)
    }
}

/// RFC 3261 17.1.1.2: at least 32 s over unreliable transports.
const D_AT_LEAST: Duration = Duration::from_secs(32);

/// A retransmission under way: when the next is due, and the gap before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resend {
    pub(super) at: std::time::Instant,
    pub(super) gap: Duration,
}

impl Resend {
    pub(super) fn after(gap: Duration, now: std::time::Instant) -> Self {
        Self { at: now + gap, gap }
    }
}
