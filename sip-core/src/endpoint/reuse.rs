//! Which connection a request may share (RFC 5923, RFC 5922 4, THREATS T22).
//!
//! A connection is as good as the name that was verified on it. One that we opened is used again for the same trunk,
//! address, server name and client identity; one that the peer opened where its certificate shows the server name that
//! we would ask for, and the peer has said that it takes requests there (`alias`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::admission::{Gate, Transport, TrunkId};
use crate::wire::Via;

use super::call::Call;
use super::connection::Connection;
use super::transport::TransportLayer;
use super::{ConnectionId, Endpoint, Flow, NextHop};

/// What a trunk's rule says of the connections that we open for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    /// Our client certificate.
    pub(super) identity: Option<Arc<str>>,
    pub(super) keepalive: Option<Duration>,
}

/// A connection that we opened: where to, for whom, and as whom.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) hop: NextHop,
    pub(super) trunk: TrunkId,
    pub(super) identity: Option<Arc<str>>,
}

/// What is remembered of a connection that is gone, for the calls that were on it.
#[derive(Debug)]
pub(super) struct Departed {
    pub(super) calls: u32,
    pub(super) names: Vec<Arc<str>>,
}

impl Connection {
    /// Whether a request to `hop` for `trunk` may go over it.
    pub(super) fn serves(&self, hop: &NextHop, trunk: &TrunkId, terms: &Terms) -> bool {
        match &self.opened {
            Some(opened) => opened.hop == *hop && opened.trunk == *trunk && opened.identity == terms.identity,
            None => self.trunk.as_ref() == Some(trunk) && self.is_alias_of(hop),
        }
    }

    /// RFC 5923 5, 9: the peer opened it, said `alias`, and its certificate shows the very name that we would ask for.
    fn is_alias_of(&self, hop: &NextHop) -> bool {
        self.is_ready()
            && self.transport == Transport::Tls
            && hop.transport == Transport::Tls
            && self.remote.ip().to_canonical() == hop.address.ip().to_canonical()
            && self.alias == Some(hop.address.port())
            && hop.server_name.as_ref().is_some_and(|name| self.shows(name))
    }

    /// The names that were verified at the other end: its certificate's, or the one that we asked it for.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        match &self.opened {
            Some(opened) => opened.hop.server_name.iter().cloned().collect(),
            None => self.tls.iter().flat_map(|tls| tls.identities.iter().cloned()).collect(),
        }
    }

    fn shows(&self, name: &str) -> bool {
        self.names().iter().any(|shown| shown.eq_ignore_ascii_case(name))
    }
}

impl TransportLayer {
    /// Takes over what the rules say of connections to open. Those that are up stay as they are.
    pub(super) fn set_terms(&mut self, gate: &Gate) {
        let terms = |rule: &crate::admission::TrunkRule| {
            (rule.name.clone(), Terms { identity: rule.tls_client.clone(), keepalive: rule.keepalive })
        };
        self.terms = gate.rules().map(terms).collect();
    }

    pub(super) fn terms_of(&self, trunk: &TrunkId) -> Terms {
        self.terms.get(trunk).cloned().unwrap_or_default()
    }

    /// RFC 5923 8.1: the peer takes requests of ours on the connection that it opened, as if we had connected to the port
    /// that its Via names.
    pub(super) fn note_alias(&mut self, flow: Flow, via: &Via) {
        let Flow::Stream(id) = flow else { return };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.opened.is_none() && via.params.contains("alias") {
            connection.alias = Some(via.port_or_default());
        }
    }

    /// Whether the peer may send requests back over a connection that we opened: where we show a certificate, it can know
    /// whom it reaches there (RFC 5923 5).
    pub(super) fn offers_alias(&self, flow: Flow) -> bool {
        let Flow::Stream(id) = flow else { return false };
        self.get(id).and_then(|connection| connection.opened.as_ref()).is_some_and(|opened| opened.identity.is_some())
    }

    /// A connection of the trunk that can take the requests of a call whose own connection `lost` is gone. `hop`: where the
    /// call was placed to.
    fn ready_for(
        &self,
        lost: ConnectionId,
        hop: Option<&NextHop>,
        trunk: &TrunkId,
        transport: Transport,
    ) -> Option<ConnectionId> {
        let terms = self.terms_of(trunk);
        let wanted: Vec<Arc<str>> = match hop.map(|hop| &hop.server_name) {
            Some(name) => name.iter().cloned().collect(),
            None => self.departed.get(&lost).map(|departed| departed.names.clone()).unwrap_or_default(),
        };
        let usable = |connection: &Connection| {
            connection.is_ready()
                && connection.transport == transport
                && connection.trunk.as_ref() == Some(trunk)
                && connection.opened.as_ref().is_none_or(|opened| opened.identity == terms.identity)
                && (wanted.is_empty() || wanted.iter().any(|name| connection.shows(name)))
                // A trunk's other hops need not know of the call.
                && hop.is_none_or(|hop| connection.remote.ip().to_canonical() == hop.address.ip().to_canonical())
        };
        self.connections.iter().find(|(_, connection)| usable(connection)).map(|(id, _)| *id)
    }

    /// Remembers whose the connection was, for as long as a call is on it.
    pub(super) fn note_departed(&mut self, id: ConnectionId, connection: &Connection) {
        let names = connection.names();
        if connection.calls > 0 && !names.is_empty() {
            self.departed.insert(id, Departed { calls: connection.calls, names });
        }
    }

    /// A call of a connection that is gone has gone too, or moved.
    pub(super) fn forget_departed(&mut self, id: ConnectionId) {
        if let Some(departed) = self.departed.get_mut(&id) {
            departed.calls = departed.calls.saturating_sub(1);
            if departed.calls == 0 {
                self.departed.remove(&id);
            }
        }
    }
}

impl Endpoint {
    /// Another connection for a call whose own is gone: one of the trunk where the same name is verified, or a new one to
    /// where the call was placed.
    pub(super) fn replacement(&mut self, call: &Call, now: Instant) -> Option<Flow> {
        let Flow::Stream(lost) = call.path.flow else { return Some(call.path.flow) };
        let hop = call.path.next_hop.as_ref();
        if let Some(ready) = self.transport.ready_for(lost, hop, &call.trunk, call.path.transport) {
            return Some(Flow::Stream(ready));
        }
        let hop = hop?;
        if hop.transport == Transport::Udp {
            return self.datagram_to(hop.address);
        }
        self.transport.open(hop, &call.trunk, now).map(Flow::Stream)
    }
}
