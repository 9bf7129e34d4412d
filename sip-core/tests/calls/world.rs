//! Two endpoints and a peer that is a script, all in one bad network: everything from one seed, in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_core::admission::{Gate, Rel100, Transport, TrunkId, TrunkRule};
use sip_core::endpoint::{
    Body, CallKey, Caps, Cause, Command, Config, Dial, Endpoint, Event, Flow, Input, Listener, ListenerId, NextHop,
    Output, Reject,
};
use sip_core::wire::{Host, StatusCode, Text, Uri};

use crate::pair::{Random, Weather};
use crate::script::{Message, response_to};
use crate::station::{Sent, origin};

/// The two endpoints and the script, in this order.
const ADDRESSES: [&str; 3] = ["192.0.2.1:5060", "192.0.2.2:5060", "192.0.2.3:5060"];
const NAMES: [&str; 3] = ["a", "b", "script"];
const SCRIPT: usize = 2;
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

pub(crate) struct World {
    now: Instant,
    nodes: [Node; 2],
    script: Script,
    weather: Weather,
    random: Random,
    flying: BTreeMap<(Instant, u64), (usize, usize, Bytes)>,
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
    fn new(index: usize, random: &mut Random, now: Instant) -> Self {
        let address: SocketAddr = ADDRESSES[index].parse().unwrap();
        let mut config = Config::new(vec![Listener::new(Transport::Udp, address)]);
        config.caps = Caps { calls: 40, unanswered: 12, transactions: 200, ..Caps::default() };
        let rules = (0..3).filter(|peer| *peer != index).map(|peer| {
            let host: SocketAddr = ADDRESSES[peer].parse().unwrap();
            TrunkRule::new(NAMES[peer])
                .peer(host.ip().to_string().parse().unwrap())
                .rel100(*random.pick(&[Rel100::Off, Rel100::Supported, Rel100::Required]))
                .redirects(u8::try_from(random.below(4)).unwrap())
                .refer(random.percent(70))
                .replaces(random.percent(70))
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
        let nodes = [Node::new(0, &mut random, now), Node::new(1, &mut random, now)];
        let loss = random.below(25);
        let weather = Weather { loss, duplicate: random.below(25), delay: 1..2 + random.below(500) };
        Self {
            now,
            nodes,
            script: Script::default(),
            weather,
            random,
            flying: BTreeMap::new(),
            packets: 0,
            seen: BTreeMap::new(),
        }
    }

    /// Anything happens, for `steps` turns; then nobody does anything more and all must be over.
    pub(crate) fn run(&mut self, steps: u32) {
        for _ in 0..steps {
            for index in [0, 1] {
                self.turn(index);
            }
            self.script_turn();
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
        assert!(left.is_empty(), "the other side still has {left:?}: {:?}", self.nodes[1].endpoint.stats());
        self.hang_up_all(1);
        self.pass(Duration::from_mins(10));
        for node in &self.nodes {
            let stats = node.endpoint.stats();
            let gauges = [stats.calls, stats.dialogs, stats.transactions, stats.connections, stats.unanswered];
            assert_eq!(gauges, [0; 5], "{stats:?}");
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
        let dial = Dial {
            trunk: TrunkId::new(NAMES[peer]),
            next_hop: Some(NextHop::udp(ADDRESSES[peer].parse().unwrap())),
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
                let (_, (from, to, bytes)) = self.flying.pop_first().unwrap();
                if to == SCRIPT {
                    self.script.hear(from, &bytes);
                } else {
                    let remote = ADDRESSES[from].parse().unwrap();
                    self.input(to, Input::Datagram { listener: ListenerId(0), remote, bytes });
                }
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
                    let Flow::Datagram { remote, .. } = flow else { panic!("a stream") };
                    let to = ADDRESSES.iter().position(|address| *address == remote.to_string()).expect("a peer");
                    self.fly(index, to, &bytes);
                }
                Output::Event { call, event } => events.push((call, event)),
                Output::Connect { .. } | Output::Close { .. } => panic!("a connection"),
                Output::Locate { .. } | Output::Trunk(_) => {}
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
            let span = self.weather.delay.end - self.weather.delay.start;
            let delay = self.weather.delay.start + self.random.below(span);
            self.packets += 1;
            self.flying.insert((self.now + Duration::from_millis(delay), self.packets), (from, to, bytes.clone()));
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
