//! Certificates and keys into rustls settings. One provider (aws-lc-rs) for everything: TLS 1.3 and 1.2, ECDHE with
//! AEAD suites only (RFC 9325), post-quantum hybrid key exchange first.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Why TLS cannot be set up. Holds no key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// No certificate in the file.
    #[error("no certificate in PEM form is there (a chain starts with -----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// No private key in the file.
    #[error("no private key in PEM form is there (PKCS#8, SEC1 or PKCS#1)")]
    NoKey,
    /// rustls refused: key and certificate do not belong together, or the certificate cannot be used.
    #[error("{0}")]
    Rustls(#[from] rustls::Error),
    /// The client CA cannot be used.
    #[error("the client CA cannot be used: {0}")]
    ClientCa(#[from] rustls::server::VerifierBuilderError),
}

/// The provider of all cryptography in TLS.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The certificates of a PEM file, in order.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect();
    if chain.is_empty() { Err(TlsError::NoCertificate) } else { Ok(chain) }
}

/// A root store of one PEM file, for a private CA.
pub(crate) fn roots(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

/// Settings of a SIP over TLS listener. With a `client_ca`, a peer may show a certificate and is then known by it
/// (RFC 5922); whether it must is the trunk's rule, not the listener's.
pub(crate) fn server(chain: &[u8], key: &[u8], client_ca: Option<&[u8]>) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = provider();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(pem) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots(pem)?), provider).allow_unauthenticated().build()?,
        ),
    };
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::NoKey)?;
    Ok(Arc::new(builder.with_single_cert(certificates(chain)?, key)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused_with_what_to_do() {
        let error = server(b"hello", b"world", None).expect_err("nothing to serve with");
        assert!(error.to_string().contains("BEGIN CERTIFICATE"), "{error}");
    }

    #[test]
    fn only_forward_secret_aead_suites_are_offered() {
        for suite in &provider().cipher_suites {
            let name = format!("{:?}", suite.suite());
            assert!(name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_"), "{name}");
            assert!(name.contains("GCM") || name.contains("POLY1305"), "{name}");
        }
    }
}
