//! `[identity]`

use std::time::Duration;

use crate::limits::MAX_HOSTS;
use crate::rule::{list, or_default, or_nothing, required, seconds, table, text};
use crate::value::{Host, SecretRef, secret};

table! {
    /// How the identity of callers is verified (STIR/SHAKEN: RFC 8224, 8225, 8226, 8588).
    pub struct Identity in "`[identity]`" {
        /// The roots (PEM) that certificates of identities must lead to: those of the STI policy administrator.
        roots: SecretRef = required(secret(), "roots = { file = \"/etc/strongline/sti-roots.pem\" }"),
        /// The hosts from which certificates are fetched. Default: any host with a public address.
        x5u_hosts: Vec<Host> = or_nothing(list(text::<Host>(), 0..=MAX_HOSTS)),
        /// Seconds by which an identity may be older or newer than the call (RFC 8224, section 6.2.2).
        max_age: Duration = or_default("60", seconds(1..=600)),
    }
    later { "sign", "certificate", "key", "crl", "cache" }
}
