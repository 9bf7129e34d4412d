//! Where the server listens for SIP.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::peer::split_port;
use crate::rule::{Text, ValueError, Word};

/// A transport of SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// SIP over UDP.
    Udp,
    /// SIP over TCP.
    Tcp,
    /// SIP over TLS.
    Tls,
}

impl Transport {
    /// The scheme in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

impl Display for Transport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Word for Transport {
    const WORDS: &'static [(&'static str, Self)] = &[("udp", Self::Udp), ("tcp", Self::Tcp), ("tls", Self::Tls)];
    const LATER: &'static [&'static str] = &["ws", "wss", "sctp", "quic"];
}

/// A listener: `tls://0.0.0.0:5061`, `udp://[::]:5060`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Listen {
    /// The transport.
    pub transport: Transport,
    /// The address to bind.
    pub address: SocketAddr,
}

impl Display for Listen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.transport.as_str(), self.address)
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Text for Listen {
    const WANTS: &'static str = "a listener such as \"tls://0.0.0.0:5061\"";

    fn constraint() -> Value {
        json!({ "pattern": "^(udp|tcp|tls)://" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let help = "write \"tls://0.0.0.0:5061\", \"tcp://192.0.2.1:5060\" or \"udp://[::]:5060\"";
        let wrong = || ValueError::new("is no listener", help);
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let transport = match scheme {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls,
            "ws" | "wss" | "sctp" | "quic" => {
                let message = format!("names `{scheme}`, which is not available in this version");
                return Err(ValueError::new(message, help).with(crate::report::Code::NotAvailable));
            }
            _ => return Err(ValueError::new("has no known transport", help)),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split_port(rest).ok_or_else(wrong)?;
        let address: IpAddr = host.parse().map_err(|_| {
            let message = "names no IP address to bind";
            ValueError::new(message, "a listener binds an address of this machine; 0.0.0.0 or [::] binds all")
        })?;
        if address.is_ipv6() && !rest.starts_with('[') {
            return Err(wrong());
        }
        // RFC 3261, section 19.1.2
        let default = if transport == Transport::Tls { 5061 } else { 5060 };
        Ok(Self { transport, address: SocketAddr::new(address, port.unwrap_or(default)) })
    }
}
