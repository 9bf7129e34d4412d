//! PEM files into certificates and keys.

use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Why a PEM file cannot be used. Holds no key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// No certificate in the file.
    #[error("holds no certificate in PEM form (a chain starts with -----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// A certificate that cannot be read.
    #[error("holds a certificate that cannot be read: {0}")]
    Certificate(rustls::Error),
    /// No private key in the file.
    #[error("holds no private key in PEM form (PKCS#8, SEC1 or PKCS#1, starting with -----BEGIN PRIVATE KEY-----)")]
    NoKey,
}

/// The certificates of a PEM file, in order.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect();
    if chain.is_empty() { Err(PemError::NoCertificate) } else { Ok(chain) }
}

/// The first private key of a PEM file.
pub(crate) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| PemError::NoKey)
}

/// A root store of a PEM file, for a private CA.
pub(crate) fn roots(pem: &[u8]) -> Result<RootCertStore, PemError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(PemError::Certificate)?;
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_pem_is_refused_with_what_to_do() {
        let certificate = certificates(b"hello").expect_err("no certificate in there");
        assert!(certificate.to_string().contains("BEGIN CERTIFICATE"), "{certificate}");
        let key = key(b"hello").expect_err("no key in there");
        assert!(key.to_string().contains("BEGIN PRIVATE KEY"), "{key}");
    }
}
