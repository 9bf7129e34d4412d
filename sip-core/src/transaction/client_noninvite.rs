//! The non-INVITE client transaction (RFC 3261 17.1.2).
//!
//! ```text
//! Trying --1xx--> Proceeding --200-699--> Completed --K--> gone
//!    |--F--> gone      |--F--> gone
//! ```

use std::time::Instant;

use bytes::Bytes;

use super::timers::{Resend, Timers};

/// The machine. It keeps the request until a final response comes.
#[derive(Debug)]
pub struct ClientNonInvite {
    state: State,
    timers: Timers,
    reliable: bool,
}

#[derive(Debug)]
enum State {
    Trying { request: Bytes, e: Option<Resend>, f: Instant },
    Proceeding { request: Bytes, e: Option<Resend>, f: Instant },
    Completed { k: Instant },
    Terminated,
}

/// What a timer of the machine asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Timeout {
    /// Nothing was due, or nothing needs doing.
    Nothing,
    /// Timer E: send the request again.
    Resend(Bytes),
    /// Timer F: no final response; to the TU as a 408.
    NoResponse,
}

impl ClientNonInvite {
    /// A transaction for `request`, which is sent now.
    pub fn new(request: Bytes, timers: Timers, reliable: bool, now: Instant) -> Self {
        let e = (!reliable).then(|| Resend::after(timers.e(), now));
        let state = State::Trying { request, e, f: now + timers.f() };
        Self { state, timers, reliable }
    }

    /// A response with status `code` came. True when it is the first final one, which the TU wants to see.
    pub fn on_response(&mut self, code: u16, now: Instant) -> bool {
        let terminated = State::Terminated;
        match (std::mem::replace(&mut self.state, terminated), code) {
            (State::Trying { request, e, f } | State::Proceeding { request, e, f }, ..200) => {
                self.state = State::Proceeding { request, e, f };
                false
            }
            (State::Trying { .. } | State::Proceeding { .. }, _) => {
                let k = self.timers.k(self.reliable);
                if !k.is_zero() {
                    self.state = State::Completed { k: now + k };
                }
                true
            }
            (state @ (State::Completed { .. } | State::Terminated), _) => {
                self.state = state;
                false
            }
        }
    }

    /// The request could not be sent (RFC 3261 17.1.4).
    pub fn on_transport_error(&mut self) {
        self.state = State::Terminated;
    }

    /// When [`ClientNonInvite::handle_timeout`] is wanted next.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Trying { e, f, .. } | State::Proceeding { e, f, .. } => Some(e.map_or(*f, |e| e.at.min(*f))),
            State::Completed { k } => Some(*k),
            State::Terminated => None,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) -> Timeout {
        match &mut self.state {
            State::Trying { f, .. } | State::Proceeding { f, .. } if *f <= now => {
                self.state = State::Terminated;
                Timeout::NoResponse
            }
            State::Trying { request, e: Some(e), .. } if e.at <= now => {
                *e = Resend::after(self.timers.backoff(e.gap), now);
                Timeout::Resend(request.clone())
            }
            // RFC 3261 17.1.2.2: once a 1xx came, timer E runs at T2.
            State::Proceeding { request, e: Some(e), .. } if e.at <= now => {
                *e = Resend::after(self.timers.t2, now);
                Timeout::Resend(request.clone())
            }
            State::Completed { k } if *k <= now => {
                self.state = State::Terminated;
                Timeout::Nothing
            }
            State::Trying { .. } | State::Proceeding { .. } | State::Completed { .. } | State::Terminated => {
                Timeout::Nothing
            }
        }
    }

    /// No final response came yet.
    pub const fn is_pending(&self) -> bool {
        matches!(self.state, State::Trying { .. } | State::Proceeding { .. })
    }

    /// The transaction can be forgotten.
    pub const fn is_terminated(&self) -> bool {
        matches!(self.state, State::Terminated)
    }
}
