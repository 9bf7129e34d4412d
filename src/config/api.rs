//! The API's certificate, and the keys of those who may use it.

use std::fmt;
use std::sync::Arc;

use dialplan::{ApiClient, Dialplan};
use rustls::ServerConfig;
use sip_core::net::tls::TlsServer;
use zeroize::Zeroizing;

use super::Loader;

/// What `[api]` names.
pub(crate) struct ApiSecrets {
    /// The server side of TLS, where the API speaks it.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// The clients and their keys, each of at least [`SHORTEST_KEY`] visible characters, no two alike.
    pub(crate) clients: Vec<(ApiClient, Zeroizing<Vec<u8>>)>,
}

/// Shortest key in octets: 32 hexadecimal digits of randomness at least.
const SHORTEST_KEY: usize = 32;
/// Longest key in octets; a header must hold it.
const LONGEST_KEY: usize = 256;

impl ApiSecrets {
    /// Reads what `[api]` names, if there is one.
    pub(super) fn load(dialplan: &Dialplan, loader: &mut Loader) -> Option<Self> {
        let api = dialplan.api.as_ref()?;
        let tls = match (&api.certificate, &api.key) {
            (Some(certificate), Some(key)) if api.listen.tls => {
                let identity = loader.identity("api", certificate, key);
                let built = identity.map(|(chain, key)| TlsServer { chain, key, client_roots: None }.build());
                built.and_then(|built| loader.keep("api.certificate and api.key", built))
            }
            (_, _) => None,
        };
        let mut clients: Vec<(ApiClient, Zeroizing<Vec<u8>>)> = Vec::new();
        for client in &api.clients {
            let place = format!("api client `{}`: key ({})", client.name, client.key);
            let key = loader.secrets.read_line(&client.key);
            let Some(key) = loader.keep(&place, key) else { continue };
            let twin = clients.iter().find(|(_, other)| *other == key).map(|(other, _)| other.name.to_string());
            let fit = fit(&key, twin);
            if loader.keep(&place, fit).is_some() {
                clients.push((client.clone(), key));
            }
        }
        Some(Self { tls, clients })
    }
}

impl fmt::Debug for ApiSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiSecrets")
            .field("tls", &self.tls.is_some())
            .field("clients", &self.clients.len())
            .finish_non_exhaustive()
    }
}

fn fit(key: &[u8], twin: Option<String>) -> Result<(), KeyError> {
    if !(SHORTEST_KEY..=LONGEST_KEY).contains(&key.len()) {
        return Err(KeyError::Length(key.len()));
    }
    if !key.iter().all(u8::is_ascii_graphic) {
        return Err(KeyError::Character);
    }
    twin.map_or(Ok(()), |name| Err(KeyError::Twice(name)))
}

/// Why something is no key of the API. It is never part of it.
#[derive(Debug, thiserror::Error)]
enum KeyError {
    #[error("has {0} characters; a key has {SHORTEST_KEY} to {LONGEST_KEY} (make one: openssl rand -hex 32)")]
    Length(usize),
    #[error("holds a character that is not visible ASCII (make one: openssl rand -hex 32)")]
    Character,
    #[error("is the key of the client `{0}` too: give each its own")]
    Twice(String),
}
