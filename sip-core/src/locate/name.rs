//! Domain names that may be asked for.

use std::fmt;
use std::sync::Arc;

/// A domain name: lower case, without the last dot, within the bounds of RFC 1035 2.3.4.
///
/// Letters, digits, `-` and `_` only: a name that comes out of a name server goes into the next question, into a
/// certificate check and into a log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(Arc<str>);

impl DomainName {
    /// The name that `text` writes.
    pub fn new(text: &str) -> Result<Self, NotADomain> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            (1..=LABEL).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        if text.len() > NAME || !text.split('.').all(is_label) {
            return Err(NotADomain);
        }
        Ok(Self(Arc::from(text.to_ascii_lowercase())))
    }

    /// `_service._proto.name` (RFC 2782).
    pub(super) fn service(&self, prefix: &str) -> Result<Self, NotADomain> {
        Self::new(&format!("{prefix}.{self}"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn share(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DomainName({})", self.0)
    }
}

/// The text is no domain name that may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a domain name")]
pub struct NotADomain;

/// Octets of a name as text: 255 on the wire, less the first length and the root.
const NAME: usize = 253;
/// Octets of one label.
const LABEL: usize = 63;
