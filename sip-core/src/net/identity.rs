//! The SIP domain identities of a certificate (RFC 5922 7.1), and the other facts of a TLS connection.

use std::sync::Arc;

use rustls::{CommonState, ProtocolVersion};
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::admission::{TlsFacts, TlsVersion};

/// What a connection agreed on, and who the peer proved to be. rustls verified the certificate before.
pub(super) fn facts(connection: &CommonState) -> TlsFacts {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => TlsVersion::V1_3,
        // The floor that the configuration sets.
        Some(_) | None => TlsVersion::V1_2,
    };
    let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    // rustls writes TLS13_AES_…, IANA writes TLS_AES_….
    let suite = suite.unwrap_or_default().replacen("TLS13_", "TLS_", 1);
    let leaf = connection.peer_certificates().and_then(<[_]>::first);
    TlsFacts { version, cipher_suite: Arc::from(suite), identities: leaf.map(identities).unwrap_or_default().into() }
}

/// RFC 5922 7.1: the `sip:` URIs of subjectAltName; where there is none, its DNS names. The common name is not read, and
/// a wildcard is no identity (7.2).
pub(super) fn identities(certificate: &CertificateDer<'_>) -> Vec<Arc<str>> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let mut uris = Vec::new();
    let mut domains = Vec::new();
    for name in names.value.general_names.iter().take(NAMES) {
        if let GeneralName::URI(uri) = name {
            uris.extend(sip_domain(uri));
        } else if let GeneralName::DNSName(domain) = name {
            domains.extend(plain_domain(domain));
        }
    }
    if uris.is_empty() { domains } else { uris }
}

/// The domain of a `sip:` URI without a user part (RFC 5922 7.1).
fn sip_domain(uri: &str) -> Option<Arc<str>> {
    let (scheme, domain) = uri.split_once(':')?;
    let is_sip = scheme.eq_ignore_ascii_case("sip") && !domain.contains(['@', ';', '?', ':']);
    plain_domain(domain).filter(|_| is_sip)
}

fn plain_domain(domain: &str) -> Option<Arc<str>> {
    let is_plain = domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    (is_plain && !domain.is_empty()).then(|| Arc::from(domain.to_ascii_lowercase()))
}

/// Names of one certificate that are read.
const NAMES: usize = 64;
