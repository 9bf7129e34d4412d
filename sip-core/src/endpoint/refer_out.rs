//! REFERs of ours, and the NOTIFYs that follow (RFC 3515, RFC 7647). The subscription ends with the call.

use std::time::{Duration, Instant};

use crate::limits;
use crate::wire::{
    HeaderName, Method, NameAddr, Replaces, Request, Response, StatusCode, SubscriptionState, Uri, sipfrag_status,
};

use super::call::{Call, Inbound, Phase};
use super::request::Incoming;
use super::respond::Refuse;
use super::transactions::{Purpose, TxId};
use super::{CallKey, Endpoint, Event, Refusal};

/// Our REFER: asked, then a subscription to what comes of it.
#[derive(Debug)]
pub(super) struct ReferOut {
    /// The REFER, while it is unanswered.
    tx: Option<TxId>,
    /// Its CSeq number names the subscription (RFC 3515 2.4.6).
    cseq: u32,
    /// A 2xx came, or a NOTIFY before it (RFC 6665 4.1.2.4).
    accepted: bool,
    last: Option<StatusCode>,
    told: u32,
    /// The TU heard the outcome; the subscription is not closed yet.
    is_over: bool,
    until: Instant,
}

/// What a NOTIFY says.
struct News {
    status: Option<StatusCode>,
    state: Option<SubscriptionState>,
}

impl ReferOut {
    pub(super) fn asks(&self, id: TxId) -> bool {
        self.tx == Some(id)
    }

    /// Whether the `id` of an Event means this REFER. While it is unanswered it may have gone out again with a higher CSeq
    /// number, for a challenge.
    fn is_named(&self, id: &str, latest: u32) -> bool {
        let last = if self.tx.is_some() { latest } else { self.cseq };
        id.parse().is_ok_and(|id| (self.cseq..=last).contains(&id))
    }

    pub(super) const fn deadline(&self) -> Instant {
        self.until
    }

    /// How long to wait on, after a NOTIFY.
    fn patience(&self, state: Option<&SubscriptionState>) -> Duration {
        if self.is_over {
            return limits::REFER_AFTERMATH;
        }
        let expires = state.and_then(|state| state.expires).map(|seconds| Duration::from_secs(u64::from(seconds)));
        expires.unwrap_or(limits::REFER_OUTCOME).min(limits::REFER_OUTCOME)
    }
}

impl Endpoint {
    /// The TU wants the peer to call somebody else.
    pub(super) fn refer(
        &mut self,
        call: &mut Call,
        target: Uri,
        replaces: Option<CallKey>,
        referred_by: Option<Uri>,
        now: Instant,
    ) {
        let sent = self.send_refer(call, target, replaces, referred_by, now);
        if let Err(status) = sent {
            self.tell(call, Event::ReferFailed { status });
        }
    }

    fn send_refer(
        &mut self,
        call: &mut Call,
        target: Uri,
        replaces: Option<CallKey>,
        referred_by: Option<Uri>,
        now: Instant,
    ) -> Result<(), StatusCode> {
        if let Phase::Up(up) = &call.phase
            && (up.unacked.is_some() || up.usages.ours.as_ref().is_some_and(|ours| !ours.is_over))
        {
            return Err(StatusCode::REQUEST_PENDING);
        }
        let refer_to = self.refer_to(target, replaces)?;
        let mut request = self.request_within(call, Method::Refer).ok_or(StatusCode::CALL_DOES_NOT_EXIST)?;
        let headers = request.headers_mut();
        headers.push(HeaderName::ReferTo, NameAddr::new(refer_to).to_value());
        if let Some(by) = referred_by {
            headers.push(HeaderName::ReferredBy, NameAddr::new(by).to_value());
        }
        let cseq = request.cseq().map(|cseq| cseq.seq).unwrap_or_default();
        let tx = self.send_in_call(call, request, Purpose::Asked, now).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        if let Phase::Up(up) = &mut call.phase {
            let until = now + limits::REFER_OUTCOME;
            up.usages.ours =
                Some(ReferOut { tx: Some(tx), cseq, accepted: false, last: None, told: 0, is_over: false, until });
        }
        Ok(())
    }

    /// The Refer-To URI: nothing but the target, and the dialog there whose place the call shall take (RFC 3891 4).
    fn refer_to(&self, target: Uri, replaces: Option<CallKey>) -> Result<Uri, StatusCode> {
        let replaced = match replaces {
            None => None,
            Some(key) => {
                let other = self.calls.get(&key).filter(|other| matches!(other.phase, Phase::Up(_)) && !other.is_over);
                let id = other.and_then(|other| other.dialog.as_ref()).ok_or(StatusCode::CALL_DOES_NOT_EXIST)?;
                // From the target's side: what is remote to us is its own.
                Some(Replaces {
                    call_id: id.call_id.clone(),
                    to_tag: id.remote_tag.clone(),
                    from_tag: id.local_tag.clone(),
                    early_only: false,
                })
            }
        };
        match target {
            Uri::Sip(mut sip) => {
                sip.headers = replaced.map(|replaces| replaces.to_uri_header());
                Ok(Uri::Sip(sip))
            }
            // A `tel:` URI has no headers.
            Uri::Tel(tel) if replaced.is_none() => Ok(Uri::Tel(tel)),
            Uri::Tel(_) | Uri::Other(_) => Err(StatusCode::UNSUPPORTED_URI_SCHEME),
        }
    }

    /// The final response to our REFER.
    pub(super) fn on_refer_answered(&mut self, call: &mut Call, response: Option<&Response>, now: Instant) {
        let wait = self.config.timers.h();
        let Phase::Up(up) = &mut call.phase else { return };
        let Some(ours) = &mut up.usages.ours else { return };
        ours.tx = None;
        if let Some(Ok(cseq)) = response.map(|response| response.cseq()) {
            ours.cseq = cseq.seq;
        }
        let status = response.map_or(StatusCode::REQUEST_TIMEOUT, Response::status);
        if ours.accepted {
            // A NOTIFY came first, and says more than this response.
            return;
        }
        if !status.is_success() {
            up.usages.ours = None;
            self.tell(call, Event::ReferFailed { status });
            self.end_if_lost(call, status);
            return;
        }
        ours.accepted = true;
        // RFC 6665 4.1.2.4, timer N
        ours.until = now + wait;
        // RFC 4488 4: no subscription, so nothing more is heard.
        let is_last = response.is_some_and(|response| response.refer_sub() == Ok(Some(false)));
        if is_last {
            up.usages.ours = None;
        }
        self.tell(call, Event::ReferAccepted);
        if is_last {
            self.tell(call, Event::ReferProgress { status: StatusCode::ACCEPTED, is_final: true });
        }
    }

    /// RFC 6665 4.1.3
    pub(super) fn on_notify(&mut self, call: &mut Call, incoming: &Incoming<'_>, now: Instant) {
        let Some((tx, base)) = self.open_in_dialog(call, incoming, now) else { return };
        let cseq = incoming.request.cseq().map(|cseq| cseq.seq).unwrap_or_default();
        let inbound = Inbound { tx, base, cseq };
        match read_notify(call, &incoming.request) {
            Ok(news) => {
                self.respond(tx, inbound.base.response(StatusCode::OK), now);
                self.take_news(call, &news, now);
            }
            Err(refuse) => self.refuse_in_tx(&inbound, refuse, now),
        }
    }

    fn take_news(&mut self, call: &mut Call, news: &News, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        let Some(ours) = &mut up.usages.ours else { return };
        let is_first = !std::mem::replace(&mut ours.accepted, true);
        let was_over = ours.is_over;
        let is_closed = news.state.as_ref().is_some_and(|state| state.is_terminated);
        let mut told = None;
        match news.status {
            _ if was_over => {}
            Some(status) if status.is_final() => {
                ours.is_over = true;
                told = Some(Event::ReferProgress { status, is_final: true });
            }
            // Closed without an outcome.
            _ if is_closed => told = Some(Event::ReferFailed { status: StatusCode::REQUEST_TIMEOUT }),
            Some(status) if ours.last != Some(status) && ours.told < limits::REFER_NEWS => {
                ours.last = Some(status);
                ours.told += 1;
                told = Some(Event::ReferProgress { status, is_final: false });
            }
            Some(_) | None => {}
        }
        ours.until = now + ours.patience(news.state.as_ref());
        if is_closed {
            up.usages.ours = None;
        }
        if is_first {
            self.tell(call, Event::ReferAccepted);
        }
        if let Some(event) = told {
            self.tell(call, event);
        }
    }

    pub(super) fn on_refer_out_due(&mut self, call: &mut Call, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        let Some(ours) = up.usages.ours.take_if(|ours| ours.until <= now) else { return };
        if !ours.is_over {
            self.tell(call, Event::ReferFailed { status: StatusCode::REQUEST_TIMEOUT });
        }
    }
}

fn read_notify(call: &Call, notify: &Request) -> Result<News, Refuse> {
    let bad_event = || {
        let refuse = Refuse::new(StatusCode::BAD_EVENT, Refusal::NoSubscription);
        refuse.with(HeaderName::AllowEvents, "refer")
    };
    let event = notify.event().ok().flatten().filter(|event| event.is("refer")).ok_or_else(bad_event)?;
    let unknown = || Refuse::new(StatusCode::CALL_DOES_NOT_EXIST, Refusal::NoSubscription);
    let Phase::Up(up) = &call.phase else { return Err(unknown()) };
    let ours = up.usages.ours.as_ref().ok_or_else(unknown)?;
    // The first REFER of a dialog may be meant without a name (RFC 3515 2.4.6), and there is one at a time.
    if event.id.is_some_and(|id| !ours.is_named(&id, up.dialog.local_cseq())) {
        return Err(unknown());
    }
    let malformed = || Refuse::new(StatusCode::BAD_REQUEST, Refusal::NotifyMalformed);
    // RFC 6665 4.1.3 wants a Subscription-State; senders of before RFC 3265 have none.
    let state = notify.subscription_state().map_err(|_| malformed())?;
    if notify.body().is_empty() {
        return Ok(News { status: None, state });
    }
    let content_type = notify.content_type().map_err(|_| malformed())?;
    if !content_type.is_some_and(|found| found.is("message", "sipfrag")) {
        let refuse = Refuse::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Refusal::NotifyMalformed);
        return Err(refuse.with(HeaderName::Accept, SIPFRAG));
    }
    let status = sipfrag_status(notify.body()).map_err(|_| malformed())?;
    Ok(News { status: Some(status), state })
}

pub(super) const SIPFRAG: &str = "message/sipfrag";
