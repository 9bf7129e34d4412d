//! Requests that are too long for a datagram (RFC 3261 18.1.1).
//!
//! A datagram over the path's MTU travels in pieces, which networks lose and firewalls drop. Such a request goes over TCP to
//! the same address, where the trunk's rule allows that; if the connection cannot be made, over UDP after all.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::admission::{Transport, TrunkId};
use crate::limits;
use crate::wire::{HeaderName, Request};

use super::call::Path;
use super::respond::encode_request;
use super::transactions::{ClientMachine, TxId};
use super::{Endpoint, Flow, NextHop};

/// A request as the datagram that it would have been.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) path: Path,
    bytes: Bytes,
}

/// Addresses that took no TCP connection, and until when that is remembered: not each call waits for the same silence.
#[derive(Debug, Default)]
pub(super) struct NoStream(HashMap<SocketAddr, Instant>);

impl NoStream {
    fn note(&mut self, remote: SocketAddr, now: Instant) {
        self.0.retain(|_, until| *until > now);
        if self.0.len() < limits::NO_STREAM {
            self.0.insert(remote, now + NO_STREAM);
        }
    }

    fn holds(&self, remote: SocketAddr, now: Instant) -> bool {
        self.0.get(&remote).is_some_and(|until| *until > now)
    }
}

impl Endpoint {
    /// A path with room for a request that has its Via, where `path` has none; the Via then names the new transport. `None`:
    /// it goes as it is.
    pub(super) fn roomier(
        &mut self,
        path: &Path,
        trunk: &TrunkId,
        request: &mut Request,
        branch: &str,
        now: Instant,
    ) -> Option<(Path, Spare)> {
        let Flow::Datagram { remote, .. } = path.flow else { return None };
        let bytes = encode_request(request);
        if bytes.len() <= limits::DATAGRAM_REQUEST
            || !self.gate.rule(trunk)?.transports.contains(Transport::Tcp)
            || self.no_stream.holds(remote, now)
        {
            return None;
        }
        let hop = NextHop::tcp(remote);
        let flow = Flow::Stream(self.transport.open(&hop, trunk, now)?);
        let stream = Path { flow, transport: Transport::Tcp, next_hop: Some(hop) };
        let via = self.via(&stream, branch);
        request.headers_mut().set(HeaderName::Via, via.to_value());
        Some((stream, Spare { path: path.clone(), bytes }))
    }

    /// The connection that a request waited for could not be made: the datagram goes out, in the same transaction. False
    /// for a request that has none.
    pub(super) fn fall_back(&mut self, id: TxId, now: Instant) -> bool {
        let Some(spare) = self.transactions.take_spare(id) else { return false };
        if let Flow::Datagram { remote, .. } = spare.path.flow {
            self.no_stream.note(remote, now);
        }
        let Spare { path, bytes } = spare;
        let Some(tx) = self.transactions.client(id) else { return false };
        let (flow, call) = (path.flow, tx.call);
        let is_invite = matches!(tx.machine, ClientMachine::Invite(_));
        let machine = self.client_machine(is_invite, bytes.clone(), &path, call, now);
        let Some(tx) = self.transactions.client(id) else { return false };
        (tx.path, tx.machine) = (path, machine);
        self.transactions.settle(id);
        let sent = self.transport.transmit(flow, bytes);
        self.note_lost(&sent);
        true
    }
}

/// How long an address that took no connection is not asked for one again.
const NO_STREAM: Duration = Duration::from_mins(5);
