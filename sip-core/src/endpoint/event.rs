//! What the endpoint tells the TU (the call actor) about a call.

use crate::admission::{Admitted, Invite, SourceFacts};
use crate::wire::{HeaderName, Headers, NameAddr, Replaces, StatusCode, Text, Uri};

use super::{Body, CallKey, Cause};

/// Something happened to a call.
///
/// The order is fixed: [`Event::Incoming`] is an inbound call's first event, and [`Event::Ended`] every call's last.
/// After `Ended` the call's key means nothing any more.
#[derive(Debug)]
pub enum Event {
    /// A trunk brings a call. Answer with `Ring`, `Answer` or `Reject`; 100 Trying is sent already.
    Incoming(Box<Admitted<Invite>>),
    /// The ACK of our 2xx came, to the INVITE or to a re-INVITE. `sdp` is the answer where our 2xx carried the offer.
    Ack {
        /// The answer to our offer, if we made one.
        sdp: Option<Body>,
    },
    /// The peer wants to change the session (hold, resume, new address): a re-INVITE or UPDATE. Answer with
    /// `AnswerReinvite` or `RejectReinvite`. One at a time; the endpoint refuses more.
    Reinvite {
        /// The peer's offer; `None` when our answer must carry one (re-INVITE without a body).
        offer: Option<Body>,
        /// Which request it is.
        by: ReinviteMethod,
    },
    /// The peer took back its re-INVITE (CANCEL): answered 487 already, the session is as before.
    ReinviteCancelled,
    /// Our re-INVITE or UPDATE with an offer was accepted; a session refresh by re-INVITE too.
    Reinvited {
        /// The peer's answer.
        sdp: Option<Body>,
    },
    /// Our re-INVITE was refused; the session is as before.
    ReinviteFailed {
        /// With which status; 408 for no answer.
        status: StatusCode,
    },
    /// An INFO came and was answered 200. The body may hold digits: a secret.
    Info {
        /// Its Content-Type.
        content_type: Text,
        /// Its body.
        body: Body,
    },
    /// A call that we placed makes progress: 180, 183 and so on. One with `sdp` that answers our offer reliably
    /// (RFC 3262) is that fork's final answer. Where the call was placed without an offer `sdp` is the peer's offer:
    /// answer it with `Acknowledge`.
    Progress {
        /// The status.
        status: StatusCode,
        /// Early media.
        sdp: Option<Body>,
        /// Which of the callees it comes from.
        fork: Fork,
        /// The peer that says so, and how it is secured.
        source: SourceFacts,
    },
    /// A call that we placed is answered. The ACK is sent already, but for a call that was placed without an offer: there
    /// `sdp` is the peer's offer, and `Acknowledge` sends the ACK.
    Answered {
        /// The peer's answer, or its offer; `None` where this fork gave its final answer before.
        sdp: Option<Body>,
        /// Which of the callees it is: not always the one whose early media came.
        fork: Fork,
        /// The peer that says so, and how it is secured.
        source: SourceFacts,
    },
    /// Before the call is answered the peer offers another session: an UPDATE (RFC 3311) or a PRACK with an offer
    /// (RFC 3262 5). Answer with `AnswerReinvite` or `RejectReinvite`.
    EarlyOffer {
        /// The peer's offer.
        offer: Body,
        /// Which of the callees it comes from; the caller is always the first.
        fork: Fork,
    },
    /// Our reliable provisional response carried our offer, and its PRACK the answer (RFC 3262 5).
    EarlyAnswer {
        /// The peer's answer.
        sdp: Body,
    },
    /// The peer asks us to call somebody else (RFC 3515). Nothing is called by that alone (THREATS T38, T39): answer with
    /// `AcceptRefer`, and `NotifyRefer` as the call fares, or with `RejectRefer`.
    Refer(Box<Referral>),
    /// The peer took our REFER.
    ReferAccepted,
    /// How the call that our REFER asked for fares.
    ReferProgress {
        /// What the target answered. A final 202 is the peer's last word where it tells no outcome (RFC 4488).
        status: StatusCode,
        /// Nothing more is told after a final status.
        is_final: bool,
    },
    /// Our REFER is off. The call is as before.
    ReferFailed {
        /// With which status it was refused; 408 where nothing more was heard of it, 491 while another one is under way.
        status: StatusCode,
    },
    /// Our INFO was answered.
    InfoAnswered {
        /// With which status; 408 for no answer, 503 where it was not sent.
        status: StatusCode,
    },
    /// The call is over. The last event.
    Ended(Ended),
}

/// One of the callees that a call of ours was forked to, numbered from 0 in the order in which they were heard of. Each is
/// an early dialog of its own (RFC 3261 12.1, 13.2.2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fork(pub u32);

/// Which request carried a change of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReinviteMethod {
    /// re-INVITE (RFC 3261 14)
    Invite,
    /// UPDATE (RFC 3311)
    Update,
}

/// A REFER of the peer.
#[derive(Clone, Debug)]
pub struct Referral {
    /// Whom we shall call: `sip:`, `sips:` or `tel:`, without headers.
    pub target: Uri,
    /// The dialog at the target whose place the new call shall take: to be sent in its INVITE.
    pub replaces: Option<Replaces>,
    /// The call of ours that `replaces` names, where the target is ourselves: both calls of the trunk meet here.
    pub replaced: Option<CallKey>,
    /// Who says to be referring (RFC 3892). Not proven.
    pub referred_by: Option<NameAddr>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Who ended it.
    pub by: EndedBy,
    /// Why.
    pub reason: EndReason,
    /// The peer's Reason header (RFC 3326), where it sent one.
    pub remote_reason: Option<Text>,
}

impl Ended {
    /// The causes that the peer's Reason header names: of Q.850, of SIP, or of both.
    pub fn remote_causes(&self) -> Vec<Cause> {
        let Some(reason) = &self.remote_reason else { return Vec::new() };
        let mut headers = Headers::new();
        headers.push(HeaderName::Reason, reason.clone().into_bytes());
        headers.reasons().unwrap_or_default().iter().filter_map(Cause::of).collect()
    }
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// We: the TU hung up or refused.
    Local,
    /// The peer hung up, cancelled or refused.
    Remote,
    /// A timer or a failed connection.
    Failure,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// A BYE, from whom [`Ended::by`] says.
    Bye,
    /// The caller took the call back before it was answered; we answered 487.
    Cancelled,
    /// A call that came in was refused with this status.
    Rejected(StatusCode),
    /// A call that we placed was refused with this status.
    Refused(StatusCode),
    /// A call that we placed got no answer in time (RFC 3261 timer B, or the last resort).
    NoAnswer,
    /// No ACK came for our 2xx (RFC 3261 13.3.1.4); a BYE was sent.
    AckTimeout,
    /// No PRACK came for a reliable provisional response of ours (RFC 3262 3); we answered 504.
    PrackTimeout,
    /// The session timer ran out (RFC 4028 10); a BYE was sent.
    SessionExpired,
    /// A request of ours within the dialog was answered 481 or 408: the peer knows the call no more.
    DialogLost,
    /// The TU did not answer in time (THREATS T32).
    LastResort,
    /// A call that we placed was answered with a 2xx that makes no dialog.
    BadAnswer,
    /// The connection was lost, or could not be made.
    Transport,
    /// The endpoint shuts down.
    Shutdown,
}
