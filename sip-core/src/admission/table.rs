//! From a source to its trunk, in constant time for single addresses.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Peer, Prefix, SourceFacts, Transport, Transports, TrunkRule};

/// The rules' peers, laid out for lookup. Immutable; shared with the listeners so that they can refuse a
/// connection before any octet of it is read.
#[derive(Debug, Default)]
pub(crate) struct SourceTable {
    hosts: HashMap<IpAddr, Vec<Entry>>,
    /// Longest prefix first.
    prefixes: Vec<(Prefix, Entry)>,
    certificates: HashMap<Arc<str>, usize>,
}

/// A trunk, by its index among the rules, and the transports it may use.
#[derive(Clone, Copy, Debug)]
struct Entry {
    trunk: usize,
    transports: Transports,
}

impl SourceTable {
    pub(super) fn new(rules: &[TrunkRule]) -> Self {
        let mut table = Self::default();
        for (trunk, rule) in rules.iter().enumerate() {
            let entry = Entry { trunk, transports: rule.transports };
            for peer in &rule.peers {
                match peer {
                    Peer::Prefix(prefix) if prefix.is_host() => {
                        table.hosts.entry(prefix.network()).or_default().push(entry);
                    }
                    Peer::Prefix(prefix) => table.prefixes.push((*prefix, entry)),
                    Peer::Certificate(domain) if rule.transports.contains(Transport::Tls) => {
                        table.certificates.entry(Arc::clone(domain)).or_insert(trunk);
                    }
                    Peer::Certificate(_) => {}
                }
            }
        }
        table.prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.length()));
        table
    }

    /// Whether a packet or connection from `ip` may be looked at. Over TLS an unknown address may finish its
    /// handshake only where some trunk is known by its certificate.
    pub(crate) fn admits(&self, ip: IpAddr, transport: Transport) -> bool {
        let by_certificate = transport == Transport::Tls && !self.certificates.is_empty();
        by_certificate || self.trunk_at(ip, transport).is_some()
    }

    /// The trunk of a source: its certificate first (nobody else can show it), then its address, the longest
    /// prefix first.
    pub(super) fn trunk_of(&self, source: &SourceFacts) -> Option<usize> {
        let identities = source.tls.as_ref().map(|tls| &tls.identities);
        identities
            .into_iter()
            .flat_map(|names| names.iter())
            .find_map(|name| self.certificates.get(name).copied())
            .or_else(|| self.trunk_at(source.ip(), source.transport))
    }

    fn trunk_at(&self, ip: IpAddr, transport: Transport) -> Option<usize> {
        let ip = ip.to_canonical();
        let usable = |entry: &&Entry| entry.transports.contains(transport);
        if let Some(entry) = self.hosts.get(&ip).and_then(|entries| entries.iter().find(usable)) {
            return Some(entry.trunk);
        }
        let mut matching = self.prefixes.iter().filter(|(prefix, _)| prefix.contains(ip));
        matching.find(|(_, entry)| entry.transports.contains(transport)).map(|(_, entry)| entry.trunk)
    }
}
