//! Peers that nobody wrote down: the next hops that a trunk's own look-up found (RFC 3263).
//!
//! A carrier that is called at `sip:carrier.example` calls back from the hosts that this name leads to. A name server that
//! lies could make a trunk's peer of any address, so this holds only for trunks that we call over, only for the transport
//! of the hop, behind all peers that the rules name, and over TLS only with a certificate for the name that was looked up:
//! an address alone proves nothing there (RFC 5922, THREATS T22).

use std::net::IpAddr;
use std::sync::Arc;

use super::{SourceFacts, Transport, TrunkId};
use crate::endpoint::NextHop;
use crate::limits;

/// The hops of each trunk, in no order that matters: there are as many as trunks that we call over.
#[derive(Debug, Default)]
pub(super) struct Learned(Vec<(TrunkId, Vec<Hop>)>);

#[derive(Debug)]
struct Hop {
    ip: IpAddr,
    transport: Transport,
    /// Over TLS: the name that its certificate must show.
    name: Option<Arc<str>>,
}

impl Learned {
    pub(super) fn set(&mut self, trunk: &TrunkId, hops: &[NextHop]) {
        self.0.retain(|(name, _)| name != trunk);
        let usable = hops.iter().filter(|hop| {
            let ip = hop.address.ip();
            !ip.is_unspecified() && !ip.is_multicast()
        });
        let hops: Vec<Hop> = usable.take(2 * limits::HOPS).map(Hop::of).collect();
        if !hops.is_empty() {
            self.0.push((trunk.clone(), hops));
        }
    }

    pub(super) fn retain(&mut self, is_kept: impl Fn(&TrunkId) -> bool) {
        self.0.retain(|(name, _)| is_kept(name));
    }

    /// Whether a packet or connection from there may be looked at. What TLS shows is not known yet.
    pub(super) fn admits(&self, ip: IpAddr, transport: Transport) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|(_, hops)| hops.iter().any(|hop| hop.ip == ip && hop.transport == transport))
    }

    pub(super) fn trunk_of(&self, source: &SourceFacts) -> Option<&TrunkId> {
        self.0.iter().find(|(_, hops)| hops.iter().any(|hop| hop.is(source))).map(|(name, _)| name)
    }

    pub(super) fn is_of(&self, trunk: &TrunkId, source: &SourceFacts) -> bool {
        self.0.iter().any(|(name, hops)| name == trunk && hops.iter().any(|hop| hop.is(source)))
    }
}

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
