//! A 2xx that waits for its ACK (RFC 3261 13.3.1.4).

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::transaction::Timers;

/// The 2xx of an INVITE, sent again until the ACK comes: by the UAS core and over any transport, since hops further on
/// may lose it.
#[derive(Debug)]
pub struct Unacked {
    /// The CSeq number of the INVITE, which the ACK repeats.
    pub cseq: u32,
    response: Bytes,
    gap: Duration,
    resend_at: Instant,
    give_up_at: Instant,
}

/// What time asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum UnackedTimeout {
    /// Nothing yet.
    Nothing,
    /// Send the 2xx again.
    Resend(Bytes),
    /// No ACK came within 64*T1: the session ends with a BYE.
    GiveUp,
}

impl Unacked {
    /// `response` was sent now, for the INVITE with this CSeq number.
    pub fn new(cseq: u32, response: Bytes, timers: &Timers, now: Instant) -> Self {
        Self { cseq, response, gap: timers.t1, resend_at: now + timers.t1, give_up_at: now + timers.h() }
    }

    /// When [`Unacked::handle_timeout`] is wanted next.
    pub fn deadline(&self) -> Instant {
        self.resend_at.min(self.give_up_at)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, timers: &Timers, now: Instant) -> UnackedTimeout {
        if self.give_up_at <= now {
            return UnackedTimeout::GiveUp;
        }
        if self.resend_at > now {
            return UnackedTimeout::Nothing;
        }
        self.gap = timers.backoff(self.gap);
        self.resend_at = now + self.gap;
        UnackedTimeout::Resend(self.response.clone())
    }
}
