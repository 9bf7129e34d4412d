//! Changes and refreshes of the session that we ask for: re-INVITE and UPDATE (RFC 3261 14.1, RFC 3311, RFC 4028 10).

use std::time::{Duration, Instant};

use crate::dialog::{Negotiated, SessionTimer};
use crate::wire::{HeaderName, Method, Request, Response, StatusCode, Text};

use super::call::{Call, PendingOutbound, Phase, Up, Wanted};
use super::respond::SDP;
use super::response::sdp_of;
use super::transactions::{Forks, Purpose, TxId};
use super::{Body, EndReason, EndedBy, Endpoint, Event, ReinviteMethod};
use crate::limits;
use crate::trunk::seconds;

impl Endpoint {
    /// The TU wants a change of the session. It waits for its turn.
    pub(super) fn want_change(&mut self, call: &mut Call, sdp: Body, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        // A refresh that waits is part of any re-INVITE; an older offer is out of date.
        up.wanted = Some(Wanted { offer: Some(sdp), at: now, tries: 0 });
        self.pursue(call, now);
    }

    /// Half of the session interval is over.
    pub(super) fn want_refresh(&mut self, call: &mut Call, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        if up.wanted.is_none() && up.outbound.is_none() {
            up.wanted = Some(Wanted { offer: None, at: now, tries: 0 });
        }
        self.pursue(call, now);
    }

    /// Sends what is wanted, if its time has come and nothing else is under way.
    pub(super) fn pursue(&mut self, call: &mut Call, now: Instant) {
        let Phase::Up(mut up) = std::mem::replace(&mut call.phase, Phase::Gone) else { return };
        let is_quiet = up.is_quiet();
        let Some(wanted) = up.wanted.take_if(|wanted| is_quiet && wanted.at <= now) else {
            call.phase = Phase::Up(up);
            return;
        };
        let by_update = wanted.offer.is_none() && up.dialog.allows_update();
        let offer = wanted.offer.clone().or_else(|| up.local_sdp.clone());
        let (by, offer) = match offer {
            _ if by_update => (ReinviteMethod::Update, None),
            Some(offer) => (ReinviteMethod::Invite, Some(offer)),
            // Nothing was ever said that could be said again: the session timer decides.
            None => {
                call.phase = Phase::Up(up);
                return;
            }
        };
        let (request, purpose) = self.session_request(call, &mut up, by, offer.as_ref());
        let sent = self.send_in_call(call, request, purpose, now);
        call.phase = Phase::Up(up);
        match sent {
            Ok(tx) => {
                if let Phase::Up(up) = &mut call.phase {
                    up.outbound = Some(PendingOutbound { tx, by, wanted });
                }
            }
            Err(_) => self.give_up_change(call, &wanted, StatusCode::SERVICE_UNAVAILABLE, None, now),
        }
    }

    fn session_request(
        &mut self,
        call: &Call,
        up: &mut Up,
        by: ReinviteMethod,
        offer: Option<&Body>,
    ) -> (Request, Purpose) {
        let method = match by {
            ReinviteMethod::Invite => Method::Invite,
            ReinviteMethod::Update => Method::Update,
        };
        let secure = up.dialog.is_secure();
        let contact = self.contact(call.path.flow, call.path.transport, self.far_address(&call.path), secure);
        let agreed = up.session.agreed();
        let agreed = Negotiated { interval: agreed.interval.max(up.min_se), ..agreed };
        let min_se = self.config.session.min_se.max(up.min_se);
        let mut request = up.dialog.request(method);
        let headers = request.headers_mut();
        headers.push(HeaderName::Contact, contact);
        headers.push(HeaderName::Allow, self.allow(&call.trunk));
        headers.push(HeaderName::Supported, self.extensions(&call.trunk, false));
        headers.push(HeaderName::SessionExpires, agreed.as_uac().to_value());
        headers.push(HeaderName::MinSe, min_se.as_secs().to_string());
        let purpose = match by {
            ReinviteMethod::Invite => Purpose::Invite(Box::new(Forks::new(request.clone()))),
            ReinviteMethod::Update => Purpose::Update,
        };
        if let Some(offer) = offer {
            request.set_body(SDP, offer.bytes());
        }
        (request, purpose)
    }

    /// The 2xx of our re-INVITE. False when it is not for this dialog.
    pub(super) fn on_reinvite_answered(
        &mut self,
        call: &mut Call,
        id: TxId,
        response: &Response,
        tag: &Text,
        now: Instant,
    ) -> bool {
        let Phase::Up(up) = &mut call.phase else { return false };
        let Some(pending) = up.outbound.take() else { return false };
        let cseq = response.cseq().map(|cseq| cseq.seq).unwrap_or_default();
        self.conclude(call, response, now);
        let Phase::Up(up) = &mut call.phase else { return false };
        if let Some(offer) = pending.wanted.offer {
            up.local_sdp = Some(offer);
        }
        // Our description was an offer this time: it answers nothing.
        up.answered_offer = None;
        let ack = up.dialog.ack(cseq);
        let path = call.path.clone();
        self.remember_ack(id, &path, ack, tag);
        self.tell(call, Event::Reinvited { sdp: sdp_of(response) });
        true
    }

    /// The final response to our UPDATE; `None` for none in time.
    pub(super) fn on_update_answered(&mut self, call: &mut Call, id: TxId, response: Option<&Response>, now: Instant) {
        if matches!(call.phase, Phase::Ringing(_) | Phase::Calling(_)) {
            self.on_prack_answered(call, id, now);
            self.on_early_answered(call, id, response, now);
            return;
        }
        match response {
            Some(response) if response.status().is_success() => {
                let Phase::Up(up) = &mut call.phase else { return };
                let Some(pending) = up.outbound.take_if(|pending| pending.tx == id) else { return };
                // An offer before the call was answered has no session timer.
                if let Some(offer) = pending.wanted.offer {
                    up.dialog.refresh_target(response);
                    (up.local_sdp, up.answered_offer) = (Some(offer), None);
                    self.tell(call, Event::Reinvited { sdp: sdp_of(response) });
                } else {
                    self.conclude(call, response, now);
                }
            }
            Some(_) | None => self.on_reinvite_refused(call, id, response, now),
        }
    }

    /// Our re-INVITE or UPDATE was refused, or got no answer (RFC 3261 14.1, 12.2.1.2).
    pub(super) fn on_reinvite_refused(&mut self, call: &mut Call, id: TxId, response: Option<&Response>, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        let Some(pending) = up.outbound.take_if(|pending| pending.tx == id) else { return };
        let wanted = pending.wanted;
        let status = response.map_or(StatusCode::REQUEST_TIMEOUT, Response::status);
        match status {
            StatusCode::CALL_DOES_NOT_EXIST => {
                call.phase = Phase::Gone;
                self.end(call, EndedBy::Failure, EndReason::DialogLost, None);
            }
            StatusCode::REQUEST_TIMEOUT => {
                self.end(call, EndedBy::Failure, EndReason::DialogLost, None);
                self.send_bye(call, None, now);
            }
            StatusCode::REQUEST_PENDING if wanted.tries < limits::GLARE_RETRIES => {
                let wait = self.tokens.glare(up.owns_call_id);
                up.wanted = Some(Wanted { at: now + wait, tries: wanted.tries + 1, ..wanted });
            }
            StatusCode::SESSION_INTERVAL_TOO_SMALL if wanted.tries < limits::SESSION_INTERVAL_RETRIES => {
                let asked = response.and_then(|response| response.min_se().ok().flatten()).unwrap_or_default();
                // The session itself runs on: only a 2xx prolongs it.
                up.min_se = up.min_se.max(Duration::from_secs(u64::from(asked)));
                up.wanted = Some(Wanted { at: now, tries: wanted.tries + 1, ..wanted });
            }
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED if pending.by == ReinviteMethod::Update => {
                up.dialog.forget_update();
                up.wanted = Some(Wanted { at: now, ..wanted });
            }
            status => {
                let wait = response.filter(|_| status.code() >= 500 && status.code() < 600);
                let wait = wait.and_then(|response| seconds(response, &HeaderName::RetryAfter));
                self.give_up_change(call, &wanted, status, wait, now);
            }
        }
    }

    /// A change is off; a refresh is tried again until the session expires: when the peer says (RFC 3261 14.1, 21.5.4), within
    /// bounds, and early enough for one more try.
    fn give_up_change(
        &mut self,
        call: &mut Call,
        wanted: &Wanted,
        status: StatusCode,
        retry_after: Option<Duration>,
        now: Instant,
    ) {
        if wanted.offer.is_some() {
            self.tell(call, Event::ReinviteFailed { status });
        } else if let Phase::Up(up) = &mut call.phase
            && up.wanted.is_none()
        {
            // A peer that is never pleased is not asked each second.
            let least = if wanted.tries < limits::GLARE_RETRIES { Duration::from_secs(1) } else { REFRESH_AGAIN };
            let wait = retry_after.unwrap_or(REFRESH_AGAIN).clamp(least, limits::REFRESH_RETRY_AFTER);
            let last = up.session.deadline().saturating_duration_since(now).saturating_sub(REFRESH_AGAIN);
            let at = now + wait.min(last.max(REFRESH_AGAIN));
            up.wanted = Some(Wanted { offer: None, at, tries: wanted.tries.saturating_add(1) });
        }
    }

    /// The session interval and target of a 2xx to a request of ours.
    fn conclude(&mut self, call: &mut Call, response: &Response, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        up.dialog.refresh_target(response);
        if let Ok(agreed) = self.config.session.conclude(response) {
            up.session = SessionTimer::new(agreed, now);
        }
    }
}

/// After a refresh that failed for no reason of the dialog's.
const REFRESH_AGAIN: Duration = Duration::from_secs(10);
