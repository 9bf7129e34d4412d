//! URIs: `sip:`, `sips:`, `tel:` and the rest.

use std::{fmt, str::FromStr};

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Host, Malformed, Params, Text,
    host::{HostView, write},
    scan::{self, class},
};
use crate::limits;

/// A URI.
///
/// It has no `Display`, and its `Debug` hides the user part: that is a caller's number, and may be followed by a password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Uri {
    /// `sip:` or `sips:` (RFC 3261 19.1)
    Sip(SipUri),
    /// `tel:` (RFC 3966)
    Tel(TelUri),
    /// Any other scheme, not looked into.
    Other(OtherUri),
}

/// A `sip:` or `sips:` URI.
#[derive(Clone, PartialEq, Eq)]
pub struct SipUri {
    /// `sips:`
    pub secure: bool,
    /// The user part, escapes kept, without a password.
    pub user: Option<Text>,
    /// The host.
    pub host: Host,
    /// The port, when it is written.
    pub port: Option<u16>,
    /// The URI's own parameters.
    pub params: Params,
    /// What follows the `?`, not looked into.
    pub headers: Option<Text>,
    /// RFC 3261 19.1.1 advises against passwords in URIs. This server keeps one only to echo it.
    password: Option<Bytes>,
}

/// A `tel:` URI.
#[derive(Clone, PartialEq, Eq)]
pub struct TelUri {
    /// The number as it was written, visual separators included.
    pub number: Text,
    /// `phone-context`, `npdi`, `rn`, `ext`, ...
    pub params: Params,
}

/// A URI of a scheme that this server does not know.
#[derive(Clone, PartialEq, Eq)]
pub struct OtherUri {
    /// The scheme.
    pub scheme: Text,
    /// What follows the colon.
    pub rest: Text,
}

impl Uri {
    /// A `sip:` URI.
    pub const fn sip(user: Option<Text>, host: Host, port: Option<u16>) -> Self {
        Self::Sip(SipUri { secure: false, user, host, port, params: Params::EMPTY, headers: None, password: None })
    }

    /// A `sips:` URI.
    pub const fn sips(user: Option<Text>, host: Host, port: Option<u16>) -> Self {
        Self::Sip(SipUri { secure: true, user, host, port, params: Params::EMPTY, headers: None, password: None })
    }

    /// The URI that `text` writes, whole, without brackets and blanks round it.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        Ok(UriView::parse(text)?.own(text))
    }

    /// The `sip:` or `sips:` URI.
    pub const fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Tel(_) | Self::Other(_) => None,
        }
    }

    /// Whether the scheme is `sips`.
    pub const fn is_secure(&self) -> bool {
        matches!(self, Self::Sip(SipUri { secure: true, .. }))
    }

    /// The scheme.
    pub fn scheme(&self) -> &str {
        match self {
            Self::Sip(SipUri { secure: false, .. }) => "sip",
            Self::Sip(SipUri { secure: true, .. }) => "sips",
            Self::Tel(_) => "tel",
            Self::Other(uri) => &uri.scheme,
        }
    }

    /// The user part of a `sip:` or `sips:` URI, or the number of a `tel:` URI.
    pub fn user(&self) -> Option<&Text> {
        match self {
            Self::Sip(uri) => uri.user.as_ref(),
            Self::Tel(uri) => Some(&uri.number),
            Self::Other(_) => None,
        }
    }

    /// The host of a `sip:` or `sips:` URI.
    pub const fn host(&self) -> Option<&Host> {
        match self {
            Self::Sip(uri) => Some(&uri.host),
            Self::Tel(_) | Self::Other(_) => None,
        }
    }

    /// The port of a `sip:` or `sips:` URI, when it is written.
    pub const fn port(&self) -> Option<u16> {
        match self {
            Self::Sip(uri) => uri.port,
            Self::Tel(_) | Self::Other(_) => None,
        }
    }

    /// The URI's parameters.
    pub fn params(&self) -> &Params {
        match self {
            Self::Sip(uri) => &uri.params,
            Self::Tel(uri) => &uri.params,
            Self::Other(_) => &NO_PARAMS,
        }
    }

    /// Whether this is a loose router's URI (RFC 3261 19.1.1 `lr`).
    pub fn is_loose_route(&self) -> bool {
        self.params().contains("lr")
    }

    /// Writes the URI without brackets.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Sip(uri) => uri.encode(out),
            Self::Tel(uri) => {
                out.put_slice(b"tel:");
                out.put_slice(uri.number.as_bytes());
                uri.params.encode(out);
            }
            Self::Other(uri) => {
                out.put_slice(uri.scheme.as_bytes());
                out.put_u8(b':');
                out.put_slice(uri.rest.as_bytes());
            }
        }
    }

    /// The URI as text. It may hold a caller's number: not for a log.
    pub fn to_text(&self) -> Text {
        let mut out = BytesMut::new();
        self.encode(&mut out);
        Text::from_utf8(out.freeze()).unwrap_or_default()
    }
}

impl SipUri {
    fn encode(&self, out: &mut BytesMut) {
        out.put_slice(if self.secure { b"sips:" } else { b"sip:" });
        if let Some(user) = &self.user {
            out.put_slice(user.as_bytes());
            if let Some(password) = &self.password {
                out.put_u8(b':');
                out.put_slice(password);
            }
            out.put_u8(b'@');
        }
        self.host.encode(out);
        if let Some(port) = self.port {
            out.put_u8(b':');
            write(out, port);
        }
        self.params.encode(out);
        if let Some(headers) = &self.headers {
            out.put_u8(b'?');
            out.put_slice(headers.as_bytes());
        }
    }
}

impl From<SipUri> for Uri {
    fn from(uri: SipUri) -> Self {
        Self::Sip(uri)
    }
}

impl FromStr for Uri {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::parse(&Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(uri) => uri.fmt(f),
            Self::Tel(uri) => uri.fmt(f),
            Self::Other(uri) => uri.fmt(f),
        }
    }
}

impl fmt::Debug for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(if self.secure { "sips" } else { "sip" })
            .field("host", &self.host)
            .field("port", &self.port)
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TelUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("tel").field("params", &self.params).finish_non_exhaustive()
    }
}

impl fmt::Debug for OtherUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uri").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

static NO_PARAMS: Params = Params::EMPTY;

/// A checked URI within a text that is not owned.
#[derive(Clone, Copy, Debug)]
pub(super) enum UriView<'a> {
    Sip(SipView<'a>),
    Tel { number: &'a [u8], params: &'a [u8] },
    Other { scheme: &'a [u8], rest: &'a [u8] },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct SipView<'a> {
    secure: bool,
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
    host: HostView<'a>,
    port: Option<u16>,
    params: &'a [u8],
    headers: Option<&'a [u8]>,
}

impl<'a> UriView<'a> {
    /// Checks all of `text`.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, Malformed> {
        if scan::has_non_uri(text) {
            return Err(Malformed);
        }
        let (scheme, rest) = scan::split_once(text, b':').ok_or(Malformed)?;
        match scheme.len() {
            3 if scheme.eq_ignore_ascii_case(b"sip") => return SipView::parse(false, rest).map(Self::Sip),
            3 if scheme.eq_ignore_ascii_case(b"tel") => return tel(rest),
            4 if scheme.eq_ignore_ascii_case(b"sips") => return SipView::parse(true, rest).map(Self::Sip),
            _ => {}
        }
        // RFC 3986 3.1
        let starts_right = scheme.first().is_some_and(u8::is_ascii_alphabetic);
        let is_scheme = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.');
        if !starts_right || !scheme.iter().all(is_scheme) || rest.is_empty() {
            return Err(Malformed);
        }
        Ok(Self::Other { scheme, rest })
    }

    /// The owned URI; `source` holds the text that was parsed.
    pub(super) fn own(self, source: &Bytes) -> Uri {
        let text = |part: &[u8]| Text::from_utf8(source.slice_ref(part)).unwrap_or_default();
        match self {
            Self::Sip(view) => Uri::Sip(SipUri {
                secure: view.secure,
                user: view.user.map(text),
                host: view.host.own(source),
                port: view.port,
                params: Params::checked(source.slice_ref(view.params)),
                headers: view.headers.map(text),
                password: view.password.map(|password| source.slice_ref(password)),
            }),
            Self::Tel { number, params } => {
                Uri::Tel(TelUri { number: text(number), params: Params::checked(source.slice_ref(params)) })
            }
            Self::Other { scheme, rest } => Uri::Other(OtherUri { scheme: text(scheme), rest: text(rest) }),
        }
    }
}

impl<'a> SipView<'a> {
    fn parse(secure: bool, text: &'a [u8]) -> Result<Self, Malformed> {
        // `@` stands unescaped nowhere else in the URI, so what comes before it is the user part even if it
        // looks like a host with parameters (RFC 4475 3.1.1.9).
        let (user, password, rest) = match scan::split_once(text, b'@') {
            None => (None, None, text),
            Some((userinfo, rest)) => {
                let (user, password) = match scan::split_once(userinfo, b':') {
                    None => (userinfo, None),
                    Some((user, password)) => (user, Some(password)),
                };
                if !scan::all(user, class::USER)
                    || password.is_some_and(|text| !text.iter().all(|&octet| scan::is(octet, class::USER)))
                {
                    return Err(Malformed);
                }
                escapes(userinfo)?;
                (Some(user), password, rest)
            }
        };
        let (host, rest) = HostView::take(rest)?;
        let (port, rest) = match rest {
            [b':', rest @ ..] => {
                let end = rest.iter().position(|octet| matches!(octet, b';' | b'?')).unwrap_or(rest.len());
                let (digits, rest) = scan::split(rest, end);
                (Some(scan::port(digits)?), rest)
            }
            _ => (None, rest),
        };
        if rest.is_empty() {
            return Ok(Self { secure, user, password, host, port, params: rest, headers: None });
        }
        let (params, headers) = match scan::split_once(rest, b'?') {
            None => (rest, None),
            Some((params, headers)) => (params, Some(headers)),
        };
        Params::check(params, limits::PARAMS, |_| Ok(()))?;
        if let Some(headers) = headers {
            escapes(headers)?;
            if headers.is_empty()
                || headers.contains(&b'@')
                || headers.split(|octet| *octet == b'&').count() > limits::PARAMS
            {
                return Err(Malformed);
            }
        }
        Ok(Self { secure, user, password, host, port, params, headers })
    }
}

/// RFC 3966 3: digits, visual separators, and for local numbers hexadecimal digits, `*` and `#`.
fn tel(text: &[u8]) -> Result<UriView<'_>, Malformed> {
    let end = memchr::memchr(b';', text).unwrap_or(text.len());
    let (number, params) = scan::split(text, end);
    let is_phone_digit =
        |octet: &u8| octet.is_ascii_hexdigit() || matches!(octet, b'*' | b'#' | b'-' | b'.' | b'(' | b')');
    let digits = number.strip_prefix(b"+").unwrap_or(number);
    if digits.is_empty() || !digits.iter().all(is_phone_digit) {
        return Err(Malformed);
    }
    Params::check(params, limits::PARAMS, |_| Ok(()))?;
    Ok(UriView::Tel { number, params })
}

/// Each `%` is followed by two hexadecimal digits (RFC 3261 25.1 escaped).
fn escapes(text: &[u8]) -> Result<(), Malformed> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let (_, from) = scan::split(rest, at);
        let [b'%', high, low, after @ ..] = from else { return Err(Malformed) };
        if !high.is_ascii_hexdigit() || !low.is_ascii_hexdigit() {
            return Err(Malformed);
        }
        rest = after;
    }
    Ok(())
}

/// What follows the `?` of a `sip:` or `sips:` URI.
pub(super) const fn headers_of<'a>(view: &UriView<'a>) -> Option<&'a [u8]> {
    match view {
        UriView::Sip(view) => view.headers,
        UriView::Tel { .. } | UriView::Other { .. } => None,
    }
}
