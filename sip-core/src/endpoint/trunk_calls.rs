//! Calls that we place over a trunk's own hops: limits and fail-over (RFC 3263 4.3).

use std::time::{Duration, Instant};

use crate::admission::{Transport, TrunkId};
use crate::trunk::{Limit, shows_life};
use crate::wire::{Response, StatusCode, Text, Uri};

use super::call::{Call, Cancel, Phase};
use super::transactions::{ClientMachine, Purpose, Transaction, TxId};
use super::trunks::{TrunkKey, TrunkUse};
use super::{CallKey, Dial, DialError, EndReason, EndedBy, Endpoint, Flow, NextHop, Refusal};

/// A call that we placed over a trunk with an [`crate::trunk::Outbound`].
#[derive(Debug)]
pub(super) struct Route {
    trunk: TrunkKey,
    /// Whom the dialler named.
    callee: Uri,
    /// Whether the trunk's own hops are used, or one that the dialler named.
    own: bool,
    /// The hops that were tried.
    tried: Vec<NextHop>,
    /// The one that is used.
    hop: NextHop,
    /// It has failed, and that is counted.
    is_counted: bool,
}

impl Endpoint {
    /// Where a call that we place goes first. It counts against the trunk's limits from now on.
    pub(super) fn route(&mut self, key: CallKey, dial: &Dial, now: Instant) -> Result<NextHop, DialError> {
        if self.gate.rule(&dial.trunk).is_none() {
            return Err(DialError::Trunk);
        }
        let tokens = &mut self.tokens;
        let own = self.trunks.by_name(&dial.trunk).map(|life| life.target.best(&[], || tokens.random()).cloned());
        let hop = match (&dial.next_hop, own) {
            (Some(hop), _) => {
                self.check_trunk(dial, hop)?;
                hop.clone()
            }
            (None, Some(Some(hop))) => hop,
            (None, Some(None)) => {
                self.transport.stats.count(Refusal::TrunkDown);
                return Err(DialError::Down);
            }
            (None, None) => return Err(DialError::Trunk),
        };
        self.gate.admit_outbound(&dial.trunk).map_err(|_| DialError::Concurrency)?;
        if let Some(life) = self.trunks.by_name_mut(&dial.trunk) {
            if let Err(limit) = life.meter.take(now) {
                self.gate.release(&dial.trunk);
                let (error, reason) = match limit {
                    Limit::Rate => (DialError::Rate, Refusal::OutboundRate),
                    Limit::Concurrency => (DialError::Concurrency, Refusal::OutboundCalls),
                    Limit::Daily => (DialError::Daily, Refusal::OutboundDaily),
                };
                self.transport.stats.count(reason);
                return Err(error);
            }
            let own = dial.next_hop.is_none();
            let (trunk, callee, tried) = (life.key, dial.target.clone(), vec![hop.clone()]);
            let route = Route { trunk, callee, own, tried, hop: hop.clone(), is_counted: false };
            self.trunks.routes.insert(key, route);
        }
        Ok(hop)
    }

    /// Where else a call of the trunk's own hops can go.
    pub(super) fn another_hop(&mut self, key: CallKey) -> Option<NextHop> {
        let route = self.trunks.routes.get_mut(&key).filter(|route| route.own)?;
        let life = self.trunks.table.get(&route.trunk)?;
        let hop = life.target.best(&route.tried, || self.tokens.random()).cloned()?;
        route.tried.push(hop.clone());
        Some(hop)
    }

    /// The INVITE of a call is on its way to this hop.
    pub(super) fn note_hop(&mut self, key: CallKey, hop: &NextHop) {
        if let Some(route) = self.trunks.routes.get_mut(&key) {
            (route.hop, route.is_counted) = (hop.clone(), false);
        }
    }

    /// How long a call's hop may say nothing at all; `None` for as long as timer B lets it.
    pub(super) fn patience(&self, key: CallKey) -> Option<Duration> {
        let route = self.trunks.routes.get(&key).filter(|route| route.own)?;
        self.trunks.table.get(&route.trunk).map(|life| life.outbound.fail_over_after)
    }

    /// A call is over: its place among its trunk's calls is free.
    pub(super) fn release_call(&mut self, key: CallKey, trunk: &TrunkId, now: Instant) {
        self.gate.release(trunk);
        self.gate.forget_call(trunk, key, now);
        if self.trunks.routes.remove(&key).is_some()
            && let Some(life) = self.trunks.by_name_mut(trunk)
        {
            life.meter.release();
        }
    }

    /// The routes that the registrar wants calls over the trunk's own hops to take (RFC 3608 5).
    pub(super) fn preloaded_routes(&self, key: CallKey) -> Vec<Text> {
        let route = self.trunks.routes.get(&key).filter(|route| route.own);
        let life = route.and_then(|route| self.trunks.table.get(&route.trunk));
        let registering = life.and_then(|life| life.registering.as_ref());
        registering.map(|registering| registering.service_route.clone()).unwrap_or_default()
    }

    /// A response of a call's hop: anything but a sign that it cannot serve shows that it is there.
    pub(super) fn note_life(&mut self, key: CallKey, status: StatusCode, now: Instant) {
        if !shows_life(status) {
            return;
        }
        let Some(route) = self.trunks.routes.get(&key) else { return };
        let (trunk, hop) = (route.trunk, route.hop.clone());
        let is_up = |life: &super::trunks::Life| {
            life.target.hops().iter().any(|known| known.to == hop && known.health.is_steady())
        };
        if self.trunks.table.get(&trunk).is_some_and(|life| is_up(life)) {
            return;
        }
        self.with_trunk(trunk, |_, life| {
            if let Some(hop) = life.target.hop_at(&hop) {
                hop.health.on_alive(now);
            }
        });
    }

    /// The INVITE of a call failed: the hop is under suspicion at once, and the next one is tried where there is one. False
    /// when the failure is the call's.
    ///
    /// RFC 3263 4.3: after a time-out, a transport error or a 503 the request goes to the next hop as a new transaction,
    /// which is a new branch. The CSeq number rises as well (RFC 3261 8.1.3.5 does so for each new try): both hops may lead
    /// to the same callee, who would refuse the same CSeq number on another branch as merged (RFC 3261 8.2.2.2). Any other
    /// answer, 500 as much as 486, is the callee's and final.
    pub(super) fn fail_over(&mut self, call: &mut Call, response: Option<&Response>, now: Instant) -> bool {
        let is_final = response.is_some_and(|response| response.status() != StatusCode::SERVICE_UNAVAILABLE);
        let Some(route) = self.trunks.routes.get(&call.key) else { return false };
        if is_final {
            return false;
        }
        let goes_on = route.own && self.may_go_on(call);
        self.suspect(call.key, response.is_some(), now);
        goes_on && self.take_another_hop(call, now)
    }

    /// Nobody has taken the call back.
    fn may_go_on(&self, call: &Call) -> bool {
        let is_wanted = matches!(&call.phase, Phase::Calling(calling) if calling.cancel == Cancel::No);
        is_wanted && !call.is_over && !self.draining
    }

    fn take_another_hop(&mut self, call: &mut Call, now: Instant) -> bool {
        while let Some(hop) = self.another_hop(call.key) {
            if self.take_hop(call, &hop, now) {
                self.note_hop(call.key, &hop);
                self.transport.stats.count(Refusal::FailedOver);
                return true;
            }
        }
        false
    }

    /// The hop has said nothing at all for as long as the trunk's rule lets it, and the next one is tried where there is one;
    /// where there is none timer B decides.
    ///
    /// Timer B is 32 s (RFC 3261 17.1.1.2), and a caller does not wait for so long. The transaction goes on without us, so
    /// that a response that is late still finds it: a provisional one is answered with a CANCEL (RFC 3261 9.1), a 2xx with an
    /// ACK and a BYE, like that of a fork that nobody wants (RFC 3261 13.2.2.4).
    pub(super) fn on_unheard(&mut self, call: &mut Call, id: TxId, now: Instant) {
        let Phase::Calling(calling) = &call.phase else { return };
        if calling.tx != id || !self.may_go_on(call) {
            return;
        }
        let branch = calling.branch.clone();
        let Some(route) = self.trunks.routes.get(&call.key) else { return };
        let (trunk, hop, is_counted) = (route.trunk, route.hop.clone(), route.is_counted);
        if self.take_another_hop(call, now) {
            if !is_counted {
                self.suspect_hop(trunk, &hop, None, now);
            }
            self.give_up(id, branch);
        }
    }

    /// The call does not wait for this INVITE any more. One that is not sent yet is never sent.
    fn give_up(&mut self, id: TxId, branch: String) {
        drop(self.transactions.take_spare(id));
        let Some(tx) = self.transactions.client(id) else { return };
        (tx.call, tx.asked) = (None, None);
        let (ClientMachine::Invite(machine), Purpose::Invite(forks)) = (&mut tx.machine, &mut tx.purpose) else {
            return;
        };
        forks.given_up = Some(branch);
        let (flow, invite) = (tx.path.flow, machine.give_up());
        if invite.is_some_and(|invite| self.transport.take_back(flow, &invite)) {
            self.terminate_client(id);
        } else {
            self.transactions.settle(id);
        }
    }

    /// A provisional response to an INVITE that was given up: whoever rings stops.
    pub(super) fn cancel_given_up(&mut self, id: TxId, now: Instant) {
        let Some(tx) = self.transactions.client(id) else { return };
        let Purpose::Invite(forks) = &mut tx.purpose else { return };
        if let Some(branch) = forks.given_up.take() {
            self.cancel_invite(id, &branch, None, now);
        }
    }

    /// The hop that a call used last did not serve it: it, or somebody behind it, refused, or it did not answer.
    fn suspect(&mut self, key: CallKey, is_refused: bool, now: Instant) {
        let Some(route) = self.trunks.routes.get_mut(&key) else { return };
        if !std::mem::replace(&mut route.is_counted, true) {
            let (trunk, hop) = (route.trunk, route.hop.clone());
            let refused = is_refused.then(|| route.callee.clone());
            self.suspect_hop(trunk, &hop, refused.as_ref(), now);
        }
    }

    fn suspect_hop(&mut self, trunk: TrunkKey, hop: &NextHop, refused: Option<&Uri>, now: Instant) {
        let random = self.tokens.random();
        if !self.trunks.is_news(trunk, hop) {
            return;
        }
        self.with_trunk(trunk, |_, life| {
            let Some(hop) = life.target.hop_at(hop) else { return };
            match refused {
                Some(callee) => hop.health.on_refused(callee, random, now),
                None => hop.health.on_failure(random, now),
            }
        });
    }

    /// The INVITE again, to another hop. False when it cannot be sent there.
    fn take_hop(&mut self, call: &mut Call, hop: &NextHop, now: Instant) -> bool {
        let Phase::Calling(calling) = &call.phase else { return false };
        if calling.invite.uri().is_secure() && hop.transport != Transport::Tls {
            return false;
        }
        let Some(path) = self.path_to(hop, &call.trunk, now) else { return false };
        if self.invite_over(call, &path, now).is_err() {
            return false;
        }
        self.transport.count_call(call.path.flow, false, now);
        self.transport.count_call(path.flow, true, now);
        call.path = path;
        true
    }

    /// A connection that we opened is gone: requests of trunks over it get no answer, and calls that nobody has answered yet
    /// go to the next hop at once (RFC 3263 4.3: a transport failure). Where there is none they are over: a hop that answered
    /// nothing, not even with 100, and closed the connection will not look for us to answer later (RFC 3261 17.1.4).
    pub(super) fn fail_trunk_requests_on(&mut self, flow: Flow, now: Instant) {
        for id in self.transactions.clients_on(flow) {
            let Some(tx) = self.transactions.client(id) else { continue };
            let call = tx.call;
            match (&tx.purpose, &tx.machine) {
                (Purpose::Trunk(usage), _) => {
                    let usage = *usage;
                    self.terminate_client(id);
                    self.on_trunk_answered(usage, None, now);
                }
                (_, ClientMachine::Invite(machine)) if machine.is_calling() => {
                    let Some(key) = call else { continue };
                    self.with_call(key, |endpoint, call| {
                        let Phase::Calling(calling) = &call.phase else { return };
                        if calling.tx != id || !endpoint.trunks.routes.contains_key(&call.key) {
                            return;
                        }
                        let is_wanted = calling.cancel == Cancel::No;
                        if endpoint.fail_over(call, None, now) {
                            endpoint.terminate_client(id);
                        } else if is_wanted {
                            endpoint.terminate_client(id);
                            call.phase = Phase::Gone;
                            endpoint.end(call, EndedBy::Failure, EndReason::Transport, None);
                        }
                    });
                }
                (_, ClientMachine::Invite(_) | ClientMachine::NonInvite(_)) => {}
            }
        }
    }

    /// No answer to a ping matters any more.
    pub(super) fn forget_pings(&mut self) {
        for id in self.transactions.find_all(is_ping) {
            self.terminate_client(id);
        }
    }
}

const fn is_ping(tx: &Transaction) -> bool {
    match tx {
        Transaction::Client(tx) => matches!(tx.purpose, Purpose::Trunk(TrunkUse::Ping(..))),
        Transaction::Server(_) => false,
    }
}
