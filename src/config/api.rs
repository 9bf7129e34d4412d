//! The API's certificate, and the keys of those who may use it.

use std::fmt;
use std::sync::Arc;

use dialplan::{ApiClient, Dialplan};
use rustls::ServerConfig;
use sip_core::net::tls::TlsServer;

use super::Loader;
use crate::api::{Clients, Rights};

/// What `[api]` names.
pub(crate) struct ApiSecrets {
    /// The server side of TLS, where the API speaks it.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// The clients. Of their keys only digests are kept.
    pub(crate) clients: Arc<Clients>,
}

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
        let mut clients = Clients::default();
        for client in &api.clients {
            let place = format!("api client `{}`: key ({})", client.name, client.key);
            let key = loader.secrets.read_line(&client.key);
            let Some(key) = loader.keep(&place, key) else { continue };
            let added = clients.add(rights(client), &key);
            loader.keep(&place, added);
        }
        Some(Self { tls, clients: Arc::new(clients) })
    }
}

impl fmt::Debug for ApiSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiSecrets")
            .field("tls", &self.tls.is_some())
            .field("clients", &self.clients)
            .finish_non_exhaustive()
    }
}

fn rights(client: &ApiClient) -> Rights {
    Rights {
        name: client.name.clone(),
        app: client.app.clone(),
        trunks: client.trunks.clone(),
        from: client.from.clone(),
        per_second: client.requests_per_second,
    }
}
