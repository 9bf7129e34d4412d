//! Why a session description is refused.

use std::fmt;

use crate::wire::StatusCode;

/// A session description that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("session description refused: {reason}")]
pub struct SdpError {
    reason: SdpReason,
}

impl SdpError {
    pub(super) const fn new(reason: SdpReason) -> Self {
        Self { reason }
    }

    /// Why, for a counter.
    pub const fn reason(self) -> SdpReason {
        self.reason
    }

    /// What a request with this body is answered (RFC 3261 13.3.1.3).
    pub const fn status(self) -> StatusCode {
        StatusCode::NOT_ACCEPTABLE_HERE
    }
}

impl From<SdpReason> for SdpError {
    fn from(reason: SdpReason) -> Self {
        Self::new(reason)
    }
}

/// The reasons, one per counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SdpReason {
    /// The description is longer than the limit.
    TooLong,
    /// A line is longer than the limit.
    LineTooLong,
    /// There are more `m=` lines than the limit.
    TooManyMedia,
    /// There are more `a=` lines than the limit.
    TooManyAttributes,
    /// An `m=` line has more formats than the limit.
    TooManyFormats,
    /// A media description has more `c=` lines than the limit.
    TooManyConnections,
    /// There are more `a=crypto` lines, or keys in one, than the limit.
    TooManyKeys,
    /// A line breaks the grammar of RFC 8866.
    Malformed,
    /// An `m=` line breaks it, a port above 65535 included.
    Media,
    /// A `c=` line is not of the Internet, or not an address of its stated kind.
    Connection,
    /// An `a=crypto` line breaks the grammar of RFC 4568, its base64 included.
    Crypto,
    /// Two `a=crypto` lines of one media description have one tag.
    CryptoTag,
    /// An `a=fingerprint` or `a=setup` line breaks the grammar of RFC 8122 or RFC 4145.
    Fingerprint,
    /// An `a=rtcp` line breaks the grammar of RFC 3605.
    Rtcp,
    /// There are two directions on one level.
    Direction,
}

impl SdpReason {
    /// The reason as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::LineTooLong => "line_too_long",
            Self::TooManyMedia => "too_many_media",
            Self::TooManyAttributes => "too_many_attributes",
            Self::TooManyFormats => "too_many_formats",
            Self::TooManyConnections => "too_many_connections",
            Self::TooManyKeys => "too_many_keys",
            Self::Malformed => "malformed",
            Self::Media => "media",
            Self::Connection => "connection",
            Self::Crypto => "crypto",
            Self::CryptoTag => "crypto_tag",
            Self::Fingerprint => "fingerprint",
            Self::Rtcp => "rtcp",
            Self::Direction => "direction",
        }
    }
}

impl fmt::Display for SdpReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
