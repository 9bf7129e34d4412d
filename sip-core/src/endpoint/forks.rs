//! The callees of one call of ours: their early dialogs, the PRACKs of their reliable responses, and the ACK of a 2xx that
//! carries an offer (RFC 3261 12.1, 13.2.2; RFC 3262 4, 5).

use std::time::Instant;

use crate::dialog::{Dialog, DialogId};
use crate::limits;
use crate::wire::{HeaderName, Method, RAck, Response, StatusCode, Text};

use super::call::{Call, Calling, Cancel, EarlyFork, Phase, PrackDue, Up};
use super::early::{Early, Exchange};
use super::reliable::REL100;
use super::respond::SDP;
use super::response::{sdp_of, to_tag};
use super::transactions::{Purpose, TxId};
use super::{Body, EndReason, Endpoint, Event, Fork, Refusal};

impl Endpoint {
    /// A 1xx of a call that we place.
    pub(super) fn on_progress(&mut self, call: &mut Call, tx: TxId, response: &Response, now: Instant) {
        let Phase::Calling(calling) = &mut call.phase else { return };
        if calling.tx != tx {
            return;
        }
        if let Cancel::Wanted(cause) = calling.cancel {
            self.send_cancel(call, cause, now);
            return;
        }
        if call.is_over || response.status() == StatusCode::TRYING {
            return;
        }
        let Ok(tag) = to_tag(response) else { return };
        let made = Dialog::uac(&calling.invite, response);
        let Some(fork) = heard_of(calling, tag) else {
            self.transport.stats.count(Refusal::StrayResponse);
            return;
        };
        if fork.dialog.is_none()
            && let Ok(dialog) = made
        {
            self.dialogs.insert(dialog.id().clone(), call.key);
            call.early.push(dialog.id().clone());
            fork.dialog = Some(dialog);
        }
        let number = fork.number;
        let sdp = match reliable_number(response) {
            Some(rseq) => match take_reliable(fork, rseq, response, now) {
                Taken::Again => return,
                Taken::Unusable => {
                    self.transport.stats.count(Refusal::StrayResponse);
                    return;
                }
                Taken::Offer(offer) => Some(offer),
                Taken::Now(sdp) => {
                    self.send_prack(call, number, None, now);
                    sdp
                }
            },
            // Without reliability an answer is a hint, and an offer nothing at all (RFC 3261 13.2.1).
            None => sdp_of(response).filter(|_| fork.early.exchange == Exchange::Offered),
        };
        let source = self.far_end(&call.path);
        self.tell(call, Event::Progress { status: response.status(), sdp, fork: number, source });
        self.pursue_early(call, now);
    }

    /// Sends the PRACK that a callee waits for, with our answer where it made the offer.
    fn send_prack(&mut self, call: &mut Call, number: Fork, sdp: Option<Body>, now: Instant) {
        let Phase::Calling(calling) = &mut call.phase else { return };
        let invite = calling.tx;
        let Some(fork) = calling.forks.iter_mut().find(|fork| fork.number == number) else { return };
        let (Some(dialog), Some(due)) = (&mut fork.dialog, fork.prack_due.take()) else { return };
        let mut prack = dialog.request(Method::Prack);
        prack.headers_mut().push(HeaderName::RAck, due.rack.to_value());
        if let Some(sdp) = sdp {
            prack.set_body(SDP, sdp.bytes());
            fork.early.exchange = Exchange::Agreed;
            fork.early.local_sdp = Some(sdp);
        }
        let cseq = dialog.local_cseq();
        self.note_cseq(invite, cseq);
        let sent = self.send_in_call(call, prack, Purpose::Asked, now);
        self.note_lost(&sent);
        if let Phase::Calling(calling) = &mut call.phase
            && let Some(fork) = calling.forks.iter_mut().find(|fork| fork.number == number)
        {
            fork.prack = sent.ok();
        }
    }

    /// The final response to a PRACK of ours, or none in time. Whatever it says, the INVITE goes on.
    pub(super) fn on_prack_answered(&mut self, call: &mut Call, id: TxId, now: Instant) {
        if let Phase::Calling(calling) = &mut call.phase
            && let Some(fork) = calling.forks.iter_mut().find(|fork| fork.prack == Some(id))
        {
            fork.prack = None;
            self.pursue_early(call, now);
        }
    }

    /// The TU's answer to the offer of a callee's reliable response.
    pub(super) fn answer_in_prack(&mut self, call: &mut Call, sdp: Body, now: Instant) {
        let Phase::Calling(calling) = &call.phase else { return };
        let waiting = calling.forks.iter().filter(|fork| fork.prack_due.is_some());
        let Some(number) = waiting.min_by_key(|fork| fork.answer_by()).map(|fork| fork.number) else { return };
        self.send_prack(call, number, Some(sdp), now);
    }

    /// Time has passed for a call that is not answered.
    pub(super) fn on_calling_due(&mut self, call: &mut Call, now: Instant) {
        let Phase::Calling(calling) = &mut call.phase else { return };
        let overdue = |fork: &EarlyFork| fork.answer_by().is_some_and(|at| at <= now);
        if calling.forks.iter().any(overdue) {
            calling.forks.retain(|fork| !overdue(fork));
            self.transport.stats.count(Refusal::LastResort);
            self.hang_up(call, None, Some(EndReason::LastResort), now);
        }
        self.expire_early(call, now);
        self.pursue_early(call, now);
    }

    /// The callee that answered with a 2xx: its early dialog, if there was one. The others are over.
    pub(super) fn choose_fork(
        &mut self,
        call: &mut Call,
        calling: &mut Calling,
        tag: &Text,
        now: Instant,
    ) -> Option<EarlyFork> {
        let mut chosen = None;
        for fork in std::mem::take(&mut calling.forks) {
            if fork.tag == *tag {
                chosen = Some(fork);
            } else {
                self.drop_early(&fork.early, now);
            }
        }
        self.forget_early_dialogs(call);
        chosen
    }

    /// The early dialogs of a call are over.
    pub(super) fn forget_early_dialogs(&mut self, call: &mut Call) {
        for id in std::mem::take(&mut call.early) {
            self.dialogs.remove(&id);
        }
    }

    /// A CSeq number is used up in an early dialog of this INVITE.
    pub(super) fn note_cseq(&mut self, invite: TxId, cseq: u32) {
        if let Some(tx) = self.transactions.client(invite)
            && let Purpose::Invite(forks) = &mut tx.purpose
        {
            forks.highest_cseq = forks.highest_cseq.max(cseq);
        }
    }

    /// A 2xx is known whose ACK waits.
    pub(super) fn owe_ack(&mut self, id: TxId, tag: &Text) {
        if let Some(tx) = self.transactions.client(id)
            && let Purpose::Invite(forks) = &mut tx.purpose
        {
            forks.acks.push((tag.clone(), None));
        }
    }

    /// Sends the ACK that waits: with the TU's answer, or without one where the call ends instead (RFC 3261 13.2.2.4).
    pub(super) fn acknowledge(&mut self, call: &Call, up: &mut Up, sdp: Option<Body>) {
        let Some(due) = up.ack_due.take() else { return };
        let mut ack = up.dialog.ack(due.cseq);
        if let Some(sdp) = sdp {
            ack.set_body(SDP, sdp.bytes());
            up.local_sdp = Some(sdp);
        }
        self.remember_ack(due.tx, &call.path, ack, &due.tag);
    }
}

/// What a reliable response means.
enum Taken {
    /// It came before, or out of its turn (RFC 3262 4).
    Again,
    /// It makes no dialog that a PRACK could be sent in.
    Unusable,
    /// Its PRACK goes out at once.
    Now(Option<Body>),
    /// The callee makes the offer: the PRACK waits for the TU's answer.
    Offer(Body),
}

fn take_reliable(fork: &mut EarlyFork, rseq: u32, response: &Response, now: Instant) -> Taken {
    let Ok(cseq) = response.cseq() else { return Taken::Unusable };
    if fork.dialog.is_none() {
        return Taken::Unusable;
    }
    if fork.rseq.is_some_and(|last| Some(rseq) != last.checked_add(1)) {
        return Taken::Again;
    }
    fork.rseq = Some(rseq);
    fork.prack_due = Some(PrackDue { rack: RAck { rseq, cseq }, answer_by: now + limits::REINVITE_ANSWER });
    match (fork.early.exchange, sdp_of(response)) {
        (Exchange::Offered, Some(answer)) => {
            fork.early.exchange = Exchange::Agreed;
            Taken::Now(Some(answer))
        }
        (Exchange::Idle, Some(offer)) => {
            fork.early.exchange = Exchange::Owed;
            Taken::Offer(offer)
        }
        // The first description counts (RFC 3261 13.2.1).
        (_, _) => Taken::Now(None),
    }
}

/// The RSeq of a response that must be acknowledged.
fn reliable_number(response: &Response) -> Option<u32> {
    let is_reliable = response.require().is_ok_and(|tags| tags.contains(REL100));
    response.rseq().ok().flatten().filter(|_| is_reliable)
}

/// The callee with this To tag; `None` for one too many.
fn heard_of(calling: &mut Calling, tag: Text) -> Option<&mut EarlyFork> {
    let known = calling.forks.iter().position(|fork| fork.tag == tag);
    if known.is_none() {
        if calling.forks.len() >= limits::EARLY_DIALOGS {
            return None;
        }
        let exchange = if calling.offer.is_some() { Exchange::Offered } else { Exchange::Idle };
        let mut fork = EarlyFork::new(tag, calling.next_fork(), Early::new(exchange));
        calling.heard_of = calling.heard_of.saturating_add(1);
        fork.early.local_sdp.clone_from(&calling.offer);
        calling.forks.push(fork);
    }
    match known {
        Some(index) => calling.forks.get_mut(index),
        None => calling.forks.last_mut(),
    }
}

impl Calling {
    /// The early dialog of this name.
    pub(super) fn fork_of(&mut self, id: &DialogId) -> Option<&mut EarlyFork> {
        self.forks.iter_mut().find(|fork| fork.dialog.as_ref().is_some_and(|dialog| dialog.id() == id))
    }
}

impl EarlyFork {
    pub(super) const fn new(tag: Text, number: Fork, early: Early) -> Self {
        Self { tag, number, dialog: None, early, rseq: None, prack: None, prack_due: None }
    }

    /// No PRACK is under way that an UPDATE of ours could overtake.
    pub(super) const fn may_offer(&self) -> bool {
        self.prack.is_none() && self.prack_due.is_none()
    }

    /// Until when the TU may think about the callee's offer.
    fn answer_by(&self) -> Option<Instant> {
        self.prack_due.as_ref().map(|due| due.answer_by)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let early = self.early.deadline(self.may_offer());
        early.into_iter().chain(self.answer_by()).min()
    }
}
