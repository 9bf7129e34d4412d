//! Requests of the peer within a call (RFC 3261 12.2.2, 14.2, 15.1.2; RFC 3311; RFC 6086).

use std::time::Instant;

use crate::admission::TrunkId;
use crate::dialog::{DialogId, SessionTimer, Unacked};
use crate::limits;
use crate::wire::{HeaderName, Method, Response, StatusCode, Text};

use super::call::{Call, Inbound, PendingInbound, Phase, Up};
use super::request::Incoming;
use super::respond::{Base, Refuse, SDP, retry_after};
use super::transactions::TxId;
use super::uas::{read_sdp, remote_reason};
use super::{Body, EndReason, EndedBy, Endpoint, Event, Refusal, ReinviteMethod, Reject};

impl Endpoint {
    pub(super) fn on_dialog_request(&mut self, incoming: &Incoming<'_>, id: &DialogId, now: Instant) {
        let Some(key) = self.dialogs.get(id).copied() else {
            self.refuse_no_dialog(incoming, Refusal::NoDialog);
            return;
        };
        self.with_call(key, |endpoint, call| endpoint.in_dialog(call, id, incoming, now));
    }

    fn in_dialog(&mut self, call: &mut Call, id: &DialogId, incoming: &Incoming<'_>, now: Instant) {
        // The same answer as to a stranger: the caller learns nothing of what he guessed right.
        if self.is_foreign(call, incoming) {
            self.refuse_no_dialog(incoming, Refusal::ForeignSource);
            return;
        }
        // After our own farewell only the peer's counts.
        if call.is_over && *incoming.request.method() != Method::Bye {
            self.refuse_no_dialog(incoming, Refusal::NoDialog);
            return;
        }
        // RFC 3261 15: a callee does not hang up in an early dialog.
        let is_early = matches!(call.phase, Phase::Calling(_));
        if is_early && matches!(incoming.request.method(), Method::Bye | Method::Prack) {
            self.refuse_no_dialog(incoming, Refusal::NoDialog);
            return;
        }
        if let Err(refuse) = check_order(call, id, incoming, now) {
            self.refuse(&incoming.request, &incoming.reply, refuse);
            return;
        }
        self.follow_flow(call, incoming.arrival.flow, now);
        match incoming.request.method() {
            Method::Bye => self.on_bye(call, incoming, now),
            Method::Info => self.on_info(call, incoming, now),
            Method::Invite => self.on_reinvite(call, id, incoming, ReinviteMethod::Invite, now),
            Method::Update => self.on_reinvite(call, id, incoming, ReinviteMethod::Update, now),
            Method::Options => self.on_options(incoming),
            Method::Prack => self.on_prack(call, incoming, now),
            Method::Refer => self.on_refer(call, incoming, now),
            Method::Notify => self.on_notify(call, incoming, now),
            // `check_general` lets no other method through.
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Message
            | Method::Subscribe
            | Method::Publish
            | Method::Other(_) => {}
        }
    }

    /// RFC 3261 15.1.2. The call ends even where no transaction can be opened for the answer.
    fn on_bye(&mut self, call: &mut Call, incoming: &Incoming<'_>, now: Instant) {
        if let Some((tx, base)) = self.open_in_dialog(call, incoming, now) {
            self.respond(tx, base.response(StatusCode::OK), now);
        }
        let reason = remote_reason(&incoming.request);
        match std::mem::replace(&mut call.phase, Phase::Gone) {
            Phase::Ringing(ringing) => {
                self.reject(&ringing, &Reject::new(StatusCode::REQUEST_TERMINATED), now);
            }
            Phase::Up(mut up) => {
                self.acknowledge(call, &mut up, None);
                self.drop_pending(*up, now);
            }
            Phase::Calling(_) | Phase::Gone => {}
        }
        self.end(call, EndedBy::Remote, EndReason::Bye, reason);
    }

    /// The call is over: a re-INVITE that still waits is answered 487 (RFC 3261 15.1.2).
    pub(super) fn drop_pending(&mut self, up: Up, now: Instant) {
        self.drop_refer(up.usages.theirs, now);
        if let Some(pending) = up.inbound {
            let response = pending.inbound.base.response(StatusCode::REQUEST_TERMINATED);
            self.respond(pending.inbound.tx, response, now);
        }
    }

    /// RFC 6086 in its old use, without packages: the body goes up, the answer is 200.
    fn on_info(&mut self, call: &Call, incoming: &Incoming<'_>, now: Instant) {
        let Some((tx, base)) = self.open_in_dialog(call, incoming, now) else { return };
        let request = &incoming.request;
        if request.contains(&HeaderName::InfoPackage) {
            // RFC 6086 4.2.2: 469 Bad Info Package, with the packages that we take: none.
            let status = StatusCode::new(469).unwrap_or(StatusCode::BAD_REQUEST);
            let mut response = base.response(status).with_reason("Bad Info Package");
            response.headers_mut().push(HeaderName::RecvInfo, "");
            self.respond(tx, response, now);
            return;
        }
        self.respond(tx, base.response(StatusCode::OK), now);
        if let Some(body) = Body::present(request.body().clone()) {
            let content_type = Text::copy_from(request.text(&HeaderName::ContentType).unwrap_or_default());
            self.tell(call, Event::Info { content_type, body });
        }
    }

    fn on_reinvite(
        &mut self,
        call: &mut Call,
        id: &DialogId,
        incoming: &Incoming<'_>,
        by: ReinviteMethod,
        now: Instant,
    ) {
        let Some((tx, base)) = self.open_in_dialog(call, incoming, now) else { return };
        if by == ReinviteMethod::Invite {
            self.respond(tx, Response::for_request(&incoming.request, StatusCode::TRYING), now);
        } else {
            self.try_later(tx, &incoming.request, now);
        }
        let inbound = Inbound { tx, base, cseq: incoming.request.cseq().map(|cseq| cseq.seq).unwrap_or_default() };
        if !matches!(call.phase, Phase::Up(_)) {
            self.on_early_request(call, id, inbound, &incoming.request, by, now);
        } else if let Err(refuse) = self.change_session(call, &inbound, incoming, by, now) {
            self.refuse_in_tx(&inbound, refuse, now);
        }
    }

    /// A re-INVITE or UPDATE of an answered call.
    fn change_session(
        &mut self,
        call: &mut Call,
        inbound: &Inbound,
        incoming: &Incoming<'_>,
        by: ReinviteMethod,
        now: Instant,
    ) -> Result<(), Refuse> {
        let request = &incoming.request;
        let offer = read_sdp(request)?;
        let agreed = self.session_interval(request)?;
        let pending = self.pending();
        if by == ReinviteMethod::Invite {
            self.acked_by_another(call);
        }
        let Phase::Up(up) = &mut call.phase else { return Err(pending) };
        if by == ReinviteMethod::Update && offer.is_none() {
            up.dialog.refresh_target(request);
            up.session = SessionTimer::new(agreed, now);
            let mut response = inbound.base.response(StatusCode::OK);
            self.add_session(response.headers_mut(), agreed, &call.trunk);
            self.respond(inbound.tx, response, now);
            return Ok(());
        }
        if up.inbound.is_some() || up.ack_due.is_some() {
            return Err(pending);
        }
        if up.outbound.is_some() || up.unacked.is_some() || up.answer_in_ack {
            return Err(Refuse::new(StatusCode::REQUEST_PENDING, Refusal::Glare));
        }
        up.reinvites
            .take(now)
            .map_err(|wait| Refuse::new(StatusCode::SERVER_INTERNAL_ERROR, Refusal::ReinviteRate).retry_after(wait))?;
        up.dialog.refresh_target(request);
        let inbound = Inbound { tx: inbound.tx, base: inbound.base.clone(), cseq: inbound.cseq };
        let answer_by = now + limits::REINVITE_ANSWER;
        let pending = PendingInbound { inbound, by, agreed: Some(agreed), offer: offer.clone(), answer_by };
        // The same offer as before: a session refresh, which needs no thought (RFC 4028 7.4).
        if offer.is_some()
            && offer == up.answered_offer
            && let Some(sdp) = up.local_sdp.clone()
        {
            self.accept_reinvite(&call.trunk, up, pending, sdp, now);
            return Ok(());
        }
        up.inbound = Some(pending);
        self.tell(call, Event::Reinvite { offer, by });
        Ok(())
    }

    /// A re-INVITE while our 2xx to the INVITE before it waits for its ACK: the peer has the 2xx, or it would not ask again
    /// (RFC 3261 14.1). The ACK is lost or late; one that brings an answer is waited for all the same.
    fn acked_by_another(&mut self, call: &mut Call) {
        let Phase::Up(up) = &mut call.phase else { return };
        if !up.answer_in_ack && up.bye_after_ack.is_none() && up.unacked.take().is_some() {
            self.tell(call, Event::Ack { sdp: None });
        }
    }

    /// 200 to the peer's re-INVITE or UPDATE.
    pub(super) fn accept_reinvite(
        &mut self,
        trunk: &TrunkId,
        up: &mut Up,
        pending: PendingInbound,
        sdp: Body,
        now: Instant,
    ) {
        let PendingInbound { inbound, by, agreed, offer, .. } = pending;
        let mut response = inbound.base.response(StatusCode::OK);
        if let Some(agreed) = agreed {
            self.add_session(response.headers_mut(), agreed, trunk);
        }
        response.set_body(SDP, sdp.bytes());
        let Some(bytes) = self.respond(inbound.tx, response, now) else { return };
        if let Some(agreed) = agreed {
            up.session = SessionTimer::new(agreed, now);
        }
        up.answer_in_ack = offer.is_none();
        up.local_sdp = Some(sdp);
        up.answered_offer = offer.as_ref().map(Body::detached);
        if by == ReinviteMethod::Invite {
            up.unacked = Some(Unacked::new(inbound.cseq, bytes, &self.config.timers, now));
        }
    }

    /// RFC 3261 14.2: 500 with a Retry-After of up to ten seconds.
    pub(super) fn pending(&mut self) -> Refuse {
        let wait = self.tokens.seconds(0, 10);
        Refuse::new(StatusCode::SERVER_INTERNAL_ERROR, Refusal::ReinvitePending).retry_after(wait)
    }

    /// Refuses a request whose CSeq number is used up: in its transaction, so that a retransmission gets the same.
    pub(super) fn refuse_in_tx(&mut self, inbound: &Inbound, refuse: Refuse, now: Instant) {
        self.transport.stats.count(refuse.reason);
        let mut response = inbound.base.response(refuse.status);
        if let Some((name, value)) = refuse.header {
            response.headers_mut().push(name, value);
        }
        self.respond(inbound.tx, response, now);
    }

    pub(super) fn open_in_dialog(
        &mut self,
        call: &Call,
        incoming: &Incoming<'_>,
        now: Instant,
    ) -> Option<(TxId, Base)> {
        let source = &incoming.arrival.source;
        let secure = match &call.phase {
            Phase::Ringing(ringing) => ringing.dialog.is_secure(),
            Phase::Up(up) => up.dialog.is_secure(),
            Phase::Calling(calling) => calling.invite.uri().is_secure(),
            Phase::Gone => false,
        };
        // To has our tag already.
        let base = Base::new(&incoming.request, "").ok()?;
        let base = match incoming.request.method() {
            Method::Invite | Method::Update | Method::Refer => {
                let contact = self.contact(incoming.arrival.flow, source.transport, source.address, secure);
                base.in_dialog(&incoming.request, contact)
            }
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Options
            | Method::Register
            | Method::Prack
            | Method::Info
            | Method::Message
            | Method::Subscribe
            | Method::Notify
            | Method::Publish
            | Method::Other(_) => base,
        };
        let tx = self.open_server(incoming, call.key, None, now)?;
        Some((tx, base))
    }

    /// The TU refuses a change of the session.
    pub(super) fn reject_reinvite(&mut self, pending: &PendingInbound, status: StatusCode, now: Instant) {
        let status = if status.code() >= 300 { status } else { StatusCode::NOT_ACCEPTABLE_HERE };
        let response: Response = pending.inbound.base.response(status);
        self.respond(pending.inbound.tx, response, now);
    }

    /// The TU let a change of the session wait for too long (THREATS T32).
    pub(super) fn expire_reinvite(&mut self, pending: &PendingInbound, now: Instant) {
        self.transport.stats.count(Refusal::LastResort);
        let mut response = pending.inbound.base.response(StatusCode::SERVER_INTERNAL_ERROR);
        let wait = self.tokens.seconds(1, 10);
        response.headers_mut().push(HeaderName::RetryAfter, retry_after(wait));
        self.respond(pending.inbound.tx, response, now);
    }
}

/// Rate and CSeq (RFC 3261 12.2.2). A BYE is never too fast.
fn check_order(call: &mut Call, id: &DialogId, incoming: &Incoming<'_>, now: Instant) -> Result<(), Refuse> {
    let cseq = incoming.request.cseq()?.seq;
    let is_bye = *incoming.request.method() == Method::Bye;
    let requests = match &mut call.phase {
        Phase::Up(up) => Some(&mut up.requests),
        Phase::Ringing(_) | Phase::Calling(_) => call.earlies().next().map(|early| &mut early.requests),
        Phase::Gone => None,
    };
    if !is_bye
        && let Some(requests) = requests
        && let Err(wait) = requests.take(now)
    {
        let refuse = Refuse::new(StatusCode::SERVER_INTERNAL_ERROR, Refusal::InDialogRate);
        return Err(refuse.retry_after(wait));
    }
    let Some(dialog) = call.dialog_named(id) else {
        return Err(Refuse::new(StatusCode::CALL_DOES_NOT_EXIST, Refusal::NoDialog));
    };
    dialog.accept(cseq).map_err(|_| Refuse::new(StatusCode::SERVER_INTERNAL_ERROR, Refusal::CSeqOrder))
}
