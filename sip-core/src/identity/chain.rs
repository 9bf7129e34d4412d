//! The signer's certificates, and the way from them to a root (RFC 5280, RFC 8226, ATIS-1000080).

use std::fmt;
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::aws_lc_rs::{ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P384_SHA256, ECDSA_P384_SHA384};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};
use x509_parser::der_parser::{Oid, oid};
use x509_parser::extensions::KeyUsage;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::tn_auth::TnAuthList;
use super::{Failure, Number};
use crate::limits;

/// The authorities that may say who speaks for a number.
#[derive(Clone, Default)]
pub struct Roots(Vec<TrustAnchor<'static>>);

impl Roots {
    /// Adds an authority's own certificate.
    pub fn add(&mut self, certificate: &CertificateDer<'_>) -> Result<(), Failure> {
        let anchor = webpki::anchor_from_trusted_cert(certificate).map_err(|_| Failure::Certificates)?;
        self.0.push(anchor.to_owned());
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots").field("len", &self.0.len()).finish_non_exhaustive()
    }
}

/// What was fetched from `x5u`: a leaf that can sign PASSporTs, and what lies between it and a root. Not verified.
#[derive(Clone)]
pub struct Chain {
    leaf: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
    list: TnAuthList,
    key: Box<[u8]>,
}

impl Chain {
    /// Reads a list of certificates in PEM, the leaf first, or one certificate in DER.
    pub fn read(octets: &[u8]) -> Result<Self, Failure> {
        let mut certificates = certificates(octets)?.into_iter();
        let leaf = certificates.next().ok_or(Failure::Certificates)?;
        let parsed = parse(&leaf)?;
        // ATIS-1000080: the leaf signs, and nothing else.
        if !key_usage(&parsed)?.digital_signature() {
            return Err(Failure::KeyUsage);
        }
        let list = tn_auth_list(&parsed)?.ok_or(Failure::TnAuthList)?;
        let key = p256_point(&parsed)?;
        Ok(Self { list, key, intermediates: certificates.collect(), leaf })
    }

    /// Holds the chain against `roots` and `now`: signatures, dates, basic constraints, key usage, critical extensions.
    pub(super) fn verify(&self, roots: &Roots, now: u64) -> Result<Verified, Failure> {
        let leaf = EndEntityCert::try_from(&self.leaf).map_err(|error| failure(&error))?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(now));
        let path = leaf
            .verify_for_usage(ALGORITHMS, &roots.0, &self.intermediates, time, AnyExtendedUsage, None, None)
            .map_err(|error| failure(&error))?;
        let mut lists = vec![self.list.clone()];
        for certificate in path.intermediate_certificates() {
            let der = certificate.der();
            let parsed = parse(&der)?;
            if !key_usage(&parsed)?.key_cert_sign() {
                return Err(Failure::KeyUsage);
            }
            lists.extend(tn_auth_list(&parsed)?);
        }
        Ok(Verified { lists })
    }

    /// Whether the chain leads to one of `roots` now: a chain that does not is not worth keeping.
    pub fn check(&self, roots: &Roots, now: u64) -> Result<(), Failure> {
        self.verify(roots, now).map(|_| ())
    }

    /// The leaf's key: a point on P-256 that is not compressed.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("intermediates", &self.intermediates.len()).finish_non_exhaustive()
    }
}

/// A chain that leads to a root.
pub(super) struct Verified {
    /// The TNAuthLists from the leaf upwards, where there are any.
    lists: Vec<TnAuthList>,
}

impl Verified {
    /// Whether each certificate that is limited to some numbers may speak for this one, and hands on no more than it
    /// has (RFC 9060 4).
    pub(super) fn covers(&self, number: &Number) -> Result<(), Failure> {
        let covered = self.lists.iter().all(|list| list.covers(number));
        let handed_on =
            self.lists.iter().zip(self.lists.iter().skip(1)).all(|(child, parent)| parent.has_codes_of(child));
        if covered && handed_on { Ok(()) } else { Err(Failure::NotForNumber) }
    }
}

fn certificates(octets: &[u8]) -> Result<Vec<CertificateDer<'static>>, Failure> {
    if octets.len() > limits::CHAIN {
        return Err(Failure::Certificates);
    }
    if octets.first() == Some(&SEQUENCE) {
        return Ok(vec![CertificateDer::from(octets.to_vec())]);
    }
    let list: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(octets).take(limits::CHAIN_CERTIFICATES.saturating_add(1)).collect();
    list.ok().filter(|list| list.len() <= limits::CHAIN_CERTIFICATES).ok_or(Failure::Certificates)
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Failure> {
    match X509Certificate::from_der(certificate) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(Failure::Certificates),
    }
}

fn key_usage(certificate: &X509Certificate<'_>) -> Result<KeyUsage, Failure> {
    match certificate.key_usage() {
        Ok(Some(usage)) => Ok(*usage.value),
        Ok(None) => Err(Failure::KeyUsage),
        Err(_) => Err(Failure::Certificates),
    }
}

fn tn_auth_list(certificate: &X509Certificate<'_>) -> Result<Option<TnAuthList>, Failure> {
    match certificate.get_extension_unique(&TN_AUTH_LIST) {
        Ok(Some(extension)) => TnAuthList::read(extension.value).map(Some),
        Ok(None) => Ok(None),
        Err(_) => Err(Failure::TnAuthList),
    }
}

/// RFC 8225 6: ES256, so a key on P-256. Its point is not compressed (RFC 5480 2.2).
fn p256_point(certificate: &X509Certificate<'_>) -> Result<Box<[u8]>, Failure> {
    let info = certificate.public_key();
    let is_p256 = info.algorithm.algorithm == EC_PUBLIC_KEY
        && info.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok()) == Some(PRIME256V1);
    let Ok(PublicKey::EC(point)) = info.parsed() else { return Err(Failure::Key) };
    match point.data() {
        data @ [4, ..] if is_p256 && data.len() == POINT => Ok(data.into()),
        _ => Err(Failure::Key),
    }
}

/// The extended key usage of these certificates is not laid down.
struct AnyExtendedUsage;

impl ExtendedKeyUsageValidator for AnyExtendedUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "webpki's list is open, and what is left says that the use is wrong"
)]
fn failure(error: &webpki::Error) -> Failure {
    use webpki::Error;

    match error {
        Error::CertExpired { .. } | Error::InvalidCertValidity => Failure::Expired,
        Error::CertNotValidYet { .. } => Failure::NotValidYet,
        Error::UnknownIssuer
        | Error::InvalidSignatureForPublicKey
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded => Failure::Untrusted,
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) | Error::UnsupportedCertVersion => {
            Failure::Certificates
        }
        _ => Failure::KeyUsage,
    }
}

/// ATIS-1000080 asks for ECDSA on P-256; authorities of other countries have roots on P-384.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] =
    &[ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P384_SHA256, ECDSA_P384_SHA384];

/// id-pe-TNAuthList (RFC 8226 9).
const TN_AUTH_LIST: Oid<'static> = oid!(1.3.6.1.5.5.7.1.26);
/// id-ecPublicKey (RFC 5480 2.1.1).
const EC_PUBLIC_KEY: Oid<'static> = oid!(1.2.840.10045.2.1);
/// secp256r1 (RFC 5480 2.1.1.1).
const PRIME256V1: Oid<'static> = oid!(1.2.840.10045.3.1.7);
/// What DER starts with, and PEM does not.
const SEQUENCE: u8 = 0x30;
/// Octets of a point on P-256 that is not compressed.
const POINT: usize = 65;
