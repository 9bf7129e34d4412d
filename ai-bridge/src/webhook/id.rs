//! The message id: the idempotency key of one webhook, the same over all its attempts.

use std::fmt;

use rand::Rng;

use crate::limits::MAX_MESSAGE_ID;

/// A `webhook-id`: 1..=64 of `A-Z a-z 0-9 _ -`. It has no `.`, which separates the parts of the signed content.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MessageId(String);

impl MessageId {
    /// Takes an id made elsewhere.
    pub fn new(id: impl Into<String>) -> Result<Self, IdError> {
        let id = id.into();
        if id.is_empty() || id.len() > MAX_MESSAGE_ID {
            return Err(IdError::Length { len: id.len() });
        }
        if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            return Err(IdError::Character);
        }
        Ok(Self(id))
    }

    /// Makes a fresh id: the prefix, `_` and a ULID of the given time (Unix milliseconds) and 80 random bits.
    pub fn generate(prefix: &str, unix_ms: u64, rng: &mut impl Rng) -> Result<Self, IdError> {
        let mut random = [0u8; 16];
        rng.fill_bytes(&mut random[6..]);
        let ulid = u128::from(unix_ms) << 80 | u128::from_be_bytes(random);
        let mut id = String::with_capacity(prefix.len() + 27);
        id.push_str(prefix);
        id.push('_');
        id.extend((0..26).rev().map(|digit| crockford(((ulid >> (5 * digit)) & 31) as u8)));
        Self::new(id)
    }

    /// The id as it stands in the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One digit of Crockford's base 32, of the low five bits.
fn crockford(bits: u8) -> char {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    char::from(DIGITS[usize::from(bits) % DIGITS.len()])
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text cannot be a message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Empty or too long.
    #[error("a webhook id has 1 to {MAX_MESSAGE_ID} characters, not {len}: use a prefix and a ULID")]
    Length {
        /// Its length in octets.
        len: usize,
    },
    /// A character that could be confused with the separators of the signed content.
    #[error("a webhook id is made of letters, digits, `_` and `-` only (a `.` would separate the signed parts)")]
    Character,
}
