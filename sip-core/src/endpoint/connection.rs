//! One TCP or TLS connection, and when it is closed (THREATS T33).

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use crate::admission::{SourceFacts, TlsFacts, Transport, TrunkId};
use crate::wire::Framer;

use super::keepalive::Keepalive;
use super::reuse::Opened;
use super::{ConnectionLimits, Refusal};

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) remote: SocketAddr,
    pub(super) transport: Transport,
    pub(super) tls: Option<TlsFacts>,
    /// For one that we opened: where to, for whom and as whom.
    pub(super) opened: Option<Opened>,
    /// For one that the peer opened: the port in whose place it takes requests (RFC 5923 8.1).
    pub(super) alias: Option<u16>,
    /// For one that we opened and keep alive.
    pub(super) keepalive: Option<Keepalive>,
    /// The trunk at the other end, once that is known.
    pub(super) trunk: Option<TrunkId>,
    pub(super) state: State,
    pub(super) framer: Framer,
    /// Calls whose requests go over it: such a connection is neither idle nor evicted.
    pub(super) calls: u32,
    /// A whole message or keepalive came: it is more than an open socket.
    pub(super) proven: bool,
    pub(super) last_activity: Instant,
    /// When the message that is being received began.
    message_began: Option<Instant>,
}

#[derive(Debug)]
pub(super) enum State {
    /// TCP or TLS is not ready. What is to be sent waits.
    Opening {
        queue: Vec<Bytes>,
    },
    Ready,
}

impl Connection {
    pub(super) fn new(remote: SocketAddr, transport: Transport, opened: Option<Opened>, now: Instant) -> Self {
        Self {
            remote,
            transport,
            tls: None,
            trunk: opened.as_ref().map(|opened| opened.trunk.clone()),
            opened,
            alias: None,
            keepalive: None,
            state: State::Opening { queue: Vec::new() },
            framer: Framer::new(),
            calls: 0,
            proven: false,
            last_activity: now,
            message_began: None,
        }
    }

    pub(super) fn facts(&self) -> SourceFacts {
        SourceFacts {
            address: self.remote,
            transport: self.transport,
            tls: self.tls.clone(),
            opened_for: self.opened.as_ref().map(|opened| opened.trunk.clone()),
        }
    }

    pub(super) const fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// A whole message or keepalive was read.
    pub(super) fn on_frame(&mut self, now: Instant) {
        self.proven = true;
        self.last_activity = now;
        self.message_began = None;
        if let Some(keepalive) = &mut self.keepalive
            && keepalive.on_frame()
        {
            self.framer.accept_pong();
        }
    }

    /// All that came was looked at: does the framer hold the beginning of a message?
    pub(super) fn note_progress(&mut self, now: Instant) {
        if self.framer.is_within_message() {
            self.message_began.get_or_insert(now);
        } else {
            self.message_began = None;
        }
    }

    /// When the connection is closed if nothing more comes, and why.
    pub(super) fn closes(&self, limits: &ConnectionLimits) -> Option<(Instant, Refusal)> {
        if !self.is_ready() {
            return Some((self.last_activity + limits.handshake, Refusal::ConnectionSlow));
        }
        if let Some(began) = self.message_began {
            return Some((began + limits.message, Refusal::ConnectionSlow));
        }
        if !self.proven && self.opened.is_none() {
            return Some((self.last_activity + limits.message, Refusal::ConnectionSlow));
        }
        if let Some(keepalive) = &self.keepalive {
            return keepalive.lost_at().map(|at| (at, Refusal::KeepaliveLost));
        }
        (self.calls == 0).then_some((self.last_activity + limits.idle, Refusal::ConnectionIdle))
    }
}
