//! Reliable provisional responses to a call that came in (RFC 3262 3, 4).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::admission::{Rel100, TrunkId};
use crate::limits;
use crate::transaction::Timers;
use crate::wire::{HeaderName, Method, RAck, Request, StatusCode};

use super::call::{Call, Inbound, Phase, Ringing};
use super::early::{Exchange, Refused};
use super::request::Incoming;
use super::respond::{Refuse, SDP};
use super::uas::read_sdp;
use super::{Body, EndReason, EndedBy, Endpoint, Event, Fork, Refusal, Reject};

/// Option tag of RFC 3262.
pub(super) const REL100: &str = "100rel";

/// The reliable responses of one INVITE.
#[derive(Debug)]
pub(super) struct Reliable {
    /// Its 1xx responses are sent reliably.
    pub(super) is_on: bool,
    /// None may be sent in another way.
    pub(super) is_required: bool,
    /// The RSeq of the next one.
    next_rseq: u32,
    unacked: Option<Unpracked>,
    /// What the TU wants to say after that: one at a time (RFC 3262 3).
    queue: VecDeque<(StatusCode, Option<Body>)>,
    /// The TU's answer, which waits for the PRACK of a response with a session description.
    answer: Option<Body>,
}

/// A reliable response that waits for its PRACK.
#[derive(Debug)]
struct Unpracked {
    rseq: u32,
    response: Bytes,
    /// What its session description is to us.
    carries: Carries,
    gap: Duration,
    resend_at: Instant,
    give_up_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    Nothing,
    Answer,
    Offer,
}

impl Reliable {
    pub(super) const fn new(is_on: bool, is_required: bool, first_rseq: u32) -> Self {
        Self { is_on, is_required, next_rseq: first_rseq, unacked: None, queue: VecDeque::new(), answer: None }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.unacked.as_ref().map(|unacked| unacked.resend_at.min(unacked.give_up_at))
    }

    /// A response waits for its PRACK.
    pub(super) const fn is_waiting(&self) -> bool {
        self.unacked.is_some()
    }

    /// RFC 3262 3: no 2xx before the PRACK of a response with a session description.
    pub(super) fn holds_answer(&self) -> bool {
        self.unacked.as_ref().is_some_and(|unacked| unacked.carries != Carries::Nothing)
    }

    /// The TU answers later.
    pub(super) fn keep_answer(&mut self, sdp: Body) {
        self.answer.get_or_insert(sdp);
        self.queue.clear();
    }

    /// What a PRACK that comes after our 2xx acknowledges.
    pub(super) fn late(&self) -> Option<u32> {
        self.unacked.as_ref().map(|unacked| unacked.rseq)
    }
}

/// Whether an INVITE's provisional responses are sent reliably (RFC 3262 3).
pub(super) fn is_reliable(policy: Rel100, invite: &Request) -> Result<bool, Refuse> {
    let required = invite.require()?.contains(REL100);
    let supported = required || invite.supported()?.contains(REL100);
    match policy {
        Rel100::Off => Ok(required),
        Rel100::Supported => Ok(supported),
        Rel100::Required if supported => Ok(true),
        Rel100::Required => {
            let refuse = Refuse::new(StatusCode::EXTENSION_REQUIRED, Refusal::ExtensionRequired);
            Err(refuse.with(HeaderName::Require, REL100))
        }
    }
}

impl Endpoint {
    /// The TU rings, reliably: at once, or after what waits for its PRACK.
    pub(super) fn ring_reliably(
        &mut self,
        trunk: &TrunkId,
        ringing: &mut Ringing,
        status: StatusCode,
        sdp: Option<Body>,
        now: Instant,
    ) -> bool {
        let reliable = &mut ringing.reliable;
        if reliable.answer.is_some() {
            return false;
        }
        if reliable.is_waiting() {
            if reliable.queue.len() < limits::QUEUED_PROVISIONALS {
                reliable.queue.push_back((status, sdp));
            }
            return false;
        }
        let (rseq, early) = (reliable.next_rseq, &mut ringing.early);
        // The first description answers or offers; a later one would be neither (RFC 3261 13.2.1).
        let (carries, exchange) = match early.exchange {
            Exchange::Owed => (Carries::Answer, Exchange::Agreed),
            Exchange::Idle => (Carries::Offer, Exchange::Offered),
            kept @ (Exchange::Offered | Exchange::Agreed) => (Carries::Nothing, kept),
        };
        let mut response = ringing.inbound.base.response(status);
        let headers = response.headers_mut();
        headers.push(HeaderName::Require, REL100);
        headers.push(HeaderName::RSeq, rseq.to_string());
        headers.push(HeaderName::Allow, self.allow(trunk));
        let sdp = sdp.filter(|_| carries != Carries::Nothing);
        if let Some(sdp) = &sdp {
            response.set_body(SDP, sdp.bytes());
        }
        let Some(bytes) = self.respond(ringing.inbound.tx, response, now) else { return false };
        let carries = if sdp.is_some() { carries } else { Carries::Nothing };
        if let Some(sdp) = sdp {
            early.exchange = exchange;
            early.local_sdp = Some(sdp);
            if carries == Carries::Answer {
                early.answered_offer = ringing.remote_offer.as_ref().map(Body::detached);
            }
        }
        ringing.reliable.next_rseq = rseq + 1;
        ringing.reliable.unacked = Some(Unpracked::new(rseq, bytes, carries, &self.config.timers, now));
        true
    }

    /// A reliable response waits for its PRACK: send it again, or give up.
    pub(super) fn on_reliable_due(&mut self, call: &mut Call, now: Instant) {
        let timers = self.config.timers;
        let Phase::Ringing(ringing) = &mut call.phase else { return };
        let Some(unacked) = &mut ringing.reliable.unacked else { return };
        if unacked.give_up_at <= now {
            // RFC 3262 3: the INVITE is refused with a 5xx.
            let Phase::Ringing(ringing) = std::mem::replace(&mut call.phase, Phase::Gone) else { return };
            self.transport.stats.count(Refusal::PrackTimeout);
            self.reject(&ringing, &Reject::new(StatusCode::SERVER_TIMEOUT), now);
            self.end(call, EndedBy::Failure, EndReason::PrackTimeout, None);
        } else if unacked.resend_at <= now {
            let bytes = unacked.again(&timers, now);
            let tx = ringing.inbound.tx;
            let Some(reply) = self.transactions.server(tx).map(|tx| tx.reply.clone()) else { return };
            self.resend(&reply, bytes, now);
        }
    }

    /// PRACK (RFC 3262 3, 5).
    pub(super) fn on_prack(&mut self, call: &mut Call, incoming: &Incoming<'_>, now: Instant) {
        let Some((tx, base)) = self.open_in_dialog(call, incoming, now) else { return };
        self.try_later(tx, &incoming.request, now);
        let request = &incoming.request;
        let inbound = Inbound { tx, base, cseq: request.cseq().map(|cseq| cseq.seq).unwrap_or_default() };
        match self.acknowledged(call, inbound, request, now) {
            Ok(Some(event)) => self.tell(call, event),
            Ok(None) => {}
            Err(refused) => self.refuse_in_tx(&refused.0, refused.1, now),
        }
        self.after_prack(call, now);
    }

    fn acknowledged(
        &mut self,
        call: &mut Call,
        inbound: Inbound,
        request: &Request,
        now: Instant,
    ) -> Result<Option<Event>, Refused> {
        let read = request.rack().map_err(Refuse::from).and_then(|rack| {
            let rack = rack.ok_or_else(|| Refuse::new(StatusCode::BAD_REQUEST, Refusal::MalformedAnswered))?;
            Ok((rack, read_sdp(request)?))
        });
        let (rack, sdp) = match read {
            Ok(read) => read,
            Err(refuse) => return Err(Box::new((inbound, refuse))),
        };
        let stray = Refuse::new(StatusCode::CALL_DOES_NOT_EXIST, Refusal::StrayPrack);
        match &mut call.phase {
            Phase::Ringing(ringing) => {
                let (invite, reliable) = (ringing.inbound.cseq, &mut ringing.reliable);
                let Some(unacked) = reliable.unacked.take_if(|unacked| names(&rack, unacked.rseq, invite)) else {
                    return Err(Box::new((inbound, stray)));
                };
                match (unacked.carries, sdp) {
                    (_, None) if unacked.carries != Carries::Offer => {
                        self.respond(inbound.tx, inbound.base.response(StatusCode::OK), now);
                        Ok(None)
                    }
                    (Carries::Offer, Some(sdp)) => {
                        ringing.early.exchange = Exchange::Agreed;
                        self.respond(inbound.tx, inbound.base.response(StatusCode::OK), now);
                        Ok(Some(Event::EarlyAnswer { sdp }))
                    }
                    (Carries::Nothing | Carries::Answer, Some(offer)) => {
                        let Ringing { dialog, early, .. } = &mut **ringing;
                        self.early_offer(dialog, early, Fork::default(), inbound, request, offer, now)
                    }
                    // Our offer has no answer: it stays open until a PRACK with one comes, or until the INVITE is refused.
                    (_, None) => {
                        reliable.unacked = Some(unacked);
                        Err(Box::new((inbound, Refuse::new(StatusCode::BAD_REQUEST, Refusal::MalformedAnswered))))
                    }
                }
            }
            Phase::Up(up) => {
                // RFC 3262 3: one for a response that our 2xx has overtaken.
                let known = up.late_prack.take_if(|(rseq, invite)| names(&rack, *rseq, *invite)).is_some();
                if !known {
                    return Err(Box::new((inbound, stray)));
                }
                if sdp.is_some() {
                    let refuse = Refuse::new(StatusCode::NOT_ACCEPTABLE_HERE, Refusal::ReinvitePending);
                    return Err(Box::new((inbound, refuse)));
                }
                self.respond(inbound.tx, inbound.base.response(StatusCode::OK), now);
                Ok(None)
            }
            Phase::Calling(_) | Phase::Gone => Err(Box::new((inbound, stray))),
        }
    }

    /// What waited for the PRACK: the TU's answer, or its next provisional response.
    fn after_prack(&mut self, call: &mut Call, now: Instant) {
        if !matches!(&call.phase, Phase::Ringing(ringing) if !ringing.reliable.is_waiting()) {
            return;
        }
        let Phase::Ringing(mut ringing) = std::mem::replace(&mut call.phase, Phase::Gone) else { return };
        if let Some(sdp) = ringing.reliable.answer.take() {
            self.answer(call, *ringing, sdp, now);
            return;
        }
        if let Some((status, sdp)) = ringing.reliable.queue.pop_front() {
            self.ring(&call.trunk, &mut ringing, status, sdp, now);
        }
        call.phase = Phase::Ringing(ringing);
        self.pursue_early(call, now);
    }
}

impl Unpracked {
    fn new(rseq: u32, response: Bytes, carries: Carries, timers: &Timers, now: Instant) -> Self {
        let gap = timers.t1;
        Self { rseq, response, carries, gap, resend_at: now + gap, give_up_at: now + timers.h() }
    }

    /// Each gap is twice the one before, without a bound (RFC 3262 3).
    fn again(&mut self, timers: &Timers, now: Instant) -> Bytes {
        self.gap = self.gap.saturating_mul(2).min(timers.h());
        self.resend_at = now + self.gap;
        self.response.clone()
    }
}

fn names(rack: &RAck, rseq: u32, invite: u32) -> bool {
    rack.rseq == rseq && rack.cseq.seq == invite && rack.cseq.method == Method::Invite
}
