//! name-addr and addr-spec: From, To, Contact, Route and their like.

use std::{borrow::Cow, fmt};

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Malformed, Params, Uri,
    params::put_quoted,
    scan::{self, class},
    uri::UriView,
};
use crate::limits;

/// A display name, a URI, and the parameters that follow.
#[derive(Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// As it was written, quotes included.
    display: Option<Bytes>,
    /// The URI.
    pub uri: Uri,
    /// The header's parameters (`tag`, `expires`, `q`, ...), not the URI's.
    pub params: Params,
}

impl NameAddr {
    /// An address without a display name and parameters.
    pub const fn new(uri: Uri) -> Self {
        Self { display: None, uri, params: Params::EMPTY }
    }

    /// The address that `text` writes: one, not a list.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        Ok(NameAddrView::parse(text)?.own(text))
    }

    /// Sets the display name, which is written as a quoted string.
    #[must_use]
    pub fn with_display_name(mut self, name: &str) -> Self {
        let mut quoted = BytesMut::with_capacity(name.len().saturating_add(2));
        put_quoted(&mut quoted, name.as_bytes());
        self.display = Some(quoted.freeze());
        self
    }

    /// Sets the tag.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", Some(tag));
        self
    }

    /// The tag (RFC 3261 19.3).
    pub fn tag(&self) -> Option<&str> {
        self.params.value("tag")
    }

    /// The display name without its quotes and escapes. Octets that are not UTF-8 become U+FFFD.
    pub fn display_name(&self) -> Option<Cow<'_, str>> {
        let display = self.display.as_deref()?;
        let [b'"', inner @ .., b'"'] = display else { return Some(String::from_utf8_lossy(display)) };
        if !inner.contains(&b'\\') {
            return Some(String::from_utf8_lossy(inner));
        }
        let mut plain = Vec::with_capacity(inner.len());
        let mut octets = inner.iter();
        while let Some(&octet) = octets.next() {
            match octet {
                b'\\' => plain.extend(octets.next()),
                _ => plain.push(octet),
            }
        }
        Some(Cow::Owned(String::from_utf8_lossy(&plain).into_owned()))
    }

    /// Writes the address, its URI in brackets.
    pub fn encode(&self, out: &mut BytesMut) {
        if let Some(display) = &self.display {
            out.put_slice(display);
            out.put_u8(b' ');
        }
        out.put_u8(b'<');
        self.uri.encode(out);
        out.put_u8(b'>');
        self.params.encode(out);
    }

    /// The address as a header value.
    pub fn to_value(&self) -> Bytes {
        let mut out = BytesMut::new();
        self.encode(&mut out);
        out.freeze()
    }
}

// The display name is a person's.
impl fmt::Debug for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameAddr").field("uri", &self.uri).field("params", &self.params).finish_non_exhaustive()
    }
}

/// One value of a Contact header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are addresses")]
pub enum Contact {
    /// `*`, in a REGISTER that removes all bindings (RFC 3261 10.2.2).
    Star,
    /// An address.
    Addr(NameAddr),
}

impl Contact {
    /// The address.
    pub const fn addr(&self) -> Option<&NameAddr> {
        match self {
            Self::Star => None,
            Self::Addr(addr) => Some(addr),
        }
    }
}

/// A checked address within a text that is not owned.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameAddrView<'a> {
    display: Option<&'a [u8]>,
    uri: UriView<'a>,
    params: &'a [u8],
    /// How many parameters there are.
    count: usize,
}

impl<'a> NameAddrView<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, Malformed> {
        let text = scan::trim(text);
        let (display, rest) = if let [b'"', ..] = text {
            let (quoted, rest) = scan::take_quoted(text)?;
            (quoted, scan::trim_start(rest))
        } else {
            // `:` ends a scheme and stands in no display name without quotes, so the first of the two decides.
            let (display, rest) = scan::take(text, class::DISPLAY);
            match rest {
                [b'<', ..] => (scan::trim_end(display), rest),
                [b':', ..] => return Self::addr_spec(text),
                _ => return Err(Malformed),
            }
        };
        let [b'<', rest @ ..] = rest else { return Err(Malformed) };
        let (uri, params) = scan::split_once(rest, b'>').ok_or(Malformed)?;
        let view = Self {
            display: Some(display).filter(|display| !display.is_empty()),
            uri: UriView::parse(uri)?,
            params: scan::trim_start(params),
            count: 0,
        };
        view.checked()
    }

    /// A URI without brackets: what follows the first `;` belongs to the header (RFC 3261 20).
    fn addr_spec(text: &'a [u8]) -> Result<Self, Malformed> {
        let end = text.iter().position(|octet| matches!(octet, b';' | b' ' | b'\t')).unwrap_or(text.len());
        let (uri, params) = scan::split(text, end);
        // Without brackets these would be ambiguous (RFC 3261 20; RFC 4475 3.1.2.13).
        if uri.iter().any(|octet| matches!(octet, b'?' | b',')) {
            return Err(Malformed);
        }
        let view = Self { display: None, uri: UriView::parse(uri)?, params: scan::trim_start(params), count: 0 };
        view.checked()
    }

    fn checked(self) -> Result<Self, Malformed> {
        let count = Params::check(self.params, limits::PARAMS.saturating_add(limits::OWN_PARAMS), |param| {
            let is_tag = |tag: &[u8]| scan::all(tag, class::TOKEN) && tag.len() <= limits::TAG;
            if param.is("tag") && !param.raw().is_some_and(is_tag) { Err(Malformed) } else { Ok(()) }
        })?;
        Ok(Self { count, ..self })
    }

    /// Whether a peer may write this many parameters.
    pub(super) const fn is_within_limits(&self) -> bool {
        self.count <= limits::PARAMS
    }

    pub(super) fn own(self, source: &Bytes) -> NameAddr {
        NameAddr {
            display: self.display.map(|display| source.slice_ref(display)),
            uri: self.uri.own(source),
            params: Params::checked(source.slice_ref(self.params)),
        }
    }
}
