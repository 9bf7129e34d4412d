//! The tone that a caller hears while somebody else is being rung, where the far side sends none of its own.

use std::f32::consts::TAU;
use std::sync::{Arc, LazyLock};

use media_engine::audio::SampleRate;

use super::Prompt;

/// 440 and 480 Hz, two seconds in six (ITU-T E.180, the plan of North America), each at -19 dBm0.
static TONE: LazyLock<Prompt> = LazyLock::new(|| {
    const AMPLITUDE: f32 = 0.08 * 32_767.0;
    let rate = SampleRate::Hz8000;
    let (on, period) = (2 * rate.hz() as usize, 6 * rate.hz() as usize);
    let fade = 40.0;
    let samples: Arc<[i16]> = (0..period)
        .map(|n| {
            if n >= on {
                return 0;
            }
            #[expect(clippy::cast_precision_loss, reason = "below 2^24")]
            let (n, left) = (n as f32, (on - n) as f32);
            let envelope = (n / fade).min(left / fade).min(1.0);
            let wave = [440.0, 480.0].map(|hz: f32| (TAU * hz * n / 8_000.0).sin()).iter().sum::<f32>();
            #[expect(clippy::cast_possible_truncation, reason = "below a fifth of the range")]
            let sample = (AMPLITUDE * envelope * wave) as i16;
            sample
        })
        .collect();
    Prompt::new(rate, samples)
});

/// One period of the tone.
pub(super) fn tone() -> &'static Prompt {
    &TONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rings_two_seconds_in_six_without_clicks() {
        let mut player = tone().play();
        let mut samples = Vec::new();
        while let Some(frame) = player.next_frame() {
            samples.extend_from_slice(frame.samples());
        }
        assert_eq!(samples.len(), 48_000);
        assert!(samples[16_000..].iter().all(|&sample| sample == 0));
        let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((4_000..6_000).contains(&loudest), "{loudest}");
        let step = samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap();
        assert!(step < 2_200, "{step}");
    }
}
