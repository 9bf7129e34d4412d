//! REFERs of the peer (RFC 3515, RFC 7647, RFC 4488). Nothing is called by one: the TU decides (THREATS T38, T39).

use std::time::Instant;

use bytes::Bytes;

use crate::limits;
use crate::wire::{HeaderName, Method, NameAddr, Replaces, Request, Response, StatusCode, Uri, sipfrag};

use super::call::{Call, Inbound, Phase};
use super::request::Incoming;
use super::respond::{Refuse, retry_after};
use super::transactions::{Purpose, TxId};
use super::{Endpoint, Event, Referral, Refusal};

/// The peer's REFER: it waits for the TU, and then is a subscription to what comes of it.
#[derive(Debug)]
pub(super) enum ReferIn {
    Asked { inbound: Inbound, wants_news: bool, answer_by: Instant },
    Subscribed(Subscription),
}

#[derive(Debug)]
pub(super) struct Subscription {
    /// The CSeq number of the REFER, which names it (RFC 3515 2.4.6).
    cseq: u32,
    until: Instant,
    /// Our NOTIFY, while it is unanswered: one at a time, so that the last word stays the last.
    tx: Option<TxId>,
    /// What is to be said next.
    wanted: Option<StatusCode>,
}

impl ReferIn {
    pub(super) fn asks(&self, id: TxId) -> bool {
        matches!(self, Self::Subscribed(subscription) if subscription.tx == Some(id))
    }

    pub(super) const fn deadline(&self) -> Instant {
        match self {
            Self::Asked { answer_by, .. } => *answer_by,
            Self::Subscribed(subscription) => subscription.until,
        }
    }
}

impl Endpoint {
    pub(super) fn on_refer(&mut self, call: &mut Call, incoming: &Incoming<'_>, now: Instant) {
        let Some((tx, base)) = self.open_in_dialog(call, incoming, now) else { return };
        self.try_later(tx, &incoming.request, now);
        let cseq = incoming.request.cseq().map(|cseq| cseq.seq).unwrap_or_default();
        let inbound = Inbound { tx, base, cseq };
        let referral = match self.referral(call, &incoming.request, now) {
            Ok(referral) => referral,
            Err(refuse) => {
                self.refuse_in_tx(&inbound, refuse, now);
                return;
            }
        };
        let Phase::Up(up) = &mut call.phase else { return };
        let wants_news = incoming.request.refer_sub() != Ok(Some(false));
        up.usages.theirs = Some(ReferIn::Asked { inbound, wants_news, answer_by: now + limits::REFER_ANSWER });
        self.tell(call, Event::Refer(Box::new(referral)));
    }

    /// All that must be right before the TU hears of it.
    fn referral(&mut self, call: &mut Call, request: &Request, now: Instant) -> Result<Referral, Refuse> {
        if !self.gate.rule(&call.trunk).is_some_and(|rule| rule.refer) {
            return Err(Refuse::new(StatusCode::FORBIDDEN, Refusal::ReferForbidden));
        }
        let pending = || Refuse::new(StatusCode::REQUEST_PENDING, Refusal::ReferPending);
        let Phase::Up(up) = &mut call.phase else { return Err(pending()) };
        up.usages
            .refers
            .take(now)
            .map_err(|wait| Refuse::new(StatusCode::SERVER_INTERNAL_ERROR, Refusal::ReferRate).retry_after(wait))?;
        if up.usages.theirs.is_some() {
            return Err(pending());
        }
        let malformed = || Refuse::new(StatusCode::BAD_REQUEST, Refusal::ReferTarget);
        // RFC 3515 2.4.2: exactly one.
        let refer_to = request.refer_to().ok().flatten().ok_or_else(malformed)?;
        let replaces = Replaces::of_uri(&refer_to.uri).map_err(|_| malformed())?;
        let target = bare(refer_to.uri)?;
        let named = replaces.as_ref().and_then(|replaces| self.named_by(replaces, &call.trunk));
        let replaced = named.filter(|key| self.calls.get(key).is_some_and(|other| !other.is_over));
        // In storage of its own, as the target.
        let own = |by: NameAddr| NameAddr::parse(&by.to_value()).ok();
        let referred_by = request.referred_by().ok().flatten().and_then(own);
        Ok(Referral { target, replaces, replaced, referred_by })
    }

    /// The TU accepts: 202 (RFC 3515 2.4.2), and the NOTIFY that must follow at once (2.4.4).
    pub(super) fn accept_refer(&mut self, call: &mut Call, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        let Some(ReferIn::Asked { inbound, wants_news, .. }) =
            up.usages.theirs.take_if(|theirs| matches!(theirs, ReferIn::Asked { .. }))
        else {
            return;
        };
        let mut response = inbound.base.response(StatusCode::ACCEPTED);
        if wants_news {
            let subscription = Subscription {
                cseq: inbound.cseq,
                until: now + limits::REFER_OUTCOME,
                tx: None,
                wanted: Some(StatusCode::TRYING),
            };
            up.usages.theirs = Some(ReferIn::Subscribed(subscription));
        } else {
            response.headers_mut().push(HeaderName::ReferSub, "false");
        }
        self.respond(inbound.tx, response, now);
        self.send_news(call, now);
    }

    /// The TU refuses.
    pub(super) fn reject_refer(&mut self, call: &mut Call, status: StatusCode, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        let asked = up.usages.theirs.take_if(|theirs| matches!(theirs, ReferIn::Asked { .. }));
        let Some(ReferIn::Asked { inbound, .. }) = asked else { return };
        let status = if status.code() >= 300 { status } else { StatusCode::DECLINE };
        let response: Response = inbound.base.response(status);
        self.respond(inbound.tx, response, now);
    }

    /// The TU tells how the call fares. The latest counts, and nothing comes after a final one.
    pub(super) fn notify_refer(&mut self, call: &mut Call, status: StatusCode, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        let Some(ReferIn::Subscribed(subscription)) = &mut up.usages.theirs else { return };
        if !subscription.wanted.is_some_and(StatusCode::is_final) {
            subscription.wanted = Some(status);
        }
        self.send_news(call, now);
    }

    fn send_news(&mut self, call: &mut Call, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        let Some(ReferIn::Subscribed(subscription)) = &mut up.usages.theirs else { return };
        if subscription.tx.is_some() {
            return;
        }
        let Some(status) = subscription.wanted.take() else { return };
        self.send_notify(call, status, "noresource", now);
    }

    /// A NOTIFY with what is known; a final status ends the subscription.
    fn send_notify(&mut self, call: &mut Call, status: StatusCode, reason: &str, now: Instant) {
        let Phase::Up(up) = &call.phase else { return };
        let Some(ReferIn::Subscribed(subscription)) = &up.usages.theirs else { return };
        let (cseq, left) = (subscription.cseq, subscription.until.saturating_duration_since(now));
        let Some(mut notify) = self.request_within(call, Method::Notify) else { return };
        let state = if status.is_final() {
            format!("terminated;reason={reason}")
        } else {
            format!("active;expires={}", left.as_secs().max(1))
        };
        let headers = notify.headers_mut();
        headers.push(HeaderName::Event, format!("refer;id={cseq}"));
        headers.push(HeaderName::SubscriptionState, state);
        notify.set_body("message/sipfrag;version=2.0", sipfrag(status));
        let sent = self.send_in_call(call, notify, Purpose::Asked, now);
        self.note_lost(&sent);
        let Phase::Up(up) = &mut call.phase else { return };
        match (sent, &mut up.usages.theirs) {
            (Ok(tx), Some(ReferIn::Subscribed(subscription))) if !status.is_final() => subscription.tx = Some(tx),
            _ => up.usages.theirs = None,
        }
    }

    /// The final response to our NOTIFY. A peer that does not know the subscription hears nothing more of it
    /// (RFC 6665 4.2.2).
    pub(super) fn on_notify_answered(&mut self, call: &mut Call, response: Option<&Response>, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        let Some(ReferIn::Subscribed(subscription)) = &mut up.usages.theirs else { return };
        subscription.tx = None;
        match response.map(Response::status) {
            None | Some(StatusCode::CALL_DOES_NOT_EXIST | StatusCode::BAD_EVENT) => up.usages.theirs = None,
            Some(_) => self.send_news(call, now),
        }
    }

    /// The TU let a REFER or its outcome wait for too long (THREATS T32).
    pub(super) fn on_refer_in_due(&mut self, call: &mut Call, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        match &up.usages.theirs {
            Some(ReferIn::Asked { inbound, answer_by, .. }) if *answer_by <= now => {
                let (tx, base) = (inbound.tx, inbound.base.clone());
                up.usages.theirs = None;
                self.transport.stats.count(Refusal::LastResort);
                let mut response = base.response(StatusCode::SERVER_INTERNAL_ERROR);
                let wait = self.tokens.seconds(1, 10);
                response.headers_mut().push(HeaderName::RetryAfter, retry_after(wait));
                self.respond(tx, response, now);
            }
            Some(ReferIn::Subscribed(subscription)) if subscription.until <= now => {
                self.transport.stats.count(Refusal::LastResort);
                self.send_notify(call, StatusCode::REQUEST_TIMEOUT, "timeout", now);
            }
            Some(ReferIn::Asked { .. } | ReferIn::Subscribed(_)) | None => {}
        }
    }

    /// We are about to say BYE: the outcome first, where the peer waits for it. One that is not known is none.
    pub(super) fn say_last_news(&mut self, call: &mut Call, now: Instant) {
        let Phase::Up(up) = &call.phase else { return };
        let Some(ReferIn::Subscribed(subscription)) = &up.usages.theirs else { return };
        let status = subscription.wanted.filter(|status| status.is_final()).unwrap_or(StatusCode::REQUEST_TERMINATED);
        self.send_notify(call, status, "noresource", now);
    }

    /// The call is over: a REFER that still waits is answered 487.
    pub(super) fn drop_refer(&mut self, theirs: Option<ReferIn>, now: Instant) {
        if let Some(ReferIn::Asked { inbound, .. }) = theirs {
            self.respond(inbound.tx, inbound.base.response(StatusCode::REQUEST_TERMINATED), now);
        }
    }
}

/// What may be called, and nothing of what the URI wants besides: no method but INVITE, and no headers (RFC 3515 2.1,
/// RFC 3261 19.1.5).
fn bare(uri: Uri) -> Result<Uri, Refuse> {
    let uri = match uri {
        Uri::Sip(mut sip) => {
            if sip.params.value("method").is_some_and(|method| method != Method::Invite.as_str()) {
                return Err(Refuse::new(StatusCode::FORBIDDEN, Refusal::ReferTarget));
            }
            sip.params.remove("method");
            sip.headers = None;
            Uri::Sip(sip)
        }
        Uri::Tel(tel) => Uri::Tel(tel),
        Uri::Other(_) => return Err(Refuse::new(StatusCode::UNSUPPORTED_URI_SCHEME, Refusal::ReferTarget)),
    };
    // In storage of its own: it outlives the packet.
    let text: Bytes = uri.to_text().into_bytes();
    Uri::parse(&text).map_err(|_| Refuse::new(StatusCode::BAD_REQUEST, Refusal::ReferTarget))
}
