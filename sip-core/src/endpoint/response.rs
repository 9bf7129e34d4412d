//! Responses to our requests (RFC 3261 17.1.3, 13.2.2.4).

use std::time::Instant;

use crate::dialog::{Dialog, SessionTimer};
use crate::transaction::{ClientKey, Received};
use crate::wire::{HeaderError, HeaderName, Method, Request, Response, Text, sdp_body};

use super::authenticate::copy_credentials;
use super::call::{AckDue, Call, Cancel, EarlyFork, Path, Phase, Up};
use super::early::Exchange;
use super::recv::Arrival;
use super::respond::encode_request;
use super::transactions::{ClientMachine, Purpose, TxId};
use super::{Body, CallKey, EndReason, EndedBy, Endpoint, Event, Refusal};
use crate::limits;

impl Endpoint {
    pub(super) fn on_response(&mut self, response: &Response, arrival: &Arrival, now: Instant) {
        let Some(id) = self.client_of(response, arrival) else {
            self.transport.stats.count(Refusal::StrayResponse);
            return;
        };
        let code = response.status().code();
        let Some(tx) = self.transactions.client(id) else { return };
        let call = tx.call;
        if let Some(key) = call {
            self.note_life(key, response.status(), now);
        }
        let Some(tx) = self.transactions.client(id) else { return };
        match &mut tx.machine {
            ClientMachine::NonInvite(machine) => {
                let is_final = machine.on_response(code, now);
                if is_final && self.answer_challenge(id, response, arrival, now) {
                    return;
                }
                let Some(tx) = self.transactions.client(id) else { return };
                let asks = matches!(tx.purpose, Purpose::Update | Purpose::Asked);
                let of_trunk = if let Purpose::Trunk(usage) = tx.purpose { Some(usage) } else { None };
                self.note_next_nonce(id, response, arrival);
                self.transactions.settle(id);
                if let Some(key) = call.filter(|_| is_final && asks) {
                    self.with_call(key, |endpoint, call| endpoint.on_request_answered(call, id, Some(response), now));
                }
                if let Some(usage) = of_trunk.filter(|_| is_final) {
                    self.on_trunk_answered(usage, Some(response), now);
                }
            }
            ClientMachine::Invite(machine) => {
                let received = machine.on_response(code, now);
                self.transactions.settle(id);
                self.on_invite_response(id, call, response, arrival, received, now);
            }
        }
    }

    /// The transaction of a response: our branch, the method, one Via, and the trunk that we asked.
    fn client_of(&mut self, response: &Response, arrival: &Arrival) -> Option<TxId> {
        let via = response.via().ok()?;
        // RFC 3261 8.1.3.3
        if response.vias().ok()?.len() != 1 {
            return None;
        }
        let key = ClientKey::new(via.branch()?, &response.cseq().ok()?.method);
        let id = self.transactions.find_client(&key)?;
        let tx = self.transactions.client(id)?;
        let is_theirs = tx.trunk == arrival.trunk || self.gate.is_peer(&tx.trunk, &arrival.source);
        (is_theirs && arrival.source.transport >= tx.path.transport).then_some(id)
    }

    fn on_invite_response(
        &mut self,
        id: TxId,
        call: Option<CallKey>,
        response: &Response,
        arrival: &Arrival,
        received: Received,
        now: Instant,
    ) {
        match received {
            Received::Provisional => {
                if let Some(key) = call {
                    self.with_call(key, |endpoint, call| endpoint.on_progress(call, id, response, now));
                } else {
                    self.cancel_given_up(id, now);
                }
            }
            Received::Success => {
                self.note_next_nonce(id, response, arrival);
                self.on_success(id, response, now);
            }
            Received::Failure => {
                self.ack_refusal(id, response, now);
                if self.answer_challenge(id, response, arrival, now) {
                    return;
                }
                self.transactions.settle(id);
                if let Some(key) = call {
                    self.with_call(key, |endpoint, call| match call.phase {
                        Phase::Calling(_) => endpoint.on_refused(call, id, Some(response), now),
                        Phase::Up(_) => endpoint.on_reinvite_refused(call, id, Some(response), now),
                        Phase::Ringing(_) | Phase::Gone => {}
                    });
                }
            }
            Received::FailureAgain => {
                let Some(tx) = self.transactions.client(id) else { return };
                let flow = tx.path.flow;
                if let ClientMachine::Invite(machine) = &tx.machine
                    && let Some(ack) = machine.ack()
                {
                    self.transmit_again(flow, ack);
                }
            }
            Received::Ignored => {}
        }
    }

    /// The ACK of a refusal is part of the INVITE's transaction (RFC 3261 17.1.1.3), which the caller settles.
    fn ack_refusal(&mut self, id: TxId, response: &Response, now: Instant) {
        let Some(tx) = self.transactions.client(id) else { return };
        let Purpose::Invite(forks) = &tx.purpose else { return };
        let (path, invite) = (tx.path.clone(), forks.invite.clone());
        let branch = response.via().ok().and_then(|via| via.branch().map(str::to_owned)).unwrap_or_default();
        let mut ack = self.like_invite(&path, &invite, &branch, Method::Ack);
        if let Some(to) = response.get(&HeaderName::To) {
            ack.headers_mut().set(HeaderName::To, to.clone());
        }
        let bytes = encode_request(&ack);
        let sent = self.transport.transmit(path.flow, bytes.clone());
        self.note_lost(&sent);
        if let Some(tx) = self.transactions.client(id)
            && let ClientMachine::Invite(machine) = &mut tx.machine
        {
            machine.on_ack_sent(bytes, now);
        }
    }

    /// A 2xx to an INVITE of ours: the first, the same again, or that of another fork.
    fn on_success(&mut self, id: TxId, response: &Response, now: Instant) {
        let Ok(tag) = to_tag(response) else {
            self.transport.stats.count(Refusal::StrayResponse);
            return;
        };
        let Some(tx) = self.transactions.client(id) else { return };
        let Purpose::Invite(forks) = &tx.purpose else { return };
        let (flow, call) = (tx.path.flow, tx.call);
        if let Some((_, ack)) = forks.acks.iter().find(|(known, _)| *known == tag) {
            if let Some(ack) = ack.clone() {
                // The ACK went by the call's own path, also where its INVITE was too long for that.
                let flow = self.transactions.spare_flow(id).unwrap_or(flow);
                self.transmit_again(flow, ack);
            }
            return;
        }
        if forks.acks.len() >= limits::FORKS {
            self.transport.stats.count(Refusal::StrayResponse);
            return;
        }
        let is_first = forks.acks.is_empty();
        let taken = is_first
            && call.is_some_and(|key| {
                let mut taken = false;
                self.with_call(key, |endpoint, call| taken = endpoint.on_call_success(call, id, response, &tag, now));
                taken
            });
        if !taken {
            self.dismiss_fork(id, response, &tag, now);
        }
    }

    /// The first 2xx of a call's INVITE or re-INVITE. False when the call wants it no more.
    fn on_call_success(&mut self, call: &mut Call, id: TxId, response: &Response, tag: &Text, now: Instant) -> bool {
        match &call.phase {
            Phase::Calling(calling) if calling.tx == id => self.answered(call, id, response, tag, now),
            Phase::Up(up) if up.outbound.as_ref().is_some_and(|pending| pending.tx == id) => {
                self.on_reinvite_answered(call, id, response, tag, now)
            }
            Phase::Calling(_) | Phase::Up(_) | Phase::Ringing(_) | Phase::Gone => false,
        }
    }

    /// Our call is answered: the dialog stands, the ACK goes out. One that was taken back meanwhile ends with a BYE.
    fn answered(&mut self, call: &mut Call, id: TxId, response: &Response, tag: &Text, now: Instant) -> bool {
        let Phase::Calling(mut calling) = std::mem::replace(&mut call.phase, Phase::Gone) else { return false };
        let fork = calling.fork(tag);
        let (early_dialog, early) = match self.choose_fork(call, &mut calling, tag, now) {
            Some(EarlyFork { dialog, early, .. }) => (dialog, Some(early)),
            None => (None, None),
        };
        let made = match early_dialog {
            Some(mut dialog) => dialog.confirm(response).map(|()| dialog).ok(),
            None => Dialog::uac(&calling.invite, response).ok(),
        };
        let agreed = self.config.session.conclude(response);
        let (Some(dialog), Ok(agreed)) = (made, agreed) else {
            self.end(call, EndedBy::Failure, EndReason::BadAnswer, None);
            return false;
        };
        // The answer may come over another connection of the trunk than the INVITE went.
        if self.renew_path(call, now).is_err() {
            self.end(call, EndedBy::Failure, EndReason::Transport, None);
            return true;
        }
        let exchange = early.as_ref().map(|early| early.exchange);
        // The answer in a reliable response was the answer (RFC 3261 13.2.1).
        let sdp = sdp_of(response).filter(|_| exchange != Some(Exchange::Agreed));
        let cseq = calling.invite.cseq().map(|cseq| cseq.seq).unwrap_or_default();
        let offers = exchange == Some(Exchange::Owed) || (calling.offer.is_none() && sdp.is_some());
        let mut ack_due = None;
        if offers && calling.cancel == Cancel::No {
            self.owe_ack(id, tag);
            ack_due = Some(AckDue { tx: id, cseq, tag: tag.clone(), answer_by: now + limits::REINVITE_ANSWER });
        } else {
            self.remember_ack(id, &call.path.clone(), dialog.ack(cseq), tag);
        }
        let name = dialog.id().clone();
        self.dialogs.insert(name.clone(), call.key);
        call.dialog = Some(name);
        let mut up = Up::new(dialog, true, SessionTimer::new(agreed, now));
        up.local_sdp = calling.offer;
        if let Some(early) = early.filter(|early| early.exchange == Exchange::Agreed) {
            up.take_over(early);
        }
        up.ack_due = ack_due;
        call.phase = Phase::Up(Box::new(up));
        match calling.cancel {
            Cancel::No => {
                let source = self.far_end(&call.path);
                self.tell(call, Event::Answered { sdp, fork, source });
            }
            Cancel::Wanted(cause) => self.send_bye(call, cause, now),
            Cancel::Sent => self.send_bye(call, None, now),
        }
        true
    }

    /// A 2xx that nobody waits for: acknowledged, and ended with a BYE (RFC 3261 13.2.2.4).
    fn dismiss_fork(&mut self, id: TxId, response: &Response, tag: &Text, now: Instant) {
        let Some(tx) = self.transactions.client(id) else { return };
        let Purpose::Invite(forks) = &tx.purpose else { return };
        let (path, trunk) = (tx.path.clone(), tx.trunk.clone());
        let Ok(mut dialog) = Dialog::uac(&forks.invite, response) else {
            self.transport.stats.count(Refusal::StrayResponse);
            return;
        };
        let ack = dialog.ack(dialog.local_cseq());
        dialog.count_on_from(forks.highest_cseq);
        self.remember_ack(id, &path, ack, tag);
        let bye = dialog.request(Method::Bye);
        let sent = self.send_request(&path, trunk, None, bye, Purpose::Farewell, now);
        self.note_lost(&sent);
    }

    /// Sends the ACK of a 2xx and keeps it for the 2xx that come again.
    pub(super) fn remember_ack(&mut self, id: TxId, path: &Path, mut ack: Request, tag: &Text) {
        if let Some(tx) = self.transactions.client(id)
            && let Purpose::Invite(forks) = &tx.purpose
        {
            copy_credentials(&forks.invite, &mut ack);
        }
        let Ok(bytes) = self.send_ack(path, ack) else {
            self.transport.stats.count(Refusal::Unreachable);
            return;
        };
        if let Some(tx) = self.transactions.client(id)
            && let Purpose::Invite(forks) = &mut tx.purpose
        {
            forks.keep_ack(tag, bytes);
        }
    }

    pub(super) fn transmit_again(&mut self, flow: super::Flow, bytes: bytes::Bytes) {
        self.transport.stats.retransmitted += 1;
        let sent = self.transport.transmit(flow, bytes);
        self.note_lost(&sent);
    }
}

/// The session description of a response; one that cannot be read is none.
pub(super) fn sdp_of(response: &Response) -> Option<Body> {
    sdp_body(response, response.body()).ok().flatten().and_then(Body::present)
}

pub(super) fn to_tag(response: &Response) -> Result<Text, HeaderError> {
    Ok(Text::copy_from(response.to()?.tag().unwrap_or_default()))
}
