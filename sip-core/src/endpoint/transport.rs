//! The transport layer (RFC 3261 18): connections, and what leaves the endpoint.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;

use crate::admission::{Gate, SourceFacts, TlsFacts, Transport, TrunkId};
use crate::limits;
use crate::wire::{Frame, ParseError};

use super::connection::{Connection, State};
use super::keepalive::Overdue;
use super::reuse::{Departed, Opened, Terms};
use super::schedule::Schedule;
use super::{Caps, ConnectionId, ConnectionLimits, Flow, NextHop, Output, Refusal, Stats};

#[derive(Debug)]
pub(super) struct TransportLayer {
    caps: Caps,
    limits: ConnectionLimits,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    /// What the rules say of connections to open.
    pub(super) terms: HashMap<TrunkId, Terms>,
    /// Connections that are gone and had calls on them.
    pub(super) departed: BTreeMap<ConnectionId, Departed>,
    per_source: HashMap<IpAddr, u32>,
    schedule: Schedule<ConnectionId>,
    outputs: VecDeque<Output>,
    last_id: u64,
    pub(super) stats: Stats,
}

/// A message cannot be sent: the connection is gone, or its queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost;

impl TransportLayer {
    pub(super) fn new(caps: Caps, limits: ConnectionLimits, gate: &Gate) -> Self {
        let mut layer = Self {
            caps,
            limits,
            connections: BTreeMap::new(),
            terms: HashMap::new(),
            departed: BTreeMap::new(),
            per_source: HashMap::new(),
            schedule: Schedule::new(),
            outputs: VecDeque::new(),
            last_id: 0,
            stats: Stats::default(),
        };
        layer.set_terms(gate);
        layer
    }

    pub(super) fn pop_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn push_output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id)
    }

    /// Sends a message.
    pub(super) fn transmit(&mut self, flow: Flow, bytes: Bytes) -> Result<(), Lost> {
        if let Flow::Stream(id) = flow {
            let connection = self.connections.get_mut(&id).ok_or(Lost)?;
            if let State::Opening { queue } = &mut connection.state {
                if queue.len() >= limits::OPENING_QUEUE {
                    self.stats.count(Refusal::BackPressure);
                    return Err(Lost);
                }
                queue.push(bytes);
                return Ok(());
            }
        }
        self.stats.sent += 1;
        self.outputs.push_back(Output::Transmit { flow, bytes });
        Ok(())
    }

    /// Takes back a message that still waits for its connection. False when there is none: it is on its way.
    pub(super) fn take_back(&mut self, flow: Flow, bytes: &Bytes) -> bool {
        let Flow::Stream(id) = flow else { return false };
        let Some(Connection { state: State::Opening { queue }, .. }) = self.connections.get_mut(&id) else {
            return false;
        };
        let before = queue.len();
        queue.retain(|queued| queued != bytes);
        queue.len() < before
    }

    /// Takes in an accepted connection, if there is room. One that has not shown that it is more than a socket makes
    /// room first, then the one that was idle for longest; one with a call on it never.
    pub(super) fn accept(
        &mut self,
        remote: SocketAddr,
        transport: Transport,
        most: Option<u32>,
        now: Instant,
    ) -> Option<ConnectionId> {
        let most = most.unwrap_or(self.caps.connections_per_source);
        let source = remote.ip().to_canonical();
        if self.per_source.get(&source).is_some_and(|count| *count >= most) {
            self.stats.count(Refusal::ConnectionsPerSource);
            return None;
        }
        self.make_room()?;
        *self.per_source.entry(source).or_default() += 1;
        Some(self.insert(Connection::new(remote, transport, None, now)))
    }

    /// A connection to `next_hop` for `trunk`: one that may be shared (THREATS T22), or a new one.
    pub(super) fn open(&mut self, next_hop: &NextHop, trunk: &TrunkId, now: Instant) -> Option<ConnectionId> {
        let terms = self.terms_of(trunk);
        let serves = |connection: &Connection| connection.serves(next_hop, trunk, &terms);
        if let Some((id, _)) = self.connections.iter().find(|(_, connection)| serves(connection)) {
            return Some(*id);
        }
        self.make_room()?;
        let identity = terms.identity;
        let opened = Opened { hop: next_hop.clone(), trunk: trunk.clone(), identity: identity.clone() };
        let id = self.insert(Connection::new(next_hop.address, next_hop.transport, Some(opened), now));
        self.outputs.push_back(Output::Connect { connection: id, next_hop: next_hop.clone(), identity });
        Some(id)
    }

    /// TCP and TLS are ready. Gives what is known of the peer.
    pub(super) fn on_connected(
        &mut self,
        id: ConnectionId,
        tls: Option<TlsFacts>,
        now: Instant,
    ) -> Option<SourceFacts> {
        let connection = self.connections.get_mut(&id)?;
        connection.tls = tls;
        connection.last_activity = now;
        let queue = match std::mem::replace(&mut connection.state, State::Ready) {
            State::Opening { queue } => queue,
            State::Ready => Vec::new(),
        };
        let facts = connection.facts();
        for bytes in queue {
            self.stats.sent += 1;
            self.outputs.push_back(Output::Transmit { flow: Flow::Stream(id), bytes });
        }
        self.reschedule(id);
        Some(facts)
    }

    pub(super) fn set_trunk(&mut self, id: ConnectionId, trunk: TrunkId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.trunk = Some(trunk);
        }
    }

    pub(super) fn feed(&mut self, id: ConnectionId, octets: &[u8]) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.framer.feed(octets);
        }
    }

    /// The next frame of what was fed. `None` when more octets are needed, or the connection is gone.
    pub(super) fn next_frame(&mut self, id: ConnectionId, now: Instant) -> Result<Option<Frame>, ParseError> {
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(None) };
        let frame = connection.framer.poll();
        match &frame {
            Ok(Some(_)) => connection.on_frame(now),
            Ok(None) => connection.note_progress(now),
            Err(_) => {}
        }
        self.reschedule(id);
        frame
    }

    /// A call's requests go over the connection from now on, or no more.
    pub(super) fn count_call(&mut self, flow: Flow, holds: bool, now: Instant) {
        let Flow::Stream(id) = flow else { return };
        let Some(connection) = self.connections.get_mut(&id) else {
            if !holds {
                self.forget_departed(id);
            }
            return;
        };
        if holds {
            connection.calls = connection.calls.saturating_add(1);
        } else {
            connection.calls = connection.calls.saturating_sub(1);
            connection.last_activity = now;
        }
        self.reschedule(id);
    }

    /// Closes a connection and forgets it.
    pub(super) fn close(&mut self, id: ConnectionId) {
        if self.remove(id).is_some() {
            self.outputs.push_back(Output::Close { connection: id });
        }
    }

    /// Forgets a connection that is gone.
    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        let connection = self.connections.remove(&id)?;
        self.schedule.set(id, None);
        self.note_departed(id, &connection);
        if connection.opened.is_none() {
            let source = connection.remote.ip().to_canonical();
            if let Some(count) = self.per_source.get_mut(&source) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.per_source.remove(&source);
                }
            }
        }
        Some(connection)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.schedule.next()
    }

    /// Takes one connection on which something is due; counts why one is to be closed.
    pub(super) fn pop_overdue(&mut self, now: Instant) -> Option<Overdue> {
        let id = self.schedule.pop_due(now)?;
        match self.connections.get(&id).and_then(|connection| connection.closes(&self.limits)) {
            Some((at, reason)) if at <= now => {
                self.stats.count(reason);
                Some(Overdue::Close(id))
            }
            Some(_) | None => Some(Overdue::Ping(id)),
        }
    }

    fn insert(&mut self, connection: Connection) -> ConnectionId {
        self.last_id += 1;
        let id = ConnectionId(self.last_id);
        self.connections.insert(id, connection);
        self.reschedule(id);
        id
    }

    fn make_room(&mut self) -> Option<()> {
        if self.connections.len() < self.caps.connections {
            return Some(());
        }
        let spare = self.connections.iter().filter(|(_, connection)| connection.calls == 0);
        let victim = spare.min_by_key(|(_, connection)| (connection.proven, connection.last_activity));
        let Some(victim) = victim.map(|(id, _)| *id) else {
            self.stats.count(Refusal::ConnectionsFull);
            return None;
        };
        self.stats.count(Refusal::ConnectionEvicted);
        self.close(victim);
        Some(())
    }

    pub(super) fn reschedule(&mut self, id: ConnectionId) {
        let at = self
            .connections
            .get(&id)
            .and_then(|connection| connection.deadline(connection.closes(&self.limits).map(|(at, _)| at)));
        self.schedule.set(id, at);
    }
}
