//! PASSporT (RFC 8225) with the SHAKEN extension (RFC 8588): a signed JSON object about one call.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Failure, Number};
use crate::limits;

/// How well the signer knows the caller (RFC 8588 4, ATIS-1000074).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attestation {
    /// Full: the signer knows the customer, and that the number is theirs.
    A,
    /// Partial: the signer knows the customer, not whether the number is theirs.
    B,
    /// Gateway: the signer knows only where the call entered its network.
    C,
}

impl Attestation {
    /// `A`, `B` or `C`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }
}

/// A PASSporT of the SHAKEN kind: decoded, not verified.
#[derive(Clone)]
pub struct Passport {
    /// The two encoded parts and the dot between, as they were signed (RFC 7515 5.2).
    signing_input: Box<[u8]>,
    /// R and S of 32 octets each (RFC 7518 3.4).
    signature: [u8; SIGNATURE],
    x5u: Box<str>,
    claims: Claims,
}

/// What a PASSporT claims.
#[derive(Clone)]
pub(super) struct Claims {
    pub(super) attest: Attestation,
    pub(super) dest: Vec<Number>,
    pub(super) iat: u64,
    pub(super) orig: Number,
    pub(super) origid: Box<str>,
}

const SIGNATURE: usize = 64;

impl Passport {
    /// The PASSporT that `token` encodes (RFC 7515 7.1); `None` when it is not of the SHAKEN kind.
    pub fn decode(token: &[u8]) -> Result<Option<Self>, Failure> {
        let mut parts = token.split(|octet| *octet == b'.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Failure::PassportHeader);
        };
        let Some(x5u) = read_header(&base64url(header).ok_or(Failure::PassportHeader)?)? else { return Ok(None) };
        let signing_input = token.len().checked_sub(signature.len()).and_then(|end| token.get(..end.checked_sub(1)?));
        Ok(Some(Self {
            claims: Claims::read(&base64url(claims).ok_or(Failure::PassportClaims)?)?,
            signature: base64url(signature)
                .and_then(|signature| signature.try_into().ok())
                .ok_or(Failure::Signature)?,
            signing_input: signing_input.unwrap_or_default().into(),
            x5u,
        }))
    }

    /// Where the certificate is said to be.
    pub fn x5u(&self) -> &str {
        &self.x5u
    }

    pub(super) const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// ES256 (RFC 7518 3.4) with `key`, a point on P-256 that is not compressed.
    pub(super) fn verify_signature(&self, key: &[u8]) -> Result<(), Failure> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
            .verify(&self.signing_input, &self.signature)
            .map_err(|_| Failure::Signature)
    }
}

// The claims are two people's numbers.
impl fmt::Debug for Passport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passport").field("attest", &self.claims.attest).finish_non_exhaustive()
    }
}

/// The header's `x5u`, when it is one of SHAKEN (RFC 8225 4, RFC 8588 3). Unknown members are passed over, a known one
/// that stands twice is refused.
fn read_header(json: &[u8]) -> Result<Option<Box<str>>, Failure> {
    #[derive(Deserialize)]
    struct Raw {
        alg: Box<str>,
        ppt: Option<Box<str>>,
        typ: Box<str>,
        x5u: Option<Box<str>>,
        crit: Option<IgnoredAny>,
    }

    let raw: Raw = serde_json::from_slice(json).map_err(|_| Failure::PassportHeader)?;
    if raw.ppt.as_deref() != Some("shaken") {
        return Ok(None);
    }
    if &*raw.alg != "ES256" {
        return Err(Failure::Algorithm);
    }
    // RFC 7515 4.1.11: nothing of what could be critical is understood here.
    if &*raw.typ != "passport" || raw.crit.is_some() {
        return Err(Failure::PassportHeader);
    }
    let x5u = raw.x5u.ok_or(Failure::PassportHeader)?;
    let is_https = x5u.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
    if !is_https || x5u.len() > limits::PASSPORT_URL || !x5u.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(Failure::Url);
    }
    Ok(Some(x5u))
}

const SCHEME: &str = "https://";

impl Claims {
    fn read(json: &[u8]) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Raw {
            attest: Box<str>,
            dest: Dest,
            iat: u64,
            orig: Orig,
            origid: Box<str>,
        }
        #[derive(Deserialize)]
        struct Dest {
            tn: Vec<Box<str>>,
        }
        #[derive(Deserialize)]
        struct Orig {
            tn: Box<str>,
        }

        let raw: Raw = serde_json::from_slice(json).map_err(|_| Failure::PassportClaims)?;
        let attest = match &*raw.attest {
            "A" => Attestation::A,
            "B" => Attestation::B,
            "C" => Attestation::C,
            _ => return Err(Failure::PassportClaims),
        };
        let origid_is_plain = raw.origid.bytes().all(|octet| octet.is_ascii_graphic());
        if raw.dest.tn.len() > limits::PASSPORT_DESTINATIONS
            || raw.origid.is_empty()
            || raw.origid.len() > limits::PASSPORT_ORIGID
            || !origid_is_plain
        {
            return Err(Failure::PassportClaims);
        }
        let number = |text: &str| Number::canonical(text).ok_or(Failure::PassportClaims);
        Ok(Self {
            attest,
            dest: raw.dest.tn.iter().map(|text| number(text)).collect::<Result<_, _>>()?,
            iat: raw.iat,
            orig: number(&raw.orig.tn)?,
            origid: raw.origid,
        })
    }
}

/// Without padding, and with one way to write each value (RFC 7515 2).
fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
