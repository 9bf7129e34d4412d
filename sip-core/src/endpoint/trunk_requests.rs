//! OPTIONS and REGISTER (RFC 3261 10.2, 11).

use std::time::{Duration, Instant};

use crate::trunk::{
    DownReason, HopKey, Next, Outbound, Outcome, Register, Registration, outcome, service_route, shows_life,
};
use crate::wire::{CSeq, HeaderName, Host, Method, NameAddr, Request, Response, Text, Uri};

use super::call::Path;
use super::transactions::Purpose;
use super::trunks::{Life, Registering, TrunkUse, Which};
use super::{ConnectionId, Endpoint, Flow, NextHop};
use crate::admission::{Transport, TrunkId};

impl Endpoint {
    pub(super) fn begin_registration(
        &mut self,
        outbound: &Outbound,
        registration: &Registration,
        now: Instant,
    ) -> Option<Registering> {
        let server = registration.registrar.as_ref().unwrap_or(&outbound.target);
        let host = server.host()?.clone();
        let domain = registration.domain.clone().unwrap_or_else(|| host.clone());
        let uri = |user: Option<Text>, host: Host, port: Option<u16>| {
            if server.is_secure() { Uri::sips(user, host, port) } else { Uri::sip(user, host, port) }
        };
        // RFC 3261 10.2: the domain of the location service, without a user.
        let request_uri = match &registration.registrar {
            Some(registrar) => uri(None, host, registrar.port()),
            None => uri(None, domain.clone(), None),
        };
        Some(Registering {
            machine: Register::new(registration.expires, self.tokens.cseq(), now),
            request_uri,
            aor: uri(Some(registration.user.clone()), domain, None),
            contact_user: registration.contact_user.clone().unwrap_or_else(|| registration.user.clone()),
            call_id: self.tokens.call_id(),
            tag: self.tokens.tag(),
            tried: Vec::new(),
            contact: None,
            asked: Duration::ZERO,
            held: None,
            at: None,
            service_route: Vec::new(),
        })
    }

    /// The way to a hop of a trunk: our socket, or the connection there, which is opened if need be.
    pub(super) fn path_to(&mut self, hop: &NextHop, trunk: &TrunkId, now: Instant) -> Option<Path> {
        let flow = match hop.transport {
            Transport::Udp => self.datagram_to(hop.address)?,
            Transport::Tcp | Transport::Tls => Flow::Stream(self.transport.open(hop, trunk, now)?),
        };
        Some(Path { flow, transport: hop.transport, next_hop: Some(hop.clone()) })
    }

    /// OPTIONS outside of any dialog (RFC 3261 11.1), to the hop itself.
    pub(super) fn ping(&mut self, life: &mut Life, which: Which, key: HopKey, hop: &NextHop, now: Instant) {
        let random = self.tokens.random();
        let sent = self.path_to(hop, &life.name, now).and_then(|path| {
            let to = life.outbound.target.clone();
            let contact = self.contact(path.flow, path.transport, hop.address, to.is_secure());
            let mut request = Request::new(Method::Options, to.clone());
            let (call_id, tag, cseq) = (self.tokens.call_id(), self.tokens.tag(), self.tokens.cseq());
            let from = NameAddr::parse(&contact).ok()?.with_tag(&tag).to_value();
            let headers = request.headers_mut();
            headers.push(HeaderName::From, from);
            headers.push(HeaderName::To, NameAddr::new(to).to_value());
            headers.push(HeaderName::CallId, call_id);
            headers.push(HeaderName::CSeq, CSeq::new(cseq, Method::Options).to_value());
            headers.push(HeaderName::Contact, contact);
            headers.push(HeaderName::Accept, super::respond::SDP);
            let purpose = Purpose::Trunk(TrunkUse::Ping(life.key, which, key));
            self.send_request(&path, life.name.clone(), None, request, purpose, now).ok()
        });
        let Some(hop) = life.place_mut(which).and_then(|place| place.hop_mut(key)) else { return };
        hop.health.on_ping(now);
        if sent.is_none() {
            hop.health.on_silence(true, random, now);
        }
    }

    /// The final response to a request of a trunk; `None` for none in time, or no connection.
    pub(super) fn on_trunk_answered(&mut self, usage: TrunkUse, response: Option<&Response>, now: Instant) {
        let random = self.tokens.random();
        match usage {
            TrunkUse::Ping(key, which, hop) => self.with_trunk(key, |endpoint, life| {
                let Some(hop) = life.place_mut(which).and_then(|place| place.hop_mut(hop)) else { return };
                if response.is_some_and(|response| shows_life(response.status())) {
                    hop.health.on_pong(random, now);
                } else {
                    let counts = endpoint.trunks.is_news(key, &hop.to);
                    hop.health.on_silence(counts, random, now);
                }
            }),
            TrunkUse::Register(key) => self.with_trunk(key, |endpoint, life| {
                endpoint.on_registration_answered(life, response, now);
            }),
        }
    }

    /// The registration's time has come: to ask, or to give up what nobody refreshed.
    pub(super) fn tend_registration(&mut self, life: &mut Life, now: Instant) {
        let Some(registering) = &mut life.registering else { return };
        registering.machine.handle_timeout(now);
        if registering.machine.is_due(now) {
            registering.tried.clear();
            self.register(life, now);
        }
    }

    /// REGISTER, to the hop that knows us, or the best that was not tried in this round.
    pub(super) fn register(&mut self, life: &mut Life, now: Instant) {
        loop {
            let Some(hop) = choose(life) else {
                self.conclude_round(life, None, now);
                return;
            };
            if let Some(registering) = &mut life.registering {
                registering.tried.push(hop.clone());
            }
            if self.send_register(life, &hop, now).is_some() {
                return;
            }
            self.mark_registrar(life, &hop, false, now);
        }
    }

    fn send_register(&mut self, life: &mut Life, hop: &NextHop, now: Instant) -> Option<()> {
        let path = self.path_to(hop, &life.name, now)?;
        let registering = life.registering.as_mut()?;
        let ask = registering.machine.ask();
        let secure = registering.aor.is_secure();
        let user = registering.contact_user.clone();
        let contact = self.contact_of(user, path.flow, path.transport, hop.address, secure);
        registering.contact = NameAddr::parse(&contact).ok().map(|contact| contact.uri);
        registering.asked = ask.expires;
        let aor = NameAddr::new(registering.aor.clone());
        let mut request = Request::new(Method::Register, registering.request_uri.clone());
        let headers = request.headers_mut();
        headers.push(HeaderName::From, aor.clone().with_tag(&registering.tag).to_value());
        headers.push(HeaderName::To, aor.to_value());
        headers.push(HeaderName::CallId, registering.call_id.clone());
        headers.push(HeaderName::CSeq, CSeq::new(ask.cseq, Method::Register).to_value());
        headers.push(HeaderName::Contact, contact);
        headers.push(HeaderName::Expires, ask.expires.as_secs().to_string());
        headers.push(HeaderName::Allow, self.allow(&life.name));
        // RFC 3327 5.1: proxies on the way may ask to stay on it.
        headers.push(HeaderName::Supported, "path");
        let purpose = Purpose::Trunk(TrunkUse::Register(life.key));
        self.send_request(&path, life.name.clone(), None, request, purpose, now).ok().map(|_| ())
    }

    fn on_registration_answered(&mut self, life: &mut Life, response: Option<&Response>, now: Instant) {
        let Some(registering) = &mut life.registering else { return };
        let Some(contact) = registering.contact.clone() else { return };
        let Some(hop) = registering.tried.last().cloned() else { return };
        if let Some(cseq) = response.and_then(|response| response.cseq().ok()) {
            registering.machine.note_cseq(cseq.seq);
        }
        let outcome = outcome(response, &contact, registering.asked);
        let is_alive = response.is_some_and(|response| shows_life(response.status()));
        self.mark_registrar(life, &hop, is_alive, now);
        let tries_on = matches!(outcome, Outcome::Failed(_))
            && life.registering.as_ref().is_some_and(|registering| !registering.machine.is_leaving());
        // RFC 3263 4.3: the next hop may do.
        if tries_on && choose(life).is_some() {
            self.register(life, now);
            return;
        }
        if let Outcome::Granted(_) = outcome {
            self.hold(life, &hop, response, now);
        }
        self.conclude_round(life, Some(outcome), now);
    }

    /// All hops that could be tried were; `None`: there is none.
    fn conclude_round(&mut self, life: &mut Life, outcome: Option<Outcome>, now: Instant) {
        let random = self.tokens.random();
        let why = life.register_place().why_down();
        let is_located = !matches!(why, Some(DownReason::NotLocated | DownReason::LookupFailed));
        let has_failed = why == Some(DownReason::LookupFailed);
        let Some(registering) = &mut life.registering else { return };
        let next = match outcome {
            Some(outcome) => registering.machine.on_outcome(outcome, random, now),
            None if is_located => registering.machine.on_outcome(Outcome::Failed(None), random, now),
            None => registering.machine.on_not_located(has_failed, now + NOT_LOCATED_AGAIN),
        };
        registering.tried.clear();
        self.tell_registration(life, next);
        match next {
            Next::Again => self.register(life, now),
            Next::Failed(_) | Next::Left => {
                let is_bound = life.registering.as_ref().is_some_and(|registering| registering.machine.is_bound());
                if !is_bound {
                    self.let_go(life, now);
                }
            }
            Next::Nothing | Next::Registered(_) => {}
        }
    }

    /// The registrar knows us by this hop: the connection there stays open, for calls come over it.
    fn hold(&mut self, life: &mut Life, hop: &NextHop, response: Option<&Response>, now: Instant) {
        let flow = self.path_to(hop, &life.name, now).map(|path| path.flow);
        let Some(registering) = &mut life.registering else { return };
        registering.service_route = response.map(service_route).unwrap_or_default();
        registering.at = Some(hop.clone());
        let old = std::mem::replace(&mut registering.held, flow);
        if old != flow {
            if let Some(flow) = flow {
                self.transport.count_call(flow, true, now);
            }
            if let Some(old) = old {
                self.transport.count_call(old, false, now);
            }
        }
    }

    /// The registrar does not know us any more.
    pub(super) fn let_go(&mut self, life: &mut Life, now: Instant) {
        let Some(registering) = &mut life.registering else { return };
        registering.service_route.clear();
        registering.at = None;
        if let Some(flow) = registering.held.take() {
            self.transport.count_call(flow, false, now);
        }
    }

    fn mark_registrar(&mut self, life: &mut Life, hop: &NextHop, is_alive: bool, now: Instant) {
        let random = self.tokens.random();
        let key = life.key;
        let Some(hop) = life.register_place().hop_at(hop) else { return };
        if is_alive {
            hop.health.on_alive(now);
        } else if self.trunks.is_news(key, &hop.to) {
            hop.health.on_failure(random, now);
        }
    }

    /// A connection that we opened is gone: what waits for an answer over it gets none, and a registration is made anew.
    pub(super) fn on_trunk_connection_lost(&mut self, id: ConnectionId, now: Instant) {
        let flow = Flow::Stream(id);
        self.fail_trunk_requests_on(flow, now);
        let holds = |life: &Life| life.registering.as_ref().is_some_and(|r| r.held == Some(flow));
        let Some(key) = self.trunks.table.values().find(|life| holds(life)).map(|life| life.key) else { return };
        self.with_trunk(key, |endpoint, life| {
            let random = endpoint.tokens.random();
            let Some(registering) = &mut life.registering else { return };
            let next = registering.machine.on_lost(random, now);
            endpoint.let_go(life, now);
            endpoint.tell_registration(life, next);
        });
    }
}

/// The hop for the next REGISTER of this round.
fn choose(life: &mut Life) -> Option<NextHop> {
    let registering = life.registering.as_ref()?;
    let (tried, at) = (registering.tried.clone(), registering.at.clone());
    let place = life.register_place();
    let known = at.filter(|hop| !tried.contains(hop) && place.hop_at(hop).is_some_and(|hop| hop.health.is_usable()));
    known.or_else(|| place.any(&tried).cloned())
}

/// How soon a registrar is looked for again that has no hop; a look-up that finds one does not wait for it.
const NOT_LOCATED_AGAIN: Duration = Duration::from_mins(5);
