//! `[sip]`

use std::time::Duration;

use crate::check;
use crate::limits::MAX_LISTENERS;
use crate::rule::{Facts, int, list, optional, or_default, required, seconds, table, text};
use crate::value::{Host, Listen, SecretRef, Transport, secret};

table! {
    /// Who we are and where we listen for SIP.
    pub struct Sip in "`[sip]`" {
        /// Our name in SIP: the host of our Contact and From URIs, and the name in our certificate.
        domain: Host = required(text::<Host>(), "domain = \"voice.example.com\""),
        /// The listeners: `tls://`, `tcp://` or `udp://`, an address and a port (5061 for TLS, else 5060).
        listen: Vec<Listen> = required(list(text::<Listen>(), 1..=MAX_LISTENERS), "listen = [\"tls://0.0.0.0:5061\"]"),
        /// The certificate chain for TLS (PEM).
        certificate: Option<SecretRef> = optional(secret()),
        /// The private key of the certificate (PEM).
        key: Option<SecretRef> = optional(secret()),
        /// The roots (PEM) by which client certificates are checked; needed for peers known by `tls:`.
        client_ca: Option<SecretRef> = optional(secret()),
        /// Session timer in seconds (RFC 4028): a call whose other side has vanished ends after it.
        session_expires: Duration = or_default("1800", seconds(90..=86_400)),
        /// Most calls at the same time; more are refused with 503.
        max_calls: u32 = or_default("1000", int(1..=100_000)),
    }
    later { "auth", "realm", "ws", "wss", "proxy", "register" }
    check(cx) {
        if let Some(listen) = &listen {
            check::listeners(cx, listen, certificate.as_ref(), key.as_ref());
            if let Some(client_ca) = &client_ca {
                let has = |transport| listen.iter().any(|listen| listen.transport == transport);
                let (tls, udp) = (has(Transport::Tls), has(Transport::Udp));
                cx.facts = Some(Facts { tls, udp, client_ca: client_ca.is_some() });
            }
        }
    }
}

impl Sip {
    /// Whether it listens on this transport.
    pub fn listens_on(&self, transport: Transport) -> bool {
        self.listen.iter().any(|listen| listen.transport == transport)
    }
}
