//! Where media may be sent: the check against amplification and against steering RTP into somebody's network.
//!
//! An address in a session description is a stranger's word. It is brought to the address that packets would really
//! reach (IPv4 within IPv6, NAT64, 6to4), and that one is checked: filters that looked at the outside were passed with
//! `::ffff:127.0.0.1` (CVE-2020-26262, CVE-2026-27624).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use super::{Address, Connection};

/// What a trunk allows beyond public unicast addresses.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// Loopback addresses are allowed: for tests and demonstrations on one machine.
    pub allow_loopback: bool,
    /// Private addresses are allowed (RFC 1918, RFC 6598, RFC 4193): for carriers on a private link.
    pub allow_private: bool,
    /// Ports below this one are refused.
    pub min_port: u16,
    /// This server's own addresses, which no peer may name.
    pub own: &'a [IpAddr],
}

impl Policy<'_> {
    /// Public unicast addresses and unprivileged ports.
    pub const STRICT: Self = Self { allow_loopback: false, allow_private: false, min_port: 1024, own: &[] };
}

impl Default for Policy<'_> {
    fn default() -> Self {
        Self::STRICT
    }
}

/// Why a target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TargetRefusal {
    /// No `c=` line speaks for the media.
    Missing,
    /// A host name, or an address in another way of writing.
    Name,
    /// Several `c=` lines, or one with a time to live or a count.
    Several,
    /// The unspecified address, or any other of 0.0.0.0/8. In an offer it is the old way to say hold.
    Unspecified,
    /// A loopback address.
    Loopback,
    /// A multicast address.
    Multicast,
    /// A broadcast address.
    Broadcast,
    /// A link-local address.
    LinkLocal,
    /// A private address.
    Private,
    /// An address that is reserved, or a tunnel whose end cannot be told.
    Reserved,
    /// One of this server's own addresses.
    Own,
    /// A port below the lowest allowed.
    Port,
}

impl TargetRefusal {
    /// The reason as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Name => "name",
            Self::Several => "several",
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::LinkLocal => "link_local",
            Self::Private => "private",
            Self::Reserved => "reserved",
            Self::Own => "own",
            Self::Port => "port",
        }
    }
}

impl fmt::Display for TargetRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "media target refused: {}", self.as_str())
    }
}

impl std::error::Error for TargetRefusal {}

/// Checks the target of a `c=` line and a port.
pub fn check_connection(
    connection: Option<&Connection>,
    port: u16,
    policy: &Policy<'_>,
) -> Result<SocketAddr, TargetRefusal> {
    let connection = connection.ok_or(TargetRefusal::Missing)?;
    match &connection.address {
        Address::Name(_) => Err(TargetRefusal::Name),
        Address::Ip(address) if connection.has_suffix => check(*address, port, policy).and(Err(TargetRefusal::Several)),
        Address::Ip(address) => check(*address, port, policy),
    }
}

/// Checks a target. What it gives is the target to send to, IPv4 within IPv6 brought back to IPv4.
///
/// Whether the target lies within what the trunk lists is the caller's question, to be asked about [`effective`].
pub fn check(address: IpAddr, port: u16, policy: &Policy<'_>) -> Result<SocketAddr, TargetRefusal> {
    let effective = effective(address);
    match effective {
        IpAddr::V4(address) => check_v4(address, policy)?,
        IpAddr::V6(address) => check_v6(address, policy)?,
    }
    if policy.own.iter().any(|own| self::effective(*own) == effective) {
        return Err(TargetRefusal::Own);
    }
    if port < policy.min_port.max(1) {
        return Err(TargetRefusal::Port);
    }
    Ok(SocketAddr::new(address.to_canonical(), port))
}

/// The address that packets to `address` reach: IPv4 out of IPv4-mapped and -compatible addresses, of NAT64 (RFC 6052)
/// and of 6to4 (RFC 3056).
pub fn effective(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        // ::/96, but for :: and ::1
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

const fn v4(high: u16, low: u16) -> IpAddr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

fn check_v4(address: Ipv4Addr, policy: &Policy<'_>) -> Result<(), TargetRefusal> {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (0, ..) => Err(TargetRefusal::Unspecified),
        (127, ..) => allow(policy.allow_loopback, TargetRefusal::Loopback),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => {
            allow(policy.allow_private, TargetRefusal::Private)
        }
        (169, 254, _) => Err(TargetRefusal::LinkLocal),
        (224..=239, ..) => Err(TargetRefusal::Multicast),
        _ if address.is_broadcast() => Err(TargetRefusal::Broadcast),
        // RFC 6890, RFC 7526, RFC 1112: protocol assignments, the old 6to4 relays, class E.
        (192, 0, 0) | (192, 88, 99) | (240.., ..) => Err(TargetRefusal::Reserved),
        _ => Ok(()),
    }
}

fn check_v6(address: Ipv6Addr, policy: &Policy<'_>) -> Result<(), TargetRefusal> {
    let [a, b, c, ..] = address.segments();
    match (a, b, c) {
        _ if address.is_unspecified() => Err(TargetRefusal::Unspecified),
        _ if address.is_loopback() => allow(policy.allow_loopback, TargetRefusal::Loopback),
        (0xff00.., ..) => Err(TargetRefusal::Multicast),
        (0xfe80..=0xfebf, ..) => Err(TargetRefusal::LinkLocal),
        (0xfc00..=0xfdff | 0xfec0..=0xfeff, ..) => allow(policy.allow_private, TargetRefusal::Private),
        // RFC 8215: NAT64 of somebody's own choice; RFC 4380: Teredo, where the end is written in another way.
        (0x64, 0xff9b, 1) | (0x2001, 0, _) | (0x0100, 0, 0) | (0, ..) => Err(TargetRefusal::Reserved),
        _ => Ok(()),
    }
}

const fn allow(allowed: bool, refusal: TargetRefusal) -> Result<(), TargetRefusal> {
    if allowed { Ok(()) } else { Err(refusal) }
}
