//! The dialplan's `[sip]` and `[[trunk]]` into what sip-core is started with.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use dialplan::{Dialplan, Host, Transport as Listener};
use sip_core::admission::{Gate, Transport};
use sip_core::net::tls::TlsServer;
use sip_core::net::{Config, Listen, Resolver};

use super::{Loaded, Loader, rule};
use crate::server::StartError;

/// The server side of TLS, where the file has a certificate.
pub(super) fn tls(dialplan: &Dialplan, loader: &mut Loader) -> Option<Arc<rustls::ServerConfig>> {
    let sip = &dialplan.sip;
    let (certificate, key) = (sip.certificate.as_ref()?, sip.key.as_ref()?);
    let identity = loader.identity("sip", certificate, key);
    let client_roots = match &sip.client_ca {
        None => None,
        Some(reference) => Some(loader.roots("sip.client_ca", reference)?),
    };
    let (chain, key) = identity?;
    loader.keep("sip.certificate and sip.key", TlsServer { chain, key, client_roots }.build())
}

impl Loaded {
    /// What sip-core is started with. Names of `sips:` peers are resolved here.
    pub(crate) async fn sip_config(&self, seed: [u8; 32], now: Instant) -> Result<Config, StartError> {
        let mut rules = Vec::new();
        for trunk in &self.dialplan.trunks {
            rules.push(rule::of(trunk, self.trunks.of(&trunk.name)).await?);
        }
        let listen = self.dialplan.sip.listen.iter().map(|listen| Listen {
            advertised: advertised(&self.dialplan, listen),
            ..Listen::new(transport(listen.transport), listen.address)
        });
        let mut config = Config::new(listen.collect(), Gate::new(rules, now)?, seed);
        config.tls_server.clone_from(&self.tls);
        let clients = self.trunks.tls_clients();
        (config.tls_client, config.tls_clients) = (clients.common, clients.named);
        if self.dialplan.trunks.iter().any(|trunk| trunk.outbound.is_some()) {
            config.resolver = Some(Resolver::from_system()?);
        }
        config.session.interval = self.dialplan.sip.session_expires;
        config.caps.calls = self.dialplan.sip.max_calls as usize;
        Ok(config)
    }
}

pub(super) const fn transport(listener: Listener) -> Transport {
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

pub(super) fn host(name: &str) -> Option<sip_core::wire::Host> {
    sip_core::wire::Host::parse(&Bytes::copy_from_slice(name.as_bytes())).ok()
}
