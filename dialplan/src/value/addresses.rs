//! An address for each family.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use crate::rule::{Rule, Text, ValueError, alternative, mapped, optional, table, text};

table! {
    /// An address for IPv4, for IPv6, or both.
    pub struct Addresses in "a pair of addresses" {
        /// The IPv4 address.
        v4: Option<Ipv4Addr> = optional(text::<Ipv4Addr>()),
        /// The IPv6 address.
        v6: Option<Ipv6Addr> = optional(text::<Ipv6Addr>()),
    }
    check(cx) {
        if let (Some(None), Some(None)) = (v4, v6) {
            let here = cx.place(&cx.path());
            let message = format!("`{}` names no address", cx.path());
            cx.error(crate::report::Code::MissingKey, here, message, "write { v4 = \"203.0.113.10\" }");
        }
    }
}

impl Addresses {
    /// The address for the family of `other`.
    pub fn for_family_of(&self, other: IpAddr) -> Option<IpAddr> {
        match other {
            IpAddr::V4(_) => self.v4.map(IpAddr::V4),
            IpAddr::V6(_) => self.v6.map(IpAddr::V6),
        }
    }
}

impl From<IpAddr> for Addresses {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self { v4: Some(v4), v6: None },
            IpAddr::V6(v6) => Self { v4: None, v6: Some(v6) },
        }
    }
}

/// One address, or `{ v4 = ..., v6 = ... }`.
pub(crate) fn addresses() -> impl Rule<Out = Addresses> {
    alternative(mapped(text::<IpAddr>(), Addresses::from), table::<Addresses>())
}

macro_rules! address_text {
    ($Type:ty, $wants:literal, $example:literal) => {
        impl Text for $Type {
            const WANTS: &'static str = $wants;

            fn constraint() -> Value {
                json!({ "pattern": "^[0-9a-fA-F:.]+$" })
            }

            fn parse(text: &str) -> Result<Self, ValueError> {
                let wrong = |_| ValueError::new(concat!("is not ", $wants), concat!("write \"", $example, "\""));
                text.parse().map_err(wrong)
            }
        }
    };
}

address_text!(IpAddr, "an IP address", "203.0.113.10");
address_text!(Ipv4Addr, "an IPv4 address", "203.0.113.10");
address_text!(Ipv6Addr, "an IPv6 address", "2001:db8::10");
