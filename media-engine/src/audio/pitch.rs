use std::ops::RangeInclusive;

use super::SampleRate;

/// The pitch periods that are looked for: 5 to 15 ms, which is 66 to 200 Hz. Of a higher voice a multiple is found.
pub(crate) const fn pitch_range(rate: SampleRate) -> RangeInclusive<usize> {
    rate.per_ms() * 5..=rate.per_ms() * 15
}

/// Where a piece of audio looks most like another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Match {
    /// How far away.
    pub(crate) lag: usize,
    /// How alike, from -1 to 1; 0 when one of them is silent.
    pub(crate) likeness: f32,
}

/// Finds the lag in `lags` at which `candidate(lag)` is most like `template`; `None` when the range is empty.
///
/// First every second lag is tried on every second sample, then the neighbours of the best one on all.
pub(crate) fn best_lag<'a>(
    template: &[i16],
    lags: RangeInclusive<usize>,
    candidate: impl Fn(usize) -> &'a [i16],
) -> Option<Match> {
    let (first, last) = lags.into_inner();
    let coarse = best_of(template, (first..=last).step_by(2), 2, &candidate)?;
    let near = coarse.lag.saturating_sub(1).max(first)..=coarse.lag.saturating_add(1).min(last);
    best_of(template, near, 1, &candidate)
}

/// Fades from one piece of audio to another of the same length, in place of the second.
pub(crate) fn blend(from: &[i16], to: &mut [i16]) {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let step = 1.0 / (to.len() as f32 + 1.0);
    let mut weight = step;
    for (to, &from) in to.iter_mut().zip(from) {
        *to = mix(from, *to, weight);
        weight += step;
    }
}

/// `weight` of `to`, the rest of `from`.
pub(crate) fn mix(from: i16, to: i16, weight: f32) -> i16 {
    let (from, to) = (f32::from(from), f32::from(to));
    round((to - from).mul_add(weight, from))
}

/// To the nearest sample, saturating.
#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
pub(crate) fn round(value: f32) -> i16 {
    (value + 0.5).floor() as i16
}

/// The mean square of the samples.
pub(crate) fn power(samples: &[i16]) -> u32 {
    let energy: u64 = samples.iter().map(|&sample| u64::from(sample.unsigned_abs()).pow(2)).sum();
    let power = energy / u64::try_from(samples.len().max(1)).unwrap_or(1);
    u32::try_from(power).unwrap_or(u32::MAX)
}

fn best_of<'a>(
    template: &[i16],
    lags: impl Iterator<Item = usize>,
    step: usize,
    candidate: &impl Fn(usize) -> &'a [i16],
) -> Option<Match> {
    let own = correlate(template, template, step);
    lags.map(|lag| {
        let other = candidate(lag);
        let energy = own * correlate(other, other, step);
        let likeness = if energy > 0.0 { correlate(template, other, step) / energy.sqrt() } else { 0.0 };
        Match { lag, likeness }
    })
    .reduce(|best, next| if next.likeness > best.likeness { next } else { best })
}

fn correlate(a: &[i16], b: &[i16], step: usize) -> f32 {
    let pairs = a.iter().step_by(step).zip(b.iter().step_by(step));
    let sum: i64 = pairs.map(|(&a, &b)| i64::from(i32::from(a) * i32::from(b))).sum();
    #[expect(clippy::cast_precision_loss, reason = "a likeness needs no more")]
    let sum = sum as f32;
    sum
}
