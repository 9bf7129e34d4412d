use std::{fmt, time::Duration};

/// How long a frame is.
pub(crate) const FRAME: Duration = Duration::from_millis(20);

/// How many samples a second audio has: the rates that telephony and speech models use, and no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SampleRate {
    /// Narrowband: G.711.
    Hz8000,
    /// Wideband: G.722, most speech recognition.
    Hz16000,
    /// Most speech synthesis.
    Hz24000,
    /// Fullband: Opus.
    Hz48000,
}

impl SampleRate {
    /// All of them, slowest first.
    pub const ALL: [Self; 4] = [Self::Hz8000, Self::Hz16000, Self::Hz24000, Self::Hz48000];

    /// Samples a second.
    pub const fn hz(self) -> u32 {
        match self {
            Self::Hz8000 => 8_000,
            Self::Hz16000 => 16_000,
            Self::Hz24000 => 24_000,
            Self::Hz48000 => 48_000,
        }
    }

    /// The rate of so many samples a second, when it is one of ours.
    pub const fn from_hz(hz: u32) -> Option<Self> {
        match hz {
            8_000 => Some(Self::Hz8000),
            16_000 => Some(Self::Hz16000),
            24_000 => Some(Self::Hz24000),
            48_000 => Some(Self::Hz48000),
            _ => None,
        }
    }

    /// Samples a millisecond.
    pub const fn per_ms(self) -> usize {
        (self.hz() / 1_000) as usize
    }

    /// Samples of a 20 ms frame.
    pub const fn frame_len(self) -> usize {
        self.per_ms() * 20
    }

    /// How many whole samples fit into `time`.
    pub fn samples(self, time: Duration) -> usize {
        let samples = time.as_nanos().saturating_mul(u128::from(self.hz())) / 1_000_000_000;
        usize::try_from(samples).unwrap_or(usize::MAX)
    }

    /// How long so many samples last.
    pub fn duration(self, samples: usize) -> Duration {
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        Duration::from_nanos(samples.saturating_mul(1_000_000_000) / u64::from(self.hz()))
    }
}

impl fmt::Display for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.hz())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_and_time_agree() {
        for rate in SampleRate::ALL {
            assert_eq!(SampleRate::from_hz(rate.hz()), Some(rate));
            assert_eq!(rate.samples(FRAME), rate.frame_len());
            assert_eq!(rate.samples(Duration::from_secs(1)), rate.per_ms() * 1_000);
        }
        assert_eq!(SampleRate::Hz8000.duration(160), FRAME);
        assert_eq!(SampleRate::Hz8000.samples(Duration::from_micros(124)), 0);
        assert_eq!(SampleRate::from_hz(44_100), None);
    }
}
