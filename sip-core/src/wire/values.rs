//! Header values that are neither addresses nor Via: sequence numbers, times, option tags, content types.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Malformed, Method, Params, Text,
    host::write,
    scan::{self, class},
};
use crate::limits;

/// CSeq: a sequence number and a method.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// Below 2^31 (RFC 3261 8.1.1.5).
    pub seq: u32,
    /// The method of the request.
    pub method: Method,
}

impl CSeq {
    /// A CSeq of our own.
    pub const fn new(seq: u32, method: Method) -> Self {
        Self { seq, method }
    }

    /// The value that `text` writes.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        let (seq, method) = cseq(text)?;
        Ok(Self { seq, method: own_method(method, text) })
    }

    /// The CSeq as a header value.
    pub fn to_value(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(16);
        write(&mut out, self.seq);
        out.put_u8(b' ');
        out.put_slice(self.method.as_str().as_bytes());
        out.freeze()
    }
}

/// RAck (RFC 3262 7.2): the RSeq and the CSeq of the response that a PRACK acknowledges.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RAck {
    /// The response's RSeq.
    pub rseq: u32,
    /// The response's CSeq.
    pub cseq: CSeq,
}

impl RAck {
    /// The value that `text` writes.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        let (rseq, rest) = number_and_rest(text)?;
        Ok(Self { rseq, cseq: CSeq::parse(&text.slice_ref(rest))? })
    }

    /// The RAck as a header value.
    pub fn to_value(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(24);
        write(&mut out, self.rseq);
        out.put_u8(b' ');
        out.put_slice(&self.cseq.to_value());
        out.freeze()
    }
}

/// Who refreshes a session (RFC 4028).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answered it.
    Uas,
}

/// Session-Expires (RFC 4028 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionExpires {
    /// Seconds.
    pub seconds: u32,
    /// Who refreshes, when it is said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// The value that `text` writes.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        let (seconds, params) = seconds_and_params(text)?;
        let refresher = match params.value("refresher") {
            Some(name) if name.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(name) if name.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) => return Err(Malformed),
            None => None,
        };
        Ok(Self { seconds, refresher })
    }

    /// The Session-Expires as a header value.
    pub fn to_value(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(24);
        write(&mut out, self.seconds);
        match self.refresher {
            Some(Refresher::Uac) => out.put_slice(b";refresher=uac"),
            Some(Refresher::Uas) => out.put_slice(b";refresher=uas"),
            None => {}
        }
        out.freeze()
    }
}

/// The option tags of Supported, Require, Proxy-Require, Unsupported.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OptionTags(pub(super) Vec<Text>);

impl OptionTags {
    /// Whether `tag` is among them.
    pub fn contains(&self, tag: &str) -> bool {
        self.iter().any(|known| known.eq_ignore_ascii_case(tag))
    }

    /// The tags in order.
    pub fn iter(&self) -> impl Iterator<Item = &Text> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are not among `known`: what a 420 names in Unsupported.
    #[must_use]
    pub fn except(&self, known: &[&str]) -> Self {
        let is_known = |tag: &Text| known.iter().any(|known| tag.eq_ignore_ascii_case(known));
        Self(self.0.iter().filter(|tag| !is_known(tag)).cloned().collect())
    }

    /// The tags as one header value.
    pub fn to_value(&self) -> Bytes {
        let mut out = BytesMut::new();
        for (index, tag) in self.iter().enumerate() {
            if index > 0 {
                out.put_slice(b", ");
            }
            out.put_slice(tag.as_bytes());
        }
        out.freeze()
    }
}

impl fmt::Debug for OptionTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A media type with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// As written; compare with [`ContentType::is`].
    pub kind: Text,
    /// As written; compare with [`ContentType::is`].
    pub subtype: Text,
    /// `boundary`, `charset`, ...
    pub params: Params,
}

impl ContentType {
    /// The value that `text` writes.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        let (kind, subtype, params) = content_type(text)?;
        let own = |part: &[u8]| Text::from_utf8(text.slice_ref(part)).ok_or(Malformed);
        Ok(Self { kind: own(kind)?, subtype: own(subtype)?, params: Params::checked(text.slice_ref(params)) })
    }

    /// Whether this is `kind/subtype`.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    /// Whether this is `application/sdp`.
    pub fn is_sdp(&self) -> bool {
        self.is("application", "sdp")
    }
}

/// A number of CSeq, and the method that follows it.
pub(super) fn cseq(text: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    let (seq, method) = number_and_rest(text)?;
    if !scan::all(method, class::TOKEN) || method.len() > limits::METHOD {
        return Err(Malformed);
    }
    Ok((seq, method))
}

pub(super) fn own_method(name: &[u8], source: &Bytes) -> Method {
    Method::known(name).unwrap_or_else(|| Method::Other(Text::from_utf8(source.slice_ref(name)).unwrap_or_default()))
}

/// A number below 2^31, blanks, and what follows.
fn number_and_rest(text: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    let text = scan::trim(text);
    let end = text.iter().position(|&octet| scan::is_blank(octet)).ok_or(Malformed)?;
    let (digits, rest) = scan::split(text, end);
    Ok((sequence(digits)?, scan::trim_start(rest)))
}

/// A sequence number, leading zeros allowed (RFC 4475 3.1.1.1).
pub(super) fn sequence(digits: &[u8]) -> Result<u32, Malformed> {
    let seq = scan::number(digits, 19).ok_or(Malformed)?;
    u32::try_from(seq).ok().filter(|seq| *seq < 1 << 31).ok_or(Malformed)
}

/// Delta-seconds; more than 2^32-1 is as good as for ever (RFC 3261 20.19).
pub(super) fn seconds(digits: &[u8]) -> Result<u32, Malformed> {
    if digits.is_empty() || digits.len() > 64 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    Ok(scan::number(digits, 19).and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(u32::MAX))
}

pub(super) fn seconds_and_params(text: &Bytes) -> Result<(u32, Params), Malformed> {
    let trimmed = scan::trim(text);
    let end = trimmed.iter().position(|octet| matches!(octet, b';' | b' ' | b'\t')).unwrap_or(trimmed.len());
    let (digits, params) = scan::split(trimmed, end);
    Params::check(params, limits::PARAMS, |_| Ok(()))?;
    Ok((seconds(digits)?, Params::checked(text.slice_ref(params))))
}

type ContentTypeParts<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// `type / subtype ;params`, blanks allowed round the slash.
pub(super) fn content_type(text: &[u8]) -> Result<ContentTypeParts<'_>, Malformed> {
    let (kind, rest) = scan::take(scan::trim(text), class::TOKEN);
    let [b'/', rest @ ..] = scan::trim_start(rest) else { return Err(Malformed) };
    let (subtype, rest) = scan::take(scan::trim_start(rest), class::TOKEN);
    let params = scan::trim_start(rest);
    if kind.is_empty() || subtype.is_empty() {
        return Err(Malformed);
    }
    Params::check(params, limits::PARAMS, |_| Ok(()))?;
    Ok((kind, subtype, params))
}
