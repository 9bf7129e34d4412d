//! Messages out of a stream (RFC 3261 18.3, RFC 5626 3.5.1).

use bytes::Bytes;

use super::{
    Message, ParseError, Reason,
    parse::{Head, leading_line_breaks},
    wiped::WipedBuffer,
};
use crate::limits;

/// Cuts the octets of a connection into messages.
///
/// Feed what was read, then poll until it gives `None`. It holds at most what was fed last and one unfinished
/// message below [`limits::STREAM_MESSAGE`]; it never reserves what a Content-Length only promises, and wipes what it lets
/// go of: messages carry SRTP keys. An error means that the framing is lost: send its answer, if it has one, and close the connection.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: WipedBuffer,
    state: State,
}

/// What stands next in a stream.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are messages, and each is moved once")]
pub enum Frame {
    /// A message.
    Message(Message),
    /// A message that is refused, of which the end is known: the stream goes on behind it.
    Refused(ParseError),
    /// A double CRLF: answer with a single one (RFC 5626 4.4.1).
    Ping,
    /// A single CRLF: the answer to our own double one, or a stray one.
    Pong,
}

#[derive(Debug)]
enum State {
    /// Between messages. `after_break`: a CRLF was seen just before and given as `Pong`.
    Between { after_break: bool },
    /// Within a head, of which `scanned` octets hold no end, and the last line starts at `line`.
    Head { scanned: usize, line: usize },
    /// Within the body of a message.
    Body { head: Box<Head>, length: usize },
    /// Within the body of a refused message.
    Skip { remaining: usize },
    /// Nothing more is read.
    Lost,
}

impl Default for State {
    fn default() -> Self {
        Self::Between { after_break: false }
    }
}

impl Framer {
    /// A framer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was read from the connection.
    pub fn feed(&mut self, octets: &[u8]) {
        if !matches!(self.state, State::Lost) {
            self.buffer.extend(octets);
        }
    }

    /// The [`Frame::Pong`] just given answers a ping of ours: it is not the first half of a ping that was cut in two.
    pub fn accept_pong(&mut self) {
        if let State::Between { after_break } = &mut self.state {
            *after_break = false;
        }
    }

    /// Whether a message has begun and is not complete: the time to receive one runs.
    pub const fn is_within_message(&self) -> bool {
        matches!(self.state, State::Head { .. } | State::Body { .. } | State::Skip { .. })
    }

    /// The next frame; `None` when more octets are needed.
    pub fn poll(&mut self) -> Result<Option<Frame>, ParseError> {
        loop {
            match std::mem::replace(&mut self.state, State::Lost) {
                State::Between { after_break } => match self.between(after_break) {
                    Some(frame) => return Ok(Some(frame)),
                    None if self.is_within_message() => {}
                    None => return Ok(None),
                },
                State::Head { scanned, line } => match self.head_end(scanned, line)? {
                    Some(end) => {
                        if let Some(frame) = self.on_head(end)? {
                            return Ok(Some(frame));
                        }
                    }
                    None => return Ok(None),
                },
                State::Body { head, length } => {
                    if self.buffer.len() < length {
                        self.state = State::Body { head, length };
                        return Ok(None);
                    }
                    let body = self.take(length);
                    self.state = State::default();
                    return Ok(Some(Frame::Message(head.finish(body))));
                }
                State::Skip { remaining } => {
                    let skipped = remaining.min(self.buffer.len());
                    self.buffer.advance(skipped);
                    let remaining = remaining.saturating_sub(skipped);
                    if remaining > 0 {
                        self.state = State::Skip { remaining };
                        return Ok(None);
                    }
                    self.state = State::default();
                }
                State::Lost => {
                    self.buffer = WipedBuffer::default();
                    return Ok(None);
                }
            }
        }
    }

    fn between(&mut self, after_break: bool) -> Option<Frame> {
        let breaks = leading_line_breaks(self.buffer.get(..4).unwrap_or(&self.buffer));
        if breaks == 0 {
            let waits = matches!(self.buffer.as_ref(), [] | [b'\r']);
            self.state = if waits { State::Between { after_break } } else { State::Head { scanned: 0, line: 0 } };
            return None;
        }
        if breaks >= 4 || after_break {
            let taken = if after_break { 2 } else { 4 };
            self.buffer.advance(taken);
            self.state = State::default();
            return Some(Frame::Ping);
        }
        self.buffer.advance(2);
        match self.buffer.as_ref() {
            [] => {
                self.state = State::Between { after_break: true };
                Some(Frame::Pong)
            }
            [b'\r'] => {
                self.state = State::Between { after_break: true };
                None
            }
            // What follows at once is a message behind a stray line break (RFC 3261 7.5).
            _ => {
                self.state = State::Head { scanned: 0, line: 0 };
                None
            }
        }
    }

    /// Where the head ends, its empty line included. Looks at each octet once.
    fn head_end(&mut self, mut scanned: usize, mut line: usize) -> Result<Option<usize>, ParseError> {
        while let Some(at) = memchr::memchr(b'\n', self.buffer.get(scanned..).unwrap_or_default()) {
            let at = scanned.saturating_add(at);
            let text = self.buffer.get(line..at).unwrap_or_default();
            if !text.ends_with(b"\r") {
                return self.refuse_head(at.saturating_add(1), Reason::BareLineBreak);
            }
            scanned = at.saturating_add(1);
            line = scanned;
            if text == b"\r" {
                return if scanned > limits::STREAM_MESSAGE {
                    self.refuse_head(scanned, Reason::MessageTooLong)
                } else {
                    Ok(Some(scanned))
                };
            }
        }
        let end = self.buffer.len();
        if end.saturating_sub(line) > limits::HEADER_LINE.saturating_add(2) {
            return self.refuse_head(end, Reason::HeaderTooLong);
        }
        if end > limits::STREAM_MESSAGE {
            return self.refuse_head(end, Reason::MessageTooLong);
        }
        self.state = State::Head { scanned: end, line };
        Ok(None)
    }

    /// Refuses a head that has no end: parsed as far as it goes, for the answer.
    fn refuse_head(&mut self, end: usize, reason: Reason) -> Result<Option<usize>, ParseError> {
        self.state = State::Lost;
        let head = self.take(end.min(self.buffer.len()).min(limits::STREAM_MESSAGE));
        Err(match Head::parse(&head) {
            Err(error) => error.because(reason),
            Ok((head, _)) => head.refuse(reason),
        })
    }

    /// Parses a head that is complete.
    fn on_head(&mut self, end: usize) -> Result<Option<Frame>, ParseError> {
        let head = self.take(end);
        match Head::parse(&head) {
            Ok((head, _)) => {
                let length = match head.content_length {
                    Some(length) => body_length(length, end).map_err(|reason| head.refuse(reason))?,
                    // RFC 3261 18.3: it must be there on a stream.
                    None => return Err(head.refuse(Reason::ContentLengthMissing)),
                };
                self.state = State::Body { head: Box::new(head), length };
                Ok(None)
            }
            Err(error) => match error.body_length().map(|length| body_length(length, end)) {
                Some(Ok(remaining)) => {
                    self.state = State::Skip { remaining };
                    Ok(Some(Frame::Refused(error)))
                }
                // The end of the message is not known.
                Some(Err(_)) | None => Err(error),
            },
        }
    }

    fn take(&mut self, length: usize) -> Bytes {
        self.buffer.take(length)
    }
}

fn body_length(length: u64, head: usize) -> Result<usize, Reason> {
    let room = limits::STREAM_MESSAGE.saturating_sub(head);
    usize::try_from(length).ok().filter(|length| *length <= room).ok_or(Reason::BodyTooLong)
}
