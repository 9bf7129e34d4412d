//! Numbers and names of callers. In a log they are a keyed hash: the same caller is recognised within one run of the
//! server, nobody is named.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

/// The key of this run's hashes; drawn anew at each start, so that hashes of two runs cannot be joined.
#[derive(Clone, Default)]
pub struct PiiKey(RandomState);

impl fmt::Debug for PiiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PiiKey").finish_non_exhaustive()
    }
}

/// Personal text that must not be shown. `Display` and `Debug` print the keyed hash only.
#[derive(Clone)]
pub struct Pii {
    value: String,
    hash: u64,
}

impl Pii {
    /// Wraps `value` under this run's key.
    pub fn new(value: impl Into<String>, key: &PiiKey) -> Self {
        let value = value.into();
        let mut hasher = key.0.build_hasher();
        hasher.write(value.as_bytes());
        Self { hash: hasher.finish(), value }
    }

    /// The text itself, for the dialplan and the application: never for a log.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Pii {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:016x}", self.hash)
    }
}

impl fmt::Debug for Pii {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_shown_as_a_hash_of_this_run_only() {
        let (run, other) = (PiiKey::default(), PiiKey::default());
        let a = Pii::new("+14155550100", &run);
        assert_eq!(a.to_string(), Pii::new("+14155550100", &run).to_string());
        assert_ne!(a.to_string(), Pii::new("+14155550101", &run).to_string());
        assert_ne!(a.to_string(), Pii::new("+14155550100", &other).to_string());
        assert!(!format!("{a} {a:?}").contains("4155550100"));
        assert_eq!(a.expose(), "+14155550100");
    }
}
