//! The first line of a message.

use super::{
    Malformed, Reason, StatusCode,
    scan::{self, class},
    uri::{UriView, headers_of},
};
use crate::limits;

/// A start line, or what is known of one that is wrong: enough to tell whether an answer may be sent.
pub(super) enum StartLine<'a> {
    Request { method: &'a [u8], uri: UriView<'a> },
    Response { status: StatusCode, reason: &'a [u8] },
    BadRequest { method: &'a [u8], reason: Reason },
    BadResponse(Reason),
    NotSip,
}

impl<'a> StartLine<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Self {
        match line {
            [b'S' | b's', b'I' | b'i', b'P' | b'p', b'/', rest @ ..] => Self::response(rest),
            _ => Self::request(line),
        }
    }

    /// `SIP/2.0 SP status SP reason`
    fn response(rest: &'a [u8]) -> Self {
        let Some((version, rest)) = scan::split_once(rest, b' ') else { return Self::BadResponse(Reason::StartLine) };
        if version != b"2.0" {
            return Self::BadResponse(Reason::Version);
        }
        // Some leave out the blank before an empty reason.
        let (code, reason) = scan::split_once(rest, b' ').unwrap_or((rest, &[]));
        let status = scan::number(code, 3).and_then(|code| u16::try_from(code).ok()).and_then(StatusCode::new);
        match status {
            Some(status) if !scan::has_control(reason) => Self::Response { status, reason },
            Some(_) => Self::BadResponse(Reason::ControlOctet),
            None => Self::BadResponse(Reason::StatusCode),
        }
    }

    /// `method SP uri SP SIP/2.0`, with exactly these blanks (RFC 3261 7.1).
    fn request(line: &'a [u8]) -> Self {
        let (method, _) = scan::take(line, class::TOKEN);
        let Some(at) = memchr::memrchr(b' ', scan::trim_end(line)) else { return Self::NotSip };
        let (before, version) = scan::split(line, at);
        let version = scan::trim_start(version);
        let Some(number) = version.strip_prefix(b"SIP/").or_else(|| version.strip_prefix(b"sip/")) else {
            return Self::NotSip;
        };
        let bad = |reason| Self::BadRequest { method, reason };
        if scan::has_control(line) {
            return bad(Reason::ControlOctet);
        }
        if method.is_empty() || method.len() > limits::METHOD {
            return bad(Reason::Method);
        }
        let (named, from) = scan::split(before, method.len());
        let [b' ', uri @ ..] = from else { return bad(Reason::StartLine) };
        debug_assert_eq!(named, method);
        match number {
            b"2.0" => {}
            // Trailing blanks (RFC 4475 3.1.2.10).
            _ if number.starts_with(b"2.0") && scan::trim_end(number) == b"2.0" => return bad(Reason::StartLine),
            _ => return bad(Reason::Version),
        }
        // A doubled blank leaves one at an end (RFC 4475 3.1.2.9).
        if uri.first().is_none_or(|&octet| scan::is_blank(octet))
            || uri.last().is_none_or(|&octet| scan::is_blank(octet))
        {
            return bad(Reason::StartLine);
        }
        match UriView::parse(uri) {
            // Headers have no place in a Request-URI (RFC 3261 19.1.1 table 1).
            Ok(view) if headers_of(&view).is_some() => bad(Reason::RequestUri),
            Ok(uri) => Self::Request { method, uri },
            Err(Malformed) => bad(Reason::RequestUri),
        }
    }

    pub(super) const fn fault(&self) -> Option<Reason> {
        match self {
            Self::Request { .. } | Self::Response { .. } => None,
            Self::BadRequest { reason, .. } | Self::BadResponse(reason) => Some(*reason),
            Self::NotSip => Some(Reason::NotSip),
        }
    }

    pub(super) const fn request_method(&self) -> Option<&'a [u8]> {
        match self {
            Self::Request { method, .. } | Self::BadRequest { method, .. } => Some(method),
            Self::Response { .. } | Self::BadResponse(_) | Self::NotSip => None,
        }
    }
}
