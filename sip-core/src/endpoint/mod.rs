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
//!         Output::Locate { id, target, seed } => { /* look `target` up, then say `Input::Located` */ }
//!         Output::Trunk(event) => println!("{event:?}"),
//!         Output::Timeout(_) | Output::Idle => break, // wait for the next input, or until then
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod abilities;
mod authenticate;
mod body;
mod call;
mod command;
mod config;
mod connection;
mod early;
mod event;
mod flow;
mod forks;
mod in_dialog;
mod info_out;
mod io;
mod keepalive;
mod oversize;
mod recv;
mod redirect;
mod refer_in;
mod refer_out;
mod refresh;
mod reliable;
mod replace;
mod request;
mod respond;
mod response;
mod reuse;
mod schedule;
mod send;
mod stats;
mod stun;
mod timers;
mod token;
mod transactions;
mod transport;
mod trunk_calls;
mod trunk_requests;
mod trunks;
mod tu;
mod uac;
mod uas;
mod usages;

pub use body::Body;
pub use call::CallKey;
pub use command::{Cause, Command, Dial, DialError, Reject};
pub use config::{Caps, Config, ConnectionLimits, Listener};
pub use event::{EndReason, Ended, EndedBy, Event, Fork, Referral, ReinviteMethod};
pub use flow::{ConnectionId, Flow, ListenerId, NextHop};
pub use io::{Input, Output};
pub use stats::{Refusal, Stats};
pub use trunks::LocateId;

#[cfg(feature = "net")]
pub(crate) use body::wiped;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::admission::{Gate, SourceFacts, Transport};
use crate::auth::{Challenger, Keyring};
use crate::dialog::DialogId;
use crate::trunk::TrunkStatus;

use call::Call;
use schedule::Schedule;
use token::Tokens;
use transactions::Transactions;
use transport::TransportLayer;
use trunks::Trunks;

/// The endpoint.
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    gate: Gate,
    tokens: Tokens,
    /// Whom our credentials went to.
    keyring: Keyring<authenticate::Place>,
    /// Asks others for theirs.
    challenger: Challenger,
    transport: TransportLayer,
    transactions: Transactions,
    calls: BTreeMap<CallKey, Box<Call>>,
    dialogs: HashMap<DialogId, CallKey>,
    call_schedule: Schedule<CallKey>,
    last_call: u64,
    /// Calls of the table that ring.
    unanswered: usize,
    trunks: Trunks,
    draining: bool,
    /// UDP flows that are kept alive.
    bindings: stun::Bindings,
    /// Who takes no TCP connections.
    no_stream: oversize::NoStream,
    /// The latest `now` that was seen.
    latest: Instant,
}

impl Endpoint {
    /// An endpoint without calls. `seed` is 256 bits from the operating system: tags, branches and Call-IDs come from it.
    pub fn new(config: Config, gate: Gate, seed: [u8; 32], now: Instant) -> Self {
        let mut tokens = Tokens::new(seed);
        let mut endpoint = Self {
            keyring: Keyring::new(),
            challenger: Challenger::new(tokens.key(), now),
            tokens,
            transport: TransportLayer::new(config.caps, config.connections, &gate),
            transactions: Transactions::new(),
            calls: BTreeMap::new(),
            dialogs: HashMap::new(),
            call_schedule: Schedule::new(),
            last_call: 0,
            unanswered: 0,
            trunks: Trunks::new(),
            draining: false,
            bindings: stun::Bindings::default(),
            no_stream: oversize::NoStream::default(),
            latest: now,
            config,
            gate,
        };
        endpoint.sync_trunks(now);
        endpoint
    }

    /// Exactly one thing happened.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        self.latest = self.latest.max(now);
        self.gate.forget_former(now);
        match input {
            Input::Datagram { listener, remote, bytes } => self.on_datagram(listener, remote, bytes, now),
            Input::Connected { connection, tls } => self.on_connected(connection, tls, now),
            Input::Received { connection, bytes } => self.on_received(connection, &bytes, now),
            Input::Disconnected { connection } => self.on_disconnected(connection, now),
            Input::Command { call, command } => self.on_command(call, command, now),
            Input::Located { id, result } => self.on_located(id, result, now),
            Input::Timeout => self.handle_timeout(now),
        }
    }

    /// What to do next. Drain until [`Output::Timeout`] or [`Output::Idle`].
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.transport.pop_output() {
            return output;
        }
        let deadlines = [
            self.transport.next_deadline(),
            self.transactions.next_deadline(),
            self.trunks.next_deadline(),
            self.bindings.next_deadline(),
            self.call_schedule.next(),
        ];
        deadlines.into_iter().flatten().min().map_or(Output::Idle, Output::Timeout)
    }

    /// Whether a packet from there may be looked at; one that may not is counted and must be dropped unread.
    pub fn admits_source(&mut self, ip: IpAddr, transport: Transport) -> bool {
        let admitted = self.gate.admits_source(ip, transport);
        if !admitted {
            self.transport.stats.count(Refusal::UnknownSource);
        }
        admitted
    }

    /// A connection was accepted on a listener. `None`: close it at once; the reason is counted.
    pub fn accept(&mut self, listener: ListenerId, remote: SocketAddr, now: Instant) -> Option<ConnectionId> {
        let transport = self.config.listeners.get(usize::from(listener.0))?.transport;
        if !self.admits_source(remote.ip(), transport) {
            return None;
        }
        let trunk = self.gate.trunk_of(&SourceFacts::plain(remote, transport));
        let most = trunk.and_then(|trunk| self.gate.rule(&trunk).and_then(|rule| rule.max_connections));
        self.transport.accept(remote, transport, most, now)
    }

    /// Places a call.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an order is given away, whoever carries it out may keep of it what it needs"
    )]
    pub fn dial(&mut self, dial: Dial, now: Instant) -> Result<CallKey, DialError> {
        self.place(&dial, now)
    }

    /// The trunks that we call over, and how they are.
    pub fn trunks(&self, now: Instant) -> Vec<TrunkStatus> {
        self.trunk_statuses(now)
    }

    /// Takes over new trunk rules. Calls that are up stay; a trunk that keeps its name keeps its totals.
    pub fn replace_gate(&mut self, gate: Gate) {
        // The credentials may be others.
        self.keyring.clear();
        self.gate.replace(gate);
        self.transport.set_terms(&self.gate);
        self.sync_trunks(self.latest);
    }

    /// Refuses new calls with 503 from now on, and takes back our registrations; calls that are up stay.
    pub fn drain(&mut self) {
        self.draining = true;
        self.leave_trunks(self.latest);
    }

    /// Ends every call: BYE, CANCEL or 503; and takes back our registrations. Drive the endpoint on until it is quiet.
    pub fn hang_up_all(&mut self, now: Instant) {
        let keys: Vec<CallKey> = self.calls.keys().copied().collect();
        for key in keys {
            self.with_call(key, |endpoint, call| {
                if !call.is_over {
                    endpoint.hang_up(call, None, Some(EndReason::Shutdown), now);
                }
            });
        }
        self.leave_trunks(now);
    }

    /// Counts something that the shell refused or dropped.
    pub fn count(&mut self, reason: Refusal) {
        self.transport.stats.count(reason);
    }

    /// Whether nothing of ours waits for a peer: no call, no request without its final response, and no registration that
    /// is to be taken back.
    pub fn is_quiet(&self) -> bool {
        self.calls.is_empty() && self.trunks.is_quiet() && !self.transactions.asks()
    }

    /// Gauges and counters.
    pub fn stats(&self) -> Stats {
        let mut stats = self.transport.stats.clone();
        stats.calls = self.calls.len();
        stats.unanswered = self.unanswered;
        stats.dialogs = self.dialogs.len();
        stats.transactions = self.transactions.len();
        stats.connections = self.transport.len();
        (stats.registrations, stats.lookups) = self.trunks.gauges();
        stats.subscriptions = self.calls.values().map(|call| call.subscriptions()).sum();
        stats
    }
}
