//! The hash functions of digest authentication (RFC 7616 3.2, RFC 8760 2.1).

use std::fmt;

use md5::Md5;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512_256};
use zeroize::Zeroizing;

/// A hash function that a digest is made with. The session variants (`-sess`) are not served: a challenge that asks for
/// one is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-512/256 of FIPS 180-4, and not SHA-512 cut short as the example in RFC 7616 3.9.2 has it (erratum 4897).
    Sha512_256,
    /// SHA-256.
    Sha256,
    /// MD5: broken, and what many carriers still ask for. Never used unless it is listed.
    Md5,
}

impl Algorithm {
    /// All of them, the strongest first.
    pub const ALL: [Self; 3] = [Self::Sha512_256, Self::Sha256, Self::Md5];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha512_256 => "SHA-512-256",
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    /// The algorithm of this name, without regard to case.
    pub fn known(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The hash of `parts` with colons between them, in lower-case hexadecimal.
    pub(super) fn hash(self, parts: &[&[u8]]) -> Zeroizing<String> {
        match self {
            Self::Sha512_256 => hash::<Sha512_256>(parts),
            Self::Sha256 => hash::<Sha256>(parts),
            Self::Md5 => hash::<Md5>(parts),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of [`Algorithm`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithms {
    sha512_256: bool,
    sha256: bool,
    md5: bool,
}

impl Algorithms {
    /// None yet; add with [`Algorithms::with`].
    pub const NONE: Self = Self { sha512_256: false, sha256: false, md5: false };
    /// The ones that are not broken.
    pub const STRONG: Self = Self { sha512_256: true, sha256: true, md5: false };

    /// The set with `algorithm` added.
    #[must_use]
    pub const fn with(mut self, algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha512_256 => self.sha512_256 = true,
            Algorithm::Sha256 => self.sha256 = true,
            Algorithm::Md5 => self.md5 = true,
        }
        self
    }

    /// Whether `algorithm` is in the set.
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Sha512_256 => self.sha512_256,
            Algorithm::Sha256 => self.sha256,
            Algorithm::Md5 => self.md5,
        }
    }

    /// What is in the set, the strongest first.
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |algorithm| self.contains(*algorithm))
    }
}

impl Default for Algorithms {
    fn default() -> Self {
        Self::STRONG
    }
}

impl FromIterator<Algorithm> for Algorithms {
    fn from_iter<T: IntoIterator<Item = Algorithm>>(algorithms: T) -> Self {
        algorithms.into_iter().fold(Self::NONE, Self::with)
    }
}

fn hash<H: Digest>(parts: &[&[u8]]) -> Zeroizing<String> {
    let mut hasher = H::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    let octets = hasher.finalize();
    // Room for all of it, so that no half of a secret stays behind in a buffer that was outgrown.
    let mut text = Zeroizing::new(String::with_capacity(octets.len().saturating_mul(2)));
    for octet in octets {
        text.extend([octet >> 4, octet & 0xf].into_iter().filter_map(|digit| char::from_digit(digit.into(), 16)));
    }
    text
}
