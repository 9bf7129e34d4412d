//! The INVITE server transaction (RFC 3261 17.2.1 with RFC 6026 7.1).
//!
//! ```text
//! Proceeding --2xx--> Accepted --L--> gone
//!     |--300-699--> Completed --ACK--> Confirmed --I--> gone
//!                       |--H--> gone, the TU is told
//! ```

use std::time::Instant;

use bytes::Bytes;

use super::timers::{Resend, Timers};

/// The machine. It keeps the last response, and says when to send it again.
#[derive(Debug)]
pub struct ServerInvite {
    state: State,
    timers: Timers,
    reliable: bool,
}

#[derive(Debug)]
enum State {
    Proceeding {
        last: Option<Bytes>,
        last_resort: Instant,
    },
    Completed {
        response: Bytes,
        g: Option<Resend>,
        h: Instant,
    },
    Confirmed {
        i: Instant,
    },
    /// RFC 6026: the TU sends its 2xx again itself; the transaction only absorbs the INVITE.
    Accepted {
        l: Instant,
    },
    Terminated,
}

/// What a timer of the machine asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Timeout {
    /// Nothing was due, or nothing needs doing.
    Nothing,
    /// Timer G: send the final response again.
    Resend(Bytes),
    /// Timer H: no ACK came for the final response.
    NoAck,
    /// The TU did not answer in time (THREATS T32): the endpoint answers in its place.
    LastResort,
}

/// The response does not fit the state: our own mistake, or a race that the caller lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transaction is answered already")]
pub struct AlreadyAnswered;

impl ServerInvite {
    /// A transaction for an INVITE that came now.
    pub fn new(timers: Timers, reliable: bool, now: Instant) -> Self {
        let state = State::Proceeding { last: None, last_resort: now + timers.last_resort };
        Self { state, timers, reliable }
    }

    /// The INVITE came again: what to send again, if anything.
    pub fn on_invite(&self) -> Option<Bytes> {
        match &self.state {
            State::Proceeding { last, .. } => last.clone(),
            State::Completed { response, .. } => Some(response.clone()),
            State::Confirmed { .. } => None,
            State::Accepted { .. } => None,
            State::Terminated => None,
        }
    }

    /// The ACK of a final response other than 2xx. An ACK of a 2xx is no part of this transaction.
    pub fn on_ack(&mut self, now: Instant) {
        if matches!(self.state, State::Completed { .. }) {
            self.state = match self.timers.i(self.reliable) {
                i if i.is_zero() => State::Terminated,
                i => State::Confirmed { i: now + i },
            };
        }
    }

    /// The TU sends a 1xx.
    pub fn on_provisional(&mut self, response: Bytes) -> Result<(), AlreadyAnswered> {
        let State::Proceeding { last, .. } = &mut self.state else { return Err(AlreadyAnswered) };
        *last = Some(response);
        Ok(())
    }

    /// The TU sends a 2xx for the first time.
    pub fn on_success(&mut self, now: Instant) -> Result<(), AlreadyAnswered> {
        if !self.is_proceeding() {
            return Err(AlreadyAnswered);
        }
        self.state = State::Accepted { l: now + self.timers.l() };
        Ok(())
    }

    /// The TU sends a 300 to 699.
    pub fn on_failure(&mut self, response: Bytes, now: Instant) -> Result<(), AlreadyAnswered> {
        if !self.is_proceeding() {
            return Err(AlreadyAnswered);
        }
        let g = (!self.reliable).then(|| Resend::after(self.timers.g(), now));
        self.state = State::Completed { response, g, h: now + self.timers.h() };
        Ok(())
    }

    /// The response could not be sent (RFC 3261 17.2.4): the transaction is over.
    pub fn on_transport_error(&mut self) {
        self.state = State::Terminated;
    }

    /// When [`ServerInvite::handle_timeout`] is wanted next.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Proceeding { last_resort, .. } => Some(*last_resort),
            State::Completed { g, h, .. } => Some(g.map_or(*h, |g| g.at.min(*h))),
            State::Confirmed { i } => Some(*i),
            State::Accepted { l } => Some(*l),
            State::Terminated => None,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) -> Timeout {
        match &mut self.state {
            State::Proceeding { last_resort, .. } if *last_resort <= now => {
                *last_resort = now + self.timers.last_resort;
                Timeout::LastResort
            }
            State::Completed { h, .. } if *h <= now => {
                self.state = State::Terminated;
                Timeout::NoAck
            }
            State::Completed { response, g: Some(g), .. } if g.at <= now => {
                *g = Resend::after(self.timers.backoff(g.gap), now);
                Timeout::Resend(response.clone())
            }
            State::Confirmed { i: end } | State::Accepted { l: end } if *end <= now => {
                self.state = State::Terminated;
                Timeout::Nothing
            }
            State::Proceeding { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Accepted { .. }
            | State::Terminated => Timeout::Nothing,
        }
    }

    /// No final response was sent yet.
    pub const fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    /// A 2xx was sent: retransmissions are absorbed, and an ACK is the dialog's.
    pub const fn is_accepted(&self) -> bool {
        matches!(self.state, State::Accepted { .. })
    }

    /// The transaction can be forgotten.
    pub const fn is_terminated(&self) -> bool {
        matches!(self.state, State::Terminated)
    }
}
