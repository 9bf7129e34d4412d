//! Hosts: DNS names and addresses.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use serde::Serialize;
use serde_json::{Value, json};

use super::prefix::parse_address;
use crate::rule::{Text, ValueError};

/// A DNS name in lower case, without a dot at its end. No wildcards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct DnsName(String);

impl DnsName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for DnsName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Text for DnsName {
    const WANTS: &'static str = "a DNS name";

    fn constraint() -> Value {
        json!({ "minLength": 1, "maxLength": 254 })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A last label of digits only would make it look like an address (RFC 3696, section 2).
        let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|octet| octet.is_ascii_digit()));
        if name.len() <= 253 && name.split('.').all(label) && !numeric {
            return Ok(Self(name));
        }
        Err(ValueError::new(
            "is no DNS name",
            "write a host name such as \"sbc.carrier.example\" (international names in their xn-- form, no wildcards)",
        ))
    }
}

/// A DNS name or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum Host {
    /// A name that has to be resolved.
    Name(DnsName),
    /// An address.
    Address(IpAddr),
}

impl Host {
    /// Whether it is an address that only this machine or its own network can reach, or the name `localhost`.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Name(name) => name.as_str() == "localhost" || name.as_str().ends_with(".localhost"),
            Self::Address(address) => super::prefix::is_local(*address),
        }
    }
}

impl Display for Host {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl Text for Host {
    const WANTS: &'static str = "a host name or an IP address";

    fn constraint() -> Value {
        json!({ "minLength": 1, "maxLength": 254 })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        match parse_address(bare) {
            Some(address) => Ok(Self::Address(address)),
            None => DnsName::parse(text).map(Self::Name).map_err(|_| {
                ValueError::new("is neither a host name nor an IP address", "write \"bot.example.com\" or \"10.0.0.7\"")
            }),
        }
    }
}
