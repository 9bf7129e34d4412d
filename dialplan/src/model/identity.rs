//! `[identity]`

use crate::limits::MAX_HOSTS;
use crate::rule::{list, optional, or_nothing, required, table, text};
use crate::value::{Host, SecretRef, secret};

table! {
    /// How the identity of callers is verified (STIR/SHAKEN: RFC 8224, 8225, 8226, 8588).
    pub struct Identity in "`[identity]`" {
        /// The roots (PEM) that certificates of identities must lead to: those of the STI policy administrator.
        roots: SecretRef = required(secret(), "roots = { file = \"/etc/strongline/sti-roots.pem\" }"),
        /// The hosts from which certificates are fetched. Default: any host with a public address.
        x5u_hosts: Vec<Host> = or_nothing(list(text::<Host>(), 0..=MAX_HOSTS)),
        /// Hosts that may have private addresses: a repository of your own.
        private_hosts: Vec<Host> = or_nothing(list(text::<Host>(), 0..=MAX_HOSTS)),
        /// The CA (PEM) of those hosts, when the system does not know it.
        ca: Option<SecretRef> = optional(secret()),
    }
    later { "max_age", "sign", "certificate", "key", "crl", "cache" }
}
