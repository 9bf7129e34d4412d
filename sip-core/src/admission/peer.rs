//! A trunk's peers: addresses, prefixes and certificate identities, as written in the dialplan.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

/// One way in which a packet proves that it is a trunk's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Its source address lies in the prefix (a single address is a prefix of full length).
    Prefix(Prefix),
    /// Its connection showed a verified client certificate for this SIP domain (RFC 5922).
    Certificate(Arc<str>),
}

impl Peer {
    /// The single address `ip`.
    pub fn address(ip: IpAddr) -> Self {
        Self::Prefix(Prefix::host(ip))
    }

    /// The certificate identity `domain`; compared without regard to case, never as a wildcard (RFC 5922 7.2).
    pub fn certificate(domain: &str) -> Self {
        Self::Certificate(Arc::from(domain.to_ascii_lowercase()))
    }
}

impl FromStr for Peer {
    type Err = PeerError;

    /// Reads `198.51.100.7`, `198.51.100.0/24`, `2001:db8::/32` or `sips:sbc.carrier.example`.
    fn from_str(text: &str) -> Result<Self, PeerError> {
        if let Some(domain) = text.strip_prefix("sips:") {
            if !is_dns_name(domain) {
                return Err(PeerError::Domain);
            }
            return Ok(Self::certificate(domain));
        }
        text.parse().map(Self::Prefix)
    }
}

/// A range of addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// The network address, host bits zero.
    network: IpAddr,
    length: u8,
}

impl Prefix {
    /// The prefix `network/length`. Host bits must be zero: a range that says more than it means is a mistake.
    pub fn new(network: IpAddr, length: u8) -> Result<Self, PeerError> {
        if length > full_length(network) {
            return Err(PeerError::Length);
        }
        if mask(network, length) != network {
            return Err(PeerError::HostBits);
        }
        Ok(Self { network, length })
    }

    /// The prefix that holds `ip` alone.
    pub fn host(ip: IpAddr) -> Self {
        let network = ip.to_canonical();
        Self { network, length: full_length(network) }
    }

    /// Whether `ip` lies in the prefix.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.network.is_ipv4() == ip.is_ipv4() && mask(ip, self.length) == self.network
    }

    /// How many leading bits are fixed.
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// Whether the prefix holds one address only.
    pub(super) fn is_host(&self) -> bool {
        self.length == full_length(self.network)
    }

    /// The network address.
    pub const fn network(&self) -> IpAddr {
        self.network
    }
}

impl FromStr for Prefix {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, PeerError> {
        let Some((network, length)) = text.split_once('/') else {
            return text.parse().map(Self::host).map_err(|_| PeerError::Address);
        };
        let network: IpAddr = network.parse().map_err(|_| PeerError::Address)?;
        let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
        let length = length.parse().ok().filter(|_| digits).ok_or(PeerError::Length)?;
        Self::new(network, length)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

/// Why a peer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// Not an IPv4 or IPv6 address.
    #[error("not an IP address, a prefix, or `sips:` and a domain")]
    Address,
    /// The prefix length is missing or too long.
    #[error("not a prefix length for this address family")]
    Length,
    /// Bits behind the prefix length are set.
    #[error("the address has bits set behind the prefix length")]
    HostBits,
    /// Not a DNS name.
    #[error("not a domain name (wildcards are not allowed, RFC 5922 7.2)")]
    Domain,
}

fn full_length(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn mask(ip: IpAddr, length: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let keep = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & keep))
        }
        IpAddr::V6(ip) => {
            let keep = u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & keep))
        }
    }
}

fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.len() <= 253 && name.parse::<IpAddr>().is_err() && name.split('.').all(label)
}
