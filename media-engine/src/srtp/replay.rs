use crate::limits::REPLAY_WINDOW;

/// The replay window of one stream (RFC 3711 3.3.2): which of the last 128 indices have been received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReplayWindow {
    /// Bit n: the index n below the highest has been received. Zero while nothing has.
    seen: u128,
    highest: u64,
}

/// What the window says of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    New,
    Seen,
    TooOld,
}

impl ReplayWindow {
    /// The highest index received, if any.
    pub(super) const fn highest(&self) -> Option<u64> {
        if self.seen == 0 { None } else { Some(self.highest) }
    }

    /// Judges an index, changes nothing.
    pub(super) fn check(&self, index: u64) -> Verdict {
        if self.seen == 0 || index > self.highest {
            return Verdict::New;
        }
        let behind = self.highest.saturating_sub(index);
        match bit(behind) {
            None => Verdict::TooOld,
            Some(bit) if self.seen & bit == 0 => Verdict::New,
            Some(_) => Verdict::Seen,
        }
    }

    /// Enters an index that was judged new and whose packet is authentic.
    pub(super) fn accept(&mut self, index: u64) {
        if self.seen == 0 {
            self.seen = 1;
            self.highest = index;
        } else if index > self.highest {
            let ahead = index.saturating_sub(self.highest);
            self.seen = u32::try_from(ahead).ok().and_then(|ahead| self.seen.checked_shl(ahead)).unwrap_or(0) | 1;
            self.highest = index;
        } else if let Some(bit) = bit(self.highest.saturating_sub(index)) {
            self.seen |= bit;
        }
    }
}

fn bit(behind: u64) -> Option<u128> {
    let behind = u32::try_from(behind).ok().filter(|&behind| behind < REPLAY_WINDOW)?;
    1_u128.checked_shl(behind)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a model that remembers everything.
        #[test]
        fn nothing_is_accepted_twice(start in 0..(1_u64 << 47), steps in prop::collection::vec(-200_i64..300, 1..400)) {
            let mut window = ReplayWindow::default();
            let mut received = BTreeSet::new();
            let mut at = start;
            for step in steps {
                at = at.saturating_add_signed(step);
                let highest = received.last().copied();
                let expected = match highest {
                    Some(highest) if at.saturating_add(u64::from(REPLAY_WINDOW)) <= highest => Verdict::TooOld,
                    _ if received.contains(&at) => Verdict::Seen,
                    _ => Verdict::New,
                };
                prop_assert_eq!(window.check(at), expected);
                if expected == Verdict::New {
                    window.accept(at);
                    received.insert(at);
                }
                prop_assert_eq!(window.highest(), received.last().copied());
            }
        }
    }

    #[test]
    fn a_long_jump_forgets_all() {
        let mut window = ReplayWindow::default();
        window.accept(0);
        window.accept(1 << 40);
        assert_eq!(window.check(0), Verdict::TooOld);
        assert_eq!(window.check((1 << 40) - 1), Verdict::New);
        assert_eq!(window.check(1 << 40), Verdict::Seen);
        assert_eq!(window.check((1 << 40) - 127), Verdict::New);
        assert_eq!(window.check((1 << 40) - 128), Verdict::TooOld);
    }
}
