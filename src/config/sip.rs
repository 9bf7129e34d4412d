//! The dialplan's `[sip]` and `[[trunk]]` into what sip-core is started with.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use dialplan::{Dialplan, Host, Peer, Transport as Listener};
use sip_core::admission::{self, Gate, Rate, Transport, Transports, TrunkRule};
use sip_core::net::tls::TlsServer;
use sip_core::net::{Config, Listen};

use super::{Loaded, Loader, pem};
use crate::server::StartError;

/// The server side of TLS, where the file has a certificate.
pub(super) fn tls(dialplan: &Dialplan, loader: &mut Loader) -> Option<Arc<rustls::ServerConfig>> {
    let sip = &dialplan.sip;
    let (certificate, key) = (sip.certificate.as_ref()?, sip.key.as_ref()?);
    let chain = loader.secrets.read(certificate);
    let chain = loader.keep(&format!("sip.certificate ({certificate})"), chain);
    let chain =
        chain.and_then(|octets| loader.keep(&format!("sip.certificate ({certificate})"), pem::certificates(&octets)));
    let secret = loader.secrets.read(key);
    let secret = loader.keep(&format!("sip.key ({key})"), secret);
    let secret = secret.and_then(|octets| loader.keep(&format!("sip.key ({key})"), pem::key(&octets)));
    let client_roots = match &sip.client_ca {
        None => None,
        Some(reference) => {
            let place = format!("sip.client_ca ({reference})");
            let octets = loader.secrets.read(reference);
            let octets = loader.keep(&place, octets)?;
            Some(loader.keep(&place, pem::roots(&octets))?)
        }
    };
    loader.keep("sip.certificate and sip.key", TlsServer { chain: chain?, key: secret?, client_roots }.build())
}

impl Loaded {
    /// What sip-core is started with. Names of `sips:` peers are resolved here.
    pub(crate) async fn sip_config(&self, seed: [u8; 32], now: Instant) -> Result<Config, StartError> {
        let mut rules = Vec::new();
        for trunk in &self.dialplan.trunks {
            let mut rule = TrunkRule::new(trunk.name.as_str())
                .rate(Rate { per_second: trunk.calls_per_second, burst: trunk.calls_per_second })
                .max_calls(trunk.max_calls);
            let mut networks = false;
            for peer in &trunk.peers {
                rule = match peer {
                    Peer::Certificate(name) => rule.peer(admission::Peer::certificate(name.as_str())),
                    Peer::Network(prefix) => {
                        networks = true;
                        rule.peer(admission::Peer::Prefix(network(prefix)))
                    }
                    Peer::Sips { host, port } => {
                        let unresolved =
                            |source| StartError::Peer { trunk: trunk.name.to_string(), host: host.to_string(), source };
                        let addresses = resolve(host, *port).await.map_err(unresolved)?;
                        addresses.into_iter().fold(rule, |rule, address| rule.peer(admission::Peer::address(address)))
                    }
                };
            }
            if !networks {
                rule = rule.transports(Transports::TLS);
            }
            rules.push(rule);
        }
        let listen = self.dialplan.sip.listen.iter().map(|listen| Listen {
            advertised: advertised(&self.dialplan, listen),
            ..Listen::new(transport(listen.transport), listen.address)
        });
        let mut config = Config::new(listen.collect(), Gate::new(rules, now)?, seed);
        config.tls_server.clone_from(&self.tls);
        config.session.interval = self.dialplan.sip.session_expires;
        config.caps.calls = self.dialplan.sip.max_calls as usize;
        Ok(config)
    }
}

async fn resolve(host: &Host, port: u16) -> std::io::Result<Vec<IpAddr>> {
    match host {
        Host::Address(address) => Ok(vec![*address]),
        Host::Name(name) => {
            Ok(tokio::net::lookup_host((name.as_str(), port)).await?.map(|address| address.ip()).collect())
        }
    }
}

fn network(prefix: &dialplan::Prefix) -> admission::Prefix {
    // The file was checked: length and host bits are right. A single address is what is left if they were not.
    admission::Prefix::new(prefix.network(), prefix.length())
        .unwrap_or_else(|_| admission::Prefix::host(prefix.network()))
}

const fn transport(listener: Listener) -> Transport {
    match listener {
        Listener::Udp => Transport::Udp,
        Listener::Tcp => Transport::Tcp,
        Listener::Tls => Transport::Tls,
    }
}

/// The host that peers are told to send to within a call: an address, which needs no look-up and is found again among a
/// peer's open TLS connections (RFC 5923); the domain only where no address is known.
fn advertised(dialplan: &Dialplan, listen: &dialplan::Listen) -> Option<sip_core::wire::Host> {
    let bound = listen.address.ip();
    let address = if bound.is_unspecified() {
        dialplan.media.address_for(bound).map(|media| media.advertise)
    } else {
        Some(bound)
    };
    address.map(Into::into).or_else(|| match &dialplan.sip.domain {
        Host::Name(name) => host(name.as_str()),
        Host::Address(domain) => Some((*domain).into()),
    })
}

fn host(name: &str) -> Option<sip_core::wire::Host> {
    sip_core::wire::Host::parse(&Bytes::copy_from_slice(name.as_bytes())).ok()
}
