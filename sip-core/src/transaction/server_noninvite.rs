//! The non-INVITE server transaction (RFC 3261 17.2.2, RFC 4320).
//!
//! ```text
//! Trying --3.5 s: 100--> Trying --2xx-699--> Completed --J--> gone
//! ```
//!
//! The Proceeding state is part of Trying: RFC 4320 4.1 forbids provisional responses other than 100 here, and a 100 before
//! the client's timer E has reached T2.

use std::time::Instant;

use bytes::Bytes;

use super::server_invite::AlreadyAnswered;
use super::timers::Timers;

/// The machine. It keeps the final response for retransmitted requests.
#[derive(Debug)]
pub struct ServerNonInvite {
    state: State,
    timers: Timers,
    reliable: bool,
}

#[derive(Debug)]
enum State {
    /// `trying`: the 100 of a request that may wait for the TU, and until it is sent, when.
    Trying {
        last_resort: Instant,
        trying: Option<(Bytes, Option<Instant>)>,
    },
    Completed {
        response: Bytes,
        j: Instant,
    },
    Terminated,
}

impl ServerNonInvite {
    /// A transaction for a request that came now.
    pub fn new(timers: Timers, reliable: bool, now: Instant) -> Self {
        // The client gives up at its timer F: an answer after that is of no use (RFC 4320 4.2).
        let last_resort = now + timers.f().min(timers.last_resort);
        Self { state: State::Trying { last_resort, trying: None }, timers, reliable }
    }

    /// The TU may think about the request for longer: this 100 goes out if it does (RFC 4320 4.1).
    pub fn on_waiting(&mut self, response: Bytes, now: Instant) {
        if let State::Trying { trying, .. } = &mut self.state {
            // Timer E has doubled three times (RFC 3261 17.1.2.2).
            *trying = Some((response, Some(now + self.timers.e() * 7)));
        }
    }

    /// The request came again: what to send again, if anything.
    pub fn on_request(&self) -> Option<Bytes> {
        match &self.state {
            State::Trying { trying: Some((response, None)), .. } => Some(response.clone()),
            State::Trying { .. } => None,
            State::Completed { response, .. } => Some(response.clone()),
            State::Terminated => None,
        }
    }

    /// The TU sends a final response.
    pub fn on_final(&mut self, response: Bytes, now: Instant) -> Result<(), AlreadyAnswered> {
        let State::Trying { .. } = &self.state else { return Err(AlreadyAnswered) };
        self.state = match self.timers.j(self.reliable) {
            j if j.is_zero() => State::Terminated,
            j => State::Completed { response, j: now + j },
        };
        Ok(())
    }

    /// The response could not be sent (RFC 3261 17.2.4): the transaction is over.
    pub fn on_transport_error(&mut self) {
        self.state = State::Terminated;
    }

    /// When [`ServerNonInvite::handle_timeout`] is wanted next.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Trying { last_resort, trying } => {
                let at = trying.as_ref().and_then(|(_, at)| *at);
                Some(at.map_or(*last_resort, |at| at.min(*last_resort)))
            }
            State::Completed { j, .. } => Some(*j),
            State::Terminated => None,
        }
    }

    /// Time has passed. A transaction that the TU left is given up without a response (RFC 4320 4.2). Gives the 100 that is
    /// due.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Bytes> {
        match &mut self.state {
            State::Trying { last_resort: end, .. } | State::Completed { j: end, .. } if *end <= now => {
                self.state = State::Terminated;
                None
            }
            State::Trying { trying: Some((response, at)), .. } => at.take_if(|at| *at <= now).map(|_| response.clone()),
            State::Trying { .. } | State::Completed { .. } | State::Terminated => None,
        }
    }

    /// The transaction can be forgotten.
    pub const fn is_terminated(&self) -> bool {
        matches!(self.state, State::Terminated)
    }
}
