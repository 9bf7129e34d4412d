//! Time passes.

use std::time::Instant;

use bytes::Bytes;

use crate::dialog::{Due, UnackedTimeout};
use crate::transaction::{ClientInviteTimeout, ClientNonInviteTimeout, ServerInviteTimeout};
use crate::wire::StatusCode;

use super::call::{Call, Cancel, Phase};
use super::transactions::{ClientMachine, Purpose, Reply, ServerMachine, Transaction, TxId};
use super::trunks::TrunkUse;
use super::{CallKey, EndReason, EndedBy, Endpoint, Flow, Refusal, Reject};

/// What an expired transaction asks of the endpoint.
enum TransactionDue {
    Nothing,
    Reply(Reply, Bytes),
    Request(Flow, Bytes),
    ServerLeft(TxId, Option<CallKey>),
    NoResponse(TxId, Option<CallKey>, bool),
    Unheard(TxId, Option<CallKey>),
    TrunkUnanswered(TrunkUse),
    ClientLeft(TxId, Option<CallKey>),
}

impl Endpoint {
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.on_bindings_due(now);
        let mut budget = TIMEOUT_BUDGET;
        while budget > 0
            && let Some(due) = self.transport.pop_overdue(now)
        {
            budget -= 1;
            self.on_connection_due(due, now);
        }
        while budget > 0
            && let Some(due) = self.pop_transaction(now)
        {
            budget -= 1;
            self.on_transaction_due(due, now);
        }
        while budget > 0
            && let Some(key) = self.trunks.schedule.pop_due(now)
        {
            budget -= 1;
            self.on_trunk_due(key, now);
        }
        while budget > 0
            && let Some(key) = self.call_schedule.pop_due(now)
        {
            budget -= 1;
            self.with_call(key, |endpoint, call| endpoint.on_call_due(call, now));
        }
    }

    fn pop_transaction(&mut self, now: Instant) -> Option<TransactionDue> {
        let (id, tx) = self.transactions.pop_due(now)?;
        let due = match tx {
            Transaction::Server(tx) => match &mut tx.machine {
                ServerMachine::Invite(machine) => match machine.handle_timeout(now) {
                    ServerInviteTimeout::Nothing | ServerInviteTimeout::NoAck => TransactionDue::Nothing,
                    ServerInviteTimeout::Resend(bytes) => TransactionDue::Reply(tx.reply.clone(), bytes),
                    ServerInviteTimeout::LastResort => TransactionDue::ServerLeft(id, tx.call),
                },
                ServerMachine::NonInvite(machine) => machine
                    .handle_timeout(now)
                    .map_or(TransactionDue::Nothing, |bytes| TransactionDue::Reply(tx.reply.clone(), bytes)),
            },
            Transaction::Client(tx) => match &mut tx.machine {
                ClientMachine::Invite(machine) => match machine.handle_timeout(now) {
                    ClientInviteTimeout::Nothing => TransactionDue::Nothing,
                    ClientInviteTimeout::Resend(bytes) => TransactionDue::Request(tx.path.flow, bytes),
                    ClientInviteTimeout::Unheard => TransactionDue::Unheard(id, tx.call),
                    ClientInviteTimeout::NoResponse => TransactionDue::NoResponse(id, tx.call, true),
                    ClientInviteTimeout::LastResort => TransactionDue::ClientLeft(id, tx.call),
                },
                ClientMachine::NonInvite(machine) => match machine.handle_timeout(now) {
                    ClientNonInviteTimeout::Nothing => TransactionDue::Nothing,
                    ClientNonInviteTimeout::Resend(bytes) => TransactionDue::Request(tx.path.flow, bytes),
                    ClientNonInviteTimeout::NoResponse if let Purpose::Trunk(usage) = tx.purpose => {
                        TransactionDue::TrunkUnanswered(usage)
                    }
                    ClientNonInviteTimeout::NoResponse => {
                        let asks = matches!(tx.purpose, Purpose::Update | Purpose::Asked);
                        TransactionDue::NoResponse(id, tx.call.filter(|_| asks), false)
                    }
                },
            },
        };
        self.transactions.settle(id);
        Some(due)
    }

    fn on_transaction_due(&mut self, due: TransactionDue, now: Instant) {
        match due {
            TransactionDue::Nothing => {}
            TransactionDue::Reply(reply, bytes) => self.resend(&reply, bytes, now),
            TransactionDue::Request(flow, bytes) => self.transmit_again(flow, bytes),
            TransactionDue::ServerLeft(id, call) => self.on_server_left(id, call, now),
            TransactionDue::NoResponse(id, Some(call), is_invite) => {
                self.with_call(call, |endpoint, call| endpoint.on_no_response(call, id, is_invite, now));
            }
            TransactionDue::Unheard(id, Some(call)) => {
                self.with_call(call, |endpoint, call| endpoint.on_unheard(call, id, now));
            }
            TransactionDue::NoResponse(_, None, _) | TransactionDue::Unheard(_, None) => {}
            TransactionDue::TrunkUnanswered(usage) => self.on_trunk_answered(usage, None, now),
            TransactionDue::ClientLeft(id, call) => self.on_client_left(id, call, now),
        }
    }

    /// No response to a request of a call.
    pub(super) fn on_no_response(&mut self, call: &mut Call, id: TxId, is_invite: bool, now: Instant) {
        match &call.phase {
            Phase::Calling(_) if is_invite => self.on_refused(call, id, None, now),
            Phase::Up(_) if is_invite => self.on_reinvite_refused(call, id, None, now),
            Phase::Up(_) | Phase::Ringing(_) | Phase::Calling(_) => self.on_request_answered(call, id, None, now),
            Phase::Gone => {}
        }
    }

    /// The TU left an INVITE unanswered (THREATS T32).
    fn on_server_left(&mut self, id: TxId, call: Option<CallKey>, now: Instant) {
        self.transport.stats.count(Refusal::LastResort);
        let known = call.is_some_and(|key| {
            self.with_call(key, |endpoint, call| match std::mem::replace(&mut call.phase, Phase::Gone) {
                Phase::Ringing(ringing) if ringing.inbound.tx == id => {
                    endpoint.reject(&ringing, &Reject::new(Call::unanswered(&ringing)), now);
                    endpoint.end(call, EndedBy::Failure, EndReason::LastResort, None);
                }
                phase @ (Phase::Ringing(_) | Phase::Calling(_) | Phase::Up(_) | Phase::Gone) => call.phase = phase,
            })
        });
        if !known && let Some(tx) = self.transactions.server(id) {
            if let ServerMachine::Invite(machine) = &mut tx.machine {
                machine.on_transport_error();
            }
            self.transactions.settle(id);
        }
    }

    /// An INVITE of ours got provisional responses and nothing else: take it back, and then forget it.
    fn on_client_left(&mut self, id: TxId, call: Option<CallKey>, now: Instant) {
        let waits = call.is_some_and(|key| {
            let mut waits = false;
            self.with_call(key, |endpoint, call| {
                let Phase::Calling(calling) = &call.phase else { return };
                waits = calling.cancel != Cancel::Sent;
                endpoint.end(call, EndedBy::Failure, EndReason::NoAnswer, None);
                if waits {
                    endpoint.cancel(call, None, now);
                } else {
                    call.phase = Phase::Gone;
                }
            });
            waits
        });
        if waits {
            return;
        }
        if let Some(key) = call {
            self.with_call(key, |endpoint, call| endpoint.on_reinvite_refused(call, id, None, now));
        }
        self.terminate_client(id);
    }

    /// The connection that these requests waited for could not be made (RFC 3261 17.1.4, 8.1.3.1).
    pub(super) fn fail_clients_on(&mut self, flow: Flow, now: Instant) {
        for id in self.transactions.clients_on(flow) {
            if self.fall_back(id, now) {
                continue;
            }
            let Some(tx) = self.transactions.client(id) else { continue };
            let call = tx.call;
            let is_invite = matches!(tx.machine, ClientMachine::Invite(_));
            let of_trunk = if let Purpose::Trunk(usage) = tx.purpose { Some(usage) } else { None };
            self.terminate_client(id);
            if let Some(usage) = of_trunk {
                self.on_trunk_answered(usage, None, now);
            }
            let Some(key) = call else { continue };
            self.with_call(key, |endpoint, call| {
                if let Phase::Calling(calling) = &call.phase
                    && calling.tx == id
                {
                    if endpoint.fail_over(call, None, now) {
                        return;
                    }
                    call.phase = Phase::Gone;
                    endpoint.end(call, EndedBy::Failure, EndReason::Transport, None);
                    return;
                }
                endpoint.on_no_response(call, id, is_invite, now);
            });
        }
    }

    pub(super) fn terminate_client(&mut self, id: TxId) {
        let Some(tx) = self.transactions.client(id) else { return };
        match &mut tx.machine {
            ClientMachine::Invite(machine) => machine.on_transport_error(),
            ClientMachine::NonInvite(machine) => machine.on_transport_error(),
        }
        self.transactions.settle(id);
    }

    fn on_call_due(&mut self, call: &mut Call, now: Instant) {
        match &mut call.phase {
            Phase::Ringing(_) => {
                let Phase::Ringing(mut ringing) = std::mem::replace(&mut call.phase, Phase::Gone) else { return };
                if ringing.ring_again_at.is_some_and(|at| at <= now) {
                    self.ring_again(&call.trunk, &mut ringing, now);
                }
                call.phase = Phase::Ringing(ringing);
                self.on_reliable_due(call, now);
                self.expire_early(call, now);
                self.pursue_early(call, now);
            }
            Phase::Up(_) => self.on_up_due(call, now),
            Phase::Calling(_) => self.on_calling_due(call, now),
            Phase::Gone => {}
        }
    }

    fn on_up_due(&mut self, call: &mut Call, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        let timers = self.config.timers;
        let unacked = up.unacked.as_mut().map_or(UnackedTimeout::Nothing, |u| u.handle_timeout(&timers, now));
        match unacked {
            UnackedTimeout::Nothing => {}
            UnackedTimeout::Resend(bytes) => self.resend_success(call, bytes, now),
            UnackedTimeout::GiveUp => {
                let cause = up.bye_after_ack.take().and_then(|bye| bye.cause);
                self.end(call, EndedBy::Failure, EndReason::AckTimeout, None);
                self.send_bye(call, cause, now);
                return;
            }
        }
        let Phase::Up(up) = &mut call.phase else { return };
        if let Some(pending) = up.inbound.take_if(|pending| pending.answer_by <= now) {
            self.expire_reinvite(&pending, now);
            self.tell(call, super::Event::ReinviteCancelled);
        }
        self.on_usages_due(call, now);
        let Phase::Up(up) = &mut call.phase else { return };
        if up.ack_due.as_ref().is_some_and(|due| due.answer_by <= now) {
            self.transport.stats.count(Refusal::LastResort);
            self.end(call, EndedBy::Failure, EndReason::LastResort, None);
            self.send_bye(call, None, now);
            return;
        }
        match up.session.handle_timeout(now) {
            Due::Nothing => self.pursue(call, now),
            Due::Refresh => self.want_refresh(call, now),
            Due::Expire => {
                self.end(call, EndedBy::Failure, EndReason::SessionExpired, None);
                let cause = super::Cause::Sip(StatusCode::REQUEST_TIMEOUT);
                self.send_bye(call, Some(cause), now);
            }
        }
    }

    /// Our 2xx again, over the call's path: its transaction is not needed for that (RFC 6026 7.1).
    fn resend_success(&mut self, call: &mut Call, bytes: Bytes, now: Instant) {
        if self.renew_path(call, now).is_ok() {
            self.transmit_again(call.path.flow, bytes);
        }
    }
}

/// Timers handled in one go: what is left over is due at once, after the endpoint's other inputs.
const TIMEOUT_BUDGET: usize = 4_096;
