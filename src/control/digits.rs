//! Digits that an application has played to the other side: a PIN, an account number.

use std::fmt;

use zeroize::Zeroizing;

use super::MAX_DIGITS;

/// Keys to be pressed. They have no text but by [`SecretDigits::expose`], and are wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretDigits(Zeroizing<String>);

impl SecretDigits {
    /// Takes 1 to [`MAX_DIGITS`] of `0-9`, `*`, `#` and `A-D`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let keys = text.bytes().all(|key| matches!(key, b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D'));
        (keys && (1..=MAX_DIGITS).contains(&text.len())).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The keys, for the one who plays them: never for a log.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretDigits({} keys)", self.0.len())
    }
}
