use std::fmt;

/// A synchronisation source (RFC 3550 3): random, not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ssrc(u32);

impl Ssrc {
    /// Any number is an SSRC.
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The number.
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The payload type of an RTP packet: seven bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadType(u8);

impl PayloadType {
    /// G.711 µ-law (RFC 3551 6).
    pub const PCMU: Self = Self(0);
    /// G.711 A-law (RFC 3551 6).
    pub const PCMA: Self = Self(8);
    /// G.722 (RFC 3551 6).
    pub const G722: Self = Self(9);
    /// Comfort noise (RFC 3389 4).
    pub const CN: Self = Self(13);

    /// `None` past 127.
    pub const fn new(value: u8) -> Option<Self> {
        if value < 128 { Some(Self(value)) } else { None }
    }

    /// The payload type in the second octet of a packet, whatever the marker bit says.
    pub const fn from_octet(octet: u8) -> Self {
        Self(octet & 0x7f)
    }

    /// The number.
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A media timestamp: counts ticks of the payload's RTP clock and wraps (RFC 3550 5.1).
///
/// It has no order; two of them have a distance, which is right while it is below 2^31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RtpTimestamp(u32);

impl RtpTimestamp {
    /// Any number is a timestamp.
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The number.
    pub const fn value(self) -> u32 {
        self.0
    }

    /// The timestamp so many ticks later.
    #[must_use]
    pub const fn advance(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// How many ticks this one lies after `other`; negative when before.
    pub const fn since(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn advance_and_since_undo_each_other(start: u32, ticks in 0..=i32::MAX) {
            let start = RtpTimestamp::new(start);
            let later = start.advance(ticks.unsigned_abs());
            prop_assert_eq!(later.since(start), ticks);
            prop_assert_eq!(later.since(start), start.since(later).saturating_neg());
        }
    }

    #[test]
    fn payload_types_have_seven_bits() {
        assert_eq!(PayloadType::new(127).map(PayloadType::value), Some(127));
        assert_eq!(PayloadType::new(128), None);
        assert_eq!(PayloadType::from_octet(0xe5).value(), 101);
    }

    #[test]
    fn an_ssrc_is_shown_in_hex() {
        assert_eq!(Ssrc::new(0xcafe).to_string(), "0000cafe");
    }
}
