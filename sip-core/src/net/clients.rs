//! The client side of TLS, for each identity of ours.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;

/// What the connections that we open show and believe (see [`super::tls::client_config`]).
#[derive(Clone, Default)]
pub struct TlsClients {
    /// For trunks without an identity of their own.
    pub common: Option<Arc<ClientConfig>>,
    /// For the others, by [`crate::admission::TrunkRule::tls_client`].
    pub named: HashMap<Arc<str>, Arc<ClientConfig>>,
}

impl TlsClients {
    /// An identity that is not there is no reason to come as somebody else: the connection fails.
    pub(super) fn of(&self, identity: Option<&Arc<str>>) -> Option<Arc<ClientConfig>> {
        match identity {
            None => self.common.clone(),
            Some(name) => self.named.get(name).cloned(),
        }
    }
}

impl fmt::Debug for TlsClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClients").field("named", &self.named.keys()).finish_non_exhaustive()
    }
}
