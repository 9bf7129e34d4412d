//! The words between a run and the call that carries it out.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{App, DialStep, Reject, StreamFormat, TransferStep, Trunk};
use crate::value::{DialTarget, Dialect, Host, HttpsUrl, Name, Number, Rate, SecretRef, SoundFile, WssUrl};

/// What the call does next. Every effect a run can have is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing new: what is under way goes on.
    Wait,
    /// Send 180, then report [`Event::Rang`].
    Ring,
    /// Send 200, then report [`Event::Answered`] when the ACK is there and audio may flow.
    Answer,
    /// Post the signed flow request, then report [`Event::FlowAnswered`] or [`Event::FlowFailed`].
    AskApp {
        /// Whom to ask: keys, roots, timeout, account.
        app: Arc<App>,
        /// Where: its `flow_url`, or the next one it named.
        url: HttpsUrl,
    },
    /// Open the stream, then report how it ends: [`Event::StreamEnded`], [`Event::StreamFailed`] or [`Event::AppHangup`].
    OpenStream(Box<StreamPlan>),
    /// Play a local file, then report [`Event::PlayEnded`] or [`Event::PlayFailed`].
    PlayFile(SoundFile),
    /// Send 183 with early media and play a local file, then report as for `PlayFile`. The call is not answered by it.
    PlayEarly(SoundFile),
    /// Fetch and play what the application named, then report as for `PlayFile`.
    PlayUrl {
        /// The application that named it: roots and private hosts.
        app: Arc<App>,
        /// What to play.
        url: HttpsUrl,
    },
    /// Call somebody else, then report [`Event::DialAnswered`] or [`Event::DialFailed`]. The caller waits: while it is not
    /// answered it hears what the far end's progress says. If it hangs up meanwhile, the second leg ends with it.
    Dial(Box<DialPlan>),
    /// Connect the audio of both legs, then report [`Event::DialEnded`] when the far end hangs up.
    Bridge,
    /// Send REFER on the first leg, then report [`Event::TransferDone`] or [`Event::TransferFailed`]. When it failed, a second
    /// leg is hung up before the report.
    Transfer(TransferPlan),
    /// Refuse the call, which is not answered yet. The run is over.
    Reject(Reject),
    /// End the call; if it has ended already, clear up. The run is over.
    Hangup(HangupCause),
}

/// What happened to the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The run begins.
    Start,
    /// 180 was sent.
    Rang,
    /// The call is answered.
    Answered,
    /// The application answered the flow request.
    FlowAnswered(FlowAction),
    /// It did not: no connection, late, an error status, or nonsense.
    FlowFailed,
    /// The file was played to its end.
    PlayEnded,
    /// The file could not be played.
    PlayFailed,
    /// The application closed the stream in good order.
    StreamEnded,
    /// The stream could not be opened, or broke.
    StreamFailed,
    /// The application asked to end the call.
    AppHangup,
    /// The far end of the second leg answered.
    DialAnswered,
    /// It did not.
    DialFailed(DialFailure),
    /// It hung up.
    DialEnded,
    /// The peer has reached the target of the transfer.
    TransferDone,
    /// It has not, or it refused to try.
    TransferFailed(DialFailure),
    /// The call is over: BYE, CANCEL, a timer, a shutdown.
    Ended,
}

/// What an application's flow answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowAction {
    /// Open a stream.
    Stream {
        /// Where to.
        url: WssUrl,
        /// The protocol; the application's own if not said.
        dialect: Option<Dialect>,
        /// The sample rate; the application's own if not said.
        rate: Option<Rate>,
        /// Audio in a message; the application's own if not said.
        chunk: Option<Duration>,
        /// Whom to ask when the stream has ended.
        next: Option<HttpsUrl>,
    },
    /// Play something.
    Play {
        /// What.
        url: HttpsUrl,
        /// Whom to ask when it was played.
        next: Option<HttpsUrl>,
    },
    /// Call somebody and connect the caller.
    Dial {
        /// Whom, by which trunk, as whom.
        step: Box<DialStep>,
        /// Whom to ask when that has ended, or failed.
        next: Option<HttpsUrl>,
    },
    /// Pass the call on to somebody.
    Transfer {
        /// To whom, and how.
        step: Box<TransferStep>,
        /// Whom to ask when that has failed.
        next: Option<HttpsUrl>,
    },
    /// End the call.
    Hangup,
}

/// A second leg to call, with everything that is needed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialPlan {
    /// The trunk it goes out on.
    pub trunk: Arc<Trunk>,
    /// Whom; the trunk lists it.
    pub to: DialTarget,
    /// The number to show; the trunk lists it.
    pub from: Number,
    /// How long it may ring.
    pub timeout: Duration,
    /// Whether the caller hears the far end before it answers.
    pub early_media: bool,
}

/// A call to pass on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferPlan {
    /// To whom; the trunk lists it.
    pub to: DialTarget,
    /// Whether the second leg is there, which the peer replaces (RFC 3891). If not, the peer calls by itself.
    pub attended: bool,
    /// How long it may take.
    pub timeout: Duration,
}

/// Why somebody was not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DialFailure {
    /// Busy.
    Busy,
    /// It rang, and nobody answered.
    NoAnswer,
    /// The far end did not want the call.
    Declined,
    /// There is nobody by this number.
    NotFound,
    /// The trunk, or what is behind it, does not work.
    Unavailable,
    /// The trunk may not call it, or has placed as many calls as it may.
    NotAllowed,
}

impl DialFailure {
    /// What a final response means (RFC 3261, sections 21.3 to 21.6).
    pub fn from_status(status: u16) -> Self {
        match status {
            486 | 600 => Self::Busy,
            408 | 480 | 487 => Self::NoAnswer,
            401 | 403 | 407 | 433 | 603 | 607 | 608 => Self::Declined,
            404 | 410 | 484 | 485 | 604 => Self::NotFound,
            _ => Self::Unavailable,
        }
    }

    /// The response to a caller who was to be connected and is not answered yet.
    pub fn status(self) -> u16 {
        match self {
            Self::Busy => 486,
            Self::NoAnswer => 480,
            Self::Declined => 603,
            Self::NotFound => 404,
            Self::Unavailable => 503,
            Self::NotAllowed => 403,
        }
    }

    /// A word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Declined => "declined",
            Self::NotFound => "not-found",
            Self::Unavailable => "unavailable",
            Self::NotAllowed => "not-allowed",
        }
    }
}

/// A stream to open, with everything that is needed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPlan {
    /// Where to, octet for octet.
    pub url: WssUrl,
    /// Protocol, rate and chunk.
    pub format: StreamFormat,
    /// The keys that sign the handshake; all of them sign.
    pub signing: Vec<SecretRef>,
    /// Roots trusted beside those of the system.
    pub ca: Option<SecretRef>,
    /// The hosts that may lie in a private network.
    pub private_hosts: Vec<Host>,
    /// How long opening may take.
    pub timeout: Duration,
    /// The account named in the stream.
    pub account: String,
    /// The application, unless the route streams directly.
    pub app: Option<Name>,
}

/// Why a run ended the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HangupCause {
    /// The route says so, or its steps are done.
    RouteEnded,
    /// The application said so.
    App,
    /// The application's stream ended, and the route hangs up then.
    StreamEnded,
    /// The application failed, and the route hangs up then.
    AppFailed,
    /// The far end of the second leg hung up.
    FarEnd,
    /// Somebody who was to be called was not reached, and the route hangs up then.
    DialFailed,
    /// The call was passed on.
    Transferred,
    /// The call was over already.
    CallEnded,
}

impl HangupCause {
    /// A word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RouteEnded => "route-ended",
            Self::App => "app",
            Self::StreamEnded => "stream-ended",
            Self::AppFailed => "app-failed",
            Self::FarEnd => "far-end",
            Self::DialFailed => "dial-failed",
            Self::Transferred => "transferred",
            Self::CallEnded => "call-ended",
        }
    }
}

/// Why a flow answer was not carried out. It counts as a failure of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowRefusal {
    /// The stream goes to a host that is neither the flow's own nor in `stream.hosts`.
    StreamHost,
    /// The file to play is on such a host.
    PlayHost,
    /// The next flow URL is on such a host.
    FlowHost,
    /// The dialect does not know the rate.
    Rate,
    /// The trunk is not one by which a flow answer may have this call connected.
    Trunk,
    /// The trunk does not list the target.
    Destination,
    /// The trunk does not list the number that was to be shown.
    Caller,
    /// More flow requests than one call may have.
    TooManyRequests,
}

impl FlowRefusal {
    /// A word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StreamHost => "stream-host",
            Self::PlayHost => "play-host",
            Self::FlowHost => "flow-host",
            Self::Rate => "rate",
            Self::Trunk => "trunk",
            Self::Destination => "destination",
            Self::Caller => "caller",
            Self::TooManyRequests => "too-many-requests",
        }
    }
}
