//! Keepalive of UDP flows by STUN binding (RFC 5626 3.5.2, 4.4.2; RFC 5389 7.2.1).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::admission::TrunkId;
use crate::limits;
use crate::wire::{Stun, StunId};

use super::{Endpoint, Flow, Refusal};

/// The flows that are kept alive.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    flows: HashMap<Flow, Binding>,
    /// The earliest of their instants.
    next: Option<Instant>,
}

#[derive(Debug)]
struct Binding {
    trunk: TrunkId,
    /// When the next request goes out, or the one under way again.
    at: Instant,
    asked: Option<StunId>,
    /// How often it was sent.
    sent: u32,
    /// How we were seen from there.
    mapped: Option<SocketAddr>,
}

impl Bindings {
    pub(super) const fn next_deadline(&self) -> Option<Instant> {
        self.next
    }

    fn settle(&mut self) {
        self.next = self.flows.values().map(|binding| binding.at).min();
    }
}

impl Endpoint {
    /// A request of ours goes over this flow: keep it alive from now on, where it is UDP and the trunk's rule says so.
    pub(super) fn keep_bound(&mut self, flow: Flow, trunk: &TrunkId, now: Instant) {
        let Flow::Datagram { .. } = flow else { return };
        let Some(every) = self.transport.terms_of(trunk).keepalive else { return };
        if self.bindings.flows.contains_key(&flow) || self.bindings.flows.len() >= limits::BINDINGS {
            return;
        }
        let at = now + self.tokens.part_of(every.max(LEAST));
        self.bindings.flows.insert(flow, Binding { trunk: trunk.clone(), at, asked: None, sent: 0, mapped: None });
        self.bindings.settle();
    }

    /// Sends what is due; forgets flows whose rule has no keepalive any more, and those that are dead.
    pub(super) fn on_bindings_due(&mut self, now: Instant) {
        if self.bindings.next.is_none_or(|at| at > now) {
            return;
        }
        let due: Vec<Flow> =
            self.bindings.flows.iter().filter(|(_, binding)| binding.at <= now).map(|(flow, _)| *flow).collect();
        for flow in due {
            if !self.bind_again(flow, now) {
                self.bindings.flows.remove(&flow);
            }
        }
        self.bindings.settle();
    }

    fn bind_again(&mut self, flow: Flow, now: Instant) -> bool {
        let fresh = self.tokens.stun_id();
        let Some(binding) = self.bindings.flows.get_mut(&flow) else { return false };
        if self.transport.terms_of(&binding.trunk).keepalive.is_none() {
            return false;
        }
        if binding.sent >= TRIES {
            self.transport.stats.count(Refusal::KeepaliveLost);
            return false;
        }
        let id = *binding.asked.get_or_insert(fresh);
        let last = binding.sent + 1 == TRIES;
        // RFC 5389 7.2.1: 500 ms, then twice as long each time; after the last 16 times the first.
        binding.at = now + if last { RTO * 16 } else { RTO * 2_u32.saturating_pow(binding.sent) };
        binding.sent += 1;
        let sent = self.transport.transmit(flow, Stun::Request { id }.encode());
        self.note_lost(&sent);
        true
    }

    /// A STUN message came from a trunk: an answer for its request, whose source is what it asks for.
    pub(super) fn on_stun(&mut self, flow: Flow, remote: SocketAddr, octets: &[u8], now: Instant) {
        match Stun::parse(octets) {
            Some(Stun::Request { id }) => {
                let sent = self.transport.transmit(flow, Stun::Success { id, mapped: remote }.encode());
                self.note_lost(&sent);
            }
            Some(Stun::Success { id, mapped }) => self.on_bound(flow, id, mapped, now),
            None => self.transport.stats.count(Refusal::MalformedDropped),
        }
    }

    fn on_bound(&mut self, flow: Flow, id: StunId, mapped: SocketAddr, now: Instant) {
        let Some(binding) = self.bindings.flows.get_mut(&flow).filter(|binding| binding.asked == Some(id)) else {
            self.transport.stats.count(Refusal::StrayResponse);
            return;
        };
        // RFC 5626 4.4.2: another address is another flow. What we say of ourselves does not come from it.
        if binding.mapped.is_some_and(|before| before != mapped) {
            self.transport.stats.count(Refusal::KeepaliveLost);
        }
        (binding.asked, binding.sent, binding.mapped) = (None, 0, Some(mapped));
        let every = self.transport.terms_of(&binding.trunk).keepalive.unwrap_or(LEAST).max(LEAST);
        binding.at = now + self.tokens.part_of(every);
        self.bindings.settle();
    }
}

/// RFC 5389 7.2.1: the first wait.
const RTO: Duration = Duration::from_millis(500);
/// How often a request is sent (Rc).
const TRIES: u32 = 7;
/// No rule has us send more often.
const LEAST: Duration = Duration::from_secs(1);
