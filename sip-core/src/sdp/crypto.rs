//! `a=crypto` lines: SDES keys (RFC 4568).

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::{ExposeSecret as _, SecretSlice};
use zeroize::Zeroizing;

use super::{SdpError, SdpReason, rtp::decimal};
use crate::limits;

/// One `a=crypto` line.
///
/// All of it is kept, also what no policy should accept, so that it can be refused by name and not by accident.
#[derive(Clone)]
pub struct Crypto {
    /// The tag, 1 to 9 digits (RFC 4568 9.1). The answer repeats the tag it takes.
    pub tag: u32,
    /// The suite's name, as it was written.
    pub suite: String,
    /// The keys; at least one, and nearly always one.
    pub keys: Vec<CryptoKey>,
    /// Session parameters. Those that weaken SRTP must be refused (RFC 4568 6.3).
    pub session_params: Vec<SessionParam>,
}

/// One master key with its salt.
#[derive(Clone)]
pub struct CryptoKey {
    /// Key and salt, one after the other.
    pub material: SecretSlice<u8>,
    /// How many packets the key may protect.
    pub lifetime: Option<Lifetime>,
    /// The key's identifier, carried in each packet.
    pub mki: Option<Mki>,
}

/// A key's lifetime in packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(pub u64);

/// A master key identifier (RFC 3711 8.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mki {
    /// The identifier.
    pub value: u64,
    /// Octets that it takes in each packet, 1 to 128.
    pub length: u8,
}

/// A session parameter (RFC 4568 6.3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionParam {
    /// `KDR=n`: keys are derived anew every 2^n packets.
    Kdr(u8),
    /// `UNENCRYPTED_SRTP`
    UnencryptedSrtp,
    /// `UNENCRYPTED_SRTCP`
    UnencryptedSrtcp,
    /// `UNAUTHENTICATED_SRTP`
    UnauthenticatedSrtp,
    /// `FEC_ORDER=..`
    FecOrder,
    /// `FEC_KEY=..`: holds a key, which is not kept.
    FecKey,
    /// `WSH=n`: the size of the replay window.
    WindowSizeHint(u32),
    /// Any other, by its name; a name that starts with `-` may be ignored (RFC 4568 6.3.7).
    Other(String),
}

impl Crypto {
    /// A line of our own, with one key.
    pub fn new(tag: u32, suite: &str, material: SecretSlice<u8>) -> Self {
        Self {
            tag,
            suite: suite.to_owned(),
            keys: vec![CryptoKey { material, lifetime: None, mki: None }],
            session_params: Vec::new(),
        }
    }

    /// The only key. `None` when there are several.
    pub fn single_key(&self) -> Option<&CryptoKey> {
        match self.keys.as_slice() {
            [key] => Some(key),
            _ => None,
        }
    }

    /// `tag suite key-params [session-params]`
    pub(super) fn parse(text: &str) -> Result<Self, SdpError> {
        let malformed = || SdpError::new(SdpReason::Crypto);
        let mut fields = text.split([' ', '\t']).filter(|field| !field.is_empty());
        let tag = fields.next().filter(|tag| tag.len() <= 9).and_then(decimal).ok_or_else(malformed)?;
        let suite =
            fields.next().filter(|suite| suite.bytes().all(|octet| octet.is_ascii_graphic())).ok_or_else(malformed)?;
        let mut keys = Vec::with_capacity(1);
        for key in fields.next().ok_or_else(malformed)?.split(';').filter(|key| !key.is_empty()) {
            if keys.len() == limits::SDP_CRYPTO_KEYS {
                return Err(SdpReason::TooManyKeys.into());
            }
            keys.push(CryptoKey::parse(key).ok_or_else(malformed)?);
        }
        if keys.is_empty() {
            return Err(malformed());
        }
        let session_params = fields.map(SessionParam::parse).collect::<Option<_>>().ok_or_else(malformed)?;
        Ok(Self { tag, suite: suite.to_owned(), keys, session_params })
    }

    /// Writes the line's value. Room for it must be reserved before, or a copy of the key stays in freed memory.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{} {} ", self.tag, self.suite).as_bytes());
        for (index, key) in self.keys.iter().enumerate() {
            if index > 0 {
                out.push(b';');
            }
            key.write(out);
        }
        for param in &self.session_params {
            out.push(b' ');
            out.extend_from_slice(param.to_string().as_bytes());
        }
    }

    /// At least as many octets as `write` writes.
    pub(super) fn max_len(&self) -> usize {
        let keys = self.keys.iter().map(|_| limits::SDP_KEY.saturating_mul(2)).fold(0, usize::saturating_add);
        let params = self.session_params.iter().map(|param| param.to_string().len()).fold(0, usize::saturating_add);
        keys.saturating_add(params).saturating_add(self.suite.len()).saturating_add(64)
    }
}

impl CryptoKey {
    /// `inline:base64[|lifetime][|mki:length]`
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("inline:")?;
        let mut parts = rest.split('|');
        let material = decode(parts.next()?)?;
        let mut key = Self { material, lifetime: None, mki: None };
        for part in parts {
            if let Some((value, length)) = part.split_once(':') {
                let length = decimal(length)
                    .and_then(|length| u8::try_from(length).ok())
                    .filter(|length| (1..=128).contains(length))?;
                let mki = Mki { value: number(value)?, length };
                if key.mki.replace(mki).is_some() {
                    return None;
                }
            } else {
                // The lifetime comes first (RFC 4568 9.2).
                if key.mki.is_some() || key.lifetime.replace(Lifetime::parse(part)?).is_some() {
                    return None;
                }
            }
        }
        Some(key)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"inline:");
        let mut encoded = Zeroizing::new([0_u8; limits::SDP_KEY.saturating_mul(2)]);
        #[expect(clippy::disallowed_methods, reason = "the key goes on the wire here")]
        let material = self.material.expose_secret();
        // A key that is longer than the limit cannot be parsed, and none of ours is.
        let length = BASE64.encode_slice(material, encoded.as_mut_slice()).unwrap_or_default();
        out.extend_from_slice(encoded.get(..length).unwrap_or_default());
        if let Some(Lifetime(packets)) = self.lifetime {
            out.extend_from_slice(format!("|{packets}").as_bytes());
        }
        if let Some(Mki { value, length }) = self.mki {
            out.extend_from_slice(format!("|{value}:{length}").as_bytes());
        }
    }
}

impl Lifetime {
    /// Packets, or `2^n`.
    fn parse(text: &str) -> Option<Self> {
        let packets = match text.strip_prefix("2^") {
            Some(exponent) => 1_u64.checked_shl(decimal(exponent)?)?,
            None => number(text)?,
        };
        (packets > 0).then_some(Self(packets))
    }
}

impl SessionParam {
    fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(|octet| octet.is_ascii_graphic()) {
            return None;
        }
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        Some(match (name, value) {
            ("KDR", Some(value)) => Self::Kdr(
                decimal(value).and_then(|exponent| u8::try_from(exponent).ok()).filter(|exponent| *exponent <= 24)?,
            ),
            ("UNENCRYPTED_SRTP", None) => Self::UnencryptedSrtp,
            ("UNENCRYPTED_SRTCP", None) => Self::UnencryptedSrtcp,
            ("UNAUTHENTICATED_SRTP", None) => Self::UnauthenticatedSrtp,
            ("FEC_ORDER", Some(_)) => Self::FecOrder,
            ("FEC_KEY", Some(_)) => Self::FecKey,
            ("WSH", Some(value)) => Self::WindowSizeHint(decimal(value)?),
            (name, _) => Self::Other(name.to_owned()),
        })
    }
}

impl fmt::Display for SessionParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kdr(exponent) => write!(f, "KDR={exponent}"),
            Self::UnencryptedSrtp => f.write_str("UNENCRYPTED_SRTP"),
            Self::UnencryptedSrtcp => f.write_str("UNENCRYPTED_SRTCP"),
            Self::UnauthenticatedSrtp => f.write_str("UNAUTHENTICATED_SRTP"),
            Self::FecOrder => f.write_str("FEC_ORDER"),
            Self::FecKey => f.write_str("FEC_KEY"),
            Self::WindowSizeHint(size) => write!(f, "WSH={size}"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto")
            .field("tag", &self.tag)
            .field("suite", &self.suite)
            .field("keys", &self.keys.len())
            .field("session_params", &self.session_params)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CryptoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CryptoKey").field("lifetime", &self.lifetime).field("mki", &self.mki).finish_non_exhaustive()
    }
}

/// Some leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes into a buffer of the right size, so that no copy of the key is left behind.
fn decode(text: &str) -> Option<SecretSlice<u8>> {
    if text.is_empty() || text.len() > limits::SDP_KEY.saturating_mul(4).div_ceil(3).saturating_add(3) {
        return None;
    }
    let mut material = Zeroizing::new([0_u8; limits::SDP_KEY.saturating_add(4)]);
    let length = BASE64.decode_slice(text, material.as_mut_slice()).ok()?;
    let material =
        material.get(..length).filter(|material| !material.is_empty() && material.len() <= limits::SDP_KEY)?;
    Some(SecretSlice::from(Box::<[u8]>::from(material)))
}

fn number(text: &str) -> Option<u64> {
    let is_number = (1..=19).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}
