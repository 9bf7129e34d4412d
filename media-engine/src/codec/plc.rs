use std::fmt;

use crate::audio::{SampleRate, best_lag, mix, pitch_range, round};

/// Conceals lost packets as ITU-T G.711 Appendix I describes it: the last pitch period is repeated, then the last two, then the
/// last three, so that no single one is heard as a tone; from 10 ms on it fades, and after 60 ms there is silence. When
/// audio comes again, the two are faded into each other.
///
/// Other than the Appendix it does not hold audio back for 3.75 ms to smooth where the gap begins: what the last sample
/// differs from the same place one period ago is carried into the gap and fades there.
pub struct Plc {
    rate: SampleRate,
    /// The last 48.75 ms of what was played, newest last.
    history: Box<[i16]>,
    /// The history as it was when the gap began.
    source: Box<[i16]>,
    /// Samples concealed since then; 0 outside a gap.
    concealed: usize,
    period: usize,
    wave: Wave,
    /// The wave before the last change, while it fades out.
    fading: Option<(Wave, usize)>,
    /// How far the last sample was off the wave.
    step: f32,
}

/// The last periods of the source, read round and round.
#[derive(Clone, Copy, Debug, Default)]
struct Wave {
    periods: usize,
    at: usize,
}

impl Plc {
    /// A concealer that has heard silence.
    pub fn new(rate: SampleRate) -> Self {
        let len = rate.per_ms() * HISTORY_MS_BY_4 / 4;
        Self {
            rate,
            history: vec![0; len].into_boxed_slice(),
            source: vec![0; len].into_boxed_slice(),
            concealed: 0,
            period: rate.per_ms() * 5,
            wave: Wave::default(),
            fading: None,
            step: 0.0,
        }
    }

    /// Audio has arrived: it is remembered, and after a gap its beginning is faded in.
    pub fn on_audio(&mut self, audio: &mut [i16]) {
        if self.concealed > 0 {
            self.fade_in(audio);
            self.concealed = 0;
            self.fading = None;
        }
        self.remember(audio);
    }

    /// Audio will follow that does not continue what was played: its beginning is to be faded in.
    pub fn on_jump(&mut self) {
        if self.concealed == 0 {
            self.begin();
            self.concealed = 1;
        }
    }

    /// Nothing has arrived: fills `audio` with what might have.
    pub fn conceal(&mut self, audio: &mut [i16]) {
        if self.concealed == 0 {
            self.begin();
        }
        let audible = self.rate.per_ms() * SILENT_MS - self.concealed.min(self.rate.per_ms() * SILENT_MS);
        let (heard, silent) = audio.split_at_mut(audible.min(audio.len()));
        for sample in heard {
            *sample = self.next_sample();
        }
        self.concealed = self.concealed.saturating_add(silent.len());
        silent.fill(0);
        self.remember(audio);
    }

    /// Whether audio is being made up, and is not yet silence.
    pub fn is_audible(&self) -> bool {
        self.concealed > 0 && self.concealed < self.rate.per_ms() * SILENT_MS
    }

    /// Forgets what it has heard.
    pub fn reset(&mut self) {
        *self = Self::new(self.rate);
    }

    fn begin(&mut self) {
        self.source.copy_from_slice(&self.history);
        let window = self.rate.per_ms() * 20;
        let end = self.source.len();
        let template = &self.source[end - window..];
        let found = best_lag(template, pitch_range(self.rate), |lag| &self.source[end - window - lag..end - lag]);
        let shortest = *pitch_range(self.rate).start();
        self.period = found.map_or(shortest, |found| found.lag);
        self.wave = Wave { periods: 1, at: 0 };
        self.fading = None;
        self.step = f32::from(self.source[end - 1]) - f32::from(self.source[end - 1 - self.period]);
    }

    fn next_sample(&mut self) -> i16 {
        let gain = self.gain();
        let per_ten_ms = self.rate.per_ms() * 10;
        // One period more at 10 ms, and again at 20 ms.
        if self.concealed == per_ten_ms || self.concealed == 2 * per_ten_ms {
            self.fading = Some((self.wave, 0));
            self.wave = Wave { periods: self.wave.periods + 1, at: self.wave.at % self.period };
        }
        let fade = self.fade_len();
        let mut sample = self.read(self.wave);
        self.wave.at = (self.wave.at + 1) % (self.wave.periods * self.period);
        if let Some((mut old, done)) = self.fading {
            sample = mix(self.read(old), sample, ratio(done + 1, fade + 1));
            old.at = (old.at + 1) % (old.periods * self.period);
            self.fading = (done + 1 < fade).then_some((old, done + 1));
        }
        let mut value = f32::from(sample);
        if self.concealed < fade {
            value += self.step * (1.0 - ratio(self.concealed + 1, fade + 1));
        }
        self.concealed = self.concealed.saturating_add(1);
        round(value * gain)
    }

    /// The wave's sample. Towards its end it fades into what came before its beginning, so that the end meets the
    /// beginning.
    fn read(&self, wave: Wave) -> i16 {
        let len = wave.periods * self.period;
        let fade = self.fade_len();
        let place = self.source.len() - len + wave.at;
        match (wave.at + fade).checked_sub(len) {
            Some(done) => mix(self.source[place], self.source[place - len], ratio(done + 1, fade + 1)),
            None => self.source[place],
        }
    }

    /// A quarter of a period.
    const fn fade_len(&self) -> usize {
        self.period / 4
    }

    fn gain(&self) -> f32 {
        let (full, silent) = (self.rate.per_ms() * FULL_MS, self.rate.per_ms() * SILENT_MS);
        match self.concealed.checked_sub(full) {
            None => 1.0,
            Some(past) if self.concealed < silent => 1.0 - ratio(past, silent - full),
            Some(_) => 0.0,
        }
    }

    /// A quarter period after a short gap, 4 ms more for each 10 ms of it, but no more than 10 ms.
    fn fade_in(&mut self, audio: &mut [i16]) {
        let per_ms = self.rate.per_ms();
        let more = (self.concealed / (10 * per_ms)).saturating_sub(1) * 4 * per_ms;
        let fade = (self.fade_len() + more).min(10 * per_ms).min(audio.len());
        for (done, sample) in audio[..fade].iter_mut().enumerate() {
            *sample = mix(self.next_sample(), *sample, ratio(done + 1, fade + 1));
        }
    }

    fn remember(&mut self, audio: &[i16]) {
        let len = self.history.len();
        let newest = &audio[audio.len().saturating_sub(len)..];
        self.history.copy_within(newest.len().., 0);
        self.history[len - newest.len()..].copy_from_slice(newest);
    }
}

impl fmt::Debug for Plc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plc").field("rate", &self.rate).field("concealed", &self.concealed).finish_non_exhaustive()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
fn ratio(part: usize, whole: usize) -> f32 {
    part as f32 / whole as f32
}

/// 48.75 ms: three of the longest periods, and a quarter (G.711 Appendix I).
const HISTORY_MS_BY_4: usize = 195;
/// So long the gain stays.
const FULL_MS: usize = 10;
/// From here on there is silence.
const SILENT_MS: usize = 60;
