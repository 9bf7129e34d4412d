//! The events of a `telephone-event` format (RFC 4733 2.4.1).

use std::fmt;

/// Which of the 256 events are in an `fmtp` line.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct EventSet([u64; 4]);

impl EventSet {
    /// The digits, `*`, `#` and A to D: events 0 to 15. What a `telephone-event` format without `fmtp` means.
    pub const DTMF: Self = Self([0xffff, 0, 0, 0]);

    /// The set that `text` writes, as `0-15,66,70`. `None` when a number is above 255 or a range runs backwards.
    pub fn parse(text: &str) -> Option<Self> {
        let mut set = Self::default();
        for part in text.split(',') {
            let part = part.trim();
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (event(first)?, event(last)?);
            if first > last {
                return None;
            }
            for number in first..=last {
                set.insert(number);
            }
        }
        Some(set)
    }

    /// Whether the event is in the set.
    pub fn contains(&self, event: u8) -> bool {
        let word = self.0.get(usize::from(event >> 6)).copied().unwrap_or_default();
        word & bit(event) != 0
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = self.0;
        for (word, other) in both.iter_mut().zip(other.0) {
            *word &= other;
        }
        Self(both)
    }

    /// Whether no event is in it.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    fn insert(&mut self, event: u8) {
        if let Some(word) = self.0.get_mut(usize::from(event >> 6)) {
            *word |= bit(event);
        }
    }
}

impl fmt::Display for EventSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut events = (0..=u8::MAX).filter(|event| self.contains(*event)).peekable();
        while let Some(first) = events.next() {
            let mut last = first;
            while let Some(next) = events.next_if(|next| Some(*next) == last.checked_add(1)) {
                last = next;
            }
            write!(f, "{separator}{first}")?;
            if last != first {
                write!(f, "-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

impl fmt::Debug for EventSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventSet({self})")
    }
}

const fn bit(event: u8) -> u64 {
    1_u64.wrapping_shl((event & 63) as u32)
}

fn event(text: &str) -> Option<u8> {
    let is_number = (1..=3).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}
