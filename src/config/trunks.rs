//! What a trunk proves itself with, and what it asks of others: passwords and certificates.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use dialplan::{Challenge, Dialplan, DigestAlgorithm, Name, Trunk};
use rustls::{ClientConfig, RootCertStore};
use sip_core::auth::{Algorithm, Algorithms, Credentials, Realm};
use sip_core::net::TlsClients;
use sip_core::net::tls::client_config;

use super::Loader;

/// The secrets of all trunks.
#[derive(Debug, Default)]
pub(crate) struct Trunks {
    trunks: HashMap<Name, TrunkSecrets>,
    /// The client side of TLS for trunks that say nothing of it: the system's roots, no certificate of ours.
    pub(super) tls_client: Option<Arc<ClientConfig>>,
}

/// The secrets of one trunk.
#[derive(Default)]
pub(crate) struct TrunkSecrets {
    /// Whom we say we are.
    pub(super) credentials: Option<Credentials>,
    /// Who may call.
    pub(super) challenge: Option<Realm>,
    /// The client side of TLS, where `trunk.tls` says something of it.
    pub(super) tls_client: Option<Arc<ClientConfig>>,
}

impl fmt::Debug for TrunkSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrunkSecrets")
            .field("credentials", &self.credentials)
            .field("challenge", &self.challenge)
            .field("own_tls", &self.tls_client.is_some())
            .finish_non_exhaustive()
    }
}

impl Trunks {
    /// Reads what the trunks name.
    pub(super) fn load(dialplan: &Dialplan, loader: &mut Loader) -> Self {
        let mut all = Self::default();
        for trunk in &dialplan.trunks {
            let place = format!("trunk `{}`", trunk.name);
            let own_roots = trunk.tls.as_ref().is_some_and(|tls| tls.ca.is_some());
            if trunk.outbound.is_some() && !own_roots && all.tls_client.is_none() {
                let needed = trunk.outbound.as_ref().is_some_and(|outbound| outbound.to.is_tls());
                all.tls_client = default_client(&place, needed, loader);
            }
            let secrets = TrunkSecrets::load(&place, trunk, dialplan, loader);
            all.trunks.insert(trunk.name.clone(), secrets);
        }
        all
    }

    /// The client sides of TLS; a trunk's own one goes by its name.
    pub(super) fn tls_clients(&self) -> TlsClients {
        let named = self.trunks.iter().filter_map(|(name, secrets)| {
            secrets.tls_client.as_ref().map(|client| (Arc::from(name.as_str()), Arc::clone(client)))
        });
        TlsClients { common: self.tls_client.clone(), named: named.collect() }
    }

    /// The secrets of the trunk called `name`.
    pub(crate) fn of(&self, name: &Name) -> Option<&TrunkSecrets> {
        self.trunks.get(name)
    }
}

impl TrunkSecrets {
    fn load(place: &str, trunk: &Trunk, dialplan: &Dialplan, loader: &mut Loader) -> Self {
        Self {
            credentials: trunk.credentials.as_ref().and_then(|given| credentials(place, given, loader)),
            challenge: trunk.challenge.as_ref().and_then(|given| realm(place, given, dialplan, loader)),
            tls_client: trunk.tls.as_ref().and_then(|given| client(place, given, loader)),
        }
    }
}

fn credentials(place: &str, given: &dialplan::Credentials, loader: &mut Loader) -> Option<Credentials> {
    let place = format!("{place}: credentials");
    let password = loader.password(&format!("{place}.password"), &given.password)?;
    let built = Credentials::new(given.user.as_str(), password).and_then(|credentials| {
        let credentials = credentials.algorithms(algorithms(&given.algorithms));
        match &given.realm {
            Some(realm) => credentials.realm(realm.as_str()),
            None => Ok(credentials),
        }
    });
    loader.keep(&place, built)
}

/// All users are looked at before one of them is given up.
fn realm(place: &str, given: &Challenge, dialplan: &Dialplan, loader: &mut Loader) -> Option<Realm> {
    let place = format!("{place}: challenge");
    let name = given.realm.as_ref().map_or_else(|| dialplan.sip.domain.to_string(), |realm| realm.as_str().to_owned());
    let realm = Realm::new(&name);
    let mut realm = loader.keep(&place, realm)?.algorithms(algorithms(&given.algorithms));
    let mut whole = true;
    for (index, user) in given.users.iter().enumerate() {
        let Some(password) = loader.password(&format!("{place}.users[{index}].password"), &user.password) else {
            whole = false;
            continue;
        };
        let added = realm.user(user.user.as_str(), password);
        realm = loader.keep(&place, added)?;
    }
    whole.then_some(realm)
}

fn algorithms(listed: &[DigestAlgorithm]) -> Algorithms {
    let known = |algorithm: &DigestAlgorithm| match algorithm {
        DigestAlgorithm::Sha512_256 => Algorithm::Sha512_256,
        DigestAlgorithm::Sha256 => Algorithm::Sha256,
        DigestAlgorithm::Md5 => Algorithm::Md5,
    };
    listed.iter().map(known).fold(Algorithms::NONE, Algorithms::with)
}

fn client(place: &str, given: &dialplan::TrunkTls, loader: &mut Loader) -> Option<Arc<ClientConfig>> {
    let place = format!("{place}: tls");
    let identity = match (&given.certificate, &given.key) {
        (Some(certificate), Some(key)) => loader.identity(&place, certificate, key).map(Some),
        (None, _) | (_, None) => Some(None),
    };
    let roots = match &given.ca {
        Some(ca) => loader.roots(&format!("{place}.ca"), ca),
        None => loader.keep(&place, system_roots()),
    };
    loader.keep(&place, client_config(roots?, identity?))
}

/// The client side of TLS with the system's roots. Without roots it is only missed by a trunk that is called over TLS.
fn default_client(place: &str, needed: bool, loader: &mut Loader) -> Option<Arc<ClientConfig>> {
    match system_roots() {
        Err(_) if !needed => None,
        roots => {
            let roots = loader.keep(place, roots)?;
            loader.keep(place, client_config(roots, None))
        }
    }
}

fn system_roots() -> Result<RootCertStore, NoRoots> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(NoRoots) } else { Ok(roots) }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "no root certificate is known: install the system's CA certificates (ca-certificates), or name the carrier's with tls = {{ ca = ... }}"
)]
struct NoRoots;
