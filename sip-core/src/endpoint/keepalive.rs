//! Keepalive of the connections that we open (RFC 5626 3.5.1, 4.4.1): a double CRLF, and a single one back.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::connection::Connection;
use super::transport::TransportLayer;
use super::{ConnectionId, Endpoint, Flow};

/// When the next ping goes out, or until when its pong is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keepalive {
    every: Duration,
    ping_at: Instant,
    pong_by: Option<Instant>,
}

impl Keepalive {
    /// When the connection is given up.
    pub(super) const fn lost_at(&self) -> Option<Instant> {
        self.pong_by
    }

    /// When to send a ping: not while one is on its way.
    pub(super) fn ping_at(&self) -> Option<Instant> {
        Some(self.ping_at).filter(|_| self.pong_by.is_none())
    }

    /// Something whole came: the peer lives. A pong may hide in front of a message as its stray line break. True where a pong
    /// was waited for.
    pub(super) const fn on_frame(&mut self) -> bool {
        self.pong_by.take().is_some()
    }
}

/// What is due on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    Ping(ConnectionId),
    Close(ConnectionId),
}

impl Connection {
    /// The next instant at which something is due: a ping, or the end.
    pub(super) fn deadline(&self, closes: Option<Instant>) -> Option<Instant> {
        let ping = self.keepalive.as_ref().filter(|_| self.is_ready()).and_then(Keepalive::ping_at);
        ping.into_iter().chain(closes).min()
    }
}

impl TransportLayer {
    fn set_keepalive(&mut self, id: ConnectionId, keepalive: Keepalive) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.keepalive = Some(keepalive);
        }
        self.reschedule(id);
    }
}

impl Endpoint {
    /// A connection is ready: keep it alive, if we opened it and the trunk's rule says so.
    pub(super) fn start_keepalive(&mut self, id: ConnectionId, now: Instant) {
        let Some(opened) = self.transport.get(id).and_then(|connection| connection.opened.as_ref()) else { return };
        let Some(every) = self.transport.terms_of(&opened.trunk).keepalive else { return };
        let every = every.max(LEAST);
        let ping_at = now + self.tokens.part_of(every);
        self.transport.set_keepalive(id, Keepalive { every, ping_at, pong_by: None });
    }

    pub(super) fn on_connection_due(&mut self, due: Overdue, now: Instant) {
        match due {
            Overdue::Ping(id) => self.ping_connection(id, now),
            Overdue::Close(id) => self.lose_connection(id, now),
        }
    }

    fn ping_connection(&mut self, id: ConnectionId, now: Instant) {
        let Some(keepalive) = self.transport.get(id).and_then(|connection| connection.keepalive) else {
            self.transport.reschedule(id);
            return;
        };
        let ping_at = now + self.tokens.part_of(keepalive.every);
        self.transport.set_keepalive(id, Keepalive { ping_at, pong_by: Some(now + PONG), ..keepalive });
        let sent = self.transport.transmit(Flow::Stream(id), Bytes::from_static(b"\r\n\r\n"));
        self.note_lost(&sent);
    }
}

/// How long a pong may take (RFC 5626 4.4.1).
const PONG: Duration = Duration::from_secs(10);
/// No rule has us send more often.
const LEAST: Duration = Duration::from_secs(1);
