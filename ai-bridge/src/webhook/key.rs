//! Signing keys: `whsec_` secrets, zeroized on drop, never shown.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::limits::{MAX_KEY_OCTETS, MIN_KEY_OCTETS};

const PREFIX: &str = "whsec_";

/// One shared secret of an application. It has no Display, and its Debug shows the key id only.
pub struct SigningKey {
    octets: Zeroizing<Vec<u8>>,
    id: KeyId,
}

impl SigningKey {
    /// Reads `whsec_<base64>`; white space around it (the line end of a file) is ignored.
    pub fn parse(secret: &str) -> Result<Self, KeyError> {
        let encoded = secret.trim().strip_prefix(PREFIX).ok_or(KeyError::Prefix)?;
        let octets = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| KeyError::Base64)?);
        Self::from_octets(octets)
    }

    /// Takes the secret's octets themselves.
    pub fn from_octets(octets: Zeroizing<Vec<u8>>) -> Result<Self, KeyError> {
        if !(MIN_KEY_OCTETS..=MAX_KEY_OCTETS).contains(&octets.len()) {
            return Err(KeyError::Length { octets: octets.len() });
        }
        let id = KeyId::of(&octets);
        Ok(Self { octets, id })
    }

    /// The key's public name, safe to log.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// HMAC-SHA256 over `{id}.{timestamp}.{body}`.
    pub(super) fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> [u8; 32] {
        hmac_sha256(&self.octets, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body])
    }

    /// HMAC-SHA256 over `{timestamp}.{body}` under the secret as it is written.
    pub(super) fn teler_mac(&self, timestamp: &str, body: &[u8]) -> [u8; 32] {
        let mut written = Zeroizing::new(String::with_capacity(PREFIX.len() + self.octets.len() * 4 / 3 + 4));
        written.push_str(PREFIX);
        STANDARD.encode_string(&*self.octets, &mut written);
        hmac_sha256(written.as_bytes(), &[timestamp.as_bytes(), b".", body])
    }
}

/// HMAC-SHA256 (RFC 2104) over the parts, one after the other.
pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length; only its trait can fail")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Names a key without telling it: the first eight hexadecimal digits of its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 4]);

impl KeyId {
    fn of(octets: &[u8]) -> Self {
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(octets));
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a signing key. No variant holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It does not begin with `whsec_`.
    #[error("a signing key begins with `whsec_`: write `whsec_` and the base64 of 32 random octets")]
    Prefix,
    /// What follows `whsec_` is not base64.
    #[error("what follows `whsec_` is not standard base64 with its padding: copy the secret again, whole")]
    Base64,
    /// The secret is too short to be safe or longer than the specification allows.
    #[error(
        "a signing key holds {MIN_KEY_OCTETS} to {MAX_KEY_OCTETS} octets, this one {octets}: make 32 random octets"
    )]
    Length {
        /// Its length.
        octets: usize,
    },
}
