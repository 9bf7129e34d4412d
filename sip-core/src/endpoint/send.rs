//! Requests that we send: over what, with which Via, in which transaction (RFC 3261 8.1.1, 12.2.1).

use std::time::Instant;

use bytes::Bytes;

use crate::admission::{SourceFacts, TrunkId};
use crate::transaction::{ClientInvite, ClientKey, ClientNonInvite};
use crate::wire::{HeaderName, Method, Request, Transport as ViaTransport, Via};

use super::call::{Call, Path, Phase};
use super::respond::encode_request;
use super::transactions::{ClientMachine, ClientTx, Purpose, TxId};
use super::transport::Lost;
use super::{CallKey, Cause, Endpoint, Flow, Refusal};
use crate::admission::Transport;

impl Endpoint {
    /// Sends a request of a call in a client transaction of its own.
    pub(super) fn send_in_call(
        &mut self,
        call: &mut Call,
        request: Request,
        purpose: Purpose,
        now: Instant,
    ) -> Result<TxId, Lost> {
        self.renew_path(call, now)?;
        let (path, trunk, key) = (call.path.clone(), call.trunk.clone(), Some(call.key));
        self.send_request(&path, trunk, key, request, purpose, now).map(|(tx, _)| tx)
    }

    /// Sends a request in a client transaction of its own; gives its branch too.
    pub(super) fn send_request(
        &mut self,
        path: &Path,
        trunk: TrunkId,
        call: Option<CallKey>,
        mut request: Request,
        mut purpose: Purpose,
        now: Instant,
    ) -> Result<(TxId, String), Lost> {
        let branch = self.tokens.branch();
        let asked = self.authorize(path, &trunk, &mut request, &mut purpose);
        self.address(path, &mut request, &branch);
        let roomier = self.roomier(path, &trunk, &mut request, &branch, now);
        let path = roomier.as_ref().map_or(path, |(path, _)| path);
        let tx = self.start_client(path, trunk, call, &request, &branch, purpose, now)?;
        if let Some((_, spare)) = roomier {
            self.transactions.set_spare(tx, spare);
        }
        if let Some(client) = self.transactions.client(tx) {
            client.asked = asked;
        }
        Ok((tx, branch))
    }

    /// Starts the client transaction of a request that has its Via.
    #[expect(clippy::too_many_arguments, reason = "one call site each for a new branch and for that of a CANCEL")]
    pub(super) fn start_client(
        &mut self,
        path: &Path,
        trunk: TrunkId,
        call: Option<CallKey>,
        request: &Request,
        branch: &str,
        purpose: Purpose,
        now: Instant,
    ) -> Result<TxId, Lost> {
        let bytes = encode_request(request);
        self.transport.transmit(path.flow, bytes.clone())?;
        self.keep_bound(path.flow, &trunk, now);
        let machine = self.client_machine(*request.method() == Method::Invite, bytes, path, call, now);
        let key = ClientKey::new(branch, request.method());
        Ok(self.transactions.add_client(ClientTx {
            key,
            trunk,
            machine,
            path: path.clone(),
            call,
            purpose,
            asked: None,
        }))
    }

    /// The machine of a request that is sent now.
    pub(super) fn client_machine(
        &self,
        is_invite: bool,
        bytes: Bytes,
        path: &Path,
        call: Option<CallKey>,
        now: Instant,
    ) -> ClientMachine {
        let (timers, reliable) = (self.config.timers, path.transport.is_reliable());
        if !is_invite {
            return ClientMachine::NonInvite(ClientNonInvite::new(bytes, timers, reliable, now));
        }
        let mut machine = ClientInvite::new(bytes, timers, reliable, now);
        if let Some(time) = call.and_then(|key| self.patience(key)) {
            machine.set_patience(now + time);
        }
        ClientMachine::Invite(machine)
    }

    /// Sends an ACK, which has no transaction. Gives its octets, to be sent again with each retransmitted 2xx.
    pub(super) fn send_ack(&mut self, path: &Path, mut ack: Request) -> Result<Bytes, Lost> {
        let branch = self.tokens.branch();
        self.address(path, &mut ack, &branch);
        let bytes = encode_request(&ack);
        self.transport.transmit(path.flow, bytes.clone())?;
        Ok(bytes)
    }

    /// BYE; the call is over for us with it (RFC 3261 15.1.1).
    pub(super) fn send_bye(&mut self, call: &mut Call, cause: Option<Cause>, now: Instant) {
        self.say_last_news(call, now);
        if let Phase::Up(mut up) = std::mem::replace(&mut call.phase, Phase::Gone) {
            let mut bye = up.dialog.request(Method::Bye);
            if let Some(cause) = cause {
                bye.headers_mut().push(HeaderName::Reason, cause.to_string());
            }
            self.acknowledge(call, &mut up, None);
            self.drop_pending(*up, now);
            // Where the peer cannot be reached the call is over all the same.
            let sent = self.send_in_call(call, bye, Purpose::Farewell, now);
            self.note_lost(&sent);
        }
    }

    /// Counts a message that had no way to go, where there is nothing better to do about it.
    pub(super) fn note_lost<T>(&mut self, sent: &Result<T, Lost>) {
        if sent.is_err() {
            self.transport.stats.count(Refusal::Unreachable);
        }
    }

    /// What every request of ours has: Via, Max-Forwards, and User-Agent where there shall be one.
    pub(super) fn address(&self, path: &Path, request: &mut Request, branch: &str) {
        let via = self.via(path, branch);
        let product = self.config.product.clone();
        let headers = request.headers_mut();
        if !headers.contains(&HeaderName::MaxForwards) {
            headers.push_front(HeaderName::MaxForwards, MAX_FORWARDS);
        }
        headers.push_front(HeaderName::Via, via.to_value());
        if let Some(product) = product {
            headers.push(HeaderName::UserAgent, product.into_bytes());
        }
    }

    pub(super) fn via(&self, path: &Path, branch: &str) -> Via {
        let transport = match path.transport {
            Transport::Udp => ViaTransport::Udp,
            Transport::Tcp => ViaTransport::Tcp,
            Transport::Tls => ViaTransport::Tls,
        };
        let (host, port) = self.sent_by(path.flow, path.transport, self.far_address(path));
        let mut via = Via::new(transport, host, port, branch);
        via.params.set("rport", None);
        if self.transport.offers_alias(path.flow) {
            via.params.set("alias", None);
        }
        via
    }

    /// The address at the other end of a path.
    pub(super) fn far_address(&self, path: &Path) -> std::net::SocketAddr {
        match path.flow {
            Flow::Datagram { remote, .. } => remote,
            Flow::Stream(id) => self.transport.get(id).map_or(NOWHERE, |connection| connection.remote),
        }
    }

    /// What is known of the other end of a path.
    pub(super) fn far_end(&self, path: &Path) -> SourceFacts {
        match path.flow {
            Flow::Datagram { remote, .. } => SourceFacts::plain(remote, path.transport),
            Flow::Stream(id) => self
                .transport
                .get(id)
                .map_or_else(|| SourceFacts::plain(NOWHERE, path.transport), super::connection::Connection::facts),
        }
    }

    /// Makes sure that the call's path leads somewhere: over its own connection, another one of the trunk, or a new one
    /// to where the call was placed.
    pub(super) fn renew_path(&mut self, call: &mut Call, now: Instant) -> Result<(), Lost> {
        let Flow::Stream(id) = call.path.flow else { return Ok(()) };
        if self.transport.get(id).is_some() {
            return Ok(());
        }
        match self.replacement(call, now).ok_or(Lost)? {
            flow @ Flow::Stream(_) => self.follow_flow(call, flow, now),
            // It moved to a connection meanwhile, and goes back to where it was placed.
            flow @ Flow::Datagram { .. } => {
                self.transport.count_call(call.path.flow, false, now);
                (call.path.flow, call.path.transport) = (flow, Transport::Udp);
            }
        }
        Ok(())
    }

    /// The peer spoke over this connection: the call goes on there. A datagram's port is no reason to move.
    pub(super) fn follow_flow(&mut self, call: &mut Call, flow: Flow, now: Instant) {
        if call.path.flow == flow {
            return;
        }
        let Flow::Stream(id) = flow else { return };
        let Some(transport) = self.transport.get(id).map(|connection| connection.transport) else { return };
        self.transport.count_call(call.path.flow, false, now);
        self.transport.count_call(flow, true, now);
        call.path.flow = flow;
        call.path.transport = transport;
    }
}

/// RFC 3261 8.1.1.6
pub(super) const MAX_FORWARDS: &str = "70";

/// The address of a connection that is gone.
const NOWHERE: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);
