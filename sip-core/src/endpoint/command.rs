//! What the TU (the call actor) asks of the endpoint.

use std::fmt;
use std::time::Duration;

use crate::admission::TrunkId;
use crate::wire::{HeaderName, ReasonValue, StatusCode, Text, Uri};

use super::{Body, CallKey, NextHop};

/// Something the TU wants of a call. A command that does not fit the call's state any more (the peer hung up first)
/// does nothing: the event that says why is on its way.
#[derive(Clone, Debug)]
pub enum Command {
    /// Send a provisional response (101 to 199) to an inbound call.
    Ring {
        /// 180 Ringing, 183 Session Progress, ...
        status: StatusCode,
        /// Early media; the later `Answer` must carry the same description (RFC 3261 13.3.1). Our offer where the INVITE
        /// had none, which only a reliable response can carry. The first reliable response to such an INVITE must carry it
        /// (RFC 3262 5): without it the response goes out unreliably, and not at all to a caller that requires 100rel.
        sdp: Option<Body>,
    },
    /// Answer an inbound call with 200.
    Answer {
        /// Our answer, or our offer where the INVITE had none.
        sdp: Body,
    },
    /// Refuse an inbound call.
    Reject(Reject),
    /// Answer the offer of a peer that we called without one, in the ACK or, for an early offer, in the PRACK.
    Acknowledge {
        /// Our answer.
        sdp: Body,
    },
    /// End the call, whatever its state: BYE, CANCEL, or 480 for an inbound call not answered yet.
    Hangup {
        /// The Reason header of the BYE or CANCEL.
        reason: Option<Cause>,
    },
    /// Offer a change of the session: a re-INVITE, or an UPDATE before the call is answered, which needs an answer that
    /// was given reliably (RFC 3311 5.1).
    Reinvite {
        /// The offer.
        sdp: Body,
    },
    /// Accept the peer's re-INVITE, UPDATE or early offer.
    AnswerReinvite {
        /// Our answer, or our offer where the re-INVITE had none.
        sdp: Body,
    },
    /// Refuse the peer's re-INVITE, UPDATE or early offer; the session stays as it was.
    RejectReinvite {
        /// 488, 403, ...
        status: StatusCode,
    },
    /// Ask the peer to call somebody else in our place (RFC 3515). Only in an answered call, one at a time: the outcome
    /// comes as `ReferAccepted`, `ReferProgress` or `ReferFailed`, and the peer then mostly hangs up.
    Refer {
        /// Whom it shall call.
        target: Box<Uri>,
        /// The call of ours with the target whose place it shall take (RFC 3891): an attended transfer.
        replaces: Option<CallKey>,
        /// The Referred-By header (RFC 3892).
        referred_by: Option<Box<Uri>>,
    },
    /// Accept the peer's REFER: 202, and 100 Trying as its first news.
    AcceptRefer,
    /// Refuse the peer's REFER.
    RejectRefer {
        /// 603, 403, ...
        status: StatusCode,
    },
    /// Tell the peer how the call that its REFER asked for fares. A final status is the last word.
    NotifyRefer {
        /// What the target answered.
        status: StatusCode,
    },
    /// Send an INFO within an answered call (RFC 6086 in its old use, without packages). INFOs go one after the other.
    Info {
        /// The Content-Type.
        content_type: Text,
        /// The body: a secret where it holds digits.
        body: Body,
    },
}

/// How to refuse an inbound call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// 300 to 699.
    pub status: StatusCode,
    /// The Reason header.
    pub reason: Option<Cause>,
    /// The Retry-After header.
    pub retry_after: Option<Duration>,
}

impl Reject {
    /// Refuses with `status` alone.
    pub const fn new(status: StatusCode) -> Self {
        Self { status, reason: None, retry_after: None }
    }
}

/// A Reason header (RFC 3326).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// `Q.850;cause=…`
    Q850(u8),
    /// `SIP;cause=…`
    Sip(StatusCode),
}

impl Cause {
    /// The cause that a Reason header names, where it is of a protocol that we know.
    pub fn of(reason: &ReasonValue) -> Option<Self> {
        let cause = reason.cause?;
        if reason.is("Q.850") {
            // ITU-T Q.850 2.2: seven bits.
            return u8::try_from(cause).ok().filter(|cause| *cause < 128).map(Self::Q850);
        }
        if reason.is("SIP") { StatusCode::new(cause).map(Self::Sip) } else { None }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Q850(cause) => write!(f, "Q.850;cause={cause}"),
            Self::Sip(status) => write!(f, "SIP;cause={status}"),
        }
    }
}

/// A call to place.
#[derive(Clone, Debug)]
pub struct Dial {
    /// The trunk that carries it: the gate must know it, and answers must come from it.
    pub trunk: TrunkId,
    /// The trunk's address; `None` for the trunk's own hops ([`crate::trunk::Outbound`]), with fail-over.
    pub next_hop: Option<NextHop>,
    /// The Request-URI, and the To URI.
    pub target: Uri,
    /// The From URI.
    pub from: Uri,
    /// Our offer; `None` to be offered a session by the peer, and to answer it with `Acknowledge`.
    pub sdp: Option<Body>,
    /// More headers, such as P-Asserted-Identity. Names that the endpoint writes itself are refused, but Max-Forwards: a call
    /// that stands for another one counts on from there, or a loop through us would have no end (RFC 7092, RFC 3261 16.3).
    pub headers: Vec<(HeaderName, Text)>,
}

/// Why a call cannot be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The gate knows no such trunk, or its rule does not allow the transport or the address.
    #[error("the trunk is unknown, or may not be reached there")]
    Trunk,
    /// The trunk has as many calls as it may have.
    #[error("the trunk has as many calls as it may have")]
    Concurrency,
    /// Over the rate of calls that may be placed over the trunk.
    #[error("over the trunk's rate of calls placed")]
    Rate,
    /// Over the number of calls that may be placed over the trunk in 24 hours.
    #[error("over the trunk's daily number of calls placed")]
    Daily,
    /// No hop of the trunk can be used now.
    #[error("the trunk is down")]
    Down,
    /// The endpoint is full.
    #[error("the endpoint has as many calls, transactions or connections as it may have")]
    Full,
    /// No listener of ours uses the transport and address family.
    #[error("no listener for this transport and address family")]
    NoListener,
    /// A URI or a header cannot be sent.
    #[error("a URI or header cannot be sent")]
    Unsendable,
    /// The endpoint shuts down.
    #[error("the endpoint shuts down")]
    ShuttingDown,
}
