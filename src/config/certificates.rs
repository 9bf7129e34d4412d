//! The certificates alone, to be read again when one was renewed.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use sip_core::net::TlsClients;

use super::secrets::Secrets;
use super::trunks::Trunks;
use super::{LoadError, Loader, read, sip};

/// What TLS of SIP is done with: the certificate for those who call us, and ours for those whom we call.
#[derive(Debug)]
pub(crate) struct Certificates {
    /// The server side.
    pub(crate) server: Option<Arc<ServerConfig>>,
    /// The client sides.
    pub(crate) clients: TlsClients,
}

impl Certificates {
    /// Reads the file and the certificates that it names.
    pub(crate) fn load(path: &Path) -> Result<Self, LoadError> {
        let dialplan = read(path)?;
        let mut loader = Loader::new(Secrets::new(path.parent().unwrap_or_else(|| Path::new("."))));
        let server = sip::tls(&dialplan, &mut loader);
        let clients = Trunks::load(&dialplan, &mut loader).tls_clients();
        if loader.errors.is_empty() { Ok(Self { server, clients }) } else { Err(LoadError::Named(loader.errors)) }
    }
}
