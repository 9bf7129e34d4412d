use std::{fmt, time::Duration};

use super::SampleRate;

/// One frame of linear audio, or less: up to 20 ms at 48 kHz, held inline, so that it never touches the heap.
///
/// `Debug` shows how much there is, not what was said.
#[derive(Clone)]
pub struct Pcm {
    rate: SampleRate,
    len: usize,
    samples: [i16; Self::CAPACITY],
}

impl Pcm {
    /// The most samples that one holds.
    pub const CAPACITY: usize = 960;

    /// No samples yet.
    pub const fn new(rate: SampleRate) -> Self {
        Self { rate, len: 0, samples: [0; Self::CAPACITY] }
    }

    /// A copy of `samples`; `None` when there are more than [`Pcm::CAPACITY`].
    pub fn from_slice(rate: SampleRate, samples: &[i16]) -> Option<Self> {
        let mut pcm = Self::new(rate);
        pcm.extend_from_slice(samples).then_some(pcm)
    }

    /// `samples` of silence, at most [`Pcm::CAPACITY`].
    pub fn silence(rate: SampleRate, samples: usize) -> Self {
        Self { len: samples.min(Self::CAPACITY), ..Self::new(rate) }
    }

    /// A whole 20 ms of silence.
    pub fn silent_frame(rate: SampleRate) -> Self {
        Self::silence(rate, rate.frame_len())
    }

    /// Adds `samples` at the end. `false`, and no change, when they do not fit.
    #[must_use]
    pub fn extend_from_slice(&mut self, samples: &[i16]) -> bool {
        let end = self.len.saturating_add(samples.len());
        let Some(room) = self.samples.get_mut(self.len..end) else {
            return false;
        };
        room.copy_from_slice(samples);
        self.len = end;
        true
    }

    /// The samples.
    pub fn samples(&self) -> &[i16] {
        self.samples.get(..self.len).unwrap_or_default()
    }

    /// The samples, to be changed in place.
    pub fn samples_mut(&mut self) -> &mut [i16] {
        self.samples.get_mut(..self.len).unwrap_or_default()
    }

    /// The rate.
    pub const fn rate(&self) -> SampleRate {
        self.rate
    }

    /// How many samples.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        self.rate.duration(self.len)
    }

    /// Writes zeros over what was said; length and rate stay.
    pub(crate) fn blank(&mut self) {
        self.samples_mut().fill(0);
    }
}

impl PartialEq for Pcm {
    fn eq(&self, other: &Self) -> bool {
        self.rate == other.rate && self.samples() == other.samples()
    }
}

impl Eq for Pcm {}

impl fmt::Debug for Pcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pcm").field("rate", &self.rate).field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_20_ms_at_48_khz_and_no_more() {
        let rate = SampleRate::Hz48000;
        assert_eq!(rate.frame_len(), Pcm::CAPACITY);
        let mut pcm = Pcm::from_slice(rate, &[1; 959]).unwrap();
        assert!(!pcm.extend_from_slice(&[2; 2]));
        assert_eq!(pcm.len(), 959);
        assert!(pcm.extend_from_slice(&[2]));
        assert_eq!(pcm.duration(), Duration::from_millis(20));
        assert!(Pcm::from_slice(rate, &[0; 961]).is_none());
    }

    #[test]
    fn what_is_past_the_end_does_not_count() {
        let rate = SampleRate::Hz8000;
        let mut blanked = Pcm::from_slice(rate, &[5; 3]).unwrap();
        blanked.blank();
        assert_eq!(blanked, Pcm::silence(rate, 3));
        assert_ne!(blanked, Pcm::silence(rate, 4));
    }

    #[test]
    fn debug_shows_no_audio() {
        let pcm = Pcm::from_slice(SampleRate::Hz8000, &[12_345; 2]).unwrap();
        assert_eq!(format!("{pcm:?}"), "Pcm { rate: Hz8000, len: 2, .. }");
    }
}
