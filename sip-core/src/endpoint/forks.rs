//! The callees of one call of ours: their provisional responses, and the ACK of a 2xx that carries an offer
//! (RFC 3261 12.1, 13.2.2).

use std::time::Instant;

use crate::wire::{Response, StatusCode, Text};

use super::call::{Call, Calling, Cancel, EarlyFork, Phase, Up};
use super::respond::SDP;
use super::transactions::{Purpose, TxId};
use super::{Body, Endpoint, Event, Fork, Refusal};
use crate::limits;

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
        let Ok(tag) = super::response::to_tag(response) else { return };
        let Some(fork) = heard_of(calling, tag) else {
            self.transport.stats.count(Refusal::StrayResponse);
            return;
        };
        // An offer needs a reliable response (RFC 3261 13.2.1).
        let sdp = if calling.offer.is_some() { super::response::sdp_of(response) } else { None };
        let source = self.far_end(&call.path);
        self.tell(call, Event::Progress { status: response.status(), sdp, fork, source });
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

/// The number of the callee with this To tag; `None` for one too many.
fn heard_of(calling: &mut Calling, tag: Text) -> Option<Fork> {
    if let Some(known) = calling.forks.iter().find(|fork| fork.tag == tag) {
        return Some(known.number);
    }
    let number = calling.next_fork();
    if calling.forks.len() >= limits::EARLY_DIALOGS {
        return None;
    }
    calling.forks.push(EarlyFork { tag, number });
    Some(number)
}
