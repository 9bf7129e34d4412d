//! The trunks that we call over: what each of them wants to happen, and when ([`crate::trunk`]).

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Instant;

use crate::admission::{Transport, TrunkId, TrunkRule};
use crate::locate::{LocateError, Located, Target};
use crate::trunk::{
    DownReason, HopKey, HopStatus, Meter, Next, Outbound, Place, Register, TrunkChange, TrunkEvent, TrunkState,
    TrunkStatus,
};
use crate::wire::{Text, Uri};

use super::call::Call;
use super::schedule::Schedule;
use super::trunk_calls::Route;
use super::{CallKey, Endpoint, Flow, NextHop, Output};

/// Names the life of a trunk. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TrunkKey(u64);

/// Names a look-up of next hops. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocateId(pub(super) u64);

/// Which of a trunk's places: where calls go, or its registrar where that is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Target,
    Registrar,
}

/// What a request is for that belongs to a trunk and to no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrunkUse {
    /// OPTIONS to a hop.
    Ping(TrunkKey, Which, HopKey),
    Register(TrunkKey),
}

#[derive(Debug)]
pub(super) struct Trunks {
    pub(super) table: BTreeMap<TrunkKey, Box<Life>>,
    pub(super) schedule: Schedule<TrunkKey>,
    lookups: HashMap<LocateId, (TrunkKey, Which)>,
    /// The calls that we placed and that are not over.
    pub(super) routes: BTreeMap<CallKey, Route>,
    /// While a connection is being lost: the hops that this counts against already.
    losing: Option<Vec<(TrunkKey, NextHop)>>,
    last_id: u64,
    leaving: bool,
}

/// All that is known of one trunk.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) key: TrunkKey,
    pub(super) name: TrunkId,
    pub(super) outbound: Outbound,
    /// The rule's transports, as the look-ups were told.
    allowed: crate::admission::Transports,
    pub(super) target: Place,
    pub(super) registrar: Option<Place>,
    pub(super) registering: Option<Box<Registering>>,
    pub(super) meter: Meter,
    /// As it was told last.
    pub(super) state: TrunkState,
}

/// A registration, and what its requests are made of.
#[derive(Debug)]
pub(super) struct Registering {
    pub(super) machine: Register,
    pub(super) request_uri: Uri,
    /// The address of record.
    pub(super) aor: Uri,
    pub(super) contact_user: Text,
    pub(super) call_id: String,
    pub(super) tag: String,
    /// Where the REGISTER that is under way went, and those before it that failed.
    pub(super) tried: Vec<NextHop>,
    /// Our Contact in it, and the expiry that it asked for.
    pub(super) contact: Option<Uri>,
    pub(super) asked: std::time::Duration,
    /// The connection that the registrar knows us over; it is kept open.
    pub(super) held: Option<Flow>,
    /// Where the registrar knows us.
    pub(super) at: Option<NextHop>,
    /// RFC 3608
    pub(super) service_route: Vec<Text>,
}

impl Trunks {
    pub(super) fn new() -> Self {
        Self {
            table: BTreeMap::new(),
            schedule: Schedule::new(),
            lookups: HashMap::new(),
            routes: BTreeMap::new(),
            losing: None,
            last_id: 0,
            leaving: false,
        }
    }

    pub(super) fn by_name(&self, name: &TrunkId) -> Option<&Life> {
        self.table.values().find(|life| life.name == *name).map(Box::as_ref)
    }

    pub(super) fn by_name_mut(&mut self, name: &TrunkId) -> Option<&mut Life> {
        self.table.values_mut().find(|life| life.name == *name).map(Box::as_mut)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.schedule.next()
    }

    /// Whether a registration is still being removed.
    pub(super) fn is_quiet(&self) -> bool {
        let leaves =
            |life: &Life| life.registering.as_ref().is_some_and(|registering| registering.machine.is_leaving());
        !self.table.values().any(|life| leaves(life))
    }

    /// Registrations that stand, and look-ups under way.
    pub(super) fn gauges(&self) -> (usize, usize) {
        let bound = |life: &Life| life.registering.as_ref().is_some_and(|r| r.machine.is_bound());
        (self.table.values().filter(|life| bound(life)).count(), self.lookups.len())
    }

    /// A connection is being lost, or was: it counts once against a hop, however many requests waited on it.
    pub(super) fn set_losing(&mut self, is_losing: bool) {
        self.losing = is_losing.then(Vec::new);
    }

    /// Whether a failure of this hop counts.
    pub(super) fn is_news(&mut self, trunk: TrunkKey, hop: &NextHop) -> bool {
        let Some(seen) = &mut self.losing else { return true };
        let is_new = !seen.iter().any(|(known, at)| *known == trunk && at == hop);
        if is_new {
            seen.push((trunk, hop.clone()));
        }
        is_new
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

impl Life {
    pub(super) const fn place_mut(&mut self, which: Which) -> Option<&mut Place> {
        match which {
            Which::Target => Some(&mut self.target),
            Which::Registrar => self.registrar.as_mut(),
        }
    }

    /// Where REGISTER goes.
    pub(super) fn register_place(&mut self) -> &mut Place {
        self.registrar.as_mut().unwrap_or(&mut self.target)
    }

    /// The hops of all places.
    fn addresses(&self) -> Vec<NextHop> {
        let registrar = self.registrar.iter().flat_map(Place::hops);
        self.target.hops().iter().chain(registrar).map(|hop| hop.to.clone()).collect()
    }

    fn deadline(&self) -> Option<Instant> {
        let register = self.registering.as_ref().and_then(|registering| registering.machine.deadline());
        let registrar = self.registrar.as_ref().and_then(Place::deadline);
        [self.target.deadline(), registrar, register].into_iter().flatten().min()
    }

    fn status(&self, now: Instant) -> TrunkStatus {
        let hop = |hop: &crate::trunk::Hop| HopStatus {
            hop: hop.to.clone(),
            state: hop.health.state(),
            round_trip: hop.health.round_trip(),
        };
        TrunkStatus {
            trunk: self.name.clone(),
            state: self.state,
            hops: self.target.hops().iter().map(hop).collect(),
            registration: self.registering.as_ref().map(|registering| registering.machine.state(now)),
            calls: self.meter.calls(),
            calls_today: self.meter.today(now),
        }
    }
}

impl Endpoint {
    /// Begins a life for each trunk of the gate that has none yet, and ends those of trunks that are gone or changed.
    pub(super) fn sync_trunks(&mut self, now: Instant) {
        let rules: Vec<TrunkRule> = self.gate.rules().filter(|rule| rule.outbound.is_some()).cloned().collect();
        let mut old = std::mem::take(&mut self.trunks.table);
        for rule in rules {
            let Some(outbound) = rule.outbound.clone() else { continue };
            let key = old.iter().find(|(_, life)| life.name == rule.name).map(|(key, _)| *key);
            let before = key.and_then(|key| old.remove(&key));
            let life = match before {
                Some(mut life) if life.is_like(&outbound, &rule) => {
                    life.meter.set_limits(outbound.limits, now);
                    life.outbound = outbound;
                    life
                }
                before => {
                    let meter = before.map(|mut life| {
                        self.end_life(&mut life, now);
                        life.meter.set_limits(outbound.limits, now);
                        life.meter
                    });
                    Box::new(self.begin_life(&rule, outbound, meter, now))
                }
            };
            self.learn(&life.name, &life.addresses(), now);
            self.put_back(life);
        }
        for life in old.values_mut() {
            self.end_life(life, now);
        }
    }

    fn begin_life(&mut self, rule: &TrunkRule, outbound: Outbound, meter: Option<Meter>, now: Instant) -> Life {
        let key = TrunkKey(self.trunks.next_id());
        let place = |uri: &Uri, ping| Place::new(Target::new(uri, rule.transports), ping, outbound.hold_down, now);
        let registration = outbound.registration.as_ref();
        let target = place(&outbound.target, outbound.ping);
        let why = target.why_down().unwrap_or(DownReason::NotLocated);
        Life {
            key,
            name: rule.name.clone(),
            allowed: rule.transports,
            target,
            registrar: registration.and_then(|r| r.registrar.as_ref()).map(|uri| place(uri, None)),
            registering: registration.and_then(|r| self.begin_registration(&outbound, r, now)).map(Box::new),
            meter: meter.unwrap_or_else(|| Meter::new(outbound.limits, now)),
            state: TrunkState::Down { why },
            outbound,
        }
    }

    /// A trunk is gone, or is another now. Its registration is taken back without waiting for an answer.
    fn end_life(&mut self, life: &mut Life, now: Instant) {
        self.trunks.schedule.set(life.key, None);
        self.trunks.lookups.retain(|_, (key, _)| *key != life.key);
        let leaves = life.registering.as_mut().is_some_and(|registering| registering.machine.leave());
        if leaves && self.gate.rule(&life.name).is_some() {
            self.register(life, now);
        }
        self.let_go(life, now);
        self.learn(&life.name, &[], now);
    }

    /// The peers that a trunk has by look-up are those of its hops now, and those of before for the calls up over them.
    fn learn(&mut self, trunk: &TrunkId, hops: &[NextHop], now: Instant) {
        let (calls, transport) = (&self.calls, &self.transport);
        let is_over = |call: &Call, ip: IpAddr, over: Transport| {
            let address = match call.path.flow {
                Flow::Datagram { remote, .. } => Some(remote),
                Flow::Stream(id) => transport.get(id).map(|connection| connection.facts().address),
            };
            let address = address.or_else(|| call.path.next_hop.as_ref().map(|hop| hop.address));
            call.path.transport == over && address.is_some_and(|address| address.ip().to_canonical() == ip)
        };
        let over = |ip, over| {
            let mine = calls.values().filter(|call| call.trunk == *trunk && is_over(call, ip, over));
            mine.map(|call| call.key).collect()
        };
        self.gate.learn(trunk, hops, over, now);
    }

    /// Takes a trunk out of the table, works on it, and puts it back.
    pub(super) fn with_trunk(&mut self, key: TrunkKey, work: impl FnOnce(&mut Self, &mut Life)) {
        let Some(mut life) = self.trunks.table.remove(&key) else { return };
        work(self, &mut life);
        self.tell_state(&mut life);
        self.put_back(life);
    }

    fn put_back(&mut self, life: Box<Life>) {
        self.trunks.schedule.set(life.key, life.deadline());
        self.trunks.table.insert(life.key, life);
    }

    /// Something of a trunk is due.
    pub(super) fn on_trunk_due(&mut self, key: TrunkKey, now: Instant) {
        self.with_trunk(key, |endpoint, life| {
            for which in [Which::Target, Which::Registrar] {
                endpoint.tend_place(life, which, now);
            }
            endpoint.tend_registration(life, now);
        });
    }

    fn tend_place(&mut self, life: &mut Life, which: Which, now: Instant) {
        let random = self.tokens.random();
        let Some(place) = life.place_mut(which) else { return };
        let (pings, is_stale) = place.handle_timeout(random, now);
        if let Some(target) = place.ask(now) {
            let id = LocateId(self.trunks.next_id());
            self.trunks.lookups.retain(|_, asked| *asked != (life.key, which));
            self.trunks.lookups.insert(id, (life.key, which));
            self.transport.push_output(Output::Locate { id, target, seed: self.tokens.key() });
        }
        if is_stale {
            self.learn(&life.name, &life.addresses(), now);
        }
        for (hop, next_hop) in pings {
            self.ping(life, which, hop, &next_hop, now);
        }
    }

    /// A look-up is done. One that nobody waits for any more changes nothing.
    pub(super) fn on_located(&mut self, id: LocateId, result: Result<Located, LocateError>, now: Instant) {
        let Some((key, which)) = self.trunks.lookups.remove(&id) else { return };
        self.with_trunk(key, |endpoint, life| {
            let (tokens, config) = (&mut endpoint.tokens, &endpoint.config);
            let allowed = life.allowed;
            let Some(place) = life.place_mut(which) else { return };
            let usable = |hop: &NextHop| allowed.contains(hop.transport) && config.can_reach(hop);
            if place.on_located(result, usable, || tokens.random(), now) {
                let hops = place.hops().len();
                endpoint.learn(&life.name, &life.addresses(), now);
                if which == Which::Target {
                    endpoint.tell_trunk(life, TrunkChange::Located { hops });
                }
            }
            if let Some(registering) = &mut life.registering {
                registering.machine.on_located(now);
            }
            endpoint.tend_registration(life, now);
        });
    }

    pub(super) fn tell_trunk(&mut self, life: &Life, change: TrunkChange) {
        let trunk = life.name.clone();
        self.transport.push_output(Output::Trunk(TrunkEvent { trunk, change }));
    }

    /// Says what the registration machine has to say.
    pub(super) fn tell_registration(&mut self, life: &Life, next: Next) {
        match next {
            Next::Nothing | Next::Again => {}
            Next::Registered(expires) => self.tell_trunk(life, TrunkChange::Registered { expires }),
            Next::Failed(why) => self.tell_trunk(life, TrunkChange::RegistrationFailed { why }),
            Next::Left => self.tell_trunk(life, TrunkChange::Unregistered),
        }
    }

    /// Says when calls can be placed, and when they cannot any more.
    fn tell_state(&mut self, life: &mut Life) {
        let state = life.target.why_down().map_or(TrunkState::Up, |why| TrunkState::Down { why });
        if state == life.state || self.trunks.leaving {
            return;
        }
        life.state = state;
        let change = match state {
            TrunkState::Up => TrunkChange::Up,
            TrunkState::Down { why } => TrunkChange::Down { why },
        };
        self.tell_trunk(life, change);
    }

    /// The endpoint shuts down: no more look-ups and pings, and the registrations are taken back.
    pub(super) fn leave_trunks(&mut self, now: Instant) {
        if std::mem::replace(&mut self.trunks.leaving, true) {
            return;
        }
        self.trunks.lookups.clear();
        let keys: Vec<TrunkKey> = self.trunks.table.keys().copied().collect();
        for key in keys {
            self.with_trunk(key, |endpoint, life| {
                life.target.rest();
                if let Some(registrar) = &mut life.registrar {
                    registrar.rest();
                }
                if life.registering.as_mut().is_some_and(|registering| registering.machine.leave()) {
                    endpoint.register(life, now);
                }
            });
        }
        self.forget_pings();
    }

    pub(super) fn trunk_statuses(&self, now: Instant) -> Vec<TrunkStatus> {
        let mut all: Vec<TrunkStatus> = self.trunks.table.values().map(|life| life.status(now)).collect();
        all.sort_by(|a, b| a.trunk.cmp(&b.trunk));
        all
    }
}

impl Life {
    /// Whether all is as before but what makes no difference to hops and registration.
    fn is_like(&self, outbound: &Outbound, rule: &TrunkRule) -> bool {
        let Outbound { limits, fail_over_after, .. } = *outbound;
        let mine = Outbound { fail_over_after, limits, ..self.outbound.clone() };
        self.allowed == rule.transports && mine == *outbound
    }
}

impl super::Config {
    /// Whether we have a socket for it. A connection needs none of ours.
    fn can_reach(&self, hop: &NextHop) -> bool {
        let fits = |listener: &super::Listener| {
            listener.transport == Transport::Udp && listener.local.is_ipv4() == hop.address.is_ipv4()
        };
        hop.transport.is_reliable() || self.listeners.iter().any(fits)
    }
}
