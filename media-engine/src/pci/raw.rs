use std::fmt;

use crate::audio::{Pcm, Resampler, SampleRate};

/// Caller audio that nobody may hear yet.
///
/// Anybody can put audio in; there is no way to take it out but through the [`Guard`](super::Guard).
pub struct Raw(Pcm);

impl Raw {
    /// Takes audio out of sight.
    pub const fn new(pcm: Pcm) -> Self {
        Self(pcm)
    }

    /// The rate, which tells nothing of what was said.
    pub const fn rate(&self) -> SampleRate {
        self.0.rate()
    }

    /// The same audio at the rate of `resampler`. What does not fit into one frame is cut; a 20 ms frame always fits.
    #[must_use]
    pub fn resample(self, resampler: &mut Resampler) -> Self {
        if resampler.is_passthrough() {
            return self;
        }
        let mut out = Pcm::new(resampler.to());
        resampler.process_into(self.0.samples(), |samples| {
            // A whole frame at 48 kHz is the capacity, and no frame is longer.
            let _fits = out.extend_from_slice(samples);
        });
        Self(out)
    }

    pub(super) fn into_inner(self) -> Pcm {
        self.0
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Raw").finish_non_exhaustive()
    }
}
