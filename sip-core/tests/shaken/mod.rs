//! A telephone company of our own: authorities, certificates for numbers, and calls signed with them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SignatureAlgorithm,
};
use sip_core::identity::{Chain, Failure, Roots};
use sip_core::wire::{Message, Request, parse_datagram};

/// Tue, 24 Nov 2026 10:46:21 GMT
pub(crate) const NOW: u64 = 1_795_517_181;
pub(crate) const CALLER: &str = "14155550100";
pub(crate) const CALLEE: &str = "14155550199";
pub(crate) const URL: &str = "https://certificates.example/709J.pem";

/// An authority: a root, or an intermediate below one.
pub(crate) struct Authority {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: Certificate,
}

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority(name);
        Self { certificate: params.self_signed(&key).unwrap(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn below(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = authority(name);
        change(&mut params);
        Self { certificate: params.signed_by(&key, &self.issuer).unwrap(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn roots(&self) -> Roots {
        let mut roots = Roots::default();
        roots.add(self.certificate.der()).unwrap();
        roots
    }

    /// A signer below this authority.
    pub(crate) fn signer(&self, change: impl FnOnce(&mut CertificateParams)) -> Signer {
        self.signer_with(&rcgen::PKCS_ECDSA_P256_SHA256, change)
    }

    pub(crate) fn signer_with(
        &self,
        algorithm: &'static SignatureAlgorithm,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Signer {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = dated("SHAKEN 709J");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.custom_extensions = vec![tn_auth_list(&provider("709J"))];
        change(&mut params);
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Signer { key, pem: pem + &self.certificate.pem() }
    }
}

fn dated(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = dated(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

/// An entry of a TNAuthList: a service provider code.
pub(crate) fn provider(code: &str) -> Vec<u8> {
    tlv(0xa0, &tlv(0x16, code.as_bytes()))
}

/// An entry of a TNAuthList: `count` numbers from `start`.
pub(crate) fn range(start: &str, count: u8) -> Vec<u8> {
    tlv(0xa1, &tlv(0x30, &[tlv(0x16, start.as_bytes()), tlv(2, &[count])].concat()))
}

pub(crate) fn tn_auth_list(entries: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], tlv(0x30, entries))
}

/// Somebody who signs calls.
pub(crate) struct Signer {
    pub(crate) key: KeyPair,
    /// The leaf and the authority above it.
    pub(crate) pem: String,
}

impl Signer {
    pub(crate) fn chain(&self) -> Result<Chain, Failure> {
        Chain::read(self.pem.as_bytes())
    }

    /// The raw signature of ES256.
    pub(crate) fn sign(&self, input: &[u8]) -> Vec<u8> {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, self.key.serialized_der()).unwrap();
        key.sign(&SystemRandom::new(), input).unwrap().as_ref().to_vec()
    }

    /// The Identity value of a call.
    pub(crate) fn identity(&self, call: &Call) -> String {
        let input = call.signing_input();
        call.value(&input, &self.sign(input.as_bytes()))
    }
}

/// What a PASSporT says.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) header: String,
    pub(crate) claims: String,
    pub(crate) info: String,
}

impl Call {
    pub(crate) fn attested(attest: &str) -> Self {
        Self::new(URL, attest, CALLER, CALLEE, NOW)
    }

    pub(crate) fn new(url: &str, attest: &str, orig: &str, dest: &str, iat: u64) -> Self {
        Self {
            header: format!(r#"{{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"{url}"}}"#),
            claims: format!(
                r#"{{"attest":"{attest}","dest":{{"tn":["{dest}"]}},"iat":{iat},"orig":{{"tn":"{orig}"}},"origid":"123e4567-e89b-12d3-a456-426655440000"}}"#
            ),
            info: url.to_owned(),
        }
    }

    /// The same with one piece of the PASSporT's header replaced.
    pub(crate) fn header(mut self, from: &str, to: &str) -> Self {
        assert!(self.header.contains(from));
        self.header = self.header.replace(from, to);
        self
    }

    /// The same with one piece of the claims replaced.
    pub(crate) fn claims(mut self, from: &str, to: &str) -> Self {
        assert!(self.claims.contains(from));
        self.claims = self.claims.replace(from, to);
        self
    }

    pub(crate) fn signing_input(&self) -> String {
        format!("{}.{}", URL_SAFE_NO_PAD.encode(&self.header), URL_SAFE_NO_PAD.encode(&self.claims))
    }

    pub(crate) fn value(&self, signing_input: &str, signature: &[u8]) -> String {
        format!("{signing_input}.{};info=<{}>;alg=ES256;ppt=shaken", URL_SAFE_NO_PAD.encode(signature), self.info)
    }
}

/// An INVITE from [`CALLER`] to [`CALLEE`] with these header lines more.
pub(crate) fn invite(lines: &[String]) -> Request {
    invite_from(&format!("sip:+{CALLER}@carrier.example;user=phone"), lines)
}

pub(crate) fn invite_from(from: &str, lines: &[String]) -> Request {
    let lines = lines.iter().fold(String::new(), |text, line| text + line + "\r\n");
    let text = format!(
        "INVITE sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\n\
         From: \"A\" <{from}>;tag=1\r\nTo: <sip:+1-415-555-0199@strongline.example>\r\nCall-ID: 1@192.0.2.2\r\n\
         CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:192.0.2.2>\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    match parse_datagram(Bytes::from(text)).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request was written"),
    }
}

pub(crate) fn identity_line(value: &str) -> String {
    format!("Identity: {value}")
}
