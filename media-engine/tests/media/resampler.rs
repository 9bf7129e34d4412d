//! The resampler against sums done directly, and against rubato.

use std::time::Duration;

use media_engine::audio::{Resampler, SampleRate};
use proptest::prelude::*;
use rubato::{
    Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction,
    audioadapter_buffers::direct::InterleavedSlice,
};

use crate::signal;

fn resample(from: SampleRate, to: SampleRate, input: &[i16]) -> Vec<i16> {
    let mut output = Vec::new();
    Resampler::new(from, to).process(input, &mut output);
    output
}

fn hz(rate: SampleRate) -> f64 {
    f64::from(rate.hz())
}

/// What a tone becomes: its gain in dB, and how far what else is there lies below it.
fn tone(from: SampleRate, to: SampleRate, tone_hz: f64) -> (f64, f64) {
    let input = signal::sine(tone_hz, hz(from), from.per_ms() * 1_000);
    let output = resample(from, to, &input);
    let settled = &output[to.per_ms() * 100..to.per_ms() * 900];
    let power = settled.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / settled.len() as f64;
    let gain = 10.0 * (power / (signal::AMPLITUDE.powi(2) / 2.0)).log10();
    (gain, signal::tone_snr(settled, tone_hz, hz(to)))
}

#[test]
fn there_and_back_a_tone_keeps_60_db() {
    for (low, high) in [
        (SampleRate::Hz8000, SampleRate::Hz16000),
        (SampleRate::Hz8000, SampleRate::Hz24000),
        (SampleRate::Hz8000, SampleRate::Hz48000),
        (SampleRate::Hz16000, SampleRate::Hz24000),
    ] {
        for tone_hz in [50.0, 300.0, 1_010.0, 2_100.0, 3_000.0, 3_400.0] {
            let input = signal::sine(tone_hz, hz(low), low.per_ms() * 1_000);
            let output = resample(high, low, &resample(low, high, &input));
            assert_eq!(output.len(), input.len());
            let snr = signal::tone_snr(&output[800..input.len() - 800], tone_hz, hz(low));
            assert!(snr >= 60.0, "{low} {high} {tone_hz}: {snr:.1} dB");
        }
    }
}

#[test]
fn in_band_it_is_flat_and_out_of_band_silent() {
    for (from, to) in [
        (SampleRate::Hz16000, SampleRate::Hz8000),
        (SampleRate::Hz24000, SampleRate::Hz8000),
        (SampleRate::Hz48000, SampleRate::Hz8000),
        (SampleRate::Hz24000, SampleRate::Hz16000),
        (SampleRate::Hz48000, SampleRate::Hz16000),
        (SampleRate::Hz48000, SampleRate::Hz24000),
    ] {
        let slower = hz(to);
        for part in [0.02, 0.1, 0.25, 0.4, 0.43] {
            let (gain, snr) = tone(from, to, slower * part);
            assert!(gain.abs() < 0.05 && snr > 60.0, "{from} {to} {part}: {gain:.3} dB, {snr:.1} dB");
        }
        for part in [0.57, 0.7, 0.9] {
            let (gain, _) = tone(from, to, slower * part);
            assert!(gain < -65.0, "{from} {to} {part}: {gain:.1} dB");
        }
    }
}

#[test]
fn what_is_added_between_samples_is_no_image() {
    for to in [SampleRate::Hz16000, SampleRate::Hz24000, SampleRate::Hz48000] {
        for tone_hz in [300.0, 1_000.0, 3_400.0] {
            let (gain, snr) = tone(SampleRate::Hz8000, to, tone_hz);
            assert!(gain.abs() < 0.05 && snr > 60.0, "{to} {tone_hz}: {gain:.3} dB, {snr:.1} dB");
        }
    }
}

#[test]
fn the_delay_is_what_it_says() {
    for from in SampleRate::ALL {
        for to in SampleRate::ALL {
            let resampler = Resampler::new(from, to);
            let expected = match from.min(to) {
                _ if from == to => Duration::ZERO,
                SampleRate::Hz8000 => Duration::from_millis(2),
                SampleRate::Hz16000 => Duration::from_millis(1),
                slower @ (SampleRate::Hz24000 | SampleRate::Hz48000) => slower.duration(16),
            };
            assert_eq!(resampler.delay(), expected, "{from} {to}");
            // A tone lies that much later, to a fraction of a sample.
            let tone_hz = 500.0;
            let input = signal::sine(tone_hz, hz(from), from.per_ms() * 200);
            let output = resample(from, to, &input);
            let shifted: Vec<i16> = (0..output.len())
                .map(|n| {
                    let time = n as f64 / hz(to) - resampler.delay().as_secs_f64();
                    (signal::AMPLITUDE * (std::f64::consts::TAU * tone_hz * time).sin()).round() as i16
                })
                .collect();
            let settled = to.per_ms() * 50;
            let error = output[settled..].iter().zip(&shifted[settled..]).map(|(a, b)| (a - b).abs()).max().unwrap();
            assert!(error <= 6, "{from} {to}: {error}");
        }
    }
}

#[test]
fn equal_rates_change_nothing() {
    let input = signal::noise(1_000, 1);
    for rate in SampleRate::ALL {
        assert_eq!(resample(rate, rate, &input), input);
    }
}

#[test]
fn the_loudest_input_does_not_wrap() {
    let input: Vec<i16> = (0..4_000).map(|n| if n / 3 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    for to in [SampleRate::Hz16000, SampleRate::Hz24000] {
        let output = resample(SampleRate::Hz8000, to, &input);
        // Where the input is constant and large, so is the output: it saturates, and does not change its sign.
        let ratio = to.per_ms() / 8;
        for at in (100..3_900).filter(|at| at % 3 == 1) {
            let sample = output[(at + 16) * ratio];
            assert_eq!(sample > 0, input[at] > 0, "{to} {at}");
        }
    }
}

/// rubato's sinc resampler, with a much longer filter, is the judge of ours: where both are flat, each tone comes out as
/// loud. (Sample by sample they differ by rubato's delay, which is no whole number of samples.)
#[test]
fn it_agrees_with_rubato() {
    const TONES: [f64; 4] = [200.0, 700.0, 1_300.0, 2_900.0];
    for (from, to) in [(SampleRate::Hz8000, SampleRate::Hz16000), (SampleRate::Hz24000, SampleRate::Hz8000)] {
        let tones = TONES.map(|tone_hz| signal::sine(tone_hz, hz(from), from.per_ms() * 500));
        let input: Vec<i16> = (0..tones[0].len()).map(|at| tones.iter().map(|tone| tone[at] / 4).sum()).collect();
        let ours: Vec<f64> = resample(from, to, &input).into_iter().map(f64::from).collect();
        let theirs = by_rubato(from, to, &input);
        let settled = to.per_ms() * 200..to.per_ms() * 300;
        for tone_hz in TONES {
            let difference =
                level_db(&ours[settled.clone()], tone_hz, hz(to)) - level_db(&theirs[settled.clone()], tone_hz, hz(to));
            assert!(difference.abs() < 0.02, "{from} {to} {tone_hz}: {difference} dB");
        }
    }
}

fn by_rubato(from: SampleRate, to: SampleRate, input: &[i16]) -> Vec<f64> {
    let parameters = SincInterpolationParameters {
        sinc_len: 240,
        f_cutoff: Some(0.95),
        oversampling_factor: 256,
        interpolation: SincInterpolationType::Cubic,
        window: WindowFunction::BlackmanHarris2,
    };
    let chunk = input.len();
    let mut resampler =
        Async::<f64>::new_sinc(hz(to) / hz(from), 1.1, &parameters, chunk, 1, FixedAsync::Input).unwrap();
    let input: Vec<f64> = input.iter().map(|&sample| f64::from(sample)).collect();
    let adapter = InterleavedSlice::new(&input, 1, chunk).unwrap();
    resampler.process(&adapter, None).unwrap().take_data()
}

/// How loud a tone is in the midst of others: one bin of a Fourier transform over whole periods.
fn level_db(samples: &[f64], tone_hz: f64, rate: f64) -> f64 {
    let angle = |at: usize| std::f64::consts::TAU * tone_hz * at as f64 / rate;
    let part = |of: fn(f64) -> f64| samples.iter().enumerate().map(|(at, sample)| sample * of(angle(at))).sum::<f64>();
    10.0 * (part(f64::sin).powi(2) + part(f64::cos).powi(2)).log10()
}

proptest! {
    /// However the input is cut, the output is the same, and as long as the ratio says.
    #[test]
    fn chunks_do_not_matter(cuts in prop::collection::vec(0..700_usize, 1..20), from in 0..4_usize, to in 0..4_usize) {
        let (from, to) = (SampleRate::ALL[from], SampleRate::ALL[to]);
        let input = signal::noise(cuts.iter().sum(), 7);
        let whole = resample(from, to, &input);
        let mut resampler = Resampler::new(from, to);
        let mut pieces = Vec::new();
        let mut at = 0;
        for cut in cuts {
            resampler.process(&input[at..at + cut], &mut pieces);
            at += cut;
            let expected = (at * to.hz() as usize).div_ceil(from.hz() as usize);
            prop_assert_eq!(pieces.len(), expected);
        }
        prop_assert_eq!(pieces, whole);
    }
}
