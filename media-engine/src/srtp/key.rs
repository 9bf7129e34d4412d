use std::fmt;

use rand::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Suite;

/// A master key with its salt, and the suite they are for. Wiped when dropped; no copy of it is made.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct MasterKey {
    #[zeroize(skip)]
    suite: Suite,
    octets: Box<[u8]>,
}

impl MasterKey {
    /// Takes key and salt as the `inline:` parameter of SDP carries them: one after the other.
    pub fn new(suite: Suite, key_and_salt: &[u8]) -> Result<Self, KeyError> {
        if key_and_salt.len() != suite.key_len() {
            return Err(KeyError::Length { expected: suite.key_len(), got: key_and_salt.len() });
        }
        Ok(Self { suite, octets: key_and_salt.into() })
    }

    /// A new key from a random source that is fit for keys.
    pub fn generate(suite: Suite, rng: &mut impl CryptoRng) -> Self {
        let mut octets = vec![0; suite.key_len()].into_boxed_slice();
        rng.fill_bytes(&mut octets);
        Self { suite, octets }
    }

    /// The suite.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The secret itself, key and salt, for the SDP that carries it.
    pub fn expose(&self) -> &[u8] {
        &self.octets
    }

    /// Whether `other` is the same key for the same suite, found out in constant time. A re-INVITE with the same key
    /// keeps its context (RFC 3711 9.1: a new one would repeat the keystream).
    pub fn is_same(&self, other: &Self) -> bool {
        self.suite == other.suite && bool::from(self.octets.ct_eq(&other.octets))
    }

    pub(super) fn split(&self) -> (&[u8], &[u8]) {
        self.octets.split_at_checked(self.suite.cipher_key_len()).unwrap_or_default()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// Why octets are not a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Key and salt have another length than the suite wants.
    #[error("key and salt have {got} octets, the suite wants {expected}")]
    Length {
        /// What the suite wants.
        expected: usize,
        /// What was given.
        got: usize,
    },
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "tests")]

    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn the_length_must_be_right() {
        for suite in Suite::ALL {
            for len in 0..64 {
                assert_eq!(MasterKey::new(suite, &[1; 64][..len]).is_ok(), len == suite.key_len());
            }
        }
    }

    #[test]
    fn sameness_needs_suite_and_octets() {
        let key = |suite, octet| MasterKey::new(suite, &[octet; 30]).unwrap();
        let one = key(Suite::AesCm128Sha1_80, 1);
        assert!(one.is_same(&key(Suite::AesCm128Sha1_80, 1)));
        assert!(!one.is_same(&key(Suite::AesCm128Sha1_80, 2)));
        assert!(!one.is_same(&key(Suite::AesCm128Sha1_32, 1)));
    }

    #[test]
    fn generated_keys_differ_and_fit() {
        let mut rng = StdRng::seed_from_u64(1);
        for suite in Suite::ALL {
            let one = MasterKey::generate(suite, &mut rng);
            assert_eq!(one.expose().len(), suite.key_len());
            assert!(!one.is_same(&MasterKey::generate(suite, &mut rng)));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = MasterKey::new(Suite::AesCm128Sha1_80, &[0xab; 30]).unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey { suite: AesCm128Sha1_80, .. }");
    }
}
