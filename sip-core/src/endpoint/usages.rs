//! What goes on in a call's dialog beside the session: REFERs with their subscriptions, and INFOs of ours. All of it ends
//! with the call.

use std::time::Instant;

use crate::dialog::Limiter;
use crate::limits;
use crate::wire::{HeaderName, Method, Request, Response, StatusCode};

use super::call::{Call, Phase};
use super::info_out::Infos;
use super::refer_in::ReferIn;
use super::refer_out::ReferOut;
use super::transactions::TxId;
use super::{EndReason, EndedBy, Endpoint};

#[derive(Debug)]
pub(super) struct Usages {
    /// Our REFER.
    pub(super) ours: Option<ReferOut>,
    /// The peer's REFER.
    pub(super) theirs: Option<ReferIn>,
    /// How often the peer may ask.
    pub(super) refers: Limiter,
    pub(super) infos: Infos,
}

impl Usages {
    pub(super) fn new() -> Self {
        Self {
            ours: None,
            theirs: None,
            refers: Limiter::new(limits::REFERS, limits::REFER_WINDOW),
            infos: Infos::default(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.ours.as_ref().map(ReferOut::deadline), self.theirs.as_ref().map(ReferIn::deadline)];
        deadlines.into_iter().flatten().min()
    }
}

impl Call {
    /// REFERs and their subscriptions.
    pub(super) fn subscriptions(&self) -> usize {
        let Phase::Up(up) = &self.phase else { return 0 };
        usize::from(up.usages.ours.is_some()) + usize::from(up.usages.theirs.is_some())
    }
}

impl Endpoint {
    /// A request other than INVITE of a call has its final response; `None` for none in time.
    pub(super) fn on_request_answered(&mut self, call: &mut Call, id: TxId, response: Option<&Response>, now: Instant) {
        let Phase::Up(up) = &call.phase else {
            self.on_update_answered(call, id, response, now);
            return;
        };
        if up.usages.ours.as_ref().is_some_and(|ours| ours.asks(id)) {
            self.on_refer_answered(call, response, now);
        } else if up.usages.theirs.as_ref().is_some_and(|theirs| theirs.asks(id)) {
            self.on_notify_answered(call, response, now);
        } else if up.usages.infos.asks(id) {
            self.on_info_answered(call, response, now);
        } else {
            self.on_update_answered(call, id, response, now);
        }
    }

    pub(super) fn on_usages_due(&mut self, call: &mut Call, now: Instant) {
        self.on_refer_out_due(call, now);
        self.on_refer_in_due(call, now);
    }

    /// A request within an answered call, with our Contact.
    pub(super) fn request_within(&self, call: &mut Call, method: Method) -> Option<Request> {
        let far = self.far_address(&call.path);
        let Phase::Up(up) = &mut call.phase else { return None };
        let contact = self.contact(call.path.flow, call.path.transport, far, up.dialog.is_secure());
        let mut request = up.dialog.request(method);
        request.headers_mut().push(HeaderName::Contact, contact);
        Some(request)
    }

    /// A request of ours within the dialog was answered 481: the peer knows the call no more (RFC 3261 12.2.1.2).
    pub(super) fn end_if_lost(&mut self, call: &mut Call, status: StatusCode) {
        if status == StatusCode::CALL_DOES_NOT_EXIST {
            call.phase = Phase::Gone;
            self.end(call, EndedBy::Failure, EndReason::DialogLost, None);
        }
    }
}
