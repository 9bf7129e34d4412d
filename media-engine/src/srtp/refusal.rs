/// Why a protected packet was refused. The packet is to be dropped and the reason counted; nothing else has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Shorter than header and tag.
    #[error("shorter than header and tag")]
    TooShort,
    /// Longer than [`crate::limits::MAX_PACKET`].
    #[error("longer than any packet may be")]
    TooLong,
    /// No RTP or RTCP header of version 2, or one that claims more than there is.
    #[error("malformed header")]
    Malformed,
    /// The authentication tag is wrong: forged, damaged, or protected with another key or rollover counter.
    #[error("authentication failed")]
    BadTag,
    /// Authentic, but received before.
    #[error("replayed")]
    Replayed,
    /// Authentic, but so far behind that it can no longer be told whether it was received before.
    #[error("older than the replay window")]
    TooOld,
    /// SRTCP that says it is not encrypted (E bit 0): the suites in use encrypt.
    #[error("SRTCP without encryption")]
    Unencrypted,
    /// Authentic, but from one SSRC more than [`crate::limits::MAX_SSRCS`].
    #[error("too many SSRCs under one key")]
    TooManySsrcs,
    /// The sequence has wrapped 2^32 times: the key is used up (RFC 3711 9.2).
    #[error("packet index exhausted")]
    KeyExhausted,
}

impl Refusal {
    /// All of them, in the order of [`Refusal::index`].
    pub const ALL: [Self; 9] = [
        Self::TooShort,
        Self::TooLong,
        Self::Malformed,
        Self::BadTag,
        Self::Replayed,
        Self::TooOld,
        Self::Unencrypted,
        Self::TooManySsrcs,
        Self::KeyExhausted,
    ];

    /// A place in a table of counters.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// A name for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::BadTag => "bad_tag",
            Self::Replayed => "replayed",
            Self::TooOld => "too_old",
            Self::Unencrypted => "unencrypted",
            Self::TooManySsrcs => "too_many_ssrcs",
            Self::KeyExhausted => "key_exhausted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        for (place, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal.index(), place);
        }
    }
}
