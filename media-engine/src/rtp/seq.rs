/// A sequence number: sixteen bits, wraps (RFC 3550 5.1).
///
/// It has no order; two of them have a distance, which is right while it is below 2^15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seq(u16);

impl Seq {
    /// Any number is a sequence number.
    pub const fn new(value: u16) -> Self {
        Self(value)
    }

    /// The number.
    pub const fn value(self) -> u16 {
        self.0
    }

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// The one so many packets later.
    #[must_use]
    pub const fn advance(self, packets: u16) -> Self {
        Self(self.0.wrapping_add(packets))
    }

    /// How many packets this one lies after `other`; negative when before.
    pub const fn since(self, other: Self) -> i16 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

/// A sequence number that does not wrap: 48 bits, the packet index of RFC 3711 3.3.1. The upper 32 bits are the
/// rollover counter (ROC), the lower 16 the [`Seq`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtSeq(u64);

impl ExtSeq {
    /// The last index: no packet can follow it under the same key (RFC 3711 9.2).
    pub const MAX: Self = Self((1 << 48) - 1);

    /// Puts an index together.
    pub const fn new(roc: u32, seq: Seq) -> Self {
        Self(((roc as u64) << 16) | seq.0 as u64)
    }

    /// The index with this number, of which the lower 48 bits count.
    pub const fn from_value(value: u64) -> Self {
        Self(value & Self::MAX.0)
    }

    /// How often the sequence number has wrapped.
    #[expect(clippy::cast_possible_truncation, reason = "48 bits less 16 are 32")]
    pub const fn roc(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// The sequence number.
    #[expect(clippy::cast_possible_truncation, reason = "the lower sixteen bits are what is meant")]
    pub const fn seq(self) -> Seq {
        Seq(self.0 as u16)
    }

    /// The index as a number.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The index after this one, or `None` after [`ExtSeq::MAX`].
    pub const fn next(self) -> Option<Self> {
        if self.0 < Self::MAX.0 { Some(Self(self.0.wrapping_add(1))) } else { None }
    }

    /// How many packets this one lies after `other`; negative when before.
    pub const fn since(self, other: Self) -> i64 {
        self.0.cast_signed().wrapping_sub(other.0.cast_signed())
    }

    /// The index that a packet with sequence number `seq` most likely has when `self` is the highest so far
    /// (RFC 3711 3.3.1 and appendix A).
    ///
    /// There is nothing before index 0: where the RFC's formula gives ROC -1, the answer has ROC 0. `None` past
    /// [`ExtSeq::MAX`].
    pub const fn nearest(self, seq: Seq) -> Option<Self> {
        const HALF: u16 = 1 << 15;
        let highest = self.seq().0;
        let roc = self.roc();
        if highest < HALF {
            if seq.0 > highest.wrapping_add(HALF) {
                return Some(Self::new(roc.saturating_sub(1), seq));
            }
        } else if highest.wrapping_sub(HALF) > seq.0 {
            return match roc.checked_add(1) {
                Some(roc) => Some(Self::new(roc, seq)),
                None => None,
            };
        }
        Some(Self::new(roc, seq))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn advance_and_since_undo_each_other(start: u16, packets in 0..=i16::MAX) {
            let start = Seq::new(start);
            let later = start.advance(packets.unsigned_abs());
            prop_assert_eq!(later.since(start), packets);
            prop_assert_eq!(later.since(start), start.since(later).saturating_neg());
        }

        #[test]
        fn parts_make_the_whole(roc: u32, seq: u16) {
            let index = ExtSeq::new(roc, Seq::new(seq));
            prop_assert_eq!(index.roc(), roc);
            prop_assert_eq!(index.seq().value(), seq);
            prop_assert!(index <= ExtSeq::MAX);
        }

        #[test]
        fn a_true_index_within_2_15_is_found(highest in 32_768..(1_u64 << 48) - 32_768, distance in -32_767_i64..=32_767) {
            let highest = ExtSeq(highest);
            let truth = ExtSeq(highest.0.checked_add_signed(distance).unwrap_or_default());
            prop_assert_eq!(highest.nearest(truth.seq()), Some(truth));
            prop_assert_eq!(truth.since(highest), distance);
        }
    }

    #[test]
    fn the_estimate_of_appendix_a() {
        let at =
            |roc, highest: u16, seq: u16| ExtSeq::new(roc, Seq::new(highest)).nearest(Seq::new(seq)).map(ExtSeq::roc);
        assert_eq!(at(1, 0, 65_535), Some(0));
        assert_eq!(at(1, 0, 32_769), Some(0));
        assert_eq!(at(1, 0, 32_768), Some(1));
        assert_eq!(at(1, 65_535, 0), Some(2));
        assert_eq!(at(1, 65_535, 32_766), Some(2));
        assert_eq!(at(1, 65_535, 32_767), Some(1));
        assert_eq!(at(0, 3, 65_530), Some(0), "nothing lies before index 0");
    }

    #[test]
    fn the_index_has_an_end() {
        assert_eq!(ExtSeq::MAX.next(), None);
        assert_eq!(ExtSeq::MAX.nearest(Seq::new(0)), None);
        assert_eq!(ExtSeq::new(0, Seq::new(65_535)).next(), Some(ExtSeq::new(1, Seq::new(0))));
    }
}
