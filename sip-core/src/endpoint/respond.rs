//! Responses: what they repeat of the request, and the headers that are ours.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use zeroize::Zeroizing;

use crate::wire::{HeaderError, HeaderName, Headers, Host, NameAddr, Request, Response, StatusCode, Text, Uri, Via};

use super::body::wiped;
use super::transactions::Reply;
use super::transport::Lost;
use super::{Endpoint, Flow, NextHop, Refusal};
use crate::admission::{SourceFacts, Transport, TrunkId};

pub(super) const SDP: &str = "application/sdp";

/// What every response to one request repeats.
#[derive(Clone)]
pub(super) struct Base {
    /// Via, From, To with our tag, Call-ID, CSeq.
    headers: Headers,
    /// For a response that makes a dialog (RFC 3261 12.1.1).
    record_routes: Vec<Bytes>,
    /// Our Contact.
    contact: Option<Bytes>,
}

impl Base {
    pub(super) fn new(request: &Request, tag: &str) -> Result<Self, HeaderError> {
        let mut response = Response::for_request(request, StatusCode::OK);
        response.ensure_to_tag(tag)?;
        Ok(Self { headers: response.headers().clone(), record_routes: Vec::new(), contact: None })
    }

    /// For a request that makes or keeps a dialog: Contact goes into each response, Record-Route into those to a request
    /// that has it.
    pub(super) fn in_dialog(mut self, request: &Request, contact: Bytes) -> Self {
        self.record_routes = request.get_all(&HeaderName::RecordRoute).cloned().collect();
        self.contact = Some(contact);
        self
    }

    pub(super) fn response(&self, status: StatusCode) -> Response {
        let mut response = Response::new(status);
        let headers = response.headers_mut();
        for header in self.headers.iter() {
            if let Some(value) = header.value() {
                headers.push(header.name().clone(), value.clone());
            }
        }
        if status == StatusCode::TRYING || status.code() >= 300 {
            return response;
        }
        for route in &self.record_routes {
            headers.push(HeaderName::RecordRoute, route.clone());
        }
        if let Some(contact) = &self.contact {
            headers.push(HeaderName::Contact, contact.clone());
        }
        response
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base").finish_non_exhaustive()
    }
}

/// A refusal: a status, why it is counted, and at most one header.
#[derive(Debug)]
pub(super) struct Refuse {
    pub(super) status: StatusCode,
    pub(super) reason: Refusal,
    pub(super) header: Option<(HeaderName, Bytes)>,
}

impl Refuse {
    pub(super) const fn new(status: StatusCode, reason: Refusal) -> Self {
        Self { status, reason, header: None }
    }

    pub(super) fn with(mut self, name: HeaderName, value: impl Into<Bytes>) -> Self {
        self.header = Some((name, value.into()));
        self
    }

    pub(super) fn retry_after(self, wait: std::time::Duration) -> Self {
        self.with(HeaderName::RetryAfter, retry_after(wait))
    }
}

impl From<HeaderError> for Refuse {
    fn from(error: HeaderError) -> Self {
        Self::new(error.status(), Refusal::MalformedAnswered)
    }
}

/// Which of the ways to be full a 503 stands for: all look alike by their status (RFC 6432, ITU-T Q.850).
const fn congestion(reason: Refusal) -> Option<&'static str> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others have a status of their own")]
    match reason {
        Refusal::TrunkRate => Some("Q.850;cause=42;text=\"call rate of the trunk\""),
        Refusal::TrunkCalls => Some("Q.850;cause=34;text=\"calls of the trunk\""),
        Refusal::DialogsFull | Refusal::UnansweredFull | Refusal::TransactionsFull => {
            Some("Q.850;cause=42;text=\"server full\"")
        }
        Refusal::ShuttingDown => Some("Q.850;cause=41;text=\"server stopping\""),
        _ => None,
    }
}

/// Whole seconds, rounded up, at least one.
pub(super) fn retry_after(wait: std::time::Duration) -> Bytes {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Bytes::from(seconds.max(1).to_string())
}

impl Endpoint {
    /// Refuses a request without keeping state (RFC 3261 8.2.7): a retransmission is refused again, in the same words.
    pub(super) fn refuse(&mut self, request: &Request, reply: &Reply, refuse: Refuse) {
        self.transport.stats.count(refuse.reason);
        let mut response = Response::for_request(request, refuse.status);
        let tag = self.tokens.stateless_tag(request);
        if response.ensure_to_tag(&tag).is_err() {
            self.transport.stats.count(Refusal::Unanswerable);
            return;
        }
        if let Some((name, value)) = refuse.header {
            response.headers_mut().push(name, value);
        }
        if let Some(cause) = congestion(refuse.reason) {
            response.headers_mut().push(HeaderName::Reason, cause);
        }
        self.answer_statelessly(response, reply);
    }

    pub(super) fn answer_statelessly(&mut self, mut response: Response, reply: &Reply) {
        self.sign(response.headers_mut());
        let sent = self.transport.transmit(reply.flow, encode_response(&response));
        self.note_lost(&sent);
    }

    /// Sends a response of a transaction: over the request's flow, or where RFC 3261 18.2.2 says when that is gone.
    pub(super) fn send_reply(&mut self, reply: &Reply, bytes: Bytes, now: Instant) -> Result<(), Lost> {
        if self.transport.transmit(reply.flow, bytes.clone()).is_ok() {
            return Ok(());
        }
        let fallback = reply.fallback.as_ref().ok_or(Lost)?;
        let connection = self.transport.open(fallback, &reply.trunk, now).ok_or(Lost)?;
        self.transport.transmit(Flow::Stream(connection), bytes)
    }

    /// Adds Server, where there shall be one.
    pub(super) fn sign(&self, headers: &mut Headers) {
        if let Some(product) = &self.config.product {
            headers.push(HeaderName::Server, product.clone().into_bytes());
        }
    }

    /// Our Contact towards a peer that is reached over `transport` (and, for UDP, over this flow).
    pub(super) fn contact(&self, flow: Flow, transport: Transport, remote: SocketAddr, secure: bool) -> Bytes {
        self.contact_of(self.config.contact_user.clone(), flow, transport, remote, secure)
    }

    /// Our Contact with another user part.
    pub(super) fn contact_of(
        &self,
        user: Text,
        flow: Flow,
        transport: Transport,
        remote: SocketAddr,
        secure: bool,
    ) -> Bytes {
        let (host, port) = self.sent_by(flow, transport, remote);
        let user = Some(user);
        let uri = if secure { Uri::sips(user, host, port) } else { Uri::sip(user, host, port) };
        let uri = match (uri, transport) {
            (Uri::Sip(mut sip), Transport::Tcp | Transport::Tls) if !secure => {
                sip.params.set("transport", Some(transport.uri_name()));
                Uri::Sip(sip)
            }
            (uri, _) => uri,
        };
        NameAddr::new(uri).to_value()
    }

    /// The host and port that we name as ours in Via and Contact.
    pub(super) fn sent_by(&self, flow: Flow, transport: Transport, remote: SocketAddr) -> (Host, Option<u16>) {
        let listeners = &self.config.listeners;
        let own = match flow {
            Flow::Datagram { listener, .. } => listeners.get(usize::from(listener.0)),
            Flow::Stream(_) => None,
        };
        let same_family = |local: SocketAddr| local.is_ipv4() == (remote.is_ipv4() || is_mapped(remote));
        let listener = own
            .or_else(|| listeners.iter().find(|l| l.transport == transport && same_family(l.local)))
            .or_else(|| listeners.iter().find(|l| l.transport == transport));
        match listener {
            Some(listener) => (listener.host.clone(), Some(listener.port)),
            // A client that listens nowhere has no address to name; the peer answers over the connection, as with
            // WebSocket clients (RFC 7118 5).
            None => (Host::Name(Text::from_static("client.invalid")), None),
        }
    }

    /// Where the response to a request goes (RFC 3261 18.2.2, RFC 3581 4). Always the packet's source address; the port
    /// that Via names is believed only where Via names that very address. maddr is not read.
    pub(super) fn reply_to(via: &Via, flow: Flow, source: &SourceFacts, trunk: TrunkId) -> Reply {
        let ip = source.ip();
        let honest = via.host.ip().map(|host| host.to_canonical()) == Some(ip);
        let port = via.port_or_default();
        let (flow, fallback) = match flow {
            Flow::Datagram { listener, remote } if honest && via.rport().is_none() => {
                (Flow::Datagram { listener, remote: SocketAddr::new(remote.ip(), port) }, None)
            }
            Flow::Datagram { .. } => (flow, None),
            Flow::Stream(_) => (flow, back_to(source, SocketAddr::new(ip, port))),
        };
        Reply { flow, transport: source.transport, trunk, fallback }
    }
}

/// The connection to open when the request's own is gone. Over TLS only to a peer that showed who it is.
fn back_to(source: &SourceFacts, address: SocketAddr) -> Option<NextHop> {
    match source.transport {
        Transport::Udp => None,
        Transport::Tcp => Some(NextHop::tcp(address)),
        Transport::Tls => {
            let name = source.tls.as_ref()?.identities.first()?;
            Some(NextHop::tls(address, std::sync::Arc::clone(name)))
        }
    }
}

fn is_mapped(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_ipv4()
}

/// The octets of a response; wiped with their last copy where they hold a body.
pub(super) fn encode_response(response: &Response) -> Bytes {
    encode(response.body().len(), |out| response.encode(out))
}

/// The octets of a request; wiped with their last copy where they hold a body.
pub(super) fn encode_request(request: &Request) -> Bytes {
    encode(request.body().len(), |out| request.encode(out))
}

fn encode(body: usize, write: impl FnOnce(&mut BytesMut)) -> Bytes {
    // Room for all headers, so that a body is not copied about while the buffer grows.
    let mut out = BytesMut::with_capacity(body + 2048);
    write(&mut out);
    if body == 0 { out.freeze() } else { wiped(Zeroizing::new(Vec::from(out))) }
}
