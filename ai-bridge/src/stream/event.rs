//! What a stream hands out: messages for the socket and events for the call.

use std::fmt;

use bytes::Bytes;
use zeroize::Zeroizing;

/// A message that is ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub enum WsMessage {
    /// A text message; always UTF-8.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
    /// The last message: close the socket with this code.
    Close {
        /// The code.
        code: CloseCode,
        /// Why, for the application's developer.
        reason: &'static str,
    },
}

impl WsMessage {
    /// Length of its payload in octets.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(octets) | Self::Binary(octets) => octets.len(),
            Self::Close { reason, .. } => reason.len() + 2,
        }
    }

    /// Whether its payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for WsMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(octets) => f.debug_struct("Text").field("len", &octets.len()).finish_non_exhaustive(),
            Self::Binary(octets) => f.debug_struct("Binary").field("len", &octets.len()).finish_non_exhaustive(),
            Self::Close { code, reason } => {
                f.debug_struct("Close").field("code", code).field("reason", reason).finish()
            }
        }
    }
}

/// Close codes the server uses (RFC 6455, section 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// 1000: the stream ended as it should.
    Normal,
    /// 1001: the server is stopping.
    GoingAway,
    /// 1003: a kind of message this dialect does not have.
    Unsupported,
    /// 1008: the application broke a limit.
    Policy,
    /// 1009: a message was too long.
    TooBig,
    /// 1013: the application does not read.
    TryAgainLater,
}

impl CloseCode {
    /// The number on the wire.
    pub const fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::Unsupported => 1003,
            Self::Policy => 1008,
            Self::TooBig => 1009,
            Self::TryAgainLater => 1013,
        }
    }
}

/// Why the server ends a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StopReason {
    /// The caller hung up.
    CallerHangup,
    /// The application asked for it.
    AppHangup,
    /// The call goes on with another action.
    NextAction,
    /// The call was transferred.
    Transferred,
    /// The call or the stream reached its longest duration.
    MaxDuration,
    /// The server is stopping.
    ServerStopping,
    /// Something failed on the server's side.
    Failed,
}

/// What the application did that concerns the call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamEvent {
    /// The play queue was cleared: the caller interrupted. What is still on its way to the network may go, nothing after.
    Cleared {
        /// Audio of the application that reached the network since the last clear, or since the start.
        played_ms: u64,
        /// Audio that was thrown away.
        dropped_ms: u64,
    },
    /// Send these digits to the caller's side (RFC 4733).
    SendDigits(Digits),
    /// End the call.
    Hangup {
        /// The application's own words, cut and cleaned.
        reason: Option<String>,
    },
    /// The application sent more than the play queue holds; the newest audio was dropped.
    Overflow {
        /// How much was dropped.
        dropped_ms: u64,
    },
    /// The application did not read in time; the oldest caller audio was dropped.
    Gap {
        /// How much was dropped.
        ms: u64,
    },
    /// The server closes the stream; the close message waits in `poll_message`.
    Closing {
        /// The code it closes with.
        code: CloseCode,
        /// Why.
        reason: &'static str,
    },
}

/// Digits that the application sends: `0-9 * # A-D`. They may be anything, a card number too, so they are not shown and
/// are wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Digits(Zeroizing<String>);

impl Digits {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fits = (1..=crate::limits::MAX_DIGITS).contains(&text.len());
        let upper = Zeroizing::new(text.to_ascii_uppercase());
        let known = upper.bytes().all(|b| matches!(b, b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D'));
        (fits && known).then_some(Self(upper))
    }

    /// The digits, in order.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digits").field("len", &self.0.len()).finish_non_exhaustive()
    }
}
