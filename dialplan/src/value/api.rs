//! Where the API listens.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::peer::split_port;
use crate::report::Code;
use crate::rule::{Text, ValueError};

/// The listener of the API: `tls://203.0.113.10:8443`, or `http://127.0.0.1:8080` on this machine alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ApiListen {
    /// Whether it speaks TLS. If not, the address is a loopback one.
    pub tls: bool,
    /// The address to bind.
    pub address: SocketAddr,
}

impl Display for ApiListen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "tls" } else { "http" }, self.address)
    }
}

impl Serialize for ApiListen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Text for ApiListen {
    const WANTS: &'static str = "a listener such as \"tls://0.0.0.0:8443\"";

    fn constraint() -> Value {
        json!({ "pattern": "^(tls|https?)://" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let help = "write \"tls://0.0.0.0:8443\", or \"http://127.0.0.1:8080\" behind a proxy of this machine";
        let wrong = |message: &str| ValueError::new(message, help);
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("is no listener"))?;
        let tls = match scheme {
            "tls" | "https" => true,
            "http" => false,
            _ => return Err(wrong("is neither `tls://` nor `http://`")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split_port(rest).ok_or_else(|| wrong("has no usable address or port"))?;
        let address: IpAddr = host.parse().map_err(|_| wrong("names no IP address to bind"))?;
        if address.is_ipv6() != rest.starts_with('[') {
            return Err(wrong("has no usable address or port"));
        }
        if !tls && !super::unmap(address).is_loopback() {
            let message = "is `http://` on an address that others can reach: keys would travel in the clear";
            return Err(wrong(message).with(Code::InsecureUrl));
        }
        let port = port.unwrap_or(if tls { 8443 } else { 8080 });
        Ok(Self { tls, address: SocketAddr::new(address, port) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_for_this_machine_alone() {
        let shown = |text: &str| ApiListen::parse(text).map(|listen| listen.to_string()).map_err(|wrong| wrong.code);
        for (text, expected) in [
            ("tls://0.0.0.0", Ok("tls://0.0.0.0:8443")),
            ("https://[::1]:443/", Ok("tls://[::1]:443")),
            ("http://127.0.0.1", Ok("http://127.0.0.1:8080")),
            ("http://[::1]:8081", Ok("http://[::1]:8081")),
            ("http://0.0.0.0:8080", Err(Code::InsecureUrl)),
            ("http://10.0.0.7:8080", Err(Code::InsecureUrl)),
            ("http://localhost:8080", Err(Code::BadValue)),
            ("tls://api.example.com", Err(Code::BadValue)),
            ("tls://::1:8443", Err(Code::BadValue)),
            ("tcp://127.0.0.1:1", Err(Code::BadValue)),
            ("127.0.0.1:8080", Err(Code::BadValue)),
        ] {
            assert_eq!(shown(text), expected.map(str::to_owned), "{text}");
        }
    }
}
