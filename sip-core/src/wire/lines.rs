//! The lines of a head: their ends, their folds, their octets.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Malformed, ParseError, Reason,
    scan::{self, class},
};
use crate::limits;

/// The lines of a head that are still to come.
pub(super) struct Lines<'a> {
    pub(super) rest: &'a [u8],
}

/// A header line, before its name is looked at.
pub(super) enum Line<'a> {
    /// As it stands in the source.
    Plain(&'a [u8]),
    /// Joined from a line and its continuations.
    Folded(Bytes),
}

impl<'a> Lines<'a> {
    /// The start line. The only one that tells whether the octets are SIP at all, so faults here get no answer.
    pub(super) fn start_line(&mut self) -> Result<&'a [u8], ParseError> {
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
    pub(super) fn next_header(&mut self) -> Result<Option<Line<'a>>, Reason> {
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
        Ok(Some(Line::Folded(joined.freeze())))
    }

    /// Skips to the next line that is no continuation.
    pub(super) fn skip(&mut self) {
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
