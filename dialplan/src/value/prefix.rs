//! Address prefixes in CIDR notation.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::rule::{Text, ValueError};

/// A range of addresses: `198.51.100.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    network: IpAddr,
    length: u8,
}

impl Prefix {
    /// The prefix that holds exactly this address.
    pub fn host(address: IpAddr) -> Self {
        let network = unmap(address);
        Self { network, length: bits(network) }
    }

    /// The first address.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// How many bits are fixed.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// Whether the address lies inside. An IPv4 address in IPv6 clothes (`::ffff:0:0/96`) counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = unmap(address);
        bits(address) == bits(self.network) && masked(address, self.length) == self.network
    }

    /// Whether some address lies in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.network) || other.contains(self.network)
    }

    /// Whether every address of `other` lies inside.
    pub fn covers(&self, other: &Self) -> bool {
        self.length <= other.length && self.contains(other.network)
    }
}

impl Display for Prefix {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.length == bits(self.network) {
            write!(f, "{}", self.network)
        } else {
            write!(f, "{}/{}", self.network, self.length)
        }
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Text for Prefix {
    const WANTS: &'static str = "an IP address or a prefix such as 198.51.100.0/24";

    fn constraint() -> Value {
        json!({ "pattern": "^[0-9a-fA-F:.]+(/[0-9]{1,3})?$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let wrong = || {
            ValueError::new("is neither an IP address nor a prefix", "write \"198.51.100.7\" or \"198.51.100.0/24\"")
        };
        let Some((address, length)) = text.split_once('/') else {
            return parse_address(text).map(Self::host).ok_or_else(wrong);
        };
        let address = parse_address(address).ok_or_else(wrong)?;
        let digits = !length.is_empty() && length.bytes().all(|octet| octet.is_ascii_digit());
        let length: u8 = length.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        if length > bits(address) {
            let message = format!("has too many bits: {address} has {}", bits(address));
            return Err(ValueError::new(message, format!("write \"{address}/{}\" or less", bits(address))));
        }
        if unmap(address) != address {
            let message = "is an IPv4 prefix written as IPv6";
            return Err(ValueError::new(message, "write the IPv4 form"));
        }
        let network = masked(address, length);
        if network != address {
            let message = format!("is no prefix: {address} is not the start of a /{length}");
            return Err(ValueError::new(
                message,
                format!("write \"{network}/{length}\", or \"{address}\" for one address"),
            ));
        }
        Ok(Self { network, length })
    }
}

/// An IPv4 address in IPv6 clothes as what it is: filters were passed by `::ffff:127.0.0.1` before.
pub fn unmap(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
    }
}

/// Addresses that only this machine or its own network can reach.
pub(crate) fn is_local(address: IpAddr) -> bool {
    match unmap(address) {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && (64..128).contains(&second); // RFC 6598
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

pub(super) fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}
