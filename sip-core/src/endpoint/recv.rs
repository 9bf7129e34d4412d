//! From octets to messages, and from messages to those who wait for them.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use crate::admission::{SourceFacts, TlsFacts, Transport, TrunkId};
use crate::wire::{Frame, Message, ParseError, Reason, Response, Stun, Via, parse_datagram};

use super::transactions::Reply;
use super::{ConnectionId, Endpoint, Flow, ListenerId, Refusal};

/// A message's way to us.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) flow: Flow,
    pub(super) source: SourceFacts,
    pub(super) trunk: TrunkId,
}

impl Endpoint {
    pub(super) fn on_datagram(&mut self, listener: ListenerId, remote: SocketAddr, bytes: Bytes, now: Instant) {
        if !self.admits_source(remote.ip(), Transport::Udp) {
            return;
        }
        let flow = Flow::Datagram { listener, remote };
        let source = SourceFacts::plain(remote, Transport::Udp);
        let Some(arrival) = self.arrival(flow, source) else { return };
        if Stun::is_stun(&bytes) {
            self.on_stun(flow, remote, &bytes, now);
            return;
        }
        match parse_datagram(bytes) {
            Ok(message) => self.on_message(message, &arrival, now),
            Err(error) => self.on_malformed(error, &arrival),
        }
    }

    /// A connection is ready: whose is it? One of nobody's is closed before a message is read from it.
    pub(super) fn on_connected(&mut self, id: ConnectionId, tls: Option<TlsFacts>, now: Instant) {
        let Some(source) = self.transport.on_connected(id, tls, now) else { return };
        if let Some(trunk) = self.gate.trunk_of(&source) {
            self.transport.set_trunk(id, trunk);
            self.start_keepalive(id, now);
        } else {
            self.transport.stats.count(Refusal::UnknownSource);
            self.transport.close(id);
        }
    }

    pub(super) fn on_received(&mut self, id: ConnectionId, bytes: &Bytes, now: Instant) {
        let Some(source) = self.transport.get(id).map(super::connection::Connection::facts) else { return };
        let flow = Flow::Stream(id);
        // The rules may have changed since the connection was made.
        let Some(arrival) = self.arrival(flow, source) else {
            self.lose_connection(id, now);
            return;
        };
        self.transport.feed(id, bytes);
        loop {
            match self.transport.next_frame(id, now) {
                Ok(None) => return,
                Ok(Some(Frame::Message(message))) => self.on_message(message, &arrival, now),
                Ok(Some(Frame::Refused(error))) => self.on_malformed(error, &arrival),
                Ok(Some(Frame::Ping)) => self.pong(flow),
                Ok(Some(Frame::Pong)) => {}
                Err(error) => {
                    self.transport.stats.count(Refusal::Framing);
                    self.on_malformed(error, &arrival);
                    self.lose_connection(id, now);
                    return;
                }
            }
        }
    }

    /// A connection is gone, or could not be made.
    pub(super) fn on_disconnected(&mut self, id: ConnectionId, now: Instant) {
        let Some(connection) = self.transport.remove(id) else { return };
        self.on_connection_lost(id, !connection.is_ready(), connection.opened.is_some(), now);
    }

    fn on_connection_lost(&mut self, id: ConnectionId, was_opening: bool, was_ours: bool, now: Instant) {
        self.trunks.set_losing(true);
        if was_opening {
            self.fail_clients_on(Flow::Stream(id), now);
        }
        if was_ours {
            self.on_trunk_connection_lost(id, now);
        }
        self.trunks.set_losing(false);
    }

    /// Closes a connection from our side.
    pub(super) fn lose_connection(&mut self, id: ConnectionId, now: Instant) {
        let was_opening = self.transport.get(id).is_some_and(|connection| !connection.is_ready());
        let was_ours = self.transport.get(id).is_some_and(|connection| connection.opened.is_some());
        self.transport.close(id);
        self.on_connection_lost(id, was_opening, was_ours, now);
    }

    /// RFC 3261 18.2.1: the source goes into the top Via, and the answer to the source.
    pub(super) fn route_reply(arrival: &Arrival, via: &Via) -> Reply {
        Self::reply_to(via, arrival.flow, &arrival.source, arrival.trunk.clone())
    }

    fn arrival(&mut self, flow: Flow, source: SourceFacts) -> Option<Arrival> {
        let Some(trunk) = self.gate.trunk_of(&source) else {
            self.transport.stats.count(Refusal::UnknownSource);
            return None;
        };
        Some(Arrival { flow, source, trunk })
    }

    fn on_message(&mut self, message: Message, arrival: &Arrival, now: Instant) {
        self.transport.stats.received += 1;
        match message {
            Message::Request(request) => self.on_request(request, arrival, now),
            Message::Response(response) => self.on_response(&response, arrival, now),
        }
    }

    /// Answers what cannot be read, where that is possible: with the parser's reason, once per message, to the source.
    fn on_malformed(&mut self, error: ParseError, arrival: &Arrival) {
        let reason = error.reason();
        if reason == Reason::KeepAlive {
            return;
        }
        let phrase = reason.as_str().replace('_', " ");
        let Some(mut response) = error.into_answer() else {
            self.transport.stats.count(Refusal::MalformedDropped);
            return;
        };
        let Ok(via) = stamp_via(&mut response, &arrival.source) else {
            self.transport.stats.count(Refusal::Unanswerable);
            return;
        };
        let tag = self.tokens.stateless_tag(response.headers());
        // A To that cannot be read goes back as it came.
        drop(response.ensure_to_tag(&tag));
        let text = format!("{} ({phrase})", response.status().phrase());
        self.transport.stats.count(Refusal::MalformedAnswered);
        self.answer_statelessly(response.with_reason(text), &Self::route_reply(arrival, &via));
    }

    /// RFC 5626 4.4.1: a double CRLF is answered with a single one.
    fn pong(&mut self, flow: Flow) {
        let sent = self.transport.transmit(flow, Bytes::from_static(b"\r\n"));
        self.note_lost(&sent);
    }
}

/// Notes the source in the top Via of an answer that was made from a message we could not read whole.
fn stamp_via(response: &mut Response, source: &SourceFacts) -> Result<Via, crate::wire::HeaderError> {
    use crate::wire::HeaderName;

    let mut via = response.via()?;
    let asks_port = via.rport().is_some();
    if asks_port {
        via.set_rport(source.address.port());
    }
    if asks_port || via.host.ip().map(|ip| ip.to_canonical()) != Some(source.ip()) {
        via.set_received(source.ip());
    }
    let rest: Vec<Via> = response.vias().map_or_else(|_| Vec::new(), |vias| vias.into_iter().skip(1).collect());
    let headers = response.headers_mut();
    headers.remove(&HeaderName::Via);
    for lower in rest.iter().rev() {
        headers.push_front(HeaderName::Via, lower.to_value());
    }
    headers.push_front(HeaderName::Via, via.to_value());
    Ok(via)
}
