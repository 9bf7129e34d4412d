//! One endpoint, alone: the test plays its peers by hand, octet by octet.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_core::admission::{Gate, TlsFacts, Transport, TrunkRule};
use sip_core::endpoint::{
    Body, CallKey, Command, Config, ConnectionId, Endpoint, Event, Flow, Input, Listener, ListenerId, LocateId,
    NextHop, Output, Refusal, Stats,
};
use sip_core::locate::Target;
use sip_core::trunk::TrunkEvent;
use sip_core::wire::StatusCode;

/// The endpoint's own address, UDP and TCP and TLS.
pub(crate) const OURS: &str = "192.0.2.10:5060";
/// The address of trunk `carrier-a`.
pub(crate) const CARRIER: &str = "198.51.100.7:5060";
/// The address of trunk `carrier-b`.
pub(crate) const OTHER: &str = "203.0.113.5:5060";
/// The address of nobody we know.
pub(crate) const STRANGER: &str = "192.0.2.66:5060";

/// The listeners, by their index.
pub(crate) const UDP: ListenerId = ListenerId(0);
pub(crate) const TCP: ListenerId = ListenerId(1);
pub(crate) const TLS: ListenerId = ListenerId(2);

pub(crate) struct Station {
    pub(crate) endpoint: Endpoint,
    pub(crate) now: Instant,
    pub(crate) started: Instant,
    sent: VecDeque<Sent>,
    events: VecDeque<(CallKey, Event)>,
    pub(crate) connects: VecDeque<(ConnectionId, NextHop)>,
    pub(crate) closed: Vec<ConnectionId>,
    pub(crate) locates: VecDeque<(LocateId, Target)>,
    pub(crate) trunk_events: VecDeque<TrunkEvent>,
    deadline: Option<Instant>,
}

/// A message that left the endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) flow: Flow,
    pub(crate) text: String,
    pub(crate) octets: Bytes,
    /// Since the test began.
    pub(crate) after: Duration,
}

impl Sent {
    pub(crate) fn to(&self) -> SocketAddr {
        match self.flow {
            Flow::Datagram { remote, .. } => remote,
            Flow::Stream(id) => panic!("over connection {}", id.number()),
        }
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> u16 {
        let code = self.text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
        code.and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("not a response: {}", self.text))
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> &str {
        self.text.split(' ').next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.text.split("\r\n").find_map(|line| line.strip_prefix(prefix.as_str()))
    }

    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap().1
    }

    pub(crate) fn to_tag(&self) -> &str {
        self.header("To").and_then(|to| to.split_once(";tag=")).map(|(_, tag)| tag).unwrap_or_default()
    }

    pub(crate) fn branch(&self) -> &str {
        let via = self.header("Via").unwrap();
        via.split("branch=").nth(1).unwrap().split(';').next().unwrap()
    }
}

impl Station {
    pub(crate) fn new() -> Self {
        Self::with(rules(), |_| {})
    }

    pub(crate) fn with(rules: Vec<TrunkRule>, adjust: impl FnOnce(&mut Config)) -> Self {
        let now = origin();
        let listener = |transport| Listener::new(transport, OURS.parse().unwrap());
        let mut config =
            Config::new(vec![listener(Transport::Udp), listener(Transport::Tcp), listener(Transport::Tls)]);
        adjust(&mut config);
        let gate = Gate::new(rules, now).unwrap();
        Self {
            endpoint: Endpoint::new(config, gate, [7; 32], now),
            now,
            started: now,
            sent: VecDeque::new(),
            events: VecDeque::new(),
            connects: VecDeque::new(),
            closed: Vec::new(),
            locates: VecDeque::new(),
            trunk_events: VecDeque::new(),
            deadline: None,
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.endpoint.handle_input(input, self.now);
        self.drain();
    }

    /// A datagram comes.
    pub(crate) fn recv(&mut self, from: &str, text: impl AsRef<[u8]>) {
        let bytes = Bytes::copy_from_slice(text.as_ref());
        self.input(Input::Datagram { listener: UDP, remote: from.parse().unwrap(), bytes });
    }

    /// A connection is accepted and ready.
    pub(crate) fn connect(&mut self, listener: ListenerId, from: &str, tls: Option<TlsFacts>) -> ConnectionId {
        let id = self.endpoint.accept(listener, from.parse().unwrap(), self.now).expect("room for a connection");
        self.drain();
        self.input(Input::Connected { connection: id, tls });
        id
    }

    /// Octets come on a connection.
    pub(crate) fn recv_on(&mut self, connection: ConnectionId, text: impl AsRef<[u8]>) {
        let bytes = Bytes::copy_from_slice(text.as_ref());
        self.input(Input::Received { connection, bytes });
    }

    pub(crate) fn command(&mut self, call: CallKey, command: Command) {
        self.input(Input::Command { call, command });
    }

    pub(crate) fn ring(&mut self, call: CallKey) {
        self.command(call, Command::Ring { status: StatusCode::RINGING, sdp: None });
    }

    pub(crate) fn answer(&mut self, call: CallKey) {
        self.command(call, Command::Answer { sdp: Body::from(b"v=0 answer".to_vec()) });
    }

    pub(crate) fn hang_up(&mut self, call: CallKey) {
        self.command(call, Command::Hangup { reason: None });
    }

    /// Time passes, each deadline kept on its own instant.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.deadline.filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.input(Input::Timeout);
        }
        self.now = until;
    }

    pub(crate) fn pass_secs(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// The next message that was sent.
    #[track_caller]
    pub(crate) fn sent(&mut self) -> Sent {
        self.sent.pop_front().expect("a message was sent")
    }

    /// The next message, which must be a response with this status.
    #[track_caller]
    pub(crate) fn expect_status(&mut self, status: u16) -> Sent {
        let sent = self.sent();
        assert_eq!(sent.status(), status, "{}", sent.text);
        sent
    }

    /// The next message, which must be a request with this method.
    #[track_caller]
    pub(crate) fn expect_request(&mut self, method: &str) -> Sent {
        let sent = self.sent();
        assert_eq!(sent.method(), method, "{}", sent.text);
        sent
    }

    #[track_caller]
    pub(crate) fn expect_silence(&self) {
        assert!(self.sent.is_empty(), "{:?}", self.sent);
    }

    /// All that was sent and not looked at.
    pub(crate) fn all_sent(&mut self) -> Vec<Sent> {
        self.sent.drain(..).collect()
    }

    /// All events that were not looked at.
    pub(crate) fn all_events(&mut self) -> Vec<(CallKey, Event)> {
        self.events.drain(..).collect()
    }

    #[track_caller]
    pub(crate) fn event(&mut self) -> (CallKey, Event) {
        self.events.pop_front().expect("an event")
    }

    /// The next event, which must be a call that came in.
    #[track_caller]
    pub(crate) fn incoming(&mut self) -> CallKey {
        let (key, event) = self.event();
        assert!(matches!(event, Event::Incoming(_)), "{event:?}");
        key
    }

    /// The next event, which must be the end of a call.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> sip_core::endpoint::Ended {
        match self.event().1 {
            Event::Ended(ended) => ended,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn expect_no_event(&self) {
        assert!(self.events.is_empty(), "{:?}", self.events);
    }

    pub(crate) fn stats(&self) -> Stats {
        self.endpoint.stats()
    }

    pub(crate) fn refused(&self, reason: Refusal) -> u64 {
        self.stats().refused(reason)
    }

    /// Nothing is left: no call, no transaction, no dialog.
    #[track_caller]
    pub(crate) fn expect_empty(&self) {
        let stats = self.stats();
        assert_eq!((stats.calls, stats.transactions, stats.dialogs), (0, 0, 0), "{stats:?}");
    }

    pub(crate) fn drain(&mut self) {
        loop {
            match self.endpoint.poll_output() {
                Output::Transmit { flow, bytes } => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    self.sent.push_back(Sent { flow, text, octets: bytes, after: self.now - self.started });
                }
                Output::Connect { connection, next_hop, .. } => self.connects.push_back((connection, next_hop)),
                Output::Close { connection } => self.closed.push(connection),
                Output::Event { call, event } => self.events.push_back((call, event)),
                Output::Locate { id, target, .. } => self.locates.push_back((id, target)),
                Output::Trunk(event) => self.trunk_events.push_back(event),
                Output::Timeout(at) => {
                    self.deadline = Some(at);
                    return;
                }
                Output::Idle => {
                    self.deadline = None;
                    return;
                }
            }
        }
    }
}

pub(crate) fn rules() -> Vec<TrunkRule> {
    vec![
        TrunkRule::new("carrier-a").peer("198.51.100.0/24".parse().unwrap()).srtp("required"),
        TrunkRule::new("carrier-b").peer("203.0.113.5".parse().unwrap()),
    ]
}

/// The test's first instant.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can be had from the clock only; the rest of the time is virtual"
)]
pub(crate) fn origin() -> Instant {
    Instant::now()
}
