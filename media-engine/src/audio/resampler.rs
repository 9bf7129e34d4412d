use std::{fmt, time::Duration};

use super::{Pcm, SampleRate};

/// Changes the sample rate: a polyphase FIR filter that keeps its state across chunks.
///
/// All our rates are small multiples of each other, so that a filter of 32 samples of the slower rate does what is needed:
/// flat to 0.43 of the slower rate (3,450 Hz of 8,000), -6 dB at its half, 70 dB down from 0.57 on. Its delay is
/// [`Resampler::DELAY_SAMPLES`] of the slower rate, 2 ms when that is 8 kHz. It takes chunks of any size, gives exactly as
/// many samples as the ratio says, and allocates nothing after it was made. With equal rates it passes all through, without
/// delay.
#[derive(Clone)]
pub struct Resampler {
    from: SampleRate,
    to: SampleRate,
    /// The phases of the filter, one for each place between two input samples where an output sample may lie.
    up: usize,
    /// From one output sample to the next: whole input samples, and `up`ths of one.
    whole: usize,
    part: usize,
    /// Taps of one phase, which is how many input samples one output sample is made of.
    taps: usize,
    /// The phases of the filter one after the other, each in the order of the input it meets.
    phases: Box<[i16]>,
    /// The `taps - 1` samples that came before, then room for a chunk.
    window: Box<[i16]>,
    /// The place of the next output sample: input samples past the start of the next chunk, and `up`ths of one.
    ahead: usize,
    phase: usize,
}

impl Resampler {
    /// The delay, in samples of the slower rate.
    pub const DELAY_SAMPLES: usize = TAPS / 2;

    /// A resampler that has heard silence.
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        let (from_hz, to_hz) = (from.hz() as usize, to.hz() as usize);
        let common = gcd(from_hz, to_hz);
        let (up, down) = (to_hz / common, from_hz / common);
        let (taps, phases) = if from == to {
            (0, Box::default())
        } else {
            let taps = TAPS * from_hz / from_hz.min(to_hz);
            (taps, design(up, taps, from_hz.min(to_hz), from_hz))
        };
        Self {
            from,
            to,
            up,
            whole: down / up,
            part: down % up,
            taps,
            phases,
            window: vec![0; taps.saturating_sub(1) + CHUNK].into_boxed_slice(),
            ahead: 0,
            phase: 0,
        }
    }

    /// The rate of what goes in.
    pub const fn from(&self) -> SampleRate {
        self.from
    }

    /// The rate of what comes out.
    pub const fn to(&self) -> SampleRate {
        self.to
    }

    /// Whether the rates are equal, so that nothing is done.
    pub fn is_passthrough(&self) -> bool {
        self.from == self.to
    }

    /// How much later a sound comes out.
    pub fn delay(&self) -> Duration {
        if self.is_passthrough() {
            return Duration::ZERO;
        }
        self.from.min(self.to).duration(Self::DELAY_SAMPLES)
    }

    /// Takes `input`, adds to `output` what comes out.
    pub fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        self.process_into(input, |samples| output.extend_from_slice(samples));
    }

    /// Takes a frame, gives the same time of audio at the other rate. What does not fit into a frame is cut; 20 ms always
    /// fit.
    pub fn process_frame(&mut self, frame: &Pcm) -> Pcm {
        let mut out = Pcm::new(self.to);
        self.process_into(frame.samples(), |samples| {
            let _fits = out.extend_from_slice(samples);
        });
        out
    }

    /// Forgets what it has heard.
    pub fn reset(&mut self) {
        self.window.fill(0);
        self.ahead = 0;
        self.phase = 0;
    }

    pub(crate) fn process_into(&mut self, input: &[i16], mut sink: impl FnMut(&[i16])) {
        if self.is_passthrough() {
            return sink(input);
        }
        for chunk in input.chunks(CHUNK) {
            self.process_chunk(chunk, &mut sink);
        }
    }

    fn process_chunk(&mut self, chunk: &[i16], sink: &mut impl FnMut(&[i16])) {
        let past = self.taps - 1;
        self.window[past..past + chunk.len()].copy_from_slice(chunk);

        let mut out = [0; BATCH];
        let mut filled = 0;
        while self.ahead < chunk.len() {
            let heard = &self.window[self.ahead..self.ahead + self.taps];
            out[filled] = if self.phase == 0 && self.from < self.to {
                // Where a sample of the input lies, the filter is one tap.
                heard[past - self.taps / 2]
            } else {
                let filter = &self.phases[self.phase * self.taps..(self.phase + 1) * self.taps];
                to_sample(dot(heard, filter))
            };
            filled += 1;
            if filled == BATCH {
                sink(&out);
                filled = 0;
            }
            // One output sample further, which is `down / up` input samples; without a division.
            self.ahead += self.whole;
            self.phase += self.part;
            if self.phase >= self.up {
                self.phase -= self.up;
                self.ahead += 1;
            }
        }
        sink(&out[..filled]);

        self.ahead -= chunk.len();
        self.window.copy_within(chunk.len()..chunk.len() + past, 0);
    }
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resampler").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}

/// How long the filter is, in samples of the slower rate.
const TAPS: usize = 32;
/// How many samples are taken in at once.
const CHUNK: usize = 480;
/// How many samples are given out at once.
const BATCH: usize = 64;
/// Shape of the Kaiser window: 70 dB of attenuation.
const BETA: f64 = 6.755;
/// The coefficients have fourteen bits behind the point. So the sum of the magnitudes of each phase stays below four, and no
/// input can overflow 32 bits.
const POINT: u32 = 14;

/// A windowed sinc at `up` times the input rate, cut into phases. Each phase has a gain of exactly one.
fn design(up: usize, taps: usize, slower_hz: usize, from_hz: usize) -> Box<[i16]> {
    let centre = as_f64(up * taps / 2);
    // One sample of the slower rate, in steps of the filter.
    let period = as_f64(up * from_hz) / as_f64(slower_hz);
    let mut phases = vec![0_i16; up * taps];
    for phase in 0..up {
        let ideal = |tap: usize| {
            let offset = as_f64(tap * up + phase) - centre;
            sinc(offset / period) * kaiser(offset / centre)
        };
        let gain: f64 = (0..taps).map(ideal).sum();
        let one = f64::from(1 << POINT);
        let row = &mut phases[phase * taps..(phase + 1) * taps];
        for (tap, coefficient) in row.iter_mut().rev().enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "at most 2^14")]
            let rounded = (ideal(tap) / gain * one).round() as i16;
            *coefficient = rounded;
        }
        // What rounding took or gave goes to the largest tap.
        let sum: i32 = row.iter().map(|&coefficient| i32::from(coefficient)).sum();
        let missing = (1 << POINT) - sum;
        if let Some(largest) = row.iter_mut().max_by_key(|coefficient| coefficient.unsigned_abs()) {
            *largest = to_i16(i32::from(*largest) + missing);
        }
    }
    phases.into_boxed_slice()
}

fn dot(heard: &[i16], filter: &[i16]) -> i32 {
    // Each length is a multiple of sixteen, which the compiler then knows.
    let (heard, filter) = (heard.as_chunks::<16>().0, filter.as_chunks::<16>().0);
    let products = |(heard, filter): (&[i16; 16], &[i16; 16])| {
        let mut sum = 0;
        for at in 0..16 {
            sum += i32::from(heard[at]) * i32::from(filter[at]);
        }
        sum
    };
    heard.iter().zip(filter).map(products).sum()
}

fn to_sample(sum: i32) -> i16 {
    to_i16((sum + (1 << (POINT - 1))) >> POINT)
}

fn to_i16(value: i32) -> i16 {
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    let clamped = value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
    clamped
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else {
        let x = x * std::f64::consts::PI;
        x.sin() / x
    }
}

fn kaiser(x: f64) -> f64 {
    bessel(BETA * (1.0 - x * x).max(0.0).sqrt()) / bessel(BETA)
}

/// The modified Bessel function of the first kind and order zero, by its series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        let factor = x / (2.0 * f64::from(k));
        term *= factor * factor;
        sum += term;
    }
    sum
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
const fn as_f64(value: usize) -> f64 {
    value as f64
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_phase_of_raising_the_rate_is_one_tap() {
        for from in SampleRate::ALL {
            for to in SampleRate::ALL.into_iter().filter(|&to| from < to) {
                let resampler = Resampler::new(from, to);
                for (at, &coefficient) in resampler.phases[..resampler.taps].iter().enumerate() {
                    let is_tap = at == resampler.taps - 1 - resampler.taps / 2;
                    assert_eq!(coefficient, if is_tap { 1 << POINT } else { 0 }, "{from} to {to}");
                }
            }
        }
    }

    #[test]
    fn no_input_can_overflow() {
        for from in SampleRate::ALL {
            for to in SampleRate::ALL {
                let resampler = Resampler::new(from, to);
                for phase in resampler.phases.chunks(resampler.taps.max(1)) {
                    let gain: i32 = phase.iter().map(|&coefficient| i32::from(coefficient)).sum();
                    assert_eq!(gain, 1 << POINT);
                    let most: u32 = phase.iter().map(|coefficient| u32::from(coefficient.unsigned_abs())).sum();
                    assert!(most < 1 << 16, "{from} to {to}: {most}");
                }
            }
        }
    }
}
