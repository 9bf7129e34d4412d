//! REFERs of the peer (RFC 3515, RFC 7647).

use std::time::Instant;

use crate::wire::StatusCode;

use super::call::Call;
use super::request::Incoming;
use super::respond::Refuse;
use super::{Endpoint, Refusal};

impl Endpoint {
    pub(super) fn on_refer(&mut self, _call: &mut Call, incoming: &Incoming<'_>, _now: Instant) {
        let refuse = Refuse::new(StatusCode::FORBIDDEN, Refusal::ReferForbidden);
        self.refuse(&incoming.request, &incoming.reply, refuse);
    }
}
