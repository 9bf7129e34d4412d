//! TLS towards applications: verified always, 1.3 or 1.2, one provider.

use std::fmt;
use std::sync::Arc;

use rustls::client::ClientConnection;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, ProtocolVersion, RootCertStore};
use rustls_pki_types::CertificateDer;

/// Which authorities may vouch for an application.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    /// The system's own.
    pub system: bool,
    /// Further ones: an operator's private authority, or a test's.
    pub extra: Vec<CertificateDer<'static>>,
}

/// The TLS side of a client, shared by all connections. Verification cannot be turned off.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
}

impl ClientTls {
    /// Sets the client up. HTTP/1.1 only: the WebSocket needs it, and a flow request gains nothing from more.
    pub fn new(roots: Roots) -> Result<Self, TlsSetupError> {
        let mut store = RootCertStore::empty();
        if roots.system {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        for (index, root) in roots.extra.into_iter().enumerate() {
            store.add(root).map_err(|source| TlsSetupError::Root { index, source })?;
        }
        if store.is_empty() {
            return Err(TlsSetupError::NoRoots);
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| TlsSetupError::Provider { source })?
            .with_root_certificates(store)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config) })
    }

    pub(super) fn connector(&self) -> tokio_rustls::TlsConnector {
        Arc::clone(&self.config).into()
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsSetupError {
    /// One of the further authorities is not a certificate.
    #[error("extra root certificate {index} cannot be used ({source}): give a CA certificate in PEM or DER")]
    Root {
        /// Which one, counted from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// No authority at all.
    #[error("no root certificate is known: install the system's CA certificates, or give one for the application")]
    NoRoots,
    /// The provider lacks what it needs.
    #[error("the TLS provider cannot be used: {source}")]
    Provider {
        /// What is wrong.
        #[source]
        source: rustls::Error,
    },
}

/// What a connection is protected by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsFacts {
    /// `1.3` or `1.2`.
    pub version: &'static str,
    /// The cipher suite's standard name.
    pub cipher: &'static str,
    /// The key exchange group's name, such as `X25519MLKEM768`.
    pub group: &'static str,
}

impl TlsFacts {
    pub(super) fn of(connection: &ClientConnection) -> Self {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "1.3",
            Some(ProtocolVersion::TLSv1_2) => "1.2",
            Some(other) => other.as_str().unwrap_or("unknown"),
            None => "none",
        };
        let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("unknown");
        let group =
            connection.negotiated_key_exchange_group().and_then(|group| group.name().as_str()).unwrap_or("resumed");
        Self { version, cipher, group }
    }
}
