//! The parser: start line, header lines, and the checks that every message passes.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    HeaderName, Headers, Malformed, Message, Method, ParseError, Reason, Request, Response, StatusCode, Text,
    headers::Header,
    name_addr::NameAddrView,
    scan::{self, Elements, class},
    typed::check_call_id,
    uri::{UriView, headers_of},
    values::{cseq, own_method},
    via::ViaView,
};
use crate::limits;

/// Parses a datagram, which holds one message.
///
/// Octets behind the stated Content-Length are ignored (RFC 3261 18.3); without Content-Length the body is the rest.
pub fn parse_datagram(datagram: Bytes) -> Result<Message, ParseError> {
    if datagram.len() > limits::DATAGRAM_MESSAGE {
        return Err(ParseError::silent(Reason::MessageTooLong));
    }
    let start = leading_line_breaks(&datagram);
    let datagram = if start == 0 { datagram } else { datagram.slice(start..) };
    if datagram.is_empty() {
        return Err(ParseError::silent(Reason::KeepAlive));
    }
    if start > limits::LEADING_CRLF {
        return Err(ParseError::silent(Reason::NotSip));
    }

    let (head, rest) = Head::parse(&datagram)?;
    let length = match head.content_length {
        None => rest.len(),
        Some(length) => match usize::try_from(length) {
            Ok(length) if length <= rest.len() => length,
            _ => return Err(head.refuse(Reason::BodyTruncated)),
        },
    };
    let (body, _) = scan::split(rest, length);
    Ok(head.finish(datagram.slice_ref(body)))
}

/// The head of a message: all that stands before the body.
#[derive(Debug)]
pub(super) struct Head {
    start: Start,
    headers: Headers,
    pub(super) content_length: Option<u64>,
}

#[derive(Debug)]
enum Start {
    Request { method: Method, uri: super::Uri },
    Response { status: StatusCode, reason: Bytes },
}

impl Head {
    /// Parses the head at the start of `source`; gives what follows the empty line.
    pub(super) fn parse(source: &Bytes) -> Result<(Self, &[u8]), ParseError> {
        let mut lines = Lines { rest: source };
        let start = StartLine::parse(lines.start_line()?);
        if let StartLine::NotSip = start {
            return Err(ParseError::silent(Reason::NotSip));
        }

        let mut collector = Collector::default();
        let mut fault = None;
        let terminated = loop {
            match lines.next_header(source) {
                Ok(Some(line)) => {
                    if let Err(reason) = collector.add(source, line) {
                        fault.get_or_insert(reason);
                        if matches!(reason, Reason::TooManyHeaders) {
                            break true;
                        }
                    }
                }
                Ok(None) => break true,
                // The other lines are good enough for an answer.
                Err(reason) => {
                    fault.get_or_insert(reason);
                    if !matches!(reason, Reason::ControlOctet | Reason::HeaderTooLong) {
                        break false;
                    }
                    lines.skip();
                }
            }
        };
        let Collector { headers, content_length, .. } = collector;
        let fault = start.fault().or(fault);
        if let Some(reason) = fault {
            return Err(refusal(&start, &headers, reason).with_body_length(content_length));
        }
        debug_assert!(terminated, "a fault would have been noted");
        if let Err(reason) = check(&start, &headers) {
            return Err(refusal(&start, &headers, reason).with_body_length(content_length));
        }
        let start = match start {
            StartLine::Request { method, uri } => {
                Start::Request { method: own_method(method, source), uri: uri.own(source) }
            }
            StartLine::Response { status, reason } => Start::Response { status, reason: source.slice_ref(reason) },
            StartLine::NotSip | StartLine::BadRequest { .. } | StartLine::BadResponse(_) => {
                return Err(ParseError::silent(Reason::StartLine));
            }
        };
        Ok((Self { start, headers, content_length }, lines.rest))
    }

    /// The message, with its body.
    pub(super) fn finish(self, body: Bytes) -> Message {
        match self.start {
            Start::Request { method, uri } => Request::from_parts(method, uri, self.headers, body).into(),
            Start::Response { status, reason } => Response::from_parts(status, reason, self.headers, body).into(),
        }
    }

    /// Refuses a head that is right by itself.
    pub(super) fn refuse(&self, reason: Reason) -> ParseError {
        match &self.start {
            Start::Request { method, .. } => answer(Some(method.as_str().as_bytes()), &self.headers, reason),
            Start::Response { .. } => ParseError::silent(reason),
        }
    }
}

/// The octets of CR LF pairs at the start of `text`.
pub(super) fn leading_line_breaks(text: &[u8]) -> usize {
    let pairs = text.chunks_exact(2).take_while(|pair| *pair == b"\r\n").count();
    pairs.saturating_mul(2)
}

enum StartLine<'a> {
    Request { method: &'a [u8], uri: UriView<'a> },
    Response { status: StatusCode, reason: &'a [u8] },
    BadRequest { method: &'a [u8], reason: Reason },
    BadResponse(Reason),
    NotSip,
}

impl<'a> StartLine<'a> {
    fn parse(line: &'a [u8]) -> Self {
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

    const fn fault(&self) -> Option<Reason> {
        match self {
            Self::Request { .. } | Self::Response { .. } => None,
            Self::BadRequest { reason, .. } | Self::BadResponse(reason) => Some(*reason),
            Self::NotSip => Some(Reason::NotSip),
        }
    }

    const fn request_method(&self) -> Option<&'a [u8]> {
        match self {
            Self::Request { method, .. } | Self::BadRequest { method, .. } => Some(method),
            Self::Response { .. } | Self::BadResponse(_) | Self::NotSip => None,
        }
    }
}

/// The lines of a head.
struct Lines<'a> {
    rest: &'a [u8],
}

/// A header line, before its name is looked at.
enum Line<'a> {
    /// As it stands in the source.
    Plain(&'a [u8]),
    /// Joined from a line and its continuations.
    Folded(Bytes),
}

impl<'a> Lines<'a> {
    /// The start line. The only one that tells whether the octets are SIP at all, so faults here get no answer.
    fn start_line(&mut self) -> Result<&'a [u8], ParseError> {
        let window = self.rest.get(..limits::START_LINE).unwrap_or(self.rest);
        let silent = |reason| Err(ParseError::silent(reason));
        match self.rest.first() {
            Some(&first) if scan::is(first, class::TOKEN) => {}
            _ => return silent(Reason::NotSip),
        }
        let Some(end) = memchr::memchr(b'\n', window) else {
            return silent(if window.len() < self.rest.len() { Reason::StartLineTooLong } else { Reason::NotSip });
        };
        let (line, rest) = scan::split(self.rest, end);
        let Some(line) = line.strip_suffix(b"\r") else { return silent(Reason::BareLineBreak) };
        if memchr::memchr(b'\r', line).is_some() {
            return silent(Reason::BareLineBreak);
        }
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(line)
    }

    /// The next header line, unfolded; `None` at the empty line, which is consumed.
    fn next_header(&mut self, source: &Bytes) -> Result<Option<Line<'a>>, Reason> {
        let line = self.line()?;
        if line.is_empty() {
            return Ok(None);
        }
        if !self.is_continued() {
            return Ok(Some(Line::Plain(line)));
        }
        // RFC 3261 7.3.1: a line break followed by blanks is as one blank.
        let mut joined = BytesMut::with_capacity(line.len().saturating_mul(2));
        joined.put_slice(line);
        while self.is_continued() {
            let next = self.line()?;
            joined.put_u8(b' ');
            joined.put_slice(scan::trim_start(next));
            if joined.len() > limits::HEADER_LINE {
                return Err(Reason::HeaderTooLong);
            }
        }
        debug_assert!(!source.is_empty());
        Ok(Some(Line::Folded(joined.freeze())))
    }

    /// Skips to the next line that is no continuation.
    fn skip(&mut self) {
        loop {
            self.rest = scan::split_once(self.rest, b'\n').map(|(_, rest)| rest).unwrap_or_default();
            if !self.is_continued() {
                break;
            }
        }
    }

    fn is_continued(&self) -> bool {
        self.rest.first().is_some_and(|&octet| scan::is_blank(octet))
    }

    fn line(&mut self) -> Result<&'a [u8], Reason> {
        // Two more for the line break.
        let limit = limits::HEADER_LINE.saturating_add(2);
        let window = self.rest.get(..limit).unwrap_or(self.rest);
        let Some(end) = memchr::memchr(b'\n', window) else {
            return Err(if window.len() < self.rest.len() {
                Reason::HeaderTooLong
            } else {
                Reason::HeadersUnterminated
            });
        };
        let (line, rest) = scan::split(self.rest, end);
        let line = line.strip_suffix(b"\r").ok_or(Reason::BareLineBreak)?;
        if scan::has_control(line) {
            check_control(line)?;
        }
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(line)
    }
}

/// A control octet may stand in a quoted string, escaped (RFC 3261 25.1 quoted-pair), and nowhere else.
fn check_control(line: &[u8]) -> Result<(), Reason> {
    if memchr::memchr(b'\r', line).is_some() {
        return Err(Reason::BareLineBreak);
    }
    let mut rest = line;
    while let Some(at) = memchr::memchr(b'"', rest) {
        let (plain, from) = scan::split(rest, at);
        let (quoted, after) = scan::take_quoted(from).map_err(|Malformed| Reason::ControlOctet)?;
        if scan::has_control(plain) || !controls_are_escaped(quoted) {
            return Err(Reason::ControlOctet);
        }
        rest = after;
    }
    if scan::has_control(rest) { Err(Reason::ControlOctet) } else { Ok(()) }
}

fn controls_are_escaped(quoted: &[u8]) -> bool {
    let mut octets = quoted.iter();
    while let Some(&octet) = octets.next() {
        if octet == b'\\' {
            octets.next();
        } else if scan::is(octet, class::CONTROL) {
            return false;
        }
    }
    true
}

/// Takes header lines in.
struct Collector {
    headers: Headers,
    content_length: Option<u64>,
    /// One bit per single-value header that was seen.
    seen: u128,
}

impl Default for Collector {
    fn default() -> Self {
        Self { headers: Headers::with_capacity(32), content_length: None, seen: 0 }
    }
}

impl Collector {
    fn add(&mut self, source: &Bytes, line: Line<'_>) -> Result<(), Reason> {
        match line {
            Line::Plain(line) => self.add_line(source, line),
            Line::Folded(line) => self.add_line(&line, &line),
        }
    }

    fn add_line(&mut self, source: &Bytes, line: &[u8]) -> Result<(), Reason> {
        if self.headers.len() >= limits::HEADERS {
            return Err(Reason::TooManyHeaders);
        }
        let (name, value) = scan::split_once(line, b':').ok_or(Reason::HeaderName)?;
        // Only blanks may stand between the name and the colon (CVE-2016-9938, CVE-2020-28361).
        let name = scan::trim_end(name);
        let value = scan::trim(value);
        let name = match HeaderName::known(name) {
            Some(name) => name,
            None if scan::all(name, class::TOKEN) => {
                HeaderName::Other(Text::from_utf8(source.slice_ref(name)).ok_or(Reason::HeaderName)?)
            }
            None => return Err(Reason::HeaderName),
        };
        if let Some(bit) = name.single_bit() {
            if self.seen & bit != 0 {
                let is_length = name == HeaderName::ContentLength;
                return Err(if is_length { Reason::ContentLengthRepeated } else { Reason::RepeatedHeader });
            }
            self.seen |= bit;
        }
        if name == HeaderName::ContentLength {
            self.content_length = Some(content_length(value)?);
        }
        self.headers.push_header(Header::new(name, source.slice_ref(value)));
        Ok(())
    }
}

/// Digits only, and a number that a u64 holds (CVE-2026-23457, CVE-2026-49840).
fn content_length(value: &[u8]) -> Result<u64, Reason> {
    match scan::number(value, 19) {
        Some(length) => Ok(length),
        None if value.contains(&b',') => Err(Reason::ContentLengthRepeated),
        None => Err(Reason::ContentLength),
    }
}

/// The checks of the headers that every message needs, and of those that decide where messages go.
#[expect(clippy::wildcard_enum_match_arm, reason = "of the many headers, these are looked into here")]
fn check(start: &StartLine<'_>, headers: &Headers) -> Result<(), Reason> {
    let mut counts = Counts::default();
    for header in headers.iter() {
        let Some(value) = header.value() else { continue };
        match header.name() {
            HeaderName::Via => {
                counts.vias = check_list(value, counts.vias, limits::VIAS, Reason::Via, |via| {
                    if ViaView::parse(via)?.is_sip2 { Ok(()) } else { Err(Malformed) }
                })?;
            }
            HeaderName::Route => {
                counts.routes = check_list(value, counts.routes, limits::ROUTES, Reason::Route, check_name_addr)?;
            }
            HeaderName::RecordRoute => {
                counts.record_routes =
                    check_list(value, counts.record_routes, limits::ROUTES, Reason::Route, check_name_addr)?;
            }
            HeaderName::Contact => {
                counts.contacts = check_list(value, counts.contacts, limits::CONTACTS, Reason::Contact, |contact| {
                    if contact == b"*" { Ok(()) } else { check_name_addr(contact) }
                })?;
            }
            HeaderName::From => {
                check_name_addr(value).map_err(|Malformed| Reason::From)?;
                counts.mandatory |= FROM;
            }
            HeaderName::To => {
                check_name_addr(value).map_err(|Malformed| Reason::To)?;
                counts.mandatory |= TO;
            }
            HeaderName::CallId => {
                check_call_id(value).map_err(|Malformed| Reason::CallId)?;
                counts.mandatory |= CALL_ID;
            }
            HeaderName::CSeq => {
                let (_, method) = cseq(value).map_err(|Malformed| Reason::CSeq)?;
                // RFC 3261 8.1.1.5, RFC 4475 3.1.2.17
                if start.request_method().is_some_and(|requested| requested != method) {
                    return Err(Reason::CSeq);
                }
                counts.mandatory |= CSEQ;
            }
            HeaderName::MaxForwards => {
                scan::number(value, 19).filter(|hops| *hops <= 255).ok_or(Reason::MaxForwards)?;
            }
            _ => {}
        }
    }
    if counts.vias == 0 || counts.mandatory != FROM | TO | CALL_ID | CSEQ {
        return Err(Reason::MissingHeader);
    }
    Ok(())
}

#[derive(Default)]
struct Counts {
    vias: usize,
    routes: usize,
    record_routes: usize,
    contacts: usize,
    mandatory: u8,
}

const FROM: u8 = 1;
const TO: u8 = 1 << 1;
const CALL_ID: u8 = 1 << 2;
const CSEQ: u8 = 1 << 3;

fn check_list(
    list: &[u8],
    before: usize,
    limit: usize,
    malformed: Reason,
    check: impl Fn(&[u8]) -> Result<(), Malformed>,
) -> Result<usize, Reason> {
    let mut count = before;
    for element in Elements::new(list) {
        count = count.saturating_add(1);
        if count > limit {
            return Err(Reason::TooManyValues);
        }
        check(element).map_err(|Malformed| malformed)?;
    }
    Ok(count)
}

fn check_name_addr(text: &[u8]) -> Result<(), Malformed> {
    NameAddrView::parse(text).map(drop)
}

fn refusal(start: &StartLine<'_>, headers: &Headers, reason: Reason) -> ParseError {
    answer(start.request_method(), headers, reason)
}

/// The refusal of a request, with the answer that may be sent; silent for responses and for ACK (RFC 3261 17.1.1.3).
fn answer(method: Option<&[u8]>, headers: &Headers, reason: Reason) -> ParseError {
    let (Some(method), Some(status)) = (method, reason.status()) else { return ParseError::silent(reason) };
    if method == b"ACK" {
        return ParseError::silent(reason);
    }
    let mut response = Response::new(status);
    if headers.via().is_ok() {
        response.copy(headers);
        return ParseError::answered(reason, response);
    }
    // Without a top Via that can be read there is nowhere to send an answer; its sent-by is enough (RFC 4475 3.1.2.1).
    let top = headers.elements(&HeaderName::Via).next().unwrap_or_default();
    let Ok(via) = ViaView::salvage(&top) else { return ParseError::silent(reason) };
    response.headers_mut().push(HeaderName::Via, via.own(&top).to_value());
    response.copy(headers);
    response.headers_mut().remove_second(&HeaderName::Via);
    ParseError::answered(reason, response)
}
