use super::{
    SampleRate,
    pitch::{best_lag, blend, mix, power},
};

/// Makes speech shorter or longer without changing its pitch: leaves out or repeats a whole number of pitch periods where the
/// waveform looks the same, and fades across the joint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretcher {
    rate: SampleRate,
}

/// How willing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Only where it will not be heard: in a periodic sound, or near silence.
    Gentle,
    /// Also elsewhere, as in noise that never ends, but no more than is needed.
    Firm,
    /// In any case, and as much as possible.
    Hard,
}

impl Stretcher {
    pub(crate) const fn new(rate: SampleRate) -> Self {
        Self { rate }
    }

    /// How much audio [`Stretcher::shorten`] may leave out at once.
    pub(crate) const fn most(self) -> usize {
        self.rate.per_ms() * 15
    }

    /// How long the fade is.
    const fn overlap(self) -> usize {
        self.rate.per_ms() * 15 / 2
    }

    /// Leaves out up to `most` samples at the front of `audio`; gives how many.
    pub(crate) fn shorten(self, audio: &mut Vec<i16>, most: usize, effort: Effort) -> usize {
        let least = match effort {
            Effort::Gentle | Effort::Firm => self.rate.per_ms() * 5,
            Effort::Hard => self.rate.per_ms() * 10,
        };
        let most = most.min(self.most());
        let Some(lag) = self.lag(audio, least, most, effort) else {
            return 0;
        };
        let (front, back) = audio.split_at_mut(lag);
        let overlap = self.overlap();
        let fade = overlap.min(lag);
        blend(&front[..fade], &mut back[..fade]);
        audio.drain(..lag);
        lag
    }

    /// Repeats up to `most` samples at the front of `audio`; gives how many.
    pub(crate) fn lengthen(self, audio: &mut Vec<i16>, most: usize, effort: Effort) -> usize {
        let least = self.rate.per_ms() * 5;
        let most = most.min(self.rate.per_ms() * 10);
        let Some(lag) = self.lag(audio, least, most, effort) else {
            return 0;
        };
        // The front once more before itself: up to `lag` as it was, then a fade from what came there to the front.
        let old = audio.len();
        audio.resize(old + lag, 0);
        audio.copy_within(..old, lag);
        let overlap = self.overlap().min(old - lag);
        // From `lag` on stands the front again, where the second period stood.
        for at in 0..overlap {
            #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
            let weight = (at as f32 + 1.0) / (overlap as f32 + 1.0);
            audio[lag + at] = mix(audio[2 * lag + at], audio[lag + at], weight);
        }
        lag
    }

    /// The best lag, if there is room for one, and one that is good enough.
    fn lag(self, audio: &[i16], least: usize, most: usize, effort: Effort) -> Option<usize> {
        let overlap = self.overlap();
        let most = most.min(audio.len().saturating_sub(overlap));
        if most < least {
            return None;
        }
        let front = &audio[..overlap];
        if power(&audio[..most + overlap]) < QUIET {
            return Some(most);
        }
        let found = best_lag(front, least..=most, |lag| &audio[lag..lag + overlap])?;
        (effort != Effort::Gentle || found.likeness >= ALIKE).then_some(found.lag)
    }
}

/// Below this mean square (-54 dB of full scale) nothing is heard that could click.
const QUIET: u32 = 64 * 64;
/// From this likeness on a joint is not heard.
const ALIKE: f32 = 0.8;
