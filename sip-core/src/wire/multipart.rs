//! The session description of a body: by itself, or as a part of a multipart body (RFC 5621).

use bytes::Bytes;
use memchr::memmem;

use super::{
    HeaderName, Headers, Malformed, StatusCode,
    params::Scanner,
    scan::{self, class},
    values::content_type,
};
use crate::limits;

/// Why a body gives no session description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// There is a body, and it holds no `application/sdp`.
    #[error("no session description in the body")]
    NoSdp,
    /// The body is encoded (`gzip`, ...).
    #[error("the body is encoded")]
    Encoded,
    /// There is a body without a Content-Type.
    #[error("the body has no type")]
    NoContentType,
    /// A part that must be understood is not (RFC 5621 4).
    #[error("a required part is not understood")]
    RequiredPart,
    /// A Content-Type, a boundary or a part's header is malformed, or the last boundary is missing.
    #[error("the body is malformed")]
    Malformed,
    /// There are more parts than the limit.
    #[error("the body has too many parts")]
    TooManyParts,
    /// There are more levels than the limit.
    #[error("the body is nested too deep")]
    TooDeep,
}

impl BodyError {
    /// What a request with this body is answered.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NoSdp | Self::Encoded | Self::RequiredPart => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoContentType | Self::Malformed | Self::TooManyParts | Self::TooDeep => StatusCode::BAD_REQUEST,
        }
    }

    /// The reason as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSdp => "no_sdp",
            Self::Encoded => "encoded",
            Self::NoContentType => "no_content_type",
            Self::RequiredPart => "required_part",
            Self::Malformed => "malformed",
            Self::TooManyParts => "too_many_parts",
            Self::TooDeep => "too_deep",
        }
    }
}

/// The session description of a message; `None` when it has no body.
pub fn sdp_body(headers: &Headers, body: &Bytes) -> Result<Option<Bytes>, BodyError> {
    if body.is_empty() {
        return Ok(None);
    }
    let content_type = headers.get(&HeaderName::ContentType).ok_or(BodyError::NoContentType)?;
    let top = Part {
        content_type: Some(content_type),
        disposition: headers.get(&HeaderName::ContentDisposition).map(AsRef::as_ref),
        encoding: headers.get(&HeaderName::ContentEncoding).map(AsRef::as_ref),
        body,
    };
    // RFC 3261 20.11: the disposition of a part that is not understood is required unless it says otherwise.
    find(top).and_then(|found| found.map(|sdp| Some(body.slice_ref(sdp))).ok_or(BodyError::NoSdp))
}

#[derive(Clone, Copy)]
struct Part<'a> {
    content_type: Option<&'a [u8]>,
    disposition: Option<&'a [u8]>,
    encoding: Option<&'a [u8]>,
    body: &'a [u8],
}

/// What a part is to us.
enum Kind<'a> {
    Sdp,
    Multipart { boundary: &'a [u8], alternatives: bool },
    Other { required: bool },
}

/// Levels are a list and not calls within calls: a peer decides how many there are.
fn find(top: Part<'_>) -> Result<Option<&[u8]>, BodyError> {
    let mut found = None;
    let mut parts_seen = 0_usize;
    let mut levels: Vec<Level<'_>> = Vec::with_capacity(limits::MULTIPART_DEPTH);
    let mut next = Some(top);
    loop {
        let Some(part) = next.take() else {
            let Some(level) = levels.last_mut() else { return Ok(found) };
            match level.next_part()? {
                Some(part) => {
                    parts_seen = parts_seen.saturating_add(1);
                    if parts_seen > limits::MULTIPART_PARTS {
                        return Err(BodyError::TooManyParts);
                    }
                    next = Some(part);
                }
                None => drop(levels.pop()),
            }
            continue;
        };
        let among_alternatives = levels.last().is_some_and(|level| level.alternatives);
        match part.kind()? {
            Kind::Sdp => {
                if part.is_encoded() {
                    return Err(BodyError::Encoded);
                }
                // RFC 5621 3.3 wants one body part of a disposition; the first counts.
                found = found.or(Some(part.body));
            }
            Kind::Multipart { boundary, alternatives } => {
                if levels.len() >= limits::MULTIPART_DEPTH {
                    return Err(BodyError::TooDeep);
                }
                levels.push(Level::new(part.body, boundary, alternatives));
            }
            // By itself it is the whole body, which `NoSdp` covers.
            Kind::Other { required } if required && !levels.is_empty() && !among_alternatives => {
                return Err(BodyError::RequiredPart);
            }
            Kind::Other { .. } => {}
        }
    }
}

impl<'a> Part<'a> {
    fn kind(&self) -> Result<Kind<'a>, BodyError> {
        // RFC 2046 5.1: a part without a type is text/plain.
        let Some(value) = self.content_type else { return Ok(self.other()) };
        let (kind, subtype, params) = content_type(value).map_err(|Malformed| BodyError::Malformed)?;
        if kind.eq_ignore_ascii_case(b"application") && subtype.eq_ignore_ascii_case(b"sdp") && self.is_session() {
            return Ok(Kind::Sdp);
        }
        if !kind.eq_ignore_ascii_case(b"multipart") {
            let is_tunnelled = subtype.eq_ignore_ascii_case(b"isup") || subtype.eq_ignore_ascii_case(b"qsig");
            return Ok(if is_tunnelled { self.tunnelled() } else { self.other() });
        }
        let boundary = Scanner::new(params).find(|param| param.is("boundary")).and_then(|param| param.value());
        let boundary = boundary.map(str::as_bytes).filter(|text| is_boundary(text)).ok_or(BodyError::Malformed)?;
        Ok(Kind::Multipart { boundary, alternatives: subtype.eq_ignore_ascii_case(b"alternative") })
    }

    /// RFC 3204 and RFC 5621 4: `handling` is `required` unless it is said to be optional.
    fn other(&self) -> Kind<'a> {
        Kind::Other { required: !self.handling().is_some_and(|value| value.eq_ignore_ascii_case("optional")) }
    }

    /// ISUP and QSIG beside a session description (RFC 3204, SIP-I) say again what the SIP message says. Trunks add them
    /// without a word on their handling; what is said to be required is not ours to leave out.
    fn tunnelled(&self) -> Kind<'a> {
        Kind::Other { required: self.handling().is_some_and(|value| value.eq_ignore_ascii_case("required")) }
    }

    fn handling(&self) -> Option<&'a str> {
        let (_, rest) = scan::take(scan::trim_start(self.disposition.unwrap_or_default()), class::TOKEN);
        Scanner::new(scan::trim_start(rest)).find(|param| param.is("handling")).and_then(|param| param.value())
    }

    /// RFC 3261 20.11: a session description is for the session unless it says otherwise (`early-session`, ...).
    fn is_session(&self) -> bool {
        let Some(disposition) = self.disposition else { return true };
        let (kind, _) = scan::take(scan::trim_start(disposition), class::TOKEN);
        kind.eq_ignore_ascii_case(b"session") || kind.eq_ignore_ascii_case(b"render")
    }

    fn is_encoded(&self) -> bool {
        self.encoding.is_some_and(|encoding| {
            let encoding = scan::trim(encoding);
            !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity")
        })
    }
}

/// RFC 2046 5.1.1: 1 to 70 characters, the last no blank.
fn is_boundary(text: &[u8]) -> bool {
    let is_right = |octet: &u8| octet.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(octet);
    (1..=70).contains(&text.len()) && text.iter().all(is_right) && !text.ends_with(b" ")
}

/// The parts of one multipart body that are still to come.
struct Level<'a> {
    rest: &'a [u8],
    delimiter: memmem::Finder<'static>,
    length: usize,
    alternatives: bool,
    started: bool,
}

enum Delimiter {
    Next,
    Last,
}

impl<'a> Level<'a> {
    fn new(body: &'a [u8], boundary: &[u8], alternatives: bool) -> Self {
        let delimiter = [b"--", boundary].concat();
        let length = delimiter.len();
        Self {
            rest: body,
            delimiter: memmem::Finder::new(&delimiter).into_owned(),
            length,
            alternatives,
            started: false,
        }
    }

    fn next_part(&mut self) -> Result<Option<Part<'a>>, BodyError> {
        if !self.started {
            self.started = true;
            // What stands before the first delimiter is a preamble.
            let (_, delimiter) = self.take_to_delimiter()?;
            if let Delimiter::Last = delimiter {
                self.rest = &[];
                return Ok(None);
            }
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (text, delimiter) = self.take_to_delimiter()?;
        if let Delimiter::Last = delimiter {
            // What follows the last delimiter is an epilogue.
            self.rest = &[];
        }
        part(text).map(Some)
    }

    /// The text up to the next line that is a delimiter. Without one the body is cut off.
    fn take_to_delimiter(&mut self) -> Result<(&'a [u8], Delimiter), BodyError> {
        let mut from = 0_usize;
        loop {
            let found = self.delimiter.find(self.rest.get(from..).unwrap_or_default()).ok_or(BodyError::Malformed)?;
            let at = from.saturating_add(found);
            let (before, rest) = scan::split(self.rest, at);
            let after = rest.get(self.length..).unwrap_or_default();
            let is_line_start = before.is_empty() || before.ends_with(b"\r\n");
            if let Some((delimiter, after)) = line_end(after).filter(|_| is_line_start) {
                self.rest = after;
                return Ok((before.strip_suffix(b"\r\n").unwrap_or(before), delimiter));
            }
            from = at.saturating_add(1);
        }
    }
}

/// What may follow a delimiter on its line: `--` for the last one, blanks, and the line break.
fn line_end(text: &[u8]) -> Option<(Delimiter, &[u8])> {
    let (delimiter, rest) = match text {
        [b'-', b'-', rest @ ..] => (Delimiter::Last, rest),
        _ => (Delimiter::Next, text),
    };
    match (delimiter, scan::trim_start(rest)) {
        (delimiter, [b'\r', b'\n', rest @ ..]) => Some((delimiter, rest)),
        (Delimiter::Last, []) => Some((Delimiter::Last, &[])),
        _ => None,
    }
}

/// The headers that matter, and the body behind the empty line.
fn part(text: &[u8]) -> Result<Part<'_>, BodyError> {
    // Without headers the empty line comes first.
    let (head, body) = if let Some(body) = text.strip_prefix(b"\r\n") {
        (&[][..], body)
    } else {
        let window = text.get(..limits::MULTIPART_HEADER).unwrap_or(text);
        let end = memmem::find(window, b"\r\n\r\n").ok_or(BodyError::Malformed)?;
        let (head, rest) = scan::split(text, end);
        (head, rest.get(4..).unwrap_or_default())
    };
    let mut part = Part { content_type: None, disposition: None, encoding: None, body };
    let mut lines = head;
    while !lines.is_empty() {
        let end = memmem::find(lines, b"\r\n").unwrap_or(lines.len());
        let (line, rest) = scan::split(lines, end);
        lines = rest.get(2..).unwrap_or_default();
        // No part that this server reads needs folding, and two readings of a fold are one too many.
        if line.first().is_some_and(|&octet| scan::is_blank(octet)) || scan::has_control(line) {
            return Err(BodyError::Malformed);
        }
        let (name, rest) = scan::take(line, class::TOKEN);
        let [b':', value @ ..] = scan::trim_start(rest) else { return Err(BodyError::Malformed) };
        let slot = match HeaderName::known(name) {
            Some(HeaderName::ContentType) => &mut part.content_type,
            Some(HeaderName::ContentDisposition) => &mut part.disposition,
            Some(HeaderName::ContentEncoding) => &mut part.encoding,
            _ => continue,
        };
        if slot.replace(scan::trim(value)).is_some() {
            return Err(BodyError::Malformed);
        }
    }
    Ok(part)
}
