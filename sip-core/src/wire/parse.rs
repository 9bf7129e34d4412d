//! The parser: a start line, header lines, the checks that every message passes, and the body of a datagram.

use bytes::Bytes;

use super::{
    HeaderName, Headers, Message, Method, ParseError, Reason, Request, Response, StatusCode, Text,
    check::{answer, check},
    headers::Header,
    lines::{Line, Lines},
    scan::{self, class},
    start_line::StartLine,
    values::own_method,
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
        let fault = collector.collect(&mut lines, source, start.fault());
        let Collector { headers, content_length, .. } = collector;
        if let Some(reason) = fault.or_else(|| check(&start, &headers).err()) {
            return Err(answer(start.request_method(), &headers, reason).with_body_length(content_length));
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
    /// Takes all lines up to the empty one; those behind a fault are still good for an answer. Gives the first fault, or
    /// the first that leaves the end of the message in doubt: a lesser one before it may not hide that.
    fn collect(&mut self, lines: &mut Lines<'_>, source: &Bytes, mut fault: Option<Reason>) -> Option<Reason> {
        loop {
            let result = match lines.next_header() {
                Ok(Some(line)) => self.add(source, line),
                Ok(None) => return fault,
                Err(reason) => {
                    lines.skip();
                    Err(reason)
                }
            };
            let Err(reason) = result else { continue };
            fault = fault.filter(|before| before.loses_framing() || !reason.loses_framing()).or(Some(reason));
            if reason.ends_head() {
                return fault;
            }
        }
    }

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
