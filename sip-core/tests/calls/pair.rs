//! Two endpoints over a network that loses, doubles, delays and reorders, from one seed and in virtual time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_core::admission::{Gate, Transport, TrunkId, TrunkRule};
use sip_core::dialog::SessionPolicy;
use sip_core::endpoint::{
    Body, CallKey, Command, Config, Dial, Endpoint, Event, Flow, Input, Listener, ListenerId, NextHop, Output,
};
use sip_core::wire::{Host, StatusCode, Text, Uri};

use crate::station::origin;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Caller,
    Callee,
}

/// What the network does, in percent of all packets, and in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    pub(crate) loss: u64,
    pub(crate) duplicate: u64,
    pub(crate) delay: std::ops::Range<u64>,
}

impl Weather {
    pub(crate) const FINE: Self = Self { loss: 0, duplicate: 0, delay: 10..11 };
}

pub(crate) struct Side {
    pub(crate) endpoint: Endpoint,
    address: SocketAddr,
    pub(crate) events: Vec<(CallKey, Event)>,
    deadline: Option<Instant>,
}

pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) caller: Side,
    pub(crate) callee: Side,
    pub(crate) weather: Weather,
    random: Random,
    flying: BTreeMap<(Instant, u64), (Who, Bytes)>,
    packets: u64,
    /// A proxy between the two, towards the callee.
    pub(crate) toll: Toll,
}

/// A proxy that asks who sends a request, in so many of a hundred.
#[derive(Debug, Default)]
pub(crate) struct Toll {
    pub(crate) percent: u64,
    pub(crate) asked: u64,
    /// Each branch that was seen, and whether it was asked.
    branches: BTreeMap<String, bool>,
}

/// A small generator, so that a seed means the same network for ever (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let index = usize::try_from(self.below(from.len() as u64)).unwrap();
        &from[index]
    }
}

impl Side {
    fn new(address: &str, rule: TrunkRule, seed: u8, now: Instant) -> Self {
        Self::with_session(address, rule, seed, now, SessionPolicy::default())
    }

    fn with_session(address: &str, rule: TrunkRule, seed: u8, now: Instant, session: SessionPolicy) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        let mut config = Config::new(vec![Listener::new(Transport::Udp, address)]);
        config.session = session;
        let gate = Gate::new(vec![rule], now).unwrap();
        Self { endpoint: Endpoint::new(config, gate, [seed; 32], now), address, events: Vec::new(), deadline: None }
    }

    pub(crate) fn take_events(&mut self) -> Vec<(CallKey, Event)> {
        std::mem::take(&mut self.events)
    }
}

impl Pair {
    pub(crate) fn new(seed: u64, weather: Weather) -> Self {
        Self::with(seed, weather, |caller| caller, |callee| callee)
    }

    /// Two sides, each with what it wants of the other.
    pub(crate) fn with(
        seed: u64,
        weather: Weather,
        caller: impl FnOnce(TrunkRule) -> TrunkRule,
        callee: impl FnOnce(TrunkRule) -> TrunkRule,
    ) -> Self {
        let now = origin();
        let rule = |peer: &str| TrunkRule::new("peer").peer(peer.parse().unwrap()).refer(true).replaces(true);
        Self {
            now,
            caller: Side::new("192.0.2.1:5060", caller(rule("192.0.2.2")), 1, now),
            callee: Side::new("192.0.2.2:5060", callee(rule("192.0.2.1")), 2, now),
            weather,
            random: Random(seed),
            flying: BTreeMap::new(),
            packets: 0,
            toll: Toll::default(),
        }
    }

    /// Two sides in fine weather, each with its own wish for session timers.
    pub(crate) fn with_sessions(caller: SessionPolicy, callee: SessionPolicy) -> Self {
        let mut pair = Self::new(1, Weather::FINE);
        let rule = |peer: &str| TrunkRule::new("peer").peer(peer.parse().unwrap());
        pair.caller = Side::with_session("192.0.2.1:5060", rule("192.0.2.2"), 1, pair.now, caller);
        pair.callee = Side::with_session("192.0.2.2:5060", rule("192.0.2.1"), 2, pair.now, callee);
        pair
    }

    /// How many messages each side has sent.
    pub(crate) fn sent(&self) -> (u64, u64) {
        (self.caller.endpoint.stats().sent, self.callee.endpoint.stats().sent)
    }

    pub(crate) fn side(&mut self, who: Who) -> &mut Side {
        match who {
            Who::Caller => &mut self.caller,
            Who::Callee => &mut self.callee,
        }
    }

    pub(crate) fn dial(&mut self) -> CallKey {
        let uri = |user: &'static str| {
            Uri::sip(Some(Text::from_static(user)), Host::Name(Text::from_static("voice.example")), None)
        };
        let dial = Dial {
            trunk: TrunkId::new("peer"),
            next_hop: Some(NextHop::udp(self.callee.address)),
            target: uri("bob"),
            from: uri("alice"),
            sdp: Some(Body::from(b"v=0 offer".to_vec())),
            headers: Vec::new(),
        };
        let key = self.caller.endpoint.dial(dial, self.now).unwrap();
        self.drain(Who::Caller);
        key
    }

    pub(crate) fn command(&mut self, who: Who, call: CallKey, command: Command) {
        self.input(who, Input::Command { call, command });
    }

    pub(crate) fn hang_up_all(&mut self, who: Who) {
        let now = self.now;
        self.side(who).endpoint.hang_up_all(now);
        self.drain(who);
    }

    /// Time passes for both, packet by packet and deadline by deadline.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let packet = self.flying.keys().next().map(|(at, _)| *at);
            let next = [packet, self.caller.deadline, self.callee.deadline].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            if packet.is_some_and(|at| at <= self.now) {
                let (_, (to, bytes)) = self.flying.pop_first().unwrap();
                let remote = self.side(other(to)).address;
                self.input(to, Input::Datagram { listener: ListenerId(0), remote, bytes });
                continue;
            }
            for who in [Who::Caller, Who::Callee] {
                if self.side(who).deadline.is_some_and(|at| at <= self.now) {
                    self.input(who, Input::Timeout);
                }
            }
        }
        self.now = until;
    }

    /// A call that is up. Gives its key at each side.
    pub(crate) fn established(&mut self) -> (CallKey, CallKey) {
        let ours = self.dial();
        self.pass(Duration::from_millis(100));
        let theirs = self.callee.take_events().first().map(|(key, _)| *key).unwrap();
        self.command(Who::Callee, theirs, Command::Ring { status: StatusCode::RINGING, sdp: None });
        self.command(Who::Callee, theirs, Command::Answer { sdp: Body::from(b"v=0 answer".to_vec()) });
        self.pass(Duration::from_millis(400));
        self.caller.take_events();
        self.callee.take_events();
        (ours, theirs)
    }

    /// Nothing is left at either side.
    #[track_caller]
    pub(crate) fn expect_empty(&self, what: &str) {
        for side in [&self.caller, &self.callee] {
            let stats = side.endpoint.stats();
            assert_eq!((stats.calls, stats.transactions, stats.dialogs), (0, 0, 0), "{what}: {stats:?}");
        }
    }

    fn input(&mut self, who: Who, input: Input) {
        let now = self.now;
        self.side(who).endpoint.handle_input(input, now);
        self.drain(who);
    }

    fn drain(&mut self, who: Who) {
        loop {
            match self.side(who).endpoint.poll_output() {
                Output::Transmit { flow, bytes } => {
                    let Flow::Datagram { remote, .. } = flow else { panic!("a stream") };
                    assert_eq!(remote, self.side(other(who)).address, "only to the peer");
                    self.fly(other(who), &bytes);
                }
                Output::Event { call, event } => self.side(who).events.push((call, event)),
                Output::Connect { .. } | Output::Close { .. } | Output::Locate { .. } | Output::Trunk(_) => {
                    panic!("a connection")
                }
                Output::Timeout(at) => return self.side(who).deadline = Some(at),
                Output::Idle => return self.side(who).deadline = None,
            }
        }
    }

    fn fly(&mut self, to: Who, bytes: &Bytes) {
        if to == Who::Callee
            && self.toll.percent > 0
            && let Some(answer) = self.toll.take(&String::from_utf8_lossy(bytes), &mut self.random)
        {
            if !answer.is_empty() {
                self.carry(Who::Caller, &Bytes::from(answer));
            }
            return;
        }
        self.carry(to, bytes);
    }

    fn carry(&mut self, to: Who, bytes: &Bytes) {
        if self.random.percent(self.weather.loss) {
            return;
        }
        let copies = 1 + u64::from(self.random.percent(self.weather.duplicate));
        for _ in 0..copies {
            let span = self.weather.delay.end - self.weather.delay.start;
            let delay = self.weather.delay.start + self.random.below(span);
            self.packets += 1;
            let at = self.now + Duration::from_millis(delay);
            self.flying.insert((at, self.packets), (to, bytes.clone()));
        }
    }
}

impl Toll {
    /// The challenge for a request, and nothing for what goes with one that was challenged. `None`: it may pass.
    fn take(&mut self, text: &str, random: &mut Random) -> Option<String> {
        let method = text.split(' ').next().filter(|word| *word != "SIP/2.0")?;
        let branch = text.split("branch=").nth(1)?.split(['\r', ';']).next()?.to_owned();
        if matches!(method, "ACK" | "CANCEL") {
            let is_asked = self.branches.get(&branch).copied().unwrap_or_default();
            return is_asked.then(String::new);
        }
        let chance = self.percent;
        if !*self.branches.entry(branch).or_insert_with(|| random.percent(chance)) {
            return None;
        }
        self.asked += 1;
        let copied = text.split("\r\n").filter(|line| {
            ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "].iter().any(|name| line.starts_with(name))
        });
        let lines = copied.map(|line| {
            let tag = if line.starts_with("To: ") && !line.contains(";tag=") { ";tag=toll" } else { "" };
            format!("{line}{tag}\r\n")
        });
        let challenge = format!("Digest realm=\"peer\", nonce=\"n{}\", qop=\"auth\", algorithm=SHA-256", self.asked);
        Some(format!(
            "SIP/2.0 407 Proxy Authentication Required\r\n{}Proxy-Authenticate: {challenge}, stale=true\r\n\
             Content-Length: 0\r\n\r\n",
            lines.collect::<String>()
        ))
    }
}

pub(crate) const fn other(who: Who) -> Who {
    match who {
        Who::Caller => Who::Callee,
        Who::Callee => Who::Caller,
    }
}
