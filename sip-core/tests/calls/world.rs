//! Two endpoints and a peer that is a script, all in one bad network: everything from one seed, in virtual time.
//!
//! In half of the worlds the endpoints speak over TCP, whose connections are lost and made anew; in some they ask each other
//! for credentials; in some they call each other over hops that must be looked up, one of which is a hole, and register with the
//! script.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_core::admission::{Gate, Rel100, Transport, TrunkId, TrunkRule};
use sip_core::auth::{Credentials, Realm};
use sip_core::endpoint::{
    Body, CallKey, Caps, Cause, Command, Config, ConnectionId, Dial, Endpoint, Event, Flow, Input, Listener,
    ListenerId, LocateId, NextHop, Output, Refusal, Reject,
};
use sip_core::locate::{LocateError, Located, Target};
use sip_core::trunk::{Outbound, Registration, TrunkChange};
use sip_core::wire::{Host, StatusCode, Text, Uri};

use crate::pair::{Random, Weather};
use crate::script::{Message, response_to};
use crate::station::{Sent, origin};

/// The two endpoints and the script, in this order.
const ADDRESSES: [&str; 4] = ["192.0.2.1:5060", "192.0.2.2:5060", "192.0.2.3:5060", "192.0.2.4:5060"];
const NAMES: [&str; 3] = ["a", "b", "script"];
const SCRIPT: usize = 2;
/// Where nobody is.
const HOLE: usize = 3;
const UDP: ListenerId = ListenerId(0);
const TCP: ListenerId = ListenerId(1);
/// Outputs that one input may cause. Ending every call at once causes the most.
const OUTPUTS: usize = 2_000;

/// One endpoint and what its TU knows.
struct Node {
    endpoint: Endpoint,
    deadline: Option<Instant>,
    /// Calls that are not over, and their trunks.
    calls: BTreeMap<CallKey, String>,
    over: BTreeSet<CallKey>,
    /// Every INVITE that was told as a call.
    invites: BTreeSet<String>,
}

/// What kind of world it is.
#[derive(Clone, Copy)]
struct Kind {
    /// The endpoints speak over TCP.
    streams: bool,
    /// They ask each other for credentials.
    asks: bool,
    /// They call over hops of their own, and register.
    hops: bool,
}

/// What is on its way.
enum Flight {
    Datagram {
        from: usize,
        to: usize,
        bytes: Bytes,
    },
    /// A connection is being made.
    Opening {
        from: usize,
        connection: ConnectionId,
        to: Option<usize>,
    },
    Octets {
        link: usize,
        end: usize,
        bytes: Bytes,
    },
    /// The other end has closed.
    Closed {
        to: usize,
        connection: ConnectionId,
    },
    Located {
        from: usize,
        id: LocateId,
        result: Result<Located, LocateError>,
    },
}

/// A connection between the two endpoints.
struct Link {
    ends: [(usize, ConnectionId); 2],
    is_up: bool,
    /// When what was sent last to each end arrives: nothing overtakes.
    last: [Instant; 2],
}

pub(crate) struct World {
    now: Instant,
    kind: Kind,
    links: Vec<Link>,
    nodes: [Node; 2],
    script: Script,
    weather: Weather,
    random: Random,
    flying: BTreeMap<(Instant, u64), Flight>,
    packets: u64,
    /// What the calls lived through, so that a driver that does nothing is noticed.
    pub(crate) seen: BTreeMap<&'static str, u64>,
}

/// What the script has heard.
#[derive(Default)]
struct Script {
    /// Requests to it that it may answer, and who sent them.
    requests: Vec<(usize, Sent)>,
    /// Responses that make a dialog, and the requests that they answer.
    dialogs: Vec<(usize, Message, Sent)>,
    sent: u32,
}

impl Node {
    fn new(index: usize, kind: Kind, random: &mut Random, now: Instant) -> Self {
        let address: SocketAddr = ADDRESSES[index].parse().unwrap();
        let listener = |transport| Listener::new(transport, address);
        let mut config = Config::new(vec![listener(Transport::Udp), listener(Transport::Tcp)]);
        config.caps = Caps { calls: 40, unanswered: 12, transactions: 200, ..Caps::default() };
        let rules = (0..3).filter(|peer| *peer != index).map(|peer| {
            let host: SocketAddr = ADDRESSES[peer].parse().unwrap();
            let mut rule = TrunkRule::new(NAMES[peer])
                .peer(host.ip().to_string().parse().unwrap())
                .rel100(*random.pick(&[Rel100::Off, Rel100::Supported, Rel100::Required]))
                .redirects(u8::try_from(random.below(4)).unwrap())
                .refer(random.percent(70))
                .replaces(random.percent(70));
            if kind.asks {
                rule = rule.credentials(Credentials::new("acme", "secret".to_owned()).unwrap());
            }
            if kind.asks && peer != SCRIPT && random.percent(70) {
                rule = rule.challenge(realm(if random.percent(80) { "secret" } else { "other" }));
            }
            if kind.hops {
                rule = rule.outbound(outbound(NAMES[peer], random));
            }
            rule
        });
        let gate = Gate::new(rules.collect(), now).unwrap();
        let seed = [u8::try_from(index).unwrap() + 1; 32];
        Self {
            endpoint: Endpoint::new(config, gate, seed, now),
            deadline: None,
            calls: BTreeMap::new(),
            over: BTreeSet::new(),
            invites: BTreeSet::new(),
        }
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let (now, mut random) = (origin(), Random(seed));
        let kind = Kind { streams: random.percent(50), asks: random.percent(30), hops: random.percent(35) };
        let nodes = [Node::new(0, kind, &mut random, now), Node::new(1, kind, &mut random, now)];
        let loss = random.below(25);
        let weather = Weather { loss, duplicate: random.below(25), delay: 1..2 + random.below(500) };
        let mut world = Self {
            now,
            kind,
            links: Vec::new(),
            nodes,
            script: Script::default(),
            weather,
            random,
            flying: BTreeMap::new(),
            packets: 0,
            seen: BTreeMap::new(),
        };
        world.drain(0);
        world.drain(1);
        world
    }

    /// Anything happens, for `steps` turns; then nobody does anything more and all must be over.
    pub(crate) fn run(&mut self, steps: u32) {
        for _ in 0..steps {
            for index in [0, 1] {
                self.turn(index);
            }
            self.script_turn();
            if self.random.percent(8) {
                self.lose_a_link();
            }
            let wait = self.random.below(1_200);
            self.pass(Duration::from_millis(wait));
        }
        self.weather = Weather::FINE;
        for node in &mut self.nodes {
            node.endpoint.drain();
        }
        self.hang_up_all(0);
        self.pass(Duration::from_mins(5));
        // What one side has ended the other knows to be over.
        let left: Vec<&CallKey> =
            self.nodes[1].calls.iter().filter(|(_, trunk)| *trunk == "a").map(|(key, _)| key).collect();
        // Over TCP a BYE is sent once, and is lost with its connection; then the session timer ends the call.
        assert!(
            left.is_empty() || self.kind.streams,
            "the other side still has {left:?}: {:?}",
            self.nodes[1].endpoint.stats()
        );
        self.hang_up_all(1);
        self.pass(Duration::from_mins(10));
        for node in &self.nodes {
            let stats = node.endpoint.stats();
            let gauges = [stats.calls, stats.dialogs, stats.transactions, stats.connections, stats.unanswered];
            assert_eq!(gauges, [0; 5], "{stats:?}");
            assert_eq!([stats.registrations, stats.lookups, stats.subscriptions], [0; 3], "{stats:?}");
            assert!(node.endpoint.trunks(self.now).iter().all(|trunk| trunk.calls == 0));
            *self.seen.entry("failed over").or_default() += stats.refused(Refusal::FailedOver);
            *self.seen.entry("challenged").or_default() += stats.refused(Refusal::Challenged);
            assert!(node.calls.is_empty(), "without an end: {:?}", node.calls);
            assert!(node.endpoint.is_quiet());
        }
    }

    fn turn(&mut self, index: usize) {
        if self.random.percent(12) {
            self.dial(index);
        }
        if self.random.percent(60) && !self.nodes[index].calls.is_empty() {
            let calls = &self.nodes[index].calls;
            let nth = usize::try_from(self.random.below(calls.len() as u64)).unwrap();
            let key = *calls.keys().nth(nth).unwrap();
            let command = self.any_command(index);
            self.command(index, key, command);
        }
    }

    fn dial(&mut self, index: usize) {
        let peer = if self.random.percent(50) { SCRIPT } else { 1 - index };
        let uri = |user: &'static str| {
            Uri::sip(Some(Text::from_static(user)), Host::Name(Text::from_static("voice.example")), None)
        };
        let address = ADDRESSES[peer].parse().unwrap();
        let named = if self.kind.streams && peer != SCRIPT { NextHop::tcp(address) } else { NextHop::udp(address) };
        let next_hop = if self.kind.hops && self.random.percent(70) { None } else { Some(named) };
        let dial = Dial {
            trunk: TrunkId::new(NAMES[peer]),
            next_hop,
            target: uri("bob"),
            from: uri("alice"),
            sdp: self.random.percent(70).then(|| sdp("offer")),
            headers: Vec::new(),
        };
        let now = self.now;
        if let Ok(key) = self.nodes[index].endpoint.dial(dial, now) {
            self.nodes[index].calls.insert(key, NAMES[peer].into());
            self.drain(index);
        }
    }

    fn any_command(&mut self, index: usize) -> Command {
        let random = &mut self.random;
        match random.below(24) {
            0..=2 => Command::Ring { status: StatusCode::RINGING, sdp: None },
            3..=5 => Command::Ring { status: StatusCode::SESSION_PROGRESS, sdp: Some(sdp("early")) },
            6..=9 => Command::Answer { sdp: sdp("answer") },
            10 => Command::Reject(Reject::new(StatusCode::BUSY_HERE)),
            11 => Command::Hangup { reason: Some(Cause::Q850(16)) },
            12..=14 => Command::Reinvite { sdp: sdp("change") },
            15 | 16 => Command::AnswerReinvite { sdp: sdp("changed") },
            17 => Command::RejectReinvite { status: StatusCode::NOT_ACCEPTABLE_HERE },
            18 => Command::Acknowledge { sdp: sdp("acknowledged") },
            19 => Command::Info { content_type: Text::from_static("text/plain"), body: sdp("info") },
            20 => {
                let target =
                    Uri::sip(Some(Text::from_static("carol")), Host::Name(Text::from_static("x.example")), None);
                let replaces = self.nodes[index].calls.keys().next_back().copied();
                Command::Refer { target: Box::new(target), replaces, referred_by: None }
            }
            21 => Command::AcceptRefer,
            22 => Command::RejectRefer { status: StatusCode::DECLINE },
            _ => Command::NotifyRefer { status: *random.pick(&[StatusCode::RINGING, StatusCode::OK]) },
        }
    }

    /// What a TU that does its work answers to an event, most of the time.
    fn react(&mut self, index: usize, key: CallKey, event: &Event) {
        if !self.random.percent(55) {
            return;
        }
        let command = match event {
            Event::Incoming(_) => Command::Ring { status: StatusCode::SESSION_PROGRESS, sdp: Some(sdp("early")) },
            Event::Answered { .. } | Event::Progress { .. } => Command::Acknowledge { sdp: sdp("acknowledged") },
            Event::EarlyAnswer { .. } => Command::Answer { sdp: sdp("answer") },
            Event::EarlyOffer { .. } | Event::Reinvite { .. } => Command::AnswerReinvite { sdp: sdp("changed") },
            Event::Refer(_) => Command::AcceptRefer,
            _ => return,
        };
        self.command(index, key, command);
    }

    fn on_event(&mut self, index: usize, key: CallKey, event: &Event) {
        let name = match event {
            Event::Incoming(_) => "incoming",
            Event::Ack { .. } => "ack",
            Event::Answered { .. } => "answered",
            Event::Progress { .. } => "progress",
            Event::EarlyOffer { .. } => "early offer",
            Event::EarlyAnswer { .. } => "early answer",
            Event::Reinvited { .. } => "reinvited",
            Event::Refer(_) => "refer",
            Event::Ended(_) => "ended",
            _ => "other",
        };
        *self.seen.entry(name).or_default() += 1;
        let node = &mut self.nodes[index];
        assert!(!node.over.contains(&key), "{event:?} after the end");
        match event {
            Event::Incoming(invite) => {
                let request = invite.get().request();
                let name = format!(
                    "{:?} {:?} {:?}",
                    request.call_id().map(|id| id.as_bytes().to_vec()),
                    request.from().ok().and_then(|from| from.tag().map(str::to_owned)),
                    request.cseq().map(|cseq| cseq.seq),
                );
                assert!(node.invites.insert(name), "one INVITE, two calls");
                node.calls.insert(key, invite.trunk().to_string());
            }
            Event::Ended(_) => {
                assert!(node.calls.remove(&key).is_some(), "the end of a call that never began");
                node.over.insert(key);
            }
            _ => {}
        }
        self.react(index, key, event);
    }

    fn command(&mut self, index: usize, call: CallKey, command: Command) {
        self.input(index, Input::Command { call, command });
    }

    fn hang_up_all(&mut self, index: usize) {
        let now = self.now;
        self.nodes[index].endpoint.hang_up_all(now);
        self.drain(index);
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let packet = self.flying.keys().next().map(|(at, _)| *at);
            let next = [packet, self.nodes[0].deadline, self.nodes[1].deadline].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            if packet.is_some_and(|at| at <= self.now) {
                let (_, flight) = self.flying.pop_first().unwrap();
                self.arrive(flight);
                continue;
            }
            for index in [0, 1] {
                if self.nodes[index].deadline.is_some_and(|at| at <= self.now) {
                    self.input(index, Input::Timeout);
                }
            }
        }
        self.now = until;
    }

    fn arrive(&mut self, flight: Flight) {
        match flight {
            Flight::Datagram { to: HOLE, .. } => {}
            Flight::Datagram { from, to: SCRIPT, bytes } => self.script.hear(from, &bytes),
            Flight::Datagram { from, to, bytes } => {
                let remote = ADDRESSES[from].parse().unwrap();
                self.input(to, Input::Datagram { listener: UDP, remote, bytes });
            }
            Flight::Opening { from, connection, to } => self.open(from, connection, to),
            Flight::Octets { link, end, bytes } => {
                let Link { ends, is_up, .. } = &self.links[link];
                if *is_up {
                    let (to, connection) = ends[end];
                    self.input(to, Input::Received { connection, bytes });
                }
            }
            Flight::Closed { to, connection } => self.input(to, Input::Disconnected { connection }),
            Flight::Located { from, id, result } => self.input(from, Input::Located { id, result }),
        }
    }

    /// The connection is made, or is not.
    fn open(&mut self, from: usize, connection: ConnectionId, to: Option<usize>) {
        let port = 40_000 + u16::try_from(self.links.len()).unwrap();
        let remote = SocketAddr::new(ADDRESSES[from].parse::<SocketAddr>().unwrap().ip(), port);
        let now = self.now;
        let accepted = to.and_then(|to| Some((to, self.nodes[to].endpoint.accept(TCP, remote, now)?)));
        let Some((to, theirs)) = accepted else {
            self.input(from, Input::Disconnected { connection });
            return;
        };
        self.links.push(Link { ends: [(from, connection), (to, theirs)], is_up: true, last: [now; 2] });
        *self.seen.entry("connected").or_default() += 1;
        self.drain(to);
        self.input(to, Input::Connected { connection: theirs, tls: None });
        self.input(from, Input::Connected { connection, tls: None });
    }

    fn link_of(&self, index: usize, connection: ConnectionId) -> Option<(usize, usize)> {
        let mut found = self.links.iter().enumerate().rev().filter(|(_, link)| link.is_up);
        found.find_map(|(at, link)| Some((at, link.ends.iter().position(|end| *end == (index, connection))?)))
    }

    fn lose_a_link(&mut self) {
        let up: Vec<usize> = (0..self.links.len()).filter(|at| self.links[*at].is_up).collect();
        if up.is_empty() {
            return;
        }
        let at = *self.random.pick(&up);
        self.links[at].is_up = false;
        *self.seen.entry("lost").or_default() += 1;
        for (index, connection) in self.links[at].ends {
            self.input(index, Input::Disconnected { connection });
        }
    }

    fn later(&mut self) -> Instant {
        let span = self.weather.delay.end - self.weather.delay.start;
        self.now + Duration::from_millis(self.weather.delay.start + self.random.below(span))
    }

    fn put(&mut self, at: Instant, flight: Flight) {
        self.packets += 1;
        self.flying.insert((at, self.packets), flight);
    }

    fn send_on(&mut self, index: usize, connection: ConnectionId, bytes: Bytes) {
        let Some((link, ours)) = self.link_of(index, connection) else { return };
        let (end, at) = (1 - ours, self.later());
        let at = at.max(self.links[link].last[end]);
        self.links[link].last[end] = at;
        self.put(at, Flight::Octets { link, end, bytes });
    }

    fn close(&mut self, index: usize, connection: ConnectionId) {
        let Some((link, ours)) = self.link_of(index, connection) else { return };
        self.links[link].is_up = false;
        let (to, connection) = self.links[link].ends[1 - ours];
        let at = self.later();
        self.put(at, Flight::Closed { to, connection });
    }

    /// A connection is wanted: to the other endpoint it is made, most of the time; nobody else takes any.
    fn connect(&mut self, from: usize, connection: ConnectionId, hop: &NextHop) {
        let to = (0..2).find(|to| hop.address.to_string() == ADDRESSES[*to]).filter(|_| self.random.percent(85));
        // A packet into the hole has no answer, not even that there is none.
        if hop.address.to_string() != ADDRESSES[HOLE] {
            let at = self.later();
            self.put(at, Flight::Opening { from, connection, to });
        }
    }

    /// A look-up finds some of the hops in some order, or fails, or takes for ever.
    fn locate(&mut self, from: usize, id: LocateId, target: &Target) {
        let peer = NAMES.iter().position(|name| format!("{target:?}").contains(&format!("{name}.example"))).unwrap();
        let address = |index: usize| ADDRESSES[index].parse().unwrap();
        let mut all = vec![NextHop::udp(address(HOLE)), NextHop::udp(address(peer)), NextHop::tcp(address(HOLE))];
        if peer != SCRIPT && self.kind.streams {
            all.push(NextHop::tcp(address(peer)));
        }
        let mut hops = Vec::new();
        while !all.is_empty() {
            let hop = all.swap_remove(usize::try_from(self.random.below(all.len() as u64)).unwrap());
            if self.random.percent(75) {
                hops.push(hop);
            }
        }
        let valid_for = Duration::from_secs(self.random.below(120));
        let result =
            if self.random.percent(85) { Ok(Located::in_order(hops, valid_for)) } else { Err(LocateError::Timeout) };
        if self.random.percent(90) {
            let at = self.later();
            self.put(at, Flight::Located { from, id, result });
        }
    }

    fn input(&mut self, index: usize, input: Input) {
        let now = self.now;
        self.nodes[index].endpoint.handle_input(input, now);
        self.drain(index);
    }

    fn drain(&mut self, index: usize) {
        let mut events = Vec::new();
        for count in 0.. {
            assert!(count < OUTPUTS, "outputs without end");
            match self.nodes[index].endpoint.poll_output() {
                Output::Transmit { flow, bytes } => {
                    let remote = match flow {
                        Flow::Datagram { remote, .. } => remote,
                        Flow::Stream(id) => {
                            self.send_on(index, id, bytes);
                            continue;
                        }
                    };
                    let to = ADDRESSES.iter().position(|address| *address == remote.to_string()).expect("a peer");
                    self.fly(index, to, &bytes);
                }
                Output::Event { call, event } => events.push((call, event)),
                Output::Connect { connection, next_hop, .. } => self.connect(index, connection, &next_hop),
                Output::Close { connection } => self.close(index, connection),
                Output::Locate { id, target, .. } => self.locate(index, id, &target),
                Output::Trunk(event) => {
                    if matches!(event.change, TrunkChange::Registered { .. }) {
                        *self.seen.entry("registered").or_default() += 1;
                    }
                }
                Output::Timeout(at) => {
                    self.nodes[index].deadline = Some(at);
                    break;
                }
                Output::Idle => {
                    self.nodes[index].deadline = None;
                    break;
                }
            }
        }
        for (call, event) in events {
            self.on_event(index, call, &event);
        }
    }

    fn fly(&mut self, from: usize, to: usize, bytes: &Bytes) {
        if self.random.percent(self.weather.loss) {
            return;
        }
        let copies = 1 + u64::from(self.random.percent(self.weather.duplicate));
        for _ in 0..copies {
            let at = self.later();
            self.put(at, Flight::Datagram { from, to, bytes: bytes.clone() });
        }
    }

    /// The script says something: an answer, a request within a dialog, or a new call.
    fn script_turn(&mut self) {
        for _ in 0..2 {
            if let Some((to, text)) = self.script.answer(&mut self.random) {
                self.fly(SCRIPT, to, &Bytes::from(text));
            }
        }
        if self.random.percent(40) {
            let (to, text) = self.script.ask(&mut self.random);
            self.fly(SCRIPT, to, &Bytes::from(text));
        }
    }
}

impl Script {
    fn hear(&mut self, from: usize, bytes: &Bytes) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let remote = ADDRESSES[from].parse().unwrap();
        let flow = Flow::Datagram { listener: ListenerId(0), remote };
        let sent = Sent { flow, text, octets: Bytes::new(), after: Duration::ZERO };
        if !sent.text.starts_with("SIP/2.0") {
            self.requests.push((from, sent));
        } else if !sent.to_tag().is_empty() {
            let message = Message {
                method: "INVITE",
                call_id: sent.header("Call-ID").unwrap_or_default().into(),
                from_tag: tag(&sent, "From").into(),
                ..Message::invite()
            };
            self.dialogs.push((from, message, sent));
        }
    }

    /// Any response to any request that was heard of lately.
    fn answer(&mut self, random: &mut Random) -> Option<(usize, String)> {
        if self.requests.is_empty() {
            return None;
        }
        let last = self.requests.len() as u64;
        let index = usize::try_from(last - 1 - random.below(last.min(4))).unwrap();
        let (to, request) = &self.requests[index];
        let status = *random.pick(&[
            "100 Trying",
            "180 Ringing",
            "183 Session Progress",
            "183 Session Progress",
            "199 Early Dialog Terminated",
            "200 OK",
            "200 OK",
            "200 OK",
            "202 Accepted",
            "302 Moved Temporarily",
            "401 Unauthorized",
            "405 Method Not Allowed",
            "408 Request Timeout",
            "422 Session Interval Too Small",
            "481 Call Does Not Exist",
            "486 Busy Here",
            "487 Request Terminated",
            "491 Request Pending",
            "500 Server Internal Error",
            "603 Decline",
        ]);
        let mut extra = vec!["Contact: <sip:s@192.0.2.3:5060>".to_owned()];
        if status.starts_with('1') && random.percent(60) {
            extra.push("Require: 100rel".into());
            extra.push(format!("RSeq: {}", 1 + random.below(4)));
        }
        if random.percent(60) {
            extra.push("Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK".into());
        }
        match status {
            "302 Moved Temporarily" => extra[0] = format!("Contact: <sip:r{}@x.example>;q=0.5", random.below(5)),
            "200 OK" if request.method() == "REGISTER" => {
                extra[0] = format!("Contact: {}", request.header("Contact").unwrap_or("*"));
                extra.push(format!("Expires: {}", random.below(100)));
            }
            "401 Unauthorized" => extra.push(format!(
                "WWW-Authenticate: Digest realm=\"script\", nonce=\"n{}\", qop=\"auth\", algorithm=SHA-256",
                random.below(3)
            )),
            "422 Session Interval Too Small" => extra.push(format!("Min-SE: {}", 90 + random.below(5_000))),
            _ => {}
        }
        if random.percent(30) {
            let refresher = *random.pick(&["uac", "uas"]);
            extra.push(format!("Session-Expires: {};refresher={refresher}", 90 + random.below(2_000)));
        }
        let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
        let body = if random.percent(60) { "v=0 script" } else { "" };
        let tag = *random.pick(&["t1", "t2", "t3", ""]);
        if request.header("Via").is_none() || request.method() == "ACK" {
            return None;
        }
        Some((*to, response_to(request, status, tag, &extra, body)))
    }

    /// Any request: a new call, or within a dialog that the script has heard of.
    fn ask(&mut self, random: &mut Random) -> (usize, String) {
        self.sent += 1;
        let number = self.sent;
        if self.dialogs.is_empty() && self.requests.is_empty() || random.percent(25) {
            return (usize::try_from(random.below(2)).unwrap(), self.call(random).text());
        }
        // As the caller, with what a response told; or as the callee, with what an INVITE told.
        let (to, mut message) = if !self.dialogs.is_empty() && random.percent(60) {
            let (to, message, response) = random.pick(&self.dialogs);
            let mut message = Message { to_tag: response.to_tag().into(), ..message.clone() };
            if let Some(rseq) = response.header("RSeq") {
                message.headers.push(format!("RAck: {rseq} 1 INVITE"));
            }
            (*to, message)
        } else if !self.requests.is_empty() {
            let (to, request) = random.pick(&self.requests);
            let call_id = request.header("Call-ID").unwrap_or_default().to_owned();
            let from_tag = (*random.pick(&["t1", "t2", "t3"])).to_owned();
            (*to, Message { call_id, from_tag, to_tag: tag(request, "From").into(), ..Message::invite() })
        } else {
            (0, self.call(random))
        };
        message.method = *random.pick(&[
            "INVITE", "ACK", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "UPDATE", "PRACK", "PRACK", "REFER",
            "NOTIFY", "BREW",
        ]);
        message.via = "SIP/2.0/UDP 192.0.2.3:5060".into();
        message.contact = Some("<sip:s@192.0.2.3:5060>".into());
        message.cseq = u32::try_from(1 + random.below(u64::from(number))).unwrap();
        message.branch =
            if random.percent(20) { "z9hG4bKinvite1".into() } else { format!("z9hG4bKs{}", random.below(60)) };
        message.body = if random.percent(40) { format!("v=0 {}", random.below(3)) } else { String::new() };
        match message.method {
            "REFER" => message.headers.push("Refer-To: <sip:dave@x.example>".into()),
            "NOTIFY" => {
                message.headers.push("Event: refer".into());
                let state = *random.pick(&["active;expires=60", "terminated;reason=noresource"]);
                message.headers.push(format!("Subscription-State: {state}"));
                message.headers.push("Content-Type: message/sipfrag".into());
                message.body = (*random.pick(&["SIP/2.0 100 Trying", "SIP/2.0 200 OK"])).into();
            }
            _ => {}
        }
        (to, message.text())
    }

    fn call(&self, random: &mut Random) -> Message {
        let number = self.sent;
        let mut message = Message {
            via: "SIP/2.0/UDP 192.0.2.3:5060".into(),
            contact: Some("<sip:s@192.0.2.3:5060>".into()),
            branch: format!("z9hG4bKcall{number}"),
            call_id: format!("script-{number}"),
            from_tag: format!("s{number}"),
            ..Message::invite()
        };
        if random.percent(60) {
            message.headers.push((*random.pick(&["Supported: 100rel, timer", "Require: 100rel"])).into());
        }
        if random.percent(40) {
            let mut line = String::new();
            write!(line, "Session-Expires: {}", 60 + random.below(2_000)).unwrap();
            message.headers.push(line);
        }
        if random.percent(25) {
            message.body = String::new();
        }
        message
    }
}

fn sdp(what: &str) -> Body {
    Body::from(format!("v=0 {what}").into_bytes())
}

fn tag<'a>(sent: &'a Sent, name: &str) -> &'a str {
    sent.header(name).and_then(|value| value.split_once(";tag=")).map(|(_, tag)| tag).unwrap_or_default()
}

/// Who may call, by this password.
fn realm(password: &str) -> Realm {
    Realm::new("voice.example").unwrap().user("acme", password).unwrap()
}

/// Calls over the hops of `NAME.example`; the script takes registrations.
fn outbound(name: &str, random: &mut Random) -> Outbound {
    let mut outbound = Outbound::new(format!("sip:{name}.example").parse().unwrap())
        .fail_over_after(Duration::from_secs(2 + random.below(5)))
        .hold_down(Duration::from_secs(1 + random.below(20)));
    if random.percent(40) {
        outbound = outbound.ping(Duration::from_secs(5 + random.below(10)));
    }
    if name == NAMES[SCRIPT] {
        outbound = outbound.registration(Registration::new(Text::from_static("acme")));
    }
    outbound
}
