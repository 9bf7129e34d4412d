//! Message bodies on their way between the wire and the TU.

use std::fmt;

use bytes::Bytes;
use zeroize::Zeroizing;

/// The body of a message. A session description may hold SRTP keys and an INFO body digits, so there is no
/// `Display`, and `Debug` shows the length only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Body(Bytes);

impl Body {
    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many octets.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same octets in storage of their own, which is wiped: for what outlives the packet it came in.
    #[must_use]
    pub(super) fn detached(&self) -> Self {
        Self::from(self.0.to_vec())
    }

    pub(super) fn bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// `None` for an empty body: no body was sent.
    pub(super) fn present(bytes: Bytes) -> Option<Self> {
        (!bytes.is_empty()).then_some(Self(bytes))
    }
}

impl From<Vec<u8>> for Body {
    /// Takes the octets over; they are wiped with the last copy of the body.
    fn from(octets: Vec<u8>) -> Self {
        Self::from(Zeroizing::new(octets))
    }
}

impl From<Zeroizing<Vec<u8>>> for Body {
    fn from(octets: Zeroizing<Vec<u8>>) -> Self {
        Self(wiped(octets))
    }
}

impl From<Bytes> for Body {
    fn from(octets: Bytes) -> Self {
        Self(octets)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("len", &self.0.len()).finish_non_exhaustive()
    }
}

/// Shared octets that are wiped when the last reference goes.
pub(crate) fn wiped(octets: Zeroizing<Vec<u8>>) -> Bytes {
    Bytes::from_owner(octets)
}
