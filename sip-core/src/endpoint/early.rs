//! Offers and answers before a call is answered (RFC 3311 5, RFC 3262 5): both roles.

use std::time::Instant;

use crate::dialog::{Dialog, DialogId, Limiter};
use crate::limits;
use crate::wire::{HeaderName, Method, Request, Response, StatusCode};

use super::call::{Call, EarlyFork, Inbound, PendingInbound, PendingOutbound, Phase, Ringing, Wanted};
use super::respond::{Refuse, SDP};
use super::response::sdp_of;
use super::transactions::{Purpose, TxId};
use super::uas::read_sdp;
use super::{Body, Endpoint, Event, Fork, Refusal, ReinviteMethod};

/// How far the offer and answer of an early dialog are. Only reliable messages count (RFC 3261 13.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// Nobody has made an offer.
    Idle,
    /// We have, and have no answer yet.
    Offered,
    /// The peer has, and has no answer yet.
    Owed,
    /// There is an answer.
    Agreed,
}

/// What is under way in an early dialog.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) exchange: Exchange,
    /// What we said last.
    pub(super) local_sdp: Option<Body>,
    /// The peer's offer that it answered.
    pub(super) answered_offer: Option<Body>,
    /// The peer's offer that waits for the TU.
    pub(super) inbound: Option<PendingInbound>,
    /// Our UPDATE that waits for the peer.
    pub(super) outbound: Option<PendingOutbound>,
    pub(super) wanted: Option<Wanted>,
    pub(super) requests: Limiter,
    offers: Limiter,
}

impl Early {
    pub(super) const fn new(exchange: Exchange) -> Self {
        Self {
            exchange,
            local_sdp: None,
            answered_offer: None,
            inbound: None,
            outbound: None,
            wanted: None,
            requests: Limiter::new(limits::IN_DIALOG_REQUESTS, limits::REINVITE_WINDOW),
            offers: Limiter::new(limits::REINVITES, limits::REINVITE_WINDOW),
        }
    }

    /// Nothing is under way that an offer of ours would cross.
    const fn is_quiet(&self) -> bool {
        self.inbound.is_none() && self.outbound.is_none()
    }

    /// When something is due; `may_offer`: nothing else keeps an offer of ours back.
    pub(super) fn deadline(&self, may_offer: bool) -> Option<Instant> {
        let wanted = self.wanted.as_ref().filter(|_| may_offer && self.is_quiet()).map(|wanted| wanted.at);
        let answer_by = self.inbound.as_ref().map(|pending| pending.answer_by);
        wanted.into_iter().chain(answer_by).min()
    }

    fn take_wanted(&mut self, now: Instant) -> Option<Wanted> {
        let is_quiet = self.is_quiet();
        self.wanted.take_if(|wanted| is_quiet && wanted.at <= now)
    }

    fn may_change(&self, dialog: &Dialog) -> bool {
        self.exchange == Exchange::Agreed && dialog.allows_update()
    }
}

/// A request that was refused, to be refused in its transaction.
pub(super) type Refused = Box<(Inbound, Refuse)>;

impl Endpoint {
    /// re-INVITE or UPDATE of the peer before the call is answered.
    pub(super) fn on_early_request(
        &mut self,
        call: &mut Call,
        id: &DialogId,
        inbound: Inbound,
        request: &Request,
        by: ReinviteMethod,
        now: Instant,
    ) {
        let is_invite = by == ReinviteMethod::Invite;
        let done = match &mut call.phase {
            // RFC 3261 14.2
            Phase::Ringing(_) if is_invite => Err(Box::new((inbound, self.pending()))),
            Phase::Calling(_) if is_invite => {
                Err(Box::new((inbound, Refuse::new(StatusCode::REQUEST_PENDING, Refusal::Glare))))
            }
            Phase::Ringing(ringing) => {
                let Ringing { dialog, early, .. } = &mut **ringing;
                self.early_update(dialog, early, Fork::default(), inbound, request, now)
            }
            Phase::Calling(calling) => match calling.fork_of(id) {
                Some(EarlyFork { dialog: Some(dialog), early, number, .. }) => {
                    self.early_update(dialog, early, *number, inbound, request, now)
                }
                Some(_) | None => Err(Box::new((inbound, no_dialog()))),
            },
            Phase::Up(_) | Phase::Gone => Err(Box::new((inbound, no_dialog()))),
        };
        match done {
            Ok(Some(event)) => self.tell(call, event),
            Ok(None) => {}
            Err(refused) => self.refuse_in_tx(&refused.0, refused.1, now),
        }
    }

    fn early_update(
        &mut self,
        dialog: &mut Dialog,
        early: &mut Early,
        fork: Fork,
        inbound: Inbound,
        request: &Request,
        now: Instant,
    ) -> Result<Option<Event>, Refused> {
        match read_sdp(request) {
            Err(refuse) => Err(Box::new((inbound, refuse))),
            Ok(None) => {
                dialog.refresh_target(request);
                self.respond(inbound.tx, inbound.base.response(StatusCode::OK), now);
                Ok(None)
            }
            Ok(Some(offer)) => self.early_offer(dialog, early, fork, inbound, request, offer, now),
        }
    }

    /// The peer's offer in an UPDATE (RFC 3311 5.2) or a PRACK.
    #[expect(clippy::too_many_arguments, reason = "a dialog, what is under way in it, and what came")]
    pub(super) fn early_offer(
        &mut self,
        dialog: &mut Dialog,
        early: &mut Early,
        fork: Fork,
        inbound: Inbound,
        request: &Request,
        offer: Body,
        now: Instant,
    ) -> Result<Option<Event>, Refused> {
        if early.outbound.is_some() || early.exchange == Exchange::Offered {
            return Err(Box::new((inbound, Refuse::new(StatusCode::REQUEST_PENDING, Refusal::Glare))));
        }
        if early.inbound.is_some() || early.exchange != Exchange::Agreed {
            return Err(Box::new((inbound, self.pending())));
        }
        if let Err(wait) = early.offers.take(now) {
            let refuse = Refuse::new(StatusCode::SERVER_INTERNAL_ERROR, Refusal::ReinviteRate);
            return Err(Box::new((inbound, refuse.retry_after(wait))));
        }
        if *request.method() == Method::Update {
            dialog.refresh_target(request);
        }
        early.inbound = Some(PendingInbound {
            inbound,
            by: ReinviteMethod::Update,
            agreed: None,
            offer: Some(offer.clone()),
            answer_by: now + limits::REINVITE_ANSWER,
        });
        Ok(Some(Event::EarlyOffer { offer, fork }))
    }

    /// The TU answers the early offer that came first, or refuses it.
    pub(super) fn answer_early(&mut self, call: &mut Call, answer: Result<Body, StatusCode>, now: Instant) {
        let allow = self.allow(&call.trunk);
        let Some(early) = call.earlies().filter(|early| early.inbound.is_some()).min_by_key(|early| early.answer_by())
        else {
            return;
        };
        let Some(pending) = early.inbound.take() else { return };
        match answer {
            Ok(sdp) => {
                let mut response = pending.inbound.base.response(StatusCode::OK);
                response.headers_mut().push(HeaderName::Allow, allow);
                response.set_body(SDP, sdp.bytes());
                early.local_sdp = Some(sdp);
                early.answered_offer = pending.offer.as_ref().map(Body::detached);
                self.respond(pending.inbound.tx, response, now);
            }
            Err(status) => self.reject_reinvite(&pending, status, now),
        }
        self.pursue_early(call, now);
    }

    /// The TU let an early offer wait for too long.
    pub(super) fn expire_early(&mut self, call: &mut Call, now: Instant) {
        let overdue = |early: &mut Early| early.inbound.take_if(|pending| pending.answer_by <= now);
        let expired: Vec<PendingInbound> = call.earlies().filter_map(overdue).collect();
        for pending in expired {
            self.expire_reinvite(&pending, now);
            self.tell(call, Event::ReinviteCancelled);
        }
    }

    /// The early dialog is over: an UPDATE that still waits is answered.
    pub(super) fn drop_early(&mut self, early: &Early, now: Instant) {
        if let Some(pending) = &early.inbound {
            let response = pending.inbound.base.response(StatusCode::REQUEST_TERMINATED);
            self.respond(pending.inbound.tx, response, now);
        }
    }

    /// The TU wants to change the session before the call is answered (RFC 3311 5.1): in the early dialog that was agreed on
    /// last.
    pub(super) fn want_early_change(&mut self, call: &mut Call, sdp: Body, now: Instant) {
        let early = match &mut call.phase {
            Phase::Ringing(ringing) => ringing.early.may_change(&ringing.dialog).then_some(&mut ringing.early),
            Phase::Calling(calling) => calling
                .forks
                .iter_mut()
                .rfind(|fork| fork.dialog.as_ref().is_some_and(|dialog| fork.early.may_change(dialog)))
                .map(|fork| &mut fork.early),
            Phase::Up(_) | Phase::Gone => None,
        };
        match early {
            Some(early) => early.wanted = Some(Wanted { offer: Some(sdp), at: now, tries: 0 }),
            None => self.tell(call, Event::ReinviteFailed { status: StatusCode::REQUEST_PENDING }),
        }
        self.pursue_early(call, now);
    }

    /// Sends the UPDATE that is wanted, if its time has come and nothing else is under way.
    pub(super) fn pursue_early(&mut self, call: &mut Call, now: Instant) {
        let mut phase = std::mem::replace(&mut call.phase, Phase::Gone);
        let (ready, invite) = match &mut phase {
            Phase::Ringing(ringing) if !ringing.reliable.is_waiting() => {
                let Ringing { dialog, early, .. } = &mut **ringing;
                (early.take_wanted(now).map(|wanted| (dialog, early, wanted)), None)
            }
            Phase::Calling(calling) => {
                let invite = calling.tx;
                let ready = calling.forks.iter_mut().filter(|fork| fork.may_offer()).find_map(|fork| {
                    let EarlyFork { dialog: Some(dialog), early, .. } = fork else { return None };
                    early.take_wanted(now).map(|wanted| (dialog, early, wanted))
                });
                (ready, Some(invite))
            }
            Phase::Ringing(_) | Phase::Up(_) | Phase::Gone => (None, None),
        };
        let mut failed = false;
        if let Some((dialog, early, wanted)) = ready {
            let request = self.early_request(call, dialog, &wanted);
            match self.send_in_call(call, request, Purpose::Update, now) {
                Ok(tx) => early.outbound = Some(PendingOutbound { tx, by: ReinviteMethod::Update, wanted }),
                Err(_) => failed = true,
            }
            if let Some(invite) = invite {
                self.note_cseq(invite, dialog.local_cseq());
            }
        }
        call.phase = phase;
        if failed {
            self.tell(call, Event::ReinviteFailed { status: StatusCode::SERVICE_UNAVAILABLE });
        }
    }

    fn early_request(&self, call: &Call, dialog: &mut Dialog, wanted: &Wanted) -> Request {
        let contact =
            self.contact(call.path.flow, call.path.transport, self.far_address(&call.path), dialog.is_secure());
        let mut request = dialog.request(Method::Update);
        let headers = request.headers_mut();
        headers.push(HeaderName::Contact, contact);
        headers.push(HeaderName::Allow, self.allow(&call.trunk));
        headers.push(HeaderName::Supported, self.extensions(&call.trunk, false));
        if let Some(offer) = &wanted.offer {
            request.set_body(SDP, offer.bytes());
        }
        request
    }

    /// The final response to our UPDATE before the call is answered; `None` for none in time. Whatever it says, the INVITE
    /// goes on.
    pub(super) fn on_early_answered(&mut self, call: &mut Call, id: TxId, response: Option<&Response>, now: Instant) {
        let owns_call_id = matches!(call.phase, Phase::Calling(_));
        let mine = |early: &Early| early.outbound.as_ref().is_some_and(|pending| pending.tx == id);
        let found = match &mut call.phase {
            Phase::Ringing(ringing) if mine(&ringing.early) => Some((&mut ringing.dialog, &mut ringing.early)),
            Phase::Calling(calling) => calling
                .forks
                .iter_mut()
                .filter(|fork| mine(&fork.early))
                .find_map(|fork| Some((fork.dialog.as_mut()?, &mut fork.early))),
            Phase::Ringing(_) | Phase::Up(_) | Phase::Gone => None,
        };
        let Some((dialog, early)) = found else { return };
        let Some(PendingOutbound { wanted, .. }) = early.outbound.take() else { return };
        let status = response.map_or(StatusCode::REQUEST_TIMEOUT, Response::status);
        match (response, status) {
            (Some(response), status) if status.is_success() => {
                dialog.refresh_target(response);
                early.local_sdp = wanted.offer;
                early.answered_offer = None;
                self.tell(call, Event::Reinvited { sdp: sdp_of(response) });
            }
            (_, StatusCode::REQUEST_PENDING) if wanted.tries < limits::GLARE_RETRIES => {
                let at = now + self.tokens.glare(owns_call_id);
                early.wanted.get_or_insert(Wanted { at, tries: wanted.tries + 1, ..wanted });
            }
            (_, status) => {
                if matches!(status, StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) {
                    dialog.forget_update();
                }
                self.tell(call, Event::ReinviteFailed { status });
            }
        }
        self.pursue_early(call, now);
    }
}

impl Early {
    fn answer_by(&self) -> Option<Instant> {
        self.inbound.as_ref().map(|pending| pending.answer_by)
    }
}

fn no_dialog() -> Refuse {
    Refuse::new(StatusCode::CALL_DOES_NOT_EXIST, Refusal::NoDialog)
}
