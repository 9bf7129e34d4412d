//! Privacy (RFC 3323 4.2, RFC 3325 9.3, RFC 7044 10.1).

use bytes::Bytes;

use super::{HeaderError, HeaderName, Headers, Malformed, scan};
use crate::limits;

/// What a caller wants to be kept from the called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivacyKind {
    /// `header`: what the user cannot hide by itself.
    Header,
    /// `session`: where the media comes from.
    Session,
    /// `user`: who calls.
    User,
    /// `none`: nothing, and nobody shall add to that.
    None,
    /// `critical`: rather no call than one without this.
    Critical,
    /// `id`: what the network asserts of who calls.
    Id,
    /// `history`: by whose hands the call went.
    History,
}

/// The values of a Privacy header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Privacy(u8);

impl Privacy {
    /// The value that `text` writes. Values that we do not know are not ours to keep.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        let mut privacy = Self::default();
        let values = text.split(|octet| matches!(octet, b';' | b','));
        for (index, value) in values.map(scan::trim).enumerate() {
            if index == limits::PRIVACY || (!value.is_empty() && !scan::all(value, scan::class::TOKEN)) {
                return Err(Malformed);
            }
            for (kind, name) in NAMES {
                if value.eq_ignore_ascii_case(name) {
                    privacy.0 |= kind.bit();
                }
            }
            // Of no RFC, and seen on trunks: all of it.
            if value.eq_ignore_ascii_case(b"full") {
                privacy.0 |= PrivacyKind::User.bit() | PrivacyKind::Id.bit();
            }
        }
        Ok(privacy)
    }

    /// Whether `kind` is among them.
    pub const fn contains(self, kind: PrivacyKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether who calls shall not be shown.
    pub const fn hides_caller(self) -> bool {
        self.contains(PrivacyKind::Id) || self.contains(PrivacyKind::User) || self.contains(PrivacyKind::Header)
    }
}

impl PrivacyKind {
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Headers {
    /// Privacy; nothing where there is none.
    pub fn privacy(&self) -> Result<Privacy, HeaderError> {
        self.read(HeaderName::Privacy, Privacy::parse).map(Option::unwrap_or_default)
    }
}

const NAMES: [(PrivacyKind, &[u8]); 7] = [
    (PrivacyKind::Header, b"header"),
    (PrivacyKind::Session, b"session"),
    (PrivacyKind::User, b"user"),
    (PrivacyKind::None, b"none"),
    (PrivacyKind::Critical, b"critical"),
    (PrivacyKind::Id, b"id"),
    (PrivacyKind::History, b"history"),
];
