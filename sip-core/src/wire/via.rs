//! Via values.

use std::{fmt, net::IpAddr};

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Host, Malformed, Param, Params, Text,
    host::{HostView, ipv6, write},
    params::Scanner,
    scan::{self, class},
};
use crate::limits;

/// The cookie that starts the branch of an RFC 3261 transaction.
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// The transport of a Via value or of a `transport` parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP
    Udp,
    /// TCP
    Tcp,
    /// TLS over TCP
    Tls,
    /// Any other, as it was written (WS, WSS, SCTP, ...).
    Other(Text),
}

impl Transport {
    /// The name in a Via value.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Other(name) => name,
        }
    }

    /// The transport of this name.
    pub fn from_name(name: &str) -> Self {
        Self::known(name.as_bytes()).unwrap_or_else(|| Self::Other(Text::copy_from(name)))
    }

    fn known(name: &[u8]) -> Option<Self> {
        match name {
            name if name.eq_ignore_ascii_case(b"UDP") => Some(Self::Udp),
            name if name.eq_ignore_ascii_case(b"TCP") => Some(Self::Tcp),
            name if name.eq_ignore_ascii_case(b"TLS") => Some(Self::Tls),
            _ => None,
        }
    }

    /// Whether the transport delivers by itself (RFC 3261 17: no retransmission).
    pub const fn is_reliable(&self) -> bool {
        !matches!(self, Self::Udp)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One Via value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// The transport that the sender used.
    pub transport: Transport,
    /// The host of sent-by.
    pub host: Host,
    /// The port of sent-by, when it is written.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport`, ...
    pub params: Params,
}

impl Via {
    /// A Via of our own, asking for the source port (RFC 3581).
    pub fn new(transport: Transport, host: Host, port: Option<u16>, branch: &str) -> Self {
        let mut params = Params::EMPTY;
        params.set("branch", Some(branch));
        params.set("rport", None);
        Self { transport, host, port, params }
    }

    /// The value that `text` writes: one, not a list.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        Ok(ViaView::parse(text)?.own(text))
    }

    /// The branch. A quoted string is none: a branch is a token (RFC 3261 25.1).
    pub fn branch(&self) -> Option<&str> {
        let branch = self.params.get("branch")?.raw().filter(|branch| !branch.starts_with(b"\""))?;
        std::str::from_utf8(branch).ok()
    }

    /// The branch, when it is one of RFC 3261: the cookie and something behind it.
    pub fn rfc3261_branch(&self) -> Option<&str> {
        let branch = self.branch()?;
        // The cookie is case-sensitive as written, but RFC 3261 7.3.1 makes parameter values insensitive.
        let (cookie, rest) = branch.split_at_checked(MAGIC_COOKIE.len())?;
        (cookie.eq_ignore_ascii_case(MAGIC_COOKIE) && !rest.is_empty()).then_some(branch)
    }

    /// The source address that the receiver noted.
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.get("received")?.raw()?;
        address(text).ok()
    }

    /// The source port: `Some(None)` when the sender asks for it, `Some(Some(_))` when the receiver noted it (RFC 3581).
    pub fn rport(&self) -> Option<Option<u16>> {
        let rport = self.params.get("rport")?;
        Some(rport.raw().and_then(|text| scan::port(text).ok()))
    }

    /// Notes the source of a request (RFC 3261 18.2.1, RFC 3581 4).
    pub fn set_received(&mut self, source: IpAddr) {
        self.params.set("received", Some(&source.to_string()));
    }

    /// Notes the source port of a request (RFC 3581 4).
    pub fn set_rport(&mut self, port: u16) {
        self.params.set("rport", Some(&port.to_string()));
    }

    /// The port of sent-by, or the transport's default.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.transport == Transport::Tls { 5061 } else { 5060 })
    }

    /// Writes the value.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_slice(b"SIP/2.0/");
        out.put_slice(self.transport.as_str().as_bytes());
        out.put_u8(b' ');
        self.host.encode(out);
        if let Some(port) = self.port {
            out.put_u8(b':');
            write(out, port);
        }
        self.params.encode(out);
    }

    /// The Via as a header value.
    pub fn to_value(&self) -> Bytes {
        let mut out = BytesMut::new();
        self.encode(&mut out);
        out.freeze()
    }
}

/// A checked Via value within a text that is not owned.
#[derive(Clone, Copy, Debug)]
pub(super) struct ViaView<'a> {
    transport: &'a [u8],
    host: HostView<'a>,
    port: Option<u16>,
    params: &'a [u8],
    /// Whether the protocol is SIP/2.0. The 505 to a request of another version needs the rest of its Via.
    is_sip2: bool,
    /// How many parameters there are.
    count: usize,
}

impl<'a> ViaView<'a> {
    /// `SIP / 2.0 / UDP host : port ;params`, blanks allowed round each sign (RFC 3261 25.1 via-parm).
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, Malformed> {
        let view = Self::sent_by(text)?;
        let count = Params::check(view.params, limits::PARAMS.saturating_add(limits::OWN_PARAMS), |param| {
            if is_right(param) { Ok(()) } else { Err(Malformed) }
        })?;
        Ok(Self { count, ..view })
    }

    /// As `parse`, but parameters from the first malformed one on are left out: good enough to answer a 400 to.
    pub(super) fn salvage(text: &'a [u8]) -> Result<Self, Malformed> {
        let view = Self::sent_by(text)?;
        let mut good = Scanner::new(view.params);
        let mut end = 0_usize;
        while good.next().is_some_and(|param| is_right(&param)) {
            end = view.params.len().saturating_sub(good.rest().len());
        }
        let params = view.params.get(..end).unwrap_or_default();
        let count = Params::check(params, limits::PARAMS, |_| Ok(()))?;
        Ok(Self { params, count, ..view })
    }

    /// All but the parameters, which are not checked.
    fn sent_by(text: &'a [u8]) -> Result<Self, Malformed> {
        let (is_sip2, rest) = match text {
            [b'S', b'I', b'P', b'/', b'2', b'.', b'0', b'/', rest @ ..] => (true, rest),
            _ => protocol(text)?,
        };
        let (transport, rest) = scan::take(scan::trim_start(rest), class::TOKEN);
        let [b' ' | b'\t', ..] = rest else { return Err(Malformed) };
        if transport.is_empty() {
            return Err(Malformed);
        }
        let (host, rest) = HostView::take(scan::trim_start(rest))?;
        let rest = scan::trim_start(rest);
        let (port, rest) = match rest {
            [b':', rest @ ..] => {
                let rest = scan::trim_start(rest);
                let end = rest.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(rest.len());
                let (digits, rest) = scan::split(rest, end);
                (Some(scan::port(digits)?), rest)
            }
            _ => (None, rest),
        };
        Ok(Self { transport, host, port, params: scan::trim_start(rest), is_sip2, count: 0 })
    }

    /// Whether the value is of SIP/2.0, and a peer may write this many parameters.
    pub(super) const fn is_within_limits(&self) -> bool {
        self.is_sip2 && self.count <= limits::PARAMS
    }

    pub(super) fn own(self, source: &Bytes) -> Via {
        let transport = Transport::known(self.transport)
            .unwrap_or_else(|| Transport::Other(Text::from_utf8(source.slice_ref(self.transport)).unwrap_or_default()));
        Via {
            transport,
            host: self.host.own(source),
            port: self.port,
            params: Params::checked(source.slice_ref(self.params)),
        }
    }
}

/// Whether the parameters that this server reads hold what they should.
fn is_right(param: &Param<'_>) -> bool {
    let value = param.raw();
    match param.name().len() {
        6 if param.is("branch") => value.is_some_and(|branch| {
            (scan::all(branch, class::TOKEN) || branch.starts_with(b"\"")) && branch.len() <= limits::TAG
        }),
        8 if param.is("received") => value.is_some_and(|text| address(text).is_ok()),
        5 if param.is("rport") => value.is_none_or(|text| scan::port(text).is_ok()),
        3 if param.is("ttl") => value.is_some_and(|text| scan::number(text, 3).is_some_and(|ttl| ttl <= 255)),
        _ => true,
    }
}

/// Skips `SIP / 2.0 /`; says whether it was that.
fn protocol(text: &[u8]) -> Result<(bool, &[u8]), Malformed> {
    let (name, rest) = scan::take(scan::trim_start(text), class::TOKEN);
    let [b'/', rest @ ..] = scan::trim_start(rest) else { return Err(Malformed) };
    let (version, rest) = scan::take(scan::trim_start(rest), class::TOKEN);
    let [b'/', rest @ ..] = scan::trim_start(rest) else { return Err(Malformed) };
    if name.is_empty() || version.is_empty() {
        return Err(Malformed);
    }
    Ok((name.eq_ignore_ascii_case(b"SIP") && version == b"2.0", rest))
}

/// The address of `received`. RFC 3261's grammar writes IPv6 without brackets, some write it with (RFC 5118 4.5).
fn address(text: &[u8]) -> Result<IpAddr, Malformed> {
    if let [b'[', inner @ .., b']'] = text {
        return ipv6(inner).map(IpAddr::V6);
    }
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Malformed)
}
