//! REFERs of ours, and the NOTIFYs that follow (RFC 3515, RFC 7647).

use std::time::Instant;

use super::call::Call;
use super::request::Incoming;
use super::{Endpoint, Refusal};

impl Endpoint {
    pub(super) fn on_notify(&mut self, _call: &mut Call, incoming: &Incoming<'_>, _now: Instant) {
        self.refuse_no_dialog(incoming, Refusal::NoSubscription);
    }
}
