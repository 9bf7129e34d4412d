//! Peers that nobody wrote down: the next hops that a trunk's own look-up found (RFC 3263).
//!
//! A carrier that is called at `sip:carrier.example` calls back from the hosts that this name leads to. A name server that
//! lies could make a trunk's peer of any address, so this holds only for trunks that we call over, only for the transport
//! of the hop, behind all peers that the rules name, and over TLS only with a certificate for the name that was looked up:
//! an address alone proves nothing there (RFC 5922, THREATS T22).
//!
//! A hop that leaves the look-up stays a peer of its trunk for the calls that are up over it and their last messages, for
//! [`limits::FORMER_HOP`] at most: a name that moves ends no call. New calls neither come from it nor go there.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{SourceFacts, Transport, TrunkId};
use crate::endpoint::{CallKey, NextHop};
use crate::limits;

/// The hops of each trunk, in no order that matters: there are as many as trunks that we call over.
#[derive(Debug, Default)]
pub(super) struct Learned {
    hops: Vec<(TrunkId, Vec<Hop>)>,
    /// Those that left, the latest last.
    former: Vec<Former>,
}

#[derive(Debug)]
struct Former {
    trunk: TrunkId,
    hop: Hop,
    /// The calls that were up over it when it left, and are not over.
    calls: BTreeSet<CallKey>,
    until: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hop {
    ip: IpAddr,
    transport: Transport,
    /// Over TLS: the name that its certificate must show.
    name: Option<Arc<str>>,
}

impl Learned {
    /// Takes over the hops of a trunk. `calls` gives those that are up over an address and transport.
    pub(super) fn set(
        &mut self,
        trunk: &TrunkId,
        hops: &[NextHop],
        calls: impl Fn(IpAddr, Transport) -> BTreeSet<CallKey>,
        now: Instant,
    ) {
        let usable = hops.iter().filter(|hop| {
            let ip = hop.address.ip();
            !ip.is_unspecified() && !ip.is_multicast()
        });
        let hops: Vec<Hop> = usable.take(2 * limits::HOPS).map(Hop::of).collect();
        let old = self.hops.extract_if(.., |(name, _)| name == trunk);
        let gone: Vec<Hop> = old.flat_map(|(_, old)| old).filter(|hop| !hops.contains(hop)).collect();
        self.former.retain(|former| former.trunk != *trunk || !hops.contains(&former.hop));
        for hop in gone {
            let calls = calls(hop.ip, hop.transport);
            let until = now + if calls.is_empty() { LAST_MESSAGES } else { limits::FORMER_HOP };
            self.former.push(Former { trunk: trunk.clone(), hop, calls, until });
        }
        let mut surplus = self.former_of(trunk).count().saturating_sub(limits::FORMER_HOPS);
        self.former.retain(|former| {
            let is_surplus = surplus > 0 && former.trunk == *trunk;
            surplus -= usize::from(is_surplus);
            !is_surplus
        });
        if !hops.is_empty() {
            self.hops.push((trunk.clone(), hops));
        }
    }

    pub(super) fn retain(&mut self, is_kept: impl Fn(&TrunkId) -> bool) {
        self.hops.retain(|(name, _)| is_kept(name));
        self.former.retain(|former| is_kept(&former.trunk));
    }

    /// A call is over. What was sent last, and its answers, may still be on their way.
    pub(super) fn release(&mut self, trunk: &TrunkId, call: CallKey, now: Instant) {
        for former in self.former.iter_mut().filter(|former| former.trunk == *trunk) {
            if former.calls.remove(&call) && former.calls.is_empty() {
                former.until = former.until.min(now + LAST_MESSAGES);
            }
        }
    }

    /// Forgets the hops whose time is over.
    pub(super) fn forget_former(&mut self, now: Instant) {
        self.former.retain(|former| former.until > now);
    }

    /// Whether a packet or connection from there may be looked at. What TLS shows is not known yet.
    pub(super) fn admits(&self, ip: IpAddr, transport: Transport) -> bool {
        let ip = ip.to_canonical();
        let hops = self.hops.iter().flat_map(|(_, hops)| hops);
        let mut all = hops.chain(self.former.iter().map(|former| &former.hop));
        all.any(|hop| hop.ip == ip && hop.transport == transport)
    }

    pub(super) fn trunk_of(&self, source: &SourceFacts) -> Option<&TrunkId> {
        let former = || self.former.iter().rfind(|former| former.hop.is(source)).map(|former| &former.trunk);
        self.caller(source).or_else(former)
    }

    /// Whose new calls come from there: not those of a hop that left.
    pub(super) fn caller(&self, source: &SourceFacts) -> Option<&TrunkId> {
        self.hops.iter().find(|(_, hops)| hops.iter().any(|hop| hop.is(source))).map(|(name, _)| name)
    }

    pub(super) fn is_of(&self, trunk: &TrunkId, source: &SourceFacts) -> bool {
        self.hops.iter().any(|(name, hops)| name == trunk && hops.iter().any(|hop| hop.is(source)))
            || self.former_of(trunk).any(|former| former.hop.is(source))
    }

    fn former_of(&self, trunk: &TrunkId) -> impl Iterator<Item = &Former> {
        self.former.iter().filter(move |former| former.trunk == *trunk)
    }
}

/// How long requests and answers may be under way: timers F and J, 64 times T1 (RFC 3261 17.1.2.2, 17.2.2).
const LAST_MESSAGES: Duration = Duration::from_secs(32);

impl Hop {
    fn of(hop: &NextHop) -> Self {
        Self { ip: hop.address.ip().to_canonical(), transport: hop.transport, name: hop.server_name.clone() }
    }

    fn is(&self, source: &SourceFacts) -> bool {
        if self.ip != source.ip() || self.transport != source.transport {
            return false;
        }
        let shows = |name: &Arc<str>| {
            let identities = source.tls.as_ref().map(|tls| &tls.identities);
            identities.is_some_and(|known| known.iter().any(|known| known.eq_ignore_ascii_case(name)))
        };
        self.transport != Transport::Tls || self.name.as_ref().is_some_and(shows)
    }
}
