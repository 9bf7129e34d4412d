//! What can be wrong with a message, and how it may be answered.

use std::fmt;

use super::{HeaderName, Response, StatusCode};

/// A text is not what it should be. Nothing more is said: the text was a stranger's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed")]
pub struct Malformed;

/// Why a header cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The message does not hold it.
    #[error("{0} is missing")]
    Missing(HeaderName),
    /// Its value is not right.
    #[error("{0} is malformed")]
    Malformed(HeaderName),
    /// It stands more than once, and may not.
    #[error("{0} stands more than once")]
    Repeated(HeaderName),
    /// It has more values than the limits allow.
    #[error("{0} has too many values")]
    TooMany(HeaderName),
}

impl HeaderError {
    /// What a request with this header is answered.
    pub const fn status(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

/// Why a message was refused. One reason per counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Nothing but CRLF: a keep-alive (RFC 5626 3.5.1). Not an error of anybody's.
    KeepAlive,
    /// The octets are not SIP: no start line with `SIP/`.
    NotSip,
    /// The message is longer than the limit.
    MessageTooLong,
    /// The start line is longer than the limit.
    StartLineTooLong,
    /// The start line is malformed.
    StartLine,
    /// The method is not a token, or longer than the limit.
    Method,
    /// The Request-URI is malformed.
    RequestUri,
    /// The status code is not between 100 and 699.
    StatusCode,
    /// The version is not SIP/2.0.
    Version,
    /// The empty line that ends the headers does not come.
    HeadersUnterminated,
    /// A CR without LF, or an LF without CR.
    BareLineBreak,
    /// A control octet that is not part of a quoted string's escape.
    ControlOctet,
    /// A header line without a colon, or with a name that is not a token.
    HeaderName,
    /// A header line is longer than the limit.
    HeaderTooLong,
    /// There are more header lines than the limit.
    TooManyHeaders,
    /// A mandatory header is missing.
    MissingHeader,
    /// A header that may stand once stands twice.
    RepeatedHeader,
    /// A header has more values than the limit.
    TooManyValues,
    /// Via is malformed.
    Via,
    /// From is malformed.
    From,
    /// To is malformed.
    To,
    /// Call-ID is malformed.
    CallId,
    /// CSeq is malformed, 2^31 or more, or names another method than the request.
    CSeq,
    /// Max-Forwards is malformed.
    MaxForwards,
    /// Contact is malformed.
    Contact,
    /// Route or Record-Route is malformed.
    Route,
    /// Another header that this server reads is malformed.
    Header,
    /// Content-Length is not one number of digits.
    ContentLength,
    /// Content-Length stands twice or as a list: framing that two readers would see differently.
    ContentLengthRepeated,
    /// Content-Length is missing on a stream.
    ContentLengthMissing,
    /// Content-Length exceeds the limit.
    BodyTooLong,
    /// The datagram ends before its body does.
    BodyTruncated,
}

impl Reason {
    /// The reason as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeepAlive => "keep_alive",
            Self::NotSip => "not_sip",
            Self::MessageTooLong => "message_too_long",
            Self::StartLineTooLong => "start_line_too_long",
            Self::StartLine => "start_line",
            Self::Method => "method",
            Self::RequestUri => "request_uri",
            Self::StatusCode => "status_code",
            Self::Version => "version",
            Self::HeadersUnterminated => "headers_unterminated",
            Self::BareLineBreak => "bare_line_break",
            Self::ControlOctet => "control_octet",
            Self::HeaderName => "header_name",
            Self::HeaderTooLong => "header_too_long",
            Self::TooManyHeaders => "too_many_headers",
            Self::MissingHeader => "missing_header",
            Self::RepeatedHeader => "repeated_header",
            Self::TooManyValues => "too_many_values",
            Self::Via => "via",
            Self::From => "from",
            Self::To => "to",
            Self::CallId => "call_id",
            Self::CSeq => "cseq",
            Self::MaxForwards => "max_forwards",
            Self::Contact => "contact",
            Self::Route => "route",
            Self::Header => "header",
            Self::ContentLength => "content_length",
            Self::ContentLengthRepeated => "content_length_repeated",
            Self::ContentLengthMissing => "content_length_missing",
            Self::BodyTooLong => "body_too_long",
            Self::BodyTruncated => "body_truncated",
        }
    }

    /// Whether two readers may disagree about where the message ends: a stream is closed behind it.
    pub const fn loses_framing(self) -> bool {
        match self {
            Self::KeepAlive
            | Self::NotSip
            | Self::MessageTooLong
            | Self::StartLineTooLong
            | Self::HeadersUnterminated
            | Self::BareLineBreak
            | Self::ControlOctet
            | Self::HeaderName
            | Self::HeaderTooLong
            | Self::TooManyHeaders
            | Self::ContentLength
            | Self::ContentLengthRepeated
            | Self::ContentLengthMissing
            | Self::BodyTooLong
            | Self::BodyTruncated
            | Self::Version => true,
            Self::StartLine
            | Self::Method
            | Self::RequestUri
            | Self::StatusCode
            | Self::MissingHeader
            | Self::RepeatedHeader
            | Self::TooManyValues
            | Self::Via
            | Self::From
            | Self::To
            | Self::CallId
            | Self::CSeq
            | Self::MaxForwards
            | Self::Contact
            | Self::Route
            | Self::Header => false,
        }
    }

    /// Whether nothing behind the faulty line can be told to be a header of the same message.
    pub(super) const fn ends_head(self) -> bool {
        matches!(self, Self::HeadersUnterminated | Self::BareLineBreak | Self::TooManyHeaders)
    }

    /// What a request refused for this reason is answered, when it can be answered at all.
    pub const fn status(self) -> Option<StatusCode> {
        Some(match self {
            Self::KeepAlive | Self::NotSip | Self::StatusCode => return None,
            Self::Version => StatusCode::VERSION_NOT_SUPPORTED,
            Self::MessageTooLong => StatusCode::MESSAGE_TOO_LARGE,
            Self::BodyTooLong => StatusCode::ENTITY_TOO_LARGE,
            Self::StartLineTooLong => StatusCode::URI_TOO_LONG,
            Self::StartLine
            | Self::Method
            | Self::RequestUri
            | Self::HeadersUnterminated
            | Self::BareLineBreak
            | Self::ControlOctet
            | Self::HeaderName
            | Self::HeaderTooLong
            | Self::TooManyHeaders
            | Self::MissingHeader
            | Self::RepeatedHeader
            | Self::TooManyValues
            | Self::Via
            | Self::From
            | Self::To
            | Self::CallId
            | Self::CSeq
            | Self::MaxForwards
            | Self::Contact
            | Self::Route
            | Self::Header
            | Self::ContentLength
            | Self::ContentLengthRepeated
            | Self::ContentLengthMissing
            | Self::BodyTruncated => StatusCode::BAD_REQUEST,
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message that was refused: why, and the answer it may get.
#[derive(Clone, Debug, thiserror::Error)]
#[error("message refused: {reason}")]
pub struct ParseError {
    reason: Reason,
    answer: Option<Box<Response>>,
    body_length: Option<u64>,
}

impl ParseError {
    /// A refusal that is not answered.
    pub(super) const fn silent(reason: Reason) -> Self {
        Self { reason, answer: None, body_length: None }
    }

    /// A refusal with the answer it may get.
    pub(super) fn answered(reason: Reason, answer: Response) -> Self {
        Self { reason, answer: Some(Box::new(answer)), body_length: None }
    }

    /// The same refusal for a reason that is known better from outside, unless the octets are no SIP at all.
    pub(super) fn because(mut self, reason: Reason) -> Self {
        if self.reason != Reason::NotSip {
            self.reason = reason;
            if let (Some(answer), Some(status)) = (&mut self.answer, reason.status()) {
                answer.set_status(status);
            }
        }
        self
    }

    /// Notes where the refused message ends on a stream, when its head was read to the end without doubt.
    pub(super) fn with_body_length(mut self, length: Option<u64>) -> Self {
        self.body_length = length.filter(|_| !self.reason.loses_framing());
        self
    }

    /// The octets of the body that follows the refused head, when that is known without doubt.
    pub(super) const fn body_length(&self) -> Option<u64> {
        self.body_length
    }

    /// Why, for a counter.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The status of the answer. `None`: the message is dropped without one.
    pub fn status(&self) -> Option<StatusCode> {
        self.answer.as_ref().map(|answer| answer.status())
    }

    /// Whether the message is dropped without an answer: a response, an ACK, not SIP, or nothing to send an answer to.
    pub const fn is_silent(&self) -> bool {
        self.answer.is_none()
    }

    /// The answer, with what could be read of Via, From, To, Call-ID and CSeq.
    ///
    /// Its top Via is right by construction. To has no tag yet (see [`Response::ensure_to_tag`]), and neither
    /// `received` nor `rport` is noted.
    pub fn answer(&self) -> Option<&Response> {
        self.answer.as_deref()
    }

    /// The answer, as [`ParseError::answer`].
    pub fn into_answer(self) -> Option<Response> {
        self.answer.map(|answer| *answer)
    }
}
