//! A CA for one run. Its key signs two certificates and is gone; the CA may only speak for the loopback names, so
//! that trusting it in a softphone opens nothing else (RFC 5280 section 4.2.1.10).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
};
use zeroize::Zeroizing;

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct PkiError(#[from] rcgen::Error);

/// A certificate and its key, in PEM.
pub struct Identity {
    /// The certificate.
    pub certificate_pem: String,
    /// The key.
    pub(super) key_pem: Zeroizing<String>,
}

impl Identity {
    /// The key in PEM, for the TLS library.
    pub(crate) fn key_pem(&self) -> &str {
        &self.key_pem
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Result<Self, PkiError> {
        let mut params = params("Strongline demo CA (throw-away)", Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![
                GeneralSubtree::DnsName(LOOPBACK_NAME.into()),
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(Ipv4Addr::LOCALHOST.into(), 8)),
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(Ipv6Addr::LOCALHOST.into(), 128)),
            ],
            excluded_subtrees: Vec::new(),
        });
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server certificate for the loopback name and addresses. Some phones ignore addresses in certificates, so the
    /// name is always there.
    pub(super) fn issue(&self, name: &str) -> Result<Identity, PkiError> {
        let names = [LOOPBACK_NAME, "127.0.0.1", "::1"].map(String::from);
        let mut params = params(name, names.to_vec())?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        Ok(Identity { certificate_pem: certificate.pem(), key_pem: Zeroizing::new(key.serialize_pem()) })
    }
}

fn params(name: &str, names: Vec<String>) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_TOLERANCE).into();
    params.not_after = (now + LIFETIME).into();
    Ok(params)
}

/// The name both certificates carry.
pub(crate) const LOOPBACK_NAME: &str = "localhost";
const CLOCK_TOLERANCE: Duration = Duration::from_hours(1);
const LIFETIME: Duration = Duration::from_hours(7 * 24);

#[cfg(test)]
mod tests {
    use x509_parser::prelude::*;

    use super::*;

    #[test]
    fn the_certificate_names_the_loopback_and_the_ca_is_bound_to_it() {
        let authority = Authority::new().unwrap();
        let identity = authority.issue("x").unwrap();
        let (_, pem) = parse_x509_pem(identity.certificate_pem.as_bytes()).unwrap();
        let leaf = pem.parse_x509().unwrap();
        let names = leaf.subject_alternative_name().unwrap().unwrap();
        assert_eq!(names.value.general_names.len(), 3);
        assert!(!leaf.is_ca());
        let ca_pem = authority.pem();
        let (_, pem) = parse_x509_pem(ca_pem.as_bytes()).unwrap();
        let ca = pem.parse_x509().unwrap();
        assert!(ca.is_ca());
        assert!(ca.name_constraints().unwrap().is_some());
        assert!(leaf.validity().is_valid() && ca.validity().is_valid());
    }

    #[test]
    fn the_key_does_not_show() {
        let identity = Authority::new().unwrap().issue("x").unwrap();
        assert_eq!(format!("{identity:?}"), "Identity { .. }");
    }
}
