//! What can go wrong with a stream socket. Each text tells the application's developer what to mend.

use std::io;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError, SubProtocolError};

use super::super::connect::ConnectError;
use super::metered::Overrun;
use crate::stream::{SUBPROTOCOL, WsMessage};

/// Why a stream could not be opened, or broke.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// No verified connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The URL cannot be put into a request.
    #[error("ws_url cannot be put into a request: check its host and path")]
    Url,
    /// The handshake took too long.
    #[error(
        "the application did not accept the WebSocket within {after:?}: accept first, open the model's session afterwards"
    )]
    OpenTimeout {
        /// The deadline.
        after: Duration,
    },
    /// The application refused the handshake.
    #[error("the application answered the WebSocket handshake with {status}: {hint}")]
    Refused {
        /// The status.
        status: u16,
        /// What to look at.
        hint: &'static str,
    },
    /// The native subprotocol was not selected.
    #[error(
        "the application did not select the subprotocol `{SUBPROTOCOL}`: select it, or configure another dialect for it"
    )]
    NoSubprotocol,
    /// A subprotocol was selected that was not offered.
    #[error(
        "the application selected a subprotocol that was not offered: select none in this dialect, `{SUBPROTOCOL}` in native"
    )]
    OtherSubprotocol,
    /// The answer is not a WebSocket's.
    #[error("the answer is not a WebSocket handshake ({source}): does ws_url lead to the WebSocket itself?")]
    NotWebSocket {
        /// What is wrong with it.
        #[source]
        source: WsError,
    },
    /// The handshake's answer is too long.
    #[error("the answer to the WebSocket handshake is too long: send fewer or shorter headers")]
    HandshakeTooLong,
    /// The connection broke.
    #[error("the connection to the application broke: {source}")]
    Lost {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The connection ended without a close.
    #[error("the application ended the connection without a WebSocket close: did it crash?")]
    Vanished,
    /// Pings went unanswered.
    #[error("the application is dead: it answered no ping and sent nothing; is its event loop blocked?")]
    Dead,
    /// Too many pings or pongs.
    #[error("the application floods the stream with pings: send one every few seconds, if any")]
    PingFlood,
    /// A message is too long, or comes in too many pieces.
    #[error("the application sent a message that is too long: cut audio into shorter messages")]
    TooLong,
    /// A text that is not UTF-8.
    #[error("the application sent a text message that is not UTF-8: send audio in binary messages")]
    NotUtf8,
    /// The WebSocket protocol was broken.
    #[error("the application broke the WebSocket protocol: {source}")]
    Protocol {
        /// How.
        #[source]
        source: WsError,
    },
}

impl SocketError {
    /// The close that tells the application, where one is due.
    pub(super) const fn close(&self) -> Option<(u16, &'static str)> {
        match self {
            Self::TooLong => Some((1009, "a message is too long")),
            Self::NotUtf8 => Some((1007, "a text message is not UTF-8")),
            Self::Protocol { .. } => Some((1002, "the WebSocket protocol was broken")),
            Self::PingFlood => Some((1008, "too many pings")),
            Self::Dead => Some((1001, "no ping was answered")),
            Self::Connect(_)
            | Self::Url
            | Self::OpenTimeout { .. }
            | Self::Refused { .. }
            | Self::NoSubprotocol
            | Self::OtherSubprotocol
            | Self::NotWebSocket { .. }
            | Self::HandshakeTooLong
            | Self::Lost { .. }
            | Self::Vanished => None,
        }
    }

    /// An error of the handshake.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "tungstenite's lists are long; the rest is told in its own words"
    )]
    pub(super) fn handshake(error: WsError) -> Self {
        match error {
            WsError::Http(response) => {
                let status = response.status().as_u16();
                Self::Refused { status, hint: refusal_hint(status) }
            }
            WsError::Protocol(ProtocolError::SecWebSocketSubProtocolError(problem)) => match problem {
                SubProtocolError::NoSubProtocol => Self::NoSubprotocol,
                SubProtocolError::ServerSentSubProtocolNoneRequested | SubProtocolError::InvalidSubProtocol => {
                    Self::OtherSubprotocol
                }
            },
            WsError::Io(source) if is_overrun(&source) => Self::HandshakeTooLong,
            WsError::AttackAttempt => Self::HandshakeTooLong,
            WsError::Io(source) => Self::Lost { source },
            source => Self::NotWebSocket { source },
        }
    }
}

impl From<WsError> for SocketError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "tungstenite's lists are long; the rest is told in its own words"
    )]
    fn from(error: WsError) -> Self {
        match error {
            WsError::Io(source) if is_overrun(&source) => Self::TooLong,
            WsError::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => Self::Vanished,
            WsError::Io(source) => Self::Lost { source },
            WsError::Capacity(CapacityError::MessageTooLong { .. }) => Self::TooLong,
            WsError::Utf8(_) => Self::NotUtf8,
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Vanished,
            source => Self::Protocol { source },
        }
    }
}

fn is_overrun(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Overrun>()).is_some()
}

const fn refusal_hint(status: u16) -> &'static str {
    match status {
        300..=399 => "redirects are not followed, answer with the final address in the flow answer",
        400 => "does it take WebSockets on this path, and is the Host header known to it?",
        401 | 403 => "does it verify the handshake over the exact ws_url, with this server's key and a right clock?",
        404 | 405 => "is the path of ws_url right?",
        426 => "it wants another version of HTTP or WebSocket than HTTP/1.1 and version 13",
        429 | 503 => "it has no room for another call",
        500..=599 => "look into the application's own log",
        _ => "it must answer 101",
    }
}

/// Why a message was not taken. It comes back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The write buffer is full: the application does not read.
    #[error("the write buffer is full")]
    Full(WsMessage),
    /// The message is longer than the write buffer: open the socket with `SocketOptions::for_plan`.
    #[error("the message is longer than the write buffer")]
    TooLong(WsMessage),
    /// A text message that is not UTF-8.
    #[error("the text message is not UTF-8")]
    NotUtf8(WsMessage),
    /// The socket is closing or closed.
    #[error("the socket is closed")]
    Closed(WsMessage),
}
