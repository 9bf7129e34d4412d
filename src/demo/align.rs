//! Is the speech that came back the speech that was sent, and how much later?
//!
//! The delay is the lag of the greatest normalised cross-correlation, searched coarsely at 1 kHz and then exactly at
//! 8 kHz, refined by a parabola through its neighbours. The correlation that decides is taken over windows of half
//! a second, each aligned for itself within ±60 ms: a jitter buffer may stretch or drop a frame during a call, and
//! that is no reason to call the speech lost. Silence between words is left out.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "counts of samples of one call are exact in an f64, and audio is measured here, not moved"
)]

/// Result of [`align`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alignment {
    /// Delay of the received speech against the sent, in samples.
    pub lag: f64,
    /// Normalised correlation after alignment, over all windows that hold speech: 1 is identical up to volume.
    pub correlation: f64,
    /// The worst window.
    pub worst: f64,
    /// Share of the windows with speech whose own correlation is at least one half.
    pub coverage: f64,
}

/// Aligns `heard` to `sent`; both are 8 kHz and begin at the same instant. None when one is silent or too short.
pub fn align(sent: &[i16], heard: &[i16], max_lag: usize) -> Option<Alignment> {
    let sent_low = decimate(sent);
    let heard_low = decimate(heard);
    let coarse = best_lag(&sent_low, &heard_low, 0, max_lag / DECIMATION)?;
    let centre = coarse * DECIMATION;
    let sent: Vec<f32> = sent.iter().map(|s| f32::from(*s)).collect();
    let heard: Vec<f32> = heard.iter().map(|s| f32::from(*s)).collect();
    let lag = best_lag(&sent, &heard, centre.saturating_sub(2 * DECIMATION), (centre + 2 * DECIMATION).min(max_lag))?;
    let exact = refine(&sent, &heard, lag);
    windows(&shift(&sent, exact - lag as f64), &heard, lag, exact)
}

fn windows(sent: &[f32], heard: &[f32], lag: usize, exact: f64) -> Option<Alignment> {
    let loud = energy(sent) / sent.len().max(1) as f64 * SPEECH_SHARE;
    let (mut dot_sum, mut sent_sum, mut heard_sum) = (0.0, 0.0, 0.0);
    let (mut worst, mut good, mut counted) = (1.0_f64, 0_usize, 0_usize);
    for start in (0..sent.len()).step_by(WINDOW) {
        let window = &sent[start..(start + WINDOW).min(sent.len())];
        if energy(window) / (window.len() as f64) < loud {
            continue;
        }
        let rest = heard.get(start..).unwrap_or(&[]);
        let from = lag.saturating_sub(WANDER);
        let own = best_lag(window, rest, from, lag + WANDER).unwrap_or(lag);
        let end = (own + window.len()).min(rest.len());
        let other = rest.get(own..end).unwrap_or(&[]);
        let (dot, sent_energy, heard_energy) =
            (dot(window, other), energy(window), energy(other).max(f64::MIN_POSITIVE));
        let own = dot / (sent_energy * heard_energy).sqrt();
        worst = worst.min(own);
        good += usize::from(own >= 0.5);
        counted += 1;
        dot_sum += dot;
        sent_sum += sent_energy;
        heard_sum += heard_energy;
    }
    (counted > 0).then(|| Alignment {
        lag: exact,
        correlation: dot_sum / (sent_sum * heard_sum).sqrt(),
        worst,
        coverage: good as f64 / counted as f64,
    })
}

/// The lag in `from..=to` with the greatest normalised correlation. None when all of it is silence.
fn best_lag(sent: &[f32], heard: &[f32], from: usize, to: usize) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    let sent_energy = energy(sent);
    if sent_energy <= 0.0 {
        return None;
    }
    for lag in from..=to {
        let correlation = correlation_at(sent, sent_energy, heard, lag);
        if best.is_none_or(|(_, known)| correlation > known) {
            best = Some((lag, correlation));
        }
    }
    best.filter(|(_, correlation)| *correlation > 0.0).map(|(lag, _)| lag)
}

fn correlation_at(sent: &[f32], sent_energy: f64, heard: &[f32], lag: usize) -> f64 {
    let end = (lag + sent.len()).min(heard.len());
    let other = heard.get(lag..end).unwrap_or(&[]);
    let heard_energy = energy(other);
    if heard_energy <= 0.0 {
        return 0.0;
    }
    dot(sent, other) / (sent_energy * heard_energy).sqrt()
}

/// The peak of a parabola through the correlation at `lag` and its neighbours: the delay below one sample.
fn refine(sent: &[f32], heard: &[f32], lag: usize) -> f64 {
    let sent_energy = energy(sent);
    let at = |lag: usize| correlation_at(sent, sent_energy, heard, lag);
    let Some(before) = lag.checked_sub(1).map(at) else {
        return lag as f64;
    };
    let (middle, after) = (at(lag), at(lag + 1));
    let curve = before - 2.0 * middle + after;
    if curve >= 0.0 {
        return lag as f64;
    }
    lag as f64 + (0.5 * (before - after) / curve).clamp(-0.5, 0.5)
}

/// Delays by less than one sample with a windowed sinc: resamplers on the way leave such a delay, and at 8 kHz half a
/// sample would cost seven hundredths of correlation.
fn shift(samples: &[f32], fraction: f64) -> Vec<f32> {
    if fraction.abs() < 0.01 {
        return samples.to_vec();
    }
    let taps: Vec<f64> = (-SINC_HALF..=SINC_HALF)
        .map(|tap| {
            let at = tap as f64 - fraction;
            let window = (at / (SINC_HALF as f64 + 1.0) * std::f64::consts::FRAC_PI_2).cos();
            let angle = std::f64::consts::PI * at;
            angle.sin() / angle * window
        })
        .collect();
    (0..samples.len())
        .map(|n| {
            let sum: f64 = taps
                .iter()
                .zip(-SINC_HALF..)
                .filter_map(|(tap, offset)| {
                    let at = n.checked_add_signed(-offset)?;
                    samples.get(at).map(|s| f64::from(*s) * tap)
                })
                .sum();
            sum as f32
        })
        .collect()
}

fn decimate(samples: &[i16]) -> Vec<f32> {
    samples.chunks(DECIMATION).map(|chunk| chunk.iter().map(|s| f32::from(*s)).sum()).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn energy(samples: &[f32]) -> f64 {
    dot(samples, samples)
}

/// 8 kHz to 1 kHz for the coarse search.
const DECIMATION: usize = 8;
/// Half a second.
const WINDOW: usize = 4_000;
/// ±60 ms.
const WANDER: usize = 480;
/// Taps on each side of the fractional delay.
const SINC_HALF: isize = 16;
/// A window below this share of the mean energy is a pause.
const SPEECH_SHARE: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::speech;

    const MAX_LAG: usize = 20_000;

    fn delayed(sent: &[i16], lag: usize, gain: f32) -> Vec<i16> {
        let mut heard = vec![0; lag];
        heard.extend(sent.iter().map(|s| (f32::from(*s) * gain) as i16));
        heard.extend([0; 4_000]);
        heard
    }

    #[test]
    fn a_quieter_echo_is_found_with_its_delay() {
        let sent = speech::caller().unwrap();
        let found = align(&sent, &delayed(&sent, 4_123, 0.4), MAX_LAG).unwrap();
        assert!((found.lag - 4_123.0).abs() < 0.1, "{found:?}");
        assert!(found.correlation > 0.999, "{found:?}");
        assert!((found.coverage - 1.0).abs() < f64::EPSILON, "{found:?}");
    }

    #[test]
    fn half_a_sample_of_delay_costs_little_and_is_measured() {
        let sent = speech::caller().unwrap();
        let half: Vec<i16> =
            std::iter::once(sent[0]).chain(sent.windows(2).map(|w| i16::midpoint(w[0], w[1]))).collect();
        let found = align(&sent, &delayed(&half, 800, 1.0), MAX_LAG).unwrap();
        assert!((found.lag - 800.5).abs() < 0.1, "{found:?}");
        assert!(found.correlation > 0.97, "{found:?}");
    }

    #[test]
    fn one_frame_too_many_in_the_middle_is_still_the_same_speech() {
        let sent = speech::caller().unwrap();
        let mut heard = delayed(&sent, 2_000, 1.0);
        let middle = heard.len() / 2;
        heard.splice(middle..middle, [0; 160]);
        let found = align(&sent, &heard, MAX_LAG).unwrap();
        assert!(found.correlation > 0.9, "{found:?}");
    }

    #[test]
    fn other_speech_is_not_taken_for_the_echo() {
        let sent = speech::caller().unwrap();
        let other = speech::greeting().unwrap();
        let found = align(&sent, &delayed(&other, 1_000, 1.0), MAX_LAG).unwrap();
        assert!(found.correlation < 0.6, "{found:?}");
    }

    #[test]
    fn half_of_the_speech_lost_does_not_pass() {
        let sent = speech::caller().unwrap();
        let mut heard = delayed(&sent, 1_000, 1.0);
        let half = heard.len() / 2;
        heard[half..].fill(0);
        let found = align(&sent, &heard, MAX_LAG).unwrap();
        assert!(found.correlation < 0.9 && found.coverage < 0.7, "{found:?}");
    }

    #[test]
    fn silence_has_no_alignment() {
        let sent = speech::caller().unwrap();
        assert_eq!(align(&sent, &vec![0; sent.len()], MAX_LAG), None);
        assert_eq!(align(&vec![0; 8_000], &sent, MAX_LAG), None);
        assert_eq!(align(&sent, &[], MAX_LAG), None);
        assert_eq!(align(&[], &sent, MAX_LAG), None);
    }
}
