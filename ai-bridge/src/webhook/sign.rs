//! Signing: every live key signs, the newest first.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, KeyId, MessageId, SigningKey};
use crate::limits::MAX_SIGNING_KEYS;

/// The live keys of one application, newest first.
#[derive(Debug)]
pub struct Signer {
    keys: Vec<SigningKey>,
}

impl Signer {
    /// Takes the keys in the dialplan's order: the first is the newest. All of them sign.
    pub fn new(keys: Vec<SigningKey>) -> Result<Self, SignerError> {
        match keys.len() {
            0 => Err(SignerError::NoKey),
            1..=MAX_SIGNING_KEYS => Ok(Self { keys }),
            count => Err(SignerError::TooManyKeys { count }),
        }
    }

    /// Signs one attempt. `timestamp` is the attempt's own time in Unix seconds; the id stays the same over retries.
    pub fn sign(&self, id: &MessageId, timestamp: u64, body: &[u8]) -> SignedHeaders {
        let timestamp = timestamp.to_string();
        let mut signature = String::with_capacity(self.keys.len() * 48);
        for key in &self.keys {
            if !signature.is_empty() {
                signature.push(' ');
            }
            signature.push_str("v1,");
            STANDARD.encode_string(key.mac(id.as_str(), &timestamp, body), &mut signature);
        }
        SignedHeaders { id: id.clone(), timestamp, signature }
    }

    /// Teler's own signature of an event: HMAC-SHA256 over `{timestamp}.{body}` in lower-case hexadecimal. Its key is the
    /// newest secret as it is written, `whsec_` and all; Teler has room for one.
    pub fn sign_for_teler(&self, timestamp: u64, body: &[u8]) -> String {
        let mac = self.keys.first().map(|key| key.teler_mac(&timestamp.to_string(), body)).unwrap_or_default();
        mac.iter().fold(String::with_capacity(64), |mut text, octet| {
            text.extend([octet >> 4, octet & 15].map(|half| char::from_digit(u32::from(half), 16).unwrap_or('0')));
            text
        })
    }

    /// The names of the keys that sign, for logs and for `keys list`.
    pub fn key_ids(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.keys.iter().map(SigningKey::id)
    }

    /// The keys, for a verifier that holds the same list.
    pub fn keys(&self) -> &[SigningKey] {
        &self.keys
    }
}

/// The three headers of one signed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders {
    /// `webhook-id`.
    pub id: MessageId,
    /// `webhook-timestamp`, Unix seconds.
    pub timestamp: String,
    /// `webhook-signature`: `v1,<base64>` for each key, separated by one space.
    pub signature: String,
}

impl SignedHeaders {
    /// Header names and values, in the specification's order.
    pub fn pairs(&self) -> [(&'static str, &str); 3] {
        [(HEADER_ID, self.id.as_str()), (HEADER_TIMESTAMP, &self.timestamp), (HEADER_SIGNATURE, &self.signature)]
    }
}

/// Why a list of keys cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// No key at all.
    #[error("an application needs at least one signing key: add `signing = [{{ credential = \"…\" }}]`")]
    NoKey,
    /// More keys than a rotation needs.
    #[error("{count} signing keys are live, at most {MAX_SIGNING_KEYS} may be: drop the oldest ones")]
    TooManyKeys {
        /// How many were given.
        count: usize,
    },
}
