//! How a trunk's peers are known.

use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{DnsName, Host, Prefix};
use crate::rule::{Text, ValueError};

/// One way by which a trunk's peer is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// `tls:sbc.carrier.example`: a client certificate with this DNS name, signed by `sip.client_ca`. The strongest.
    Certificate(DnsName),
    /// `sips:sbc.carrier.example:5061`: TLS from an address to which this host resolves.
    Sips {
        /// The host.
        host: Host,
        /// The port, 5061 if not given.
        port: u16,
    },
    /// `198.51.100.7`, `198.51.100.0/24`: a source address, over any transport.
    Network(Prefix),
}

impl Display for Peer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(name) => write!(f, "tls:{name}"),
            Self::Sips { host, port: SIPS_PORT } => write!(f, "sips:{host}"),
            Self::Sips { host, port } => write!(f, "sips:{host}:{port}"),
            Self::Network(prefix) => prefix.fmt(f),
        }
    }
}

impl Serialize for Peer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Text for Peer {
    const WANTS: &'static str =
        "a peer such as \"tls:sbc.carrier.example\", \"sips:sbc.carrier.example\" or \"198.51.100.0/24\"";

    fn constraint() -> Value {
        json!({ "pattern": "^([Tt][Ll][Ss]:|[Ss][Ii][Pp][Ss]:|[0-9a-fA-F:.]+(/[0-9]{1,3})?$)" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let lower = text.to_ascii_lowercase();
        if let Some(name) = lower.strip_prefix("tls:") {
            return DnsName::parse(name.trim_start_matches('/')).map(Self::Certificate);
        }
        if let Some(rest) = lower.strip_prefix("sips:") {
            return sips(rest);
        }
        if lower.starts_with("sip:") {
            let message = "is a `sip:` name, which proves nothing about who calls";
            let help = "write \"tls:name\" (certificate), \"sips:name\" (TLS), or the peer's addresses";
            return Err(ValueError::new(message, help).with(crate::report::Code::InsecureUrl));
        }
        if text.starts_with(|c: char| c.is_ascii_alphabetic()) && DnsName::parse(text).is_ok() {
            let message = "does not say how the host is recognised";
            return Err(ValueError::new(message, format!("write \"tls:{lower}\" or \"sips:{lower}\"")));
        }
        let prefix = Prefix::parse(text)?;
        if prefix.length() == 0 {
            let message = "admits the whole Internet";
            let help = "name the carrier's addresses, or its certificate: \"tls:sbc.carrier.example\"";
            return Err(ValueError::new(message, help));
        }
        Ok(Self::Network(prefix))
    }
}

fn sips(rest: &str) -> Result<Peer, ValueError> {
    let wrong = || {
        ValueError::new("is no `sips:` host", "write \"sips:sbc.carrier.example\" or \"sips:sbc.carrier.example:5061\"")
    };
    let (host, port) = split_port(rest).ok_or_else(wrong)?;
    let host = Host::parse(host).map_err(|_| wrong())?;
    Ok(Peer::Sips { host, port: port.unwrap_or(SIPS_PORT) })
}

/// Splits `host`, `host:port`, `[v6]`, `[v6]:port`.
pub(super) fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            if after.is_empty() { (host, None) } else { (host, Some(after.strip_prefix(':')?)) }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        None => None,
        Some(digits) => {
            let plain = (1..=5).contains(&digits.len()) && digits.bytes().all(|octet| octet.is_ascii_digit());
            Some(digits.parse().ok().filter(|port: &u16| plain && *port > 0)?)
        }
    };
    Some((host, port))
}

const SIPS_PORT: u16 = 5061;
