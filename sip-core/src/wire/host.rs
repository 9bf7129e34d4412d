//! Hosts of URIs and Via values.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Malformed, Text,
    scan::{self, class},
};

/// A host: a name or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A domain name, as it was written.
    Name(Text),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address; written in brackets.
    V6(Ipv6Addr),
}

impl Host {
    /// The address, when the host is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }

    /// The host that `text` writes: a name, an IPv4 address or a bracketed IPv6 address.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        let (view, rest) = HostView::take(text)?;
        if rest.is_empty() { Ok(view.own(text)) } else { Err(Malformed) }
    }

    /// Whether both are the same host: names compare without regard to case (RFC 3261 19.1.4).
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(left), Self::Name(right)) => left.as_bytes().eq_ignore_ascii_case(right.as_bytes()),
            (left, right) => left == right,
        }
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Name(name) => out.put_slice(name.as_bytes()),
            Self::V4(address) => write(out, address),
            Self::V6(address) => {
                out.put_u8(b'[');
                write(out, address);
                out.put_u8(b']');
            }
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// A host within a text that is not owned.
#[derive(Clone, Copy, Debug)]
pub(super) enum HostView<'a> {
    Name(&'a [u8]),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl<'a> HostView<'a> {
    /// The host at the start of `text`, and the rest.
    pub(super) fn take(text: &'a [u8]) -> Result<(Self, &'a [u8]), Malformed> {
        if let [b'[', rest @ ..] = text {
            let (address, rest) = scan::split_once(rest, b']').ok_or(Malformed)?;
            return Ok((Self::V6(ipv6(address)?), rest));
        }
        let (name, rest) = scan::take(text, class::HOST);
        if name.is_empty() {
            return Err(Malformed);
        }
        let last_label =
            name.strip_suffix(b".").unwrap_or(name).rsplit(|octet| *octet == b'.').next().unwrap_or_default();
        // RFC 3261 25.1: a top label starts with a letter. What ends in a number is an address, whole and in four
        // decimal parts: `127.1` and `0x7f.0.0.1` are roads round an address filter.
        if last_label.iter().all(u8::is_ascii_digit) {
            return Ok((Self::V4(ipv4(name)?), rest));
        }
        if name.starts_with(b".") || name.starts_with(b"-") || name.windows(2).any(|pair| pair == b"..") {
            return Err(Malformed);
        }
        Ok((Self::Name(name), rest))
    }

    pub(super) fn own(self, source: &Bytes) -> Host {
        match self {
            // Host octets are ASCII, so the text is there.
            Self::Name(name) => Host::Name(Text::from_utf8(source.slice_ref(name)).unwrap_or_default()),
            Self::V4(address) => Host::V4(address),
            Self::V6(address) => Host::V6(address),
        }
    }
}

/// Four decimal parts of one to three digits, without leading zeros: some read those as octal.
pub(super) fn ipv4(text: &[u8]) -> Result<Ipv4Addr, Malformed> {
    let mut parts = [0_u8; 4];
    let mut rest = text;
    for (index, part) in parts.iter_mut().enumerate() {
        let end =
            if index == 3 { rest.len() } else { rest.iter().position(|octet| *octet == b'.').ok_or(Malformed)? };
        let (digits, after) = scan::split(rest, end);
        if digits.len() > 1 && digits.starts_with(b"0") {
            return Err(Malformed);
        }
        *part = scan::number(digits, 3).and_then(|number| u8::try_from(number).ok()).ok_or(Malformed)?;
        rest = after.get(1..).unwrap_or_default();
    }
    Ok(Ipv4Addr::from(parts))
}

/// An IPv6 address without its brackets. A zone (`%eth0`) has no meaning between hosts and is refused.
pub(super) fn ipv6(text: &[u8]) -> Result<Ipv6Addr, Malformed> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Malformed)
}

/// Writes `value`; writing to a `BytesMut` cannot fail.
pub(super) fn write(out: &mut BytesMut, value: impl fmt::Display) {
    use std::fmt::Write as _;
    if write!(out, "{value}").is_err() {
        debug_assert!(false, "a buffer that grows takes everything");
    }
}
