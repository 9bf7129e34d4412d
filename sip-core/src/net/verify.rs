//! Whether a server is who we wanted to reach (RFC 5922 7).

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::identity;

/// The chain as the web does it; the name as RFC 5922 7.2 wants it: the whole SIP domain, from a `sip:` URI of
/// subjectAltName or, where there is none, from its DNS names. No wildcard, no common name.
#[derive(Debug)]
pub(super) struct SipServerVerifier {
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
}

impl SipServerVerifier {
    pub(super) fn new(roots: RootCertStore, provider: Arc<CryptoProvider>) -> Arc<Self> {
        Arc::new(Self { roots, provider })
    }
}

impl ServerCertVerifier for SipServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        match server_name {
            ServerName::DnsName(domain) if shows(end_entity, domain.as_ref()) => Ok(ServerCertVerified::assertion()),
            // RFC 5922 says nothing of addresses: an iPAddress that is the very one.
            ServerName::IpAddress(_) => {
                verify_server_name(&certificate, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            ServerName::DnsName(_) | _ => Err(CertificateError::NotValidForName.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn shows(certificate: &CertificateDer<'_>, domain: &str) -> bool {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    identity::identities(certificate).iter().any(|shown| shown.eq_ignore_ascii_case(domain))
}
