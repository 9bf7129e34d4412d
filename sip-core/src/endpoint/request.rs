//! Requests: which transaction, which dialog, or neither (RFC 3261 8.2, 17.2.3, 12.2.2).

use std::time::Instant;

use bytes::Bytes;

use crate::admission::TrunkId;
use crate::dialog::DialogId;
use crate::transaction::{ServerInvite, ServerKey, ServerNonInvite};
use crate::wire::{HeaderName, Method, Request, Response, StatusCode, Uri};

use super::recv::Arrival;
use super::respond::{Refuse, SDP};
use super::transactions::{MergeKey, Reply, ServerMachine, ServerTx, TxId};
use super::{CallKey, Endpoint, Refusal};

/// A request on its way through the checks.
pub(super) struct Incoming<'a> {
    pub(super) request: Request,
    pub(super) key: ServerKey,
    pub(super) reply: Reply,
    pub(super) arrival: &'a Arrival,
}

impl Endpoint {
    pub(super) fn on_request(&mut self, mut request: Request, arrival: &Arrival, now: Instant) {
        let Ok(via) = request.note_source(arrival.source.address) else {
            self.transport.stats.count(Refusal::Unanswerable);
            return;
        };
        self.transport.note_alias(arrival.flow, &via);
        let reply = Self::route_reply(arrival, &via);
        let Some(key) = ServerKey::new(&arrival.trunk, &via, request.method()) else {
            self.refuse_unless_ack(&request, &reply, Refuse::new(StatusCode::BAD_REQUEST, Refusal::Rfc2543));
            return;
        };
        let incoming = Incoming { request, key, reply, arrival };
        if let Some(tx) = self.transactions.find_server(&incoming.key) {
            self.on_known_request(tx, &incoming, now);
            return;
        }
        match incoming.request.method() {
            Method::Ack => self.on_dialog_ack(&incoming, now),
            Method::Cancel => self.on_cancel(&incoming, now),
            Method::Invite
            | Method::Bye
            | Method::Options
            | Method::Register
            | Method::Prack
            | Method::Update
            | Method::Info
            | Method::Refer
            | Method::Message
            | Method::Subscribe
            | Method::Notify
            | Method::Publish
            | Method::Other(_) => self.on_new_request(&incoming, now),
        }
    }

    /// A retransmission, or the ACK of a refused INVITE (RFC 3261 17.2).
    fn on_known_request(&mut self, id: TxId, incoming: &Incoming<'_>, now: Instant) {
        let is_ack = *incoming.request.method() == Method::Ack;
        let Some(tx) = self.transactions.server(id) else { return };
        let again = match &mut tx.machine {
            // Some clients send the ACK of a 2xx with the branch of the INVITE.
            ServerMachine::Invite(machine) if is_ack && machine.is_accepted() => {
                self.on_dialog_ack(incoming, now);
                return;
            }
            ServerMachine::Invite(machine) if is_ack => {
                machine.on_ack(now);
                None
            }
            ServerMachine::Invite(machine) => machine.on_invite(),
            ServerMachine::NonInvite(machine) => machine.on_request(),
        };
        self.transactions.settle(id);
        if let Some(response) = again {
            self.resend(&incoming.reply, response, now);
        }
    }

    /// A request that no transaction knows (RFC 3261 8.2).
    fn on_new_request(&mut self, incoming: &Incoming<'_>, now: Instant) {
        if self.demands_credentials(incoming, now) {
            return;
        }
        if let Err(refuse) = self.check_general(&incoming.request, &incoming.arrival.trunk) {
            self.refuse(&incoming.request, &incoming.reply, refuse);
            return;
        }
        match DialogId::of_request(&incoming.request) {
            Err(error) => self.refuse(&incoming.request, &incoming.reply, error.into()),
            Ok(Some(id)) => self.on_dialog_request(incoming, &id, now),
            Ok(None) if *incoming.request.method() == Method::Invite => self.on_invite(incoming, now),
            Ok(None) if *incoming.request.method() == Method::Options => self.on_options(incoming),
            Ok(None) if *incoming.request.method() == Method::Refer => {
                let refuse = Refuse::new(StatusCode::FORBIDDEN, Refusal::ReferOutside);
                self.refuse(&incoming.request, &incoming.reply, refuse);
            }
            // BYE, INFO, UPDATE and NOTIFY live in dialogs only (THREATS T40).
            Ok(None) => self.refuse_no_dialog(incoming, Refusal::NoDialog),
        }
    }

    /// RFC 3261 11.2, without state: an OPTIONS costs no memory.
    pub(super) fn on_options(&mut self, incoming: &Incoming<'_>) {
        let mut response = Response::for_request(&incoming.request, StatusCode::OK);
        let tag = self.tokens.stateless_tag(&incoming.request);
        if response.ensure_to_tag(&tag).is_err() {
            self.transport.stats.count(Refusal::Unanswerable);
            return;
        }
        let headers = response.headers_mut();
        headers.push(HeaderName::Allow, self.allow(&incoming.arrival.trunk));
        headers.push(HeaderName::Supported, self.supported(&incoming.arrival.trunk).join(", "));
        headers.push(HeaderName::Accept, SDP);
        self.answer_statelessly(response, &incoming.reply);
    }

    pub(super) fn refuse_no_dialog(&mut self, incoming: &Incoming<'_>, reason: Refusal) {
        let refuse = Refuse::new(StatusCode::CALL_DOES_NOT_EXIST, reason);
        self.refuse(&incoming.request, &incoming.reply, refuse);
    }

    fn refuse_unless_ack(&mut self, request: &Request, reply: &Reply, refuse: Refuse) {
        if *request.method() == Method::Ack {
            self.transport.stats.count(Refusal::StrayAck);
        } else {
            self.refuse(request, reply, refuse);
        }
    }

    /// Opens a server transaction, where the table has room.
    pub(super) fn open_server(
        &mut self,
        incoming: &Incoming<'_>,
        call: CallKey,
        merge: Option<MergeKey>,
        now: Instant,
    ) -> Option<TxId> {
        if self.transactions.len() >= self.config.caps.transactions {
            let wait = self.tokens.seconds(5, 15);
            let refuse = Refuse::new(StatusCode::SERVICE_UNAVAILABLE, Refusal::TransactionsFull).retry_after(wait);
            self.refuse(&incoming.request, &incoming.reply, refuse);
            return None;
        }
        let reliable = incoming.reply.transport.is_reliable();
        let timers = self.config.timers;
        let machine = if *incoming.request.method() == Method::Invite {
            ServerMachine::Invite(ServerInvite::new(timers, reliable, now))
        } else {
            ServerMachine::NonInvite(ServerNonInvite::new(timers, reliable, now))
        };
        let (key, reply) = (incoming.key.clone(), incoming.reply.clone());
        Some(self.transactions.add_server(ServerTx { key, merge, machine, reply, call: Some(call) }))
    }

    /// Sends a final response of a server transaction, or a provisional one of an INVITE.
    pub(super) fn respond(&mut self, id: TxId, mut response: Response, now: Instant) -> Option<Bytes> {
        self.sign(response.headers_mut());
        let status = response.status();
        let bytes = super::respond::encode_response(&response);
        let tx = self.transactions.server(id)?;
        let accepted = match &mut tx.machine {
            ServerMachine::Invite(machine) if status.is_provisional() => machine.on_provisional(bytes.clone()),
            ServerMachine::Invite(machine) if status.is_success() => machine.on_success(now),
            ServerMachine::Invite(machine) => machine.on_failure(bytes.clone(), now),
            ServerMachine::NonInvite(machine) => machine.on_final(bytes.clone(), now),
        };
        let reply = tx.reply.clone();
        self.transactions.settle(id);
        accepted.ok()?;
        if self.send_reply(&reply, bytes.clone(), now).is_err() {
            self.on_reply_lost(id);
        }
        Some(bytes)
    }

    /// A request other than INVITE may wait for the TU: 100 if it does for long (RFC 4320 4.1).
    pub(super) fn try_later(&mut self, id: TxId, request: &Request, now: Instant) {
        let mut response = Response::for_request(request, StatusCode::TRYING);
        self.sign(response.headers_mut());
        let bytes = super::respond::encode_response(&response);
        if let Some(tx) = self.transactions.server(id)
            && let ServerMachine::NonInvite(machine) = &mut tx.machine
        {
            machine.on_waiting(bytes, now);
            self.transactions.settle(id);
        }
    }

    pub(super) fn resend(&mut self, reply: &Reply, bytes: Bytes, now: Instant) {
        self.transport.stats.retransmitted += 1;
        let sent = self.send_reply(reply, bytes, now);
        self.note_lost(&sent);
    }

    /// RFC 3261 17.2.4. A lost provisional or 2xx is not the end: the peer may come back on another connection.
    fn on_reply_lost(&mut self, id: TxId) {
        self.transport.stats.count(Refusal::Unreachable);
        let Some(tx) = self.transactions.server(id) else { return };
        match &mut tx.machine {
            ServerMachine::Invite(machine) if machine.is_proceeding() || machine.is_accepted() => {}
            ServerMachine::Invite(machine) => machine.on_transport_error(),
            ServerMachine::NonInvite(machine) => machine.on_transport_error(),
        }
        self.transactions.settle(id);
    }

    /// What RFC 3261 8.2 checks of every request but ACK and CANCEL, in its order.
    fn check_general(&self, request: &Request, trunk: &TrunkId) -> Result<(), Refuse> {
        match request.method() {
            Method::Invite
            | Method::Bye
            | Method::Options
            | Method::Info
            | Method::Update
            | Method::Prack
            | Method::Notify
            | Method::Refer => {}
            Method::Other(_) => {
                let refuse = Refuse::new(StatusCode::NOT_IMPLEMENTED, Refusal::NotImplemented);
                return Err(refuse.with(HeaderName::Allow, self.allow(trunk)));
            }
            Method::Ack | Method::Cancel | Method::Register | Method::Message | Method::Subscribe | Method::Publish => {
                let refuse = Refuse::new(StatusCode::METHOD_NOT_ALLOWED, Refusal::MethodNotAllowed);
                return Err(refuse.with(HeaderName::Allow, self.allow(trunk)));
            }
        }
        if matches!(request.uri(), Uri::Other(_)) {
            return Err(Refuse::new(StatusCode::UNSUPPORTED_URI_SCHEME, Refusal::UriScheme));
        }
        let unknown = request.require()?.except(&self.supported(trunk));
        if !unknown.is_empty() {
            let refuse = Refuse::new(StatusCode::BAD_EXTENSION, Refusal::BadExtension);
            return Err(refuse.with(HeaderName::Unsupported, unknown.to_value()));
        }
        Ok(())
    }
}
