//! The INVITE client transaction (RFC 3261 17.1.1 with RFC 6026 7.2).
//!
//! ```text
//! Calling --1xx--> Proceeding --2xx--> Accepted --M--> gone
//!    |--B--> gone      |--300-699--> Completed --D--> gone
//! ```

use std::time::Instant;

use bytes::Bytes;

use super::timers::{Resend, Timers};

/// The machine. It keeps the INVITE until a response comes, and the ACK of a refusal after that.
#[derive(Debug)]
pub struct ClientInvite {
    state: State,
    timers: Timers,
    reliable: bool,
}

#[derive(Debug)]
enum State {
    Calling {
        invite: Bytes,
        a: Option<Resend>,
        b: Instant,
        /// When the TU wants to know that there is no response yet.
        patience: Option<Instant>,
    },
    /// RFC 3261 puts no timer here; the last resort stands in for it.
    Proceeding {
        last_resort: Instant,
    },
    /// `ack` is sent again for each retransmission of the final response.
    Completed {
        ack: Bytes,
        d: Instant,
    },
    Accepted {
        m: Instant,
    },
    Terminated,
}

/// What a response means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A 1xx for the TU.
    Provisional,
    /// A 2xx for the TU, the first or one more (a retransmission, or another fork).
    Success,
    /// The first 300 to 699: the TU makes the ACK, hands it to [`ClientInvite::on_ack_sent`], and is told.
    Failure,
    /// A retransmission of the refusal: send the ACK again.
    FailureAgain,
    /// Nothing to do.
    Ignored,
}

/// What a timer of the machine asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Timeout {
    /// Nothing was due, or nothing needs doing.
    Nothing,
    /// Timer A: send the INVITE again.
    Resend(Bytes),
    /// No response for as long as [`ClientInvite::set_patience`] said. Timer B still runs.
    Unheard,
    /// Timer B: no response at all; to the TU as a 408 (RFC 3261 8.1.3.1).
    NoResponse,
    /// Only provisional responses for too long: the TU should CANCEL.
    LastResort,
}

impl ClientInvite {
    /// A transaction for `invite`, which is sent now.
    pub fn new(invite: Bytes, timers: Timers, reliable: bool, now: Instant) -> Self {
        let a = (!reliable).then(|| Resend::after(timers.a(), now));
        let state = State::Calling { invite, a, b: now + timers.b(), patience: None };
        Self { state, timers, reliable }
    }

    /// The TU has somewhere else to go where there is no response at all by then.
    pub const fn set_patience(&mut self, at: Instant) {
        if let State::Calling { patience, .. } = &mut self.state {
            *patience = Some(at);
        }
    }

    /// The TU went elsewhere: the INVITE is not sent again, and a late response still finds the transaction. Gives the
    /// INVITE, where there was no response.
    pub fn give_up(&mut self) -> Option<Bytes> {
        let State::Calling { invite, a, patience, .. } = &mut self.state else { return None };
        (*a, *patience) = (None, None);
        Some(invite.clone())
    }

    /// A response with status `code` came.
    pub fn on_response(&mut self, code: u16, now: Instant) -> Received {
        match (&self.state, code) {
            (State::Calling { .. }, ..200) => {
                self.state = State::Proceeding { last_resort: now + self.timers.last_resort };
                Received::Provisional
            }
            (State::Proceeding { .. }, ..200) => Received::Provisional,
            (State::Calling { .. } | State::Proceeding { .. }, 200..300) => {
                self.state = State::Accepted { m: now + self.timers.m() };
                Received::Success
            }
            (State::Calling { .. } | State::Proceeding { .. }, _) => Received::Failure,
            (State::Accepted { .. }, 200..300) => Received::Success,
            (State::Accepted { .. }, _) => Received::Ignored,
            (State::Completed { .. }, 300..) => Received::FailureAgain,
            (State::Completed { .. }, _) => Received::Ignored,
            (State::Terminated, _) => Received::Ignored,
        }
    }

    /// The ACK of a refusal is sent (RFC 3261 17.1.1.3).
    pub fn on_ack_sent(&mut self, ack: Bytes, now: Instant) {
        if !matches!(self.state, State::Calling { .. } | State::Proceeding { .. }) {
            return;
        }
        self.state = match self.timers.d(self.reliable) {
            d if d.is_zero() => State::Terminated,
            d => State::Completed { ack, d: now + d },
        };
    }

    /// The ACK to send again after [`Received::FailureAgain`].
    pub fn ack(&self) -> Option<Bytes> {
        match &self.state {
            State::Completed { ack, .. } => Some(ack.clone()),
            State::Calling { .. } | State::Proceeding { .. } | State::Accepted { .. } | State::Terminated => None,
        }
    }

    /// A CANCEL was sent for it: a final response is due within 64*T1 (RFC 3261 9.1).
    pub fn on_cancel_sent(&mut self, now: Instant) {
        if let State::Proceeding { last_resort } = &mut self.state {
            *last_resort = now + self.timers.b();
        }
    }

    /// The INVITE could not be sent (RFC 3261 17.1.4).
    pub fn on_transport_error(&mut self) {
        self.state = State::Terminated;
    }

    /// When [`ClientInvite::handle_timeout`] is wanted next.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Calling { a, b, patience, .. } => {
                let sooner = [a.map(|a| a.at), *patience].into_iter().flatten().min();
                Some(sooner.map_or(*b, |at| at.min(*b)))
            }
            State::Proceeding { last_resort } => Some(*last_resort),
            State::Completed { d, .. } => Some(*d),
            State::Accepted { m } => Some(*m),
            State::Terminated => None,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) -> Timeout {
        match &mut self.state {
            State::Calling { b, .. } if *b <= now => {
                self.state = State::Terminated;
                Timeout::NoResponse
            }
            State::Calling { patience: patience @ Some(_), .. } if patience.is_some_and(|at| at <= now) => {
                *patience = None;
                Timeout::Unheard
            }
            State::Calling { invite, a: Some(a), .. } if a.at <= now => {
                *a = Resend::after(a.gap.saturating_mul(2), now);
                Timeout::Resend(invite.clone())
            }
            State::Proceeding { last_resort } if *last_resort <= now => {
                *last_resort = now + self.timers.b();
                Timeout::LastResort
            }
            State::Completed { d: end, .. } | State::Accepted { m: end } if *end <= now => {
                self.state = State::Terminated;
                Timeout::Nothing
            }
            State::Calling { .. }
            | State::Proceeding { .. }
            | State::Completed { .. }
            | State::Accepted { .. }
            | State::Terminated => Timeout::Nothing,
        }
    }

    /// No response came yet: a CANCEL must wait (RFC 3261 9.1).
    pub const fn is_calling(&self) -> bool {
        matches!(self.state, State::Calling { .. })
    }

    /// No final response came yet.
    pub const fn is_pending(&self) -> bool {
        matches!(self.state, State::Calling { .. } | State::Proceeding { .. })
    }

    /// The transaction can be forgotten.
    pub const fn is_terminated(&self) -> bool {
        matches!(self.state, State::Terminated)
    }
}
