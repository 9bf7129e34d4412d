//! A call: one dialog and what is under way in it.

use std::time::{Duration, Instant};

use crate::admission::{Transport, TrunkId};
use crate::dialog::{Dialog, DialogId, Limiter, Negotiated, SessionTimer, Unacked};
use crate::limits;
use crate::wire::{RAck, Request, StatusCode, Text};

use super::early::Early;
use super::redirect::Redirects;
use super::reliable::Reliable;
use super::respond::Base;
use super::transactions::TxId;
use super::usages::Usages;
use super::{Body, Cause, Flow, Fork, NextHop, ReinviteMethod};

/// Names a call for as long as it lives. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey(pub(super) u64);

impl CallKey {
    /// The number, for logs.
    pub const fn number(self) -> u64 {
        self.0
    }
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) key: CallKey,
    pub(super) trunk: TrunkId,
    pub(super) path: Path,
    pub(super) phase: Phase,
    /// Its entry in the table of dialogs.
    pub(super) dialog: Option<DialogId>,
    /// The entries of its early dialogs, where it is a call of ours.
    pub(super) early: Vec<DialogId>,
    /// [`super::Event::Ended`] was said: the TU hears nothing more, though a BYE may still wait for its ACK.
    pub(super) is_over: bool,
}

/// How our requests reach the peer: over the trunk's flow, never where a Contact or Route points (THREATS T44).
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) flow: Flow,
    pub(super) transport: Transport,
    /// Where to connect when the flow is gone; known for calls that we placed.
    pub(super) next_hop: Option<NextHop>,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// An inbound call without a final response.
    Ringing(Box<Ringing>),
    /// An outbound call without a final response.
    Calling(Box<Calling>),
    /// A 2xx was sent or received.
    Up(Box<Up>),
    Gone,
}

#[derive(Debug)]
pub(super) struct Ringing {
    pub(super) inbound: Inbound,
    pub(super) dialog: Dialog,
    pub(super) agreed: Negotiated,
    /// The INVITE had no offer: our 2xx makes it, and the ACK answers.
    pub(super) delayed_offer: bool,
    pub(super) remote_offer: Option<Body>,
    /// The last 1xx is sent again each minute (RFC 3261 13.3.1.1).
    pub(super) ring_again_at: Option<Instant>,
    /// A 1xx other than 100 was sent, or was to be.
    pub(super) has_rung: bool,
    pub(super) reliable: Reliable,
    pub(super) early: Early,
}

/// A request of the peer that waits for the TU.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) tx: TxId,
    pub(super) base: Base,
    pub(super) cseq: u32,
}

#[derive(Debug)]
pub(super) struct Calling {
    pub(super) tx: TxId,
    /// As it was sent, to make its CANCEL, or it again after a 422.
    pub(super) invite: Request,
    pub(super) branch: String,
    /// `None` for a call that the peer shall make the offer of.
    pub(super) offer: Option<Body>,
    pub(super) cancel: Cancel,
    pub(super) interval_retries: u8,
    pub(super) redirects: Redirects,
    /// Who was heard of, in this order.
    pub(super) forks: Vec<EarlyFork>,
    /// How many were heard of, those included that are gone since the INVITE went elsewhere: no number is used twice.
    pub(super) heard_of: u32,
}

/// A callee of ours that was heard of: an early dialog.
#[derive(Debug)]
pub(super) struct EarlyFork {
    /// Its To tag.
    pub(super) tag: Text,
    pub(super) number: Fork,
    /// There is none before a response with a Contact.
    pub(super) dialog: Option<Dialog>,
    pub(super) early: Early,
    /// The RSeq of its last reliable response.
    pub(super) rseq: Option<u32>,
    /// Our PRACK that has no final response yet.
    pub(super) prack: Option<TxId>,
    /// The PRACK that waits for the TU's answer to the callee's offer.
    pub(super) prack_due: Option<PrackDue>,
}

/// What a PRACK that waits acknowledges.
#[derive(Debug)]
pub(super) struct PrackDue {
    pub(super) rack: RAck,
    pub(super) answer_by: Instant,
}

/// An ACK that waits for the TU's answer to the offer of a 2xx.
#[derive(Debug)]
pub(super) struct AckDue {
    pub(super) tx: TxId,
    pub(super) cseq: u32,
    /// The To tag of the 2xx.
    pub(super) tag: Text,
    pub(super) answer_by: Instant,
}

impl Calling {
    /// The number of the callee with this To tag, known or not.
    pub(super) fn fork(&self, tag: &Text) -> Fork {
        let known = self.forks.iter().find(|fork| fork.tag == *tag);
        known.map_or_else(|| self.next_fork(), |fork| fork.number)
    }

    pub(super) const fn next_fork(&self) -> Fork {
        Fork(self.heard_of)
    }
}

/// Whether a call that we place is being taken back (RFC 3261 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancel {
    No,
    /// The CANCEL waits for a 1xx.
    Wanted(Option<Cause>),
    Sent,
}

#[derive(Debug)]
pub(super) struct Up {
    pub(super) dialog: Dialog,
    /// We sent the dialog's INVITE and so chose its Call-ID (RFC 3261 14.1).
    pub(super) owns_call_id: bool,
    pub(super) session: SessionTimer,
    /// The least interval that the peer has asked for with a 422 (RFC 4028 7.4).
    pub(super) min_se: Duration,
    pub(super) unacked: Option<Unacked>,
    /// The 2xx of our INVITE carried an offer: the ACK waits for the TU.
    pub(super) ack_due: Option<AckDue>,
    /// Our 2xx carried an offer: the ACK brings the answer.
    pub(super) answer_in_ack: bool,
    /// The RSeq and CSeq number that a PRACK may still name, though our 2xx has overtaken it.
    pub(super) late_prack: Option<(u32, u32)>,
    /// A BYE that waits for the ACK of our 2xx (RFC 3261 15).
    pub(super) bye_after_ack: Option<LateBye>,
    /// The peer's re-INVITE or UPDATE that waits for the TU.
    pub(super) inbound: Option<PendingInbound>,
    /// Our re-INVITE or UPDATE that waits for the peer.
    pub(super) outbound: Option<PendingOutbound>,
    /// What we want to send once nothing else is under way.
    pub(super) wanted: Option<Wanted>,
    /// What we said last, for a refresh by re-INVITE.
    pub(super) local_sdp: Option<Body>,
    /// The peer's last offer where our last description answered it: the same offer again gets the same answer.
    pub(super) answered_offer: Option<Body>,
    pub(super) usages: Usages,
    pub(super) reinvites: Limiter,
    pub(super) requests: Limiter,
}

#[derive(Debug)]
pub(super) struct PendingInbound {
    pub(super) inbound: Inbound,
    pub(super) by: ReinviteMethod,
    /// `None` for an offer before the call is answered.
    pub(super) agreed: Option<Negotiated>,
    pub(super) offer: Option<Body>,
    pub(super) answer_by: Instant,
}

#[derive(Debug)]
pub(super) struct PendingOutbound {
    pub(super) tx: TxId,
    pub(super) by: ReinviteMethod,
    pub(super) wanted: Wanted,
}

/// A BYE that waits, and its Reason.
#[derive(Clone, Copy, Debug)]
pub(super) struct LateBye {
    pub(super) cause: Option<Cause>,
}

/// A change or refresh of the session that we want.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The TU's offer; `None` for a refresh of our own.
    pub(super) offer: Option<Body>,
    /// Not before.
    pub(super) at: Instant,
    /// How often it was tried.
    pub(super) tries: u8,
}

impl Up {
    pub(super) fn new(dialog: Dialog, owns_call_id: bool, session: SessionTimer) -> Self {
        Self {
            dialog,
            owns_call_id,
            session,
            min_se: Duration::ZERO,
            unacked: None,
            ack_due: None,
            answer_in_ack: false,
            late_prack: None,
            bye_after_ack: None,
            inbound: None,
            outbound: None,
            wanted: None,
            local_sdp: None,
            answered_offer: None,
            usages: Usages::new(),
            reinvites: Limiter::new(limits::REINVITES, limits::REINVITE_WINDOW),
            requests: Limiter::new(limits::IN_DIALOG_REQUESTS, limits::REINVITE_WINDOW),
        }
    }

    /// What was agreed and what is under way in the early dialog goes on.
    pub(super) fn take_over(&mut self, early: Early) {
        self.local_sdp = early.local_sdp;
        self.answered_offer = early.answered_offer;
        self.inbound = early.inbound;
        self.outbound = early.outbound;
        self.wanted = early.wanted;
    }

    /// Nothing is under way that a new offer of ours would cross.
    pub(super) const fn is_quiet(&self) -> bool {
        self.unacked.is_none()
            && self.ack_due.is_none()
            && self.inbound.is_none()
            && self.outbound.is_none()
            && !self.answer_in_ack
    }

    fn deadline(&self) -> Instant {
        let wanted = self.wanted.as_ref().filter(|_| self.is_quiet()).map(|wanted| wanted.at);
        let others = [
            self.unacked.as_ref().map(Unacked::deadline),
            self.inbound.as_ref().map(|pending| pending.answer_by),
            self.ack_due.as_ref().map(|due| due.answer_by),
            wanted,
            self.usages.deadline(),
        ];
        others.into_iter().flatten().fold(self.session.deadline(), Instant::min)
    }
}

impl Call {
    /// The dialog of this name, early or not.
    pub(super) fn dialog_named(&mut self, id: &DialogId) -> Option<&mut Dialog> {
        match &mut self.phase {
            Phase::Calling(calling) => calling.fork_of(id)?.dialog.as_mut(),
            Phase::Ringing(ringing) => Some(&mut ringing.dialog),
            Phase::Up(up) => Some(&mut up.dialog),
            Phase::Gone => None,
        }
    }

    /// The dialog with this To tag of a request of ours.
    pub(super) fn dialog_towards(&mut self, tag: &str) -> Option<&mut Dialog> {
        match &mut self.phase {
            Phase::Calling(calling) => calling.forks.iter_mut().find(|fork| fork.tag == *tag)?.dialog.as_mut(),
            Phase::Ringing(ringing) => Some(&mut ringing.dialog),
            Phase::Up(up) => Some(&mut up.dialog),
            Phase::Gone => None,
        }
    }

    /// What is under way in its early dialogs.
    pub(super) fn earlies(&mut self) -> impl Iterator<Item = &mut Early> {
        let (ringing, calling) = match &mut self.phase {
            Phase::Ringing(ringing) => (Some(&mut ringing.early), None),
            Phase::Calling(calling) => (None, Some(calling.forks.iter_mut().map(|fork| &mut fork.early))),
            Phase::Up(_) | Phase::Gone => (None, None),
        };
        ringing.into_iter().chain(calling.into_iter().flatten())
    }

    pub(super) const fn is_ringing(&self) -> bool {
        matches!(self.phase, Phase::Ringing(_))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Ringing(ringing) => {
                let reliable = ringing.reliable.deadline();
                let early = ringing.early.deadline(reliable.is_none());
                [ringing.ring_again_at, reliable, early].into_iter().flatten().min()
            }
            Phase::Calling(calling) => calling.forks.iter().filter_map(EarlyFork::deadline).min(),
            Phase::Up(up) => Some(up.deadline()),
            Phase::Gone => None,
        }
    }

    /// The status for an inbound call that nobody answered: it rang, or not even that.
    pub(super) const fn unanswered(ringing: &Ringing) -> StatusCode {
        if ringing.has_rung { StatusCode::TEMPORARILY_UNAVAILABLE } else { StatusCode::SERVER_INTERNAL_ERROR }
    }
}
