//! `c=` lines.

use std::net::IpAddr;

use super::{SdpError, SdpReason};

/// Where media is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The address.
    pub address: Address,
    /// A time to live or a number of addresses follows: legal for multicast only.
    pub has_suffix: bool,
}

/// The address of a `c=` or `a=rtcp` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An IP address.
    Ip(IpAddr),
    /// A host name, or an address in another way of writing (`127.1`). This server resolves none: a name is another's choice of target
    /// at the time of asking.
    Name(String),
}

impl Connection {
    /// A unicast address.
    pub const fn new(address: IpAddr) -> Self {
        Self { address: Address::Ip(address), has_suffix: false }
    }

    /// The address, when it is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self.address {
            Address::Ip(address) => Some(address),
            Address::Name(_) => None,
        }
    }

    /// The old way to say hold: the unspecified address (RFC 3264 8.4).
    pub fn is_hold(&self) -> bool {
        self.ip().is_some_and(|address| address.is_unspecified())
    }

    pub(super) fn from_fields(nettype: &str, addrtype: &str, address: &str) -> Result<Self, SdpError> {
        if !nettype.eq_ignore_ascii_case("IN") {
            return Err(SdpReason::Connection.into());
        }
        let (address, has_suffix) = address.split_once('/').map_or((address, false), |(address, _)| (address, true));
        let address = match address.parse::<IpAddr>() {
            Ok(address) if addrtype.eq_ignore_ascii_case(if address.is_ipv4() { "IP4" } else { "IP6" }) => {
                Address::Ip(address)
            }
            Err(_) if address.is_empty() => return Err(SdpReason::Connection.into()),
            // Two readers of `IP4 ::1` would see two things.
            Ok(_) => return Err(SdpReason::Connection.into()),
            Err(_) => Address::Name(address.to_owned()),
        };
        Ok(Self { address, has_suffix })
    }
}
