//! Where calls leave to: the next hop of a trunk.

use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::peer::split_port;
use super::{Host, Transport};
use crate::rule::{Text, ValueError};

/// A next hop: `sips:sbc.carrier.example`, `sip:198.51.100.7:5060;transport=udp`.
///
/// Without a port and a transport they are looked up (RFC 3263, section 4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// Whether it is a `sips:` URI: TLS, and nothing else.
    pub secure: bool,
    /// The host.
    pub host: Host,
    /// The port, if it is given.
    pub port: Option<u16>,
    /// The transport, if it is given.
    pub transport: Option<Transport>,
}

impl Hop {
    /// Whether a call gets there over TLS, whatever the look-up says.
    pub fn is_tls(&self) -> bool {
        self.only_transport() == Some(Transport::Tls)
    }

    /// The transport by which alone it is reached; `None` if that is looked up.
    pub fn only_transport(&self) -> Option<Transport> {
        if self.secure { Some(Transport::Tls) } else { self.transport }
    }
}

impl Display for Hop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", if self.secure { "sips" } else { "sip" }, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if let Some(transport) = self.transport {
            write!(f, ";transport={transport}")?;
        }
        Ok(())
    }
}

impl Serialize for Hop {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Text for Hop {
    const WANTS: &'static str = "a next hop such as \"sips:sbc.carrier.example\"";

    fn constraint() -> Value {
        json!({ "pattern": "^[Ss][Ii][Pp][Ss]?:[^@?]+$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let help = "write \"sips:sbc.carrier.example\" or \"sip:198.51.100.7:5060;transport=udp\"";
        let lower = text.to_ascii_lowercase();
        let (scheme, rest) = lower.split_once(':').ok_or_else(|| ValueError::new("is no SIP URI", help))?;
        let secure = match scheme {
            "sips" => true,
            "sip" => false,
            _ => return Err(ValueError::new("is no SIP URI", help)),
        };
        if rest.contains(['@', '?']) {
            return Err(ValueError::new("names more than a host: a next hop has no user and no headers", help));
        }
        let (address, parameters) = rest.split_once(';').map_or((rest, None), |(address, more)| (address, Some(more)));
        let (host, port) = split_port(address).ok_or_else(|| ValueError::new("has no usable host or port", help))?;
        let host = Host::parse(host)?;
        let transport =
            match parameters {
                None => None,
                Some(parameter) => Some(transport(parameter).ok_or_else(|| {
                    ValueError::new("has a parameter that is not `transport=udp`, `tcp` or `tls`", help)
                })?),
            };
        if secure && transport == Some(Transport::Udp) {
            return Err(ValueError::new("is a `sips:` URI over UDP, where there is no TLS", "drop `;transport=udp`"));
        }
        // `sips:…;transport=tcp` is TLS over TCP (RFC 3261, section 26.2.2).
        Ok(Self { secure, host, port, transport: transport.filter(|_| !secure) })
    }
}

fn transport(parameter: &str) -> Option<Transport> {
    match parameter.strip_prefix("transport=")? {
        "udp" => Some(Transport::Udp),
        "tcp" => Some(Transport::Tcp),
        "tls" => Some(Transport::Tls),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_read_as_written() {
        for (text, shown, tls) in [
            ("sips:SBC.Carrier.example", "sips:sbc.carrier.example", true),
            ("SIP:sbc.carrier.example:5070;transport=TLS", "sip:sbc.carrier.example:5070;transport=tls", true),
            ("sips:sbc.carrier.example:5061;transport=tcp", "sips:sbc.carrier.example:5061", true),
            ("sip:[2001:db8::1]:5060;transport=udp", "sip:[2001:db8::1]:5060;transport=udp", false),
            ("sip:carrier.example", "sip:carrier.example", false),
        ] {
            let hop = Hop::parse(text).unwrap();
            assert_eq!((hop.to_string().as_str(), hop.is_tls()), (shown, tls));
        }
    }

    #[test]
    fn what_is_no_hop_is_refused() {
        for wrong in [
            "",
            "sbc.carrier.example",
            "tel:+14155550100",
            "sip:",
            "sip:alice@carrier.example",
            "sip:carrier.example?Replaces=x",
            "sip:carrier.example;lr",
            "sip:carrier.example;transport=sctp",
            "sip:carrier.example:0",
            "sips:carrier.example;transport=udp",
            "sip:carrier.example;transport=udp;lr",
        ] {
            assert!(Hop::parse(wrong).is_err(), "{wrong}");
        }
    }
}
