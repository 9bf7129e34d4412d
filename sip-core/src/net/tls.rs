//! TLS for both sides: 1.2 and 1.3, ECDHE and AEAD only, one provider (aws-lc-rs).

use std::fmt;
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Our certificate, and whom we believe.
pub struct TlsServer {
    /// The certificate chain, ours first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
    /// The authorities for client certificates. `None`: clients are not asked for one.
    pub client_roots: Option<RootCertStore>,
}

impl TlsServer {
    /// The configuration for [`super::Config::tls_server`]. A client may come without a certificate, and is then known
    /// by its address or not at all; one that shows a certificate must pass verification.
    pub fn build(self) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(VERSIONS)?;
        let builder = match self.client_roots {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .allow_unauthenticated()
                    .build()?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        Ok(Arc::new(builder.with_single_cert(self.chain, self.key)?))
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer")
            .field("chain", &self.chain.len())
            .field("asks_clients", &self.client_roots.is_some())
            .finish_non_exhaustive()
    }
}

/// The configuration for [`super::Config::tls_client`]: the peer's chain and name are always verified against `roots`.
/// `identity` is our own client certificate, for trunks that ask for one.
pub fn client_config(
    roots: RootCertStore,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let builder =
        ClientConfig::builder_with_provider(provider()).with_protocol_versions(VERSIONS)?.with_root_certificates(roots);
    Ok(Arc::new(match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
    }))
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate and key do not fit, or cannot be used.
    #[error("the certificate or key cannot be used")]
    Certificate(#[from] rustls::Error),
    /// The client authorities cannot be used.
    #[error("the client authorities cannot be used")]
    ClientRoots(#[from] rustls::server::VerifierBuilderError),
}

/// aws-lc-rs offers ECDHE with AEAD suites only (RFC 9325 4.2).
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// RFC 8996: nothing below 1.2.
const VERSIONS: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
