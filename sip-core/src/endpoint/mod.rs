//! The SIP endpoint: one UA for all trunks, as a machine without socket, clock or task.
//!
//! One contract: [`Endpoint::handle_input`] takes exactly one thing that happened; then [`Endpoint::poll_output`] is
//! drained until it says [`Output::Timeout`] or [`Output::Idle`]; then wait. `net/` drives it over real sockets.
//!
//! A call is named by its [`CallKey`]. The call side hears of it by [`Event`]s, the first being [`Event::Incoming`] and
//! the last [`Event::Ended`], and says what it wants by [`Command`]s. What it need not decide, it does not see:
//! retransmissions, ACKs, CSeq numbers, session refreshes, glare, forged requests.
//!
//! ```
//! use std::time::Instant;
//! use sip_core::admission::{Gate, Transport, TrunkRule};
//! use sip_core::endpoint::{Body, Command, Config, Endpoint, Event, Input, Listener, ListenerId, Output};
//! use sip_core::wire::StatusCode;
//!
//! # fn demo(now: Instant, from_carrier: bytes::Bytes, answer: Body) -> Result<(), Box<dyn std::error::Error>> {
//! let gate = Gate::new(vec![TrunkRule::new("carrier-a").peer("198.51.100.0/24".parse()?)], now)?;
//! let config = Config::new(vec![Listener::new(Transport::Udp, "192.0.2.10:5060".parse()?)]);
//! let mut endpoint = Endpoint::new(config, gate, [7; 32], now);
//!
//! // A datagram came.
//! let remote = "198.51.100.7:5060".parse()?;
//! endpoint.handle_input(Input::Datagram { listener: ListenerId(0), remote, bytes: from_carrier }, now);
//! loop {
//!     match endpoint.poll_output() {
//!         Output::Transmit { flow, bytes } => { /* send `bytes` over `flow` */ }
//!         Output::Event { call, event: Event::Incoming(invite) } => {
//!             println!("a call from {}", invite.trunk());
//!             endpoint.handle_input(
//!                 Input::Command { call, command: Command::Ring { status: StatusCode::RINGING, sdp: None } },
//!                 now,
//!             );
//!             endpoint.handle_input(Input::Command { call, command: Command::Answer { sdp: answer.clone() } }, now);
//!         }
//!         Output::Event { call, event } => { /* hand it to the call's actor */ }
//!         Output::Connect { .. } | Output::Close { .. } => { /* open or close a connection */ }
//!         Output::Timeout(_) | Output::Idle => break, // wait for the next input, or until then
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod body;
mod call;
mod command;
mod config;
mod event;
mod flow;
mod io;
mod stats;

pub use body::Body;
pub use call::CallKey;
pub use command::{Cause, Command, Dial, DialError, Reject};
pub use config::{Caps, Config, ConnectionLimits, Listener};
pub use event::{EndReason, Ended, EndedBy, Event, ReinviteMethod};
pub use flow::{ConnectionId, Flow, ListenerId, NextHop};
pub use io::{Input, Output};
pub use stats::{Refusal, Stats};

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::admission::{Gate, Transport};

/// The endpoint.
#[derive(Debug)]
pub struct Endpoint {
    gate: Gate,
    stats: Stats,
}

impl Endpoint {
    /// An endpoint without calls. `seed` is 256 bits from the operating system: tags, branches and Call-IDs come from it.
    pub fn new(_config: Config, gate: Gate, _seed: [u8; 32], _now: Instant) -> Self {
        Self { gate, stats: Stats::default() }
    }

    /// Exactly one thing happened.
    pub fn handle_input(&mut self, _input: Input, _now: Instant) {}

    /// What to do next. Drain until [`Output::Timeout`] or [`Output::Idle`].
    pub fn poll_output(&mut self) -> Output {
        Output::Idle
    }

    /// Whether a packet from there may be looked at; one that may not is counted and must be dropped unread.
    pub fn admits_source(&mut self, ip: IpAddr, transport: Transport) -> bool {
        let admitted = self.gate.admits_source(ip, transport);
        if !admitted {
            self.stats.count(Refusal::UnknownSource);
        }
        admitted
    }

    /// A connection was accepted on a listener. `None`: close it at once; the reason is counted.
    pub fn accept(&mut self, _listener: ListenerId, _remote: SocketAddr, _now: Instant) -> Option<ConnectionId> {
        None
    }

    /// Places a call.
    pub fn dial(&mut self, _dial: Dial, _now: Instant) -> Result<CallKey, DialError> {
        Err(DialError::Full)
    }

    /// Takes over new trunk rules. Calls that are up stay; a trunk that keeps its name keeps its totals.
    pub fn replace_gate(&mut self, gate: Gate) {
        self.gate.replace(gate);
    }

    /// Refuses new calls with 503 from now on; calls that are up stay.
    pub fn drain(&mut self) {}

    /// Ends every call: BYE, CANCEL or 503. Drive the endpoint on until it has no transactions left.
    pub fn hang_up_all(&mut self, _now: Instant) {}

    /// Gauges and counters.
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }
}
