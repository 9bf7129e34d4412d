//! Sounds, and how alike two of them are.

use rand::{RngExt, SeedableRng, rngs::StdRng};

pub(crate) const AMPLITUDE: f64 = 8_000.0;

pub(crate) fn sine(hz: f64, rate: f64, samples: usize) -> Vec<i16> {
    (0..samples).map(|n| quantise(AMPLITUDE * (std::f64::consts::TAU * hz * n as f64 / rate).sin())).collect()
}

/// Noise of the telephone band: wherever it is heard, it tells when it was made.
pub(crate) fn noise(samples: usize, seed: u64) -> Vec<i16> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut past = [0.0_f64; 2];
    (0..samples)
        .map(|_| {
            let white: f64 = rng.random_range(-1.0..1.0);
            let filtered = white + 0.9 * past[0] - 0.4 * past[1];
            past = [filtered, past[0]];
            quantise(filtered * AMPLITUDE * 0.5)
        })
        .collect()
}

/// Something like speech at 8 kHz: syllables of a gliding pitch with formants, and pauses between them.
pub(crate) fn speech(samples: usize, seed: u64) -> Vec<i16> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut out = Vec::with_capacity(samples);
    while out.len() < samples {
        let (length, pause) = (rng.random_range(1_200..3_200), rng.random_range(200..1_600));
        let (from, to) = (rng.random_range(90.0..200.0), rng.random_range(90.0..200.0));
        let formants = [rng.random_range(300.0..800.0), rng.random_range(900.0..2_200.0), 2_700.0];
        let mut phase = 0.0_f64;
        for n in 0..length {
            let place = f64::from(n) / f64::from(length);
            let pitch: f64 = from + (to - from) * place;
            phase += pitch / 8_000.0;
            let envelope = (std::f64::consts::PI * place).sin().powf(0.5);
            let mut value = 0.0;
            for harmonic in 1..=18 {
                let hz = pitch * f64::from(harmonic);
                if hz < 3_300.0 {
                    let weight: f64 = formants.iter().map(|formant| (-((hz - formant) / 180.0).powi(2)).exp()).sum();
                    value += (0.05 + weight) * (std::f64::consts::TAU * phase * f64::from(harmonic)).sin();
                }
            }
            out.push(quantise(value * envelope * AMPLITUDE * 0.5));
        }
        out.extend((0..pause).map(|_| quantise(rng.random_range(-20.0..20.0))));
    }
    out.truncate(samples);
    out
}

/// How alike two pieces are, from -1 to 1.
pub(crate) fn likeness(a: &[i16], b: &[i16]) -> f64 {
    // One plain loop: this is most of what the tests do, and they are not optimised.
    let (mut dot, mut power_a, mut power_b) = (0_i64, 0_i64, 0_i64);
    for at in 0..a.len() {
        let (x, y) = (i64::from(a[at]), i64::from(b[at]));
        dot += x * y;
        power_a += x * x;
        power_b += y * y;
    }
    let norm = (power_a as f64 * power_b as f64).sqrt();
    if norm > 0.0 { dot as f64 / norm } else { 0.0 }
}

/// Where in `source`, within `range`, `piece` is found best, and how alike it is there.
pub(crate) fn find(piece: &[i16], source: &[i16], range: std::ops::Range<usize>) -> (usize, f64) {
    let last = source.len().saturating_sub(piece.len());
    (range.start..range.end.min(last))
        .map(|at| (at, likeness(piece, &source[at..at + piece.len()])))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap()
}

/// The power of what remains of a tone of `hz` when the tone itself is taken out, against the tone, in dB.
pub(crate) fn tone_snr(samples: &[i16], hz: f64, rate: f64) -> f64 {
    let n = samples.len() as f64;
    let (mut re, mut im, mut total) = (0.0, 0.0, 0.0);
    for (at, &sample) in samples.iter().enumerate() {
        let angle = std::f64::consts::TAU * hz * at as f64 / rate;
        re += f64::from(sample) * angle.cos();
        im += f64::from(sample) * angle.sin();
        total += f64::from(sample).powi(2);
    }
    let tone = 2.0 * (re * re + im * im) / n;
    10.0 * (tone / (total - tone).max(1e-9)).log10()
}

fn quantise(value: f64) -> i16 {
    value.round().clamp(-32_768.0, 32_767.0) as i16
}
