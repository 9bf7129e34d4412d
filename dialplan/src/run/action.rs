//! The words between a run and the call that carries it out.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{App, Reject, StreamFormat};
use crate::value::{Dialect, Host, HttpsUrl, Name, Rate, SecretRef, SoundFile, WssUrl};

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
    /// End the call.
    Hangup,
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
            Self::TooManyRequests => "too-many-requests",
        }
    }
}
