//! What the call was worth: from the recording and the instants at which things happened to figures.

use std::time::{Duration, Instant};

use super::align::{self, Alignment};
use super::limits::MAX_DELAY;
use super::wav::RATE;

/// Audio with the instant at which its first sample was heard.
#[derive(Clone)]
pub struct Track {
    /// When the first sample was heard.
    pub began: Instant,
    /// 8 kHz samples; silence where nothing was heard.
    pub samples: Vec<i16>,
}

impl std::fmt::Debug for Track {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Track").field("samples", &self.samples.len()).finish_non_exhaustive()
    }
}

impl Track {
    /// What was heard from `instant` on; silence for the time before the track began.
    pub fn from(&self, instant: Instant) -> Vec<i16> {
        if let Some(later) = instant.checked_duration_since(self.began) {
            return self.samples.get(samples(later)..).unwrap_or_default().to_vec();
        }
        let mut heard = vec![0; samples(self.began.duration_since(instant))];
        heard.extend(&self.samples);
        heard
    }

    /// How long after `instant` it became silent: the first moment after which nothing is heard for 200 ms. None
    /// when it did not.
    pub fn silent_after(&self, instant: Instant) -> Option<Duration> {
        let heard = self.from(instant);
        let quiet: Vec<bool> =
            heard.chunks_exact(GRAIN).map(|grain| grain.iter().all(|s| s.unsigned_abs() < QUIET)).collect();
        let needed = samples(SILENCE) / GRAIN;
        let grain = quiet.windows(needed).position(|window| window.iter().all(|quiet| *quiet))?;
        Some(time(grain * GRAIN))
    }
}

/// How long the speech took from the caller's mouth to his ear, and how much of it came back.
///
/// `spoken` is the instant at which the first sample of `speech` was spoken: its packet leaves when the frame is whole,
/// 20 ms later. The delay counts packetisation, network, both jitter buffers and the application's way, but not
/// `own`, the delay that the application adds on purpose.
pub fn echo(speech: &[i16], spoken: Instant, heard: &Track, own: Duration) -> Option<(Duration, Alignment)> {
    let alignment = align::align(speech, &heard.from(spoken), samples(MAX_DELAY))?;
    let delay = Duration::from_secs_f64(alignment.lag / f64::from(RATE));
    Some((delay.saturating_sub(own), alignment))
}

/// Samples in `time`, rounded down.
pub fn samples(time: Duration) -> usize {
    usize::try_from(time.as_micros() * u128::from(RATE) / 1_000_000).unwrap_or(usize::MAX)
}

/// Time of `samples`.
pub fn time(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 1_000_000 / u64::from(RATE))
}

/// 5 ms.
const GRAIN: usize = 40;
/// -48 dBFS: comfort noise is below, speech above.
const QUIET: u16 = 130;
/// No pause within the greeting is as long.
const SILENCE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::speech;

    fn track(began: Instant, samples: Vec<i16>) -> Track {
        Track { began, samples }
    }

    #[test]
    fn the_applications_own_delay_is_taken_off() {
        let speech = speech::caller().unwrap();
        let now = Instant::now();
        let spoken = now + Duration::from_secs(3);
        // Heard 500 ms after it was spoken.
        let mut samples = vec![0; 28_000];
        samples.extend(&speech);
        let (delay, found) = echo(&speech, spoken, &track(now, samples), Duration::from_millis(400)).unwrap();
        assert!((delay.as_secs_f64() - 0.1).abs() < 0.000_2, "{delay:?}");
        assert!(found.correlation > 0.999);
    }

    #[test]
    fn a_track_that_begins_later_is_padded() {
        let now = Instant::now();
        let heard = track(now + Duration::from_millis(10), vec![7; 10]);
        let from = heard.from(now);
        assert_eq!((from.len(), from[79], from[80]), (90, 0, 7));
        assert_eq!(heard.from(now + Duration::from_secs(1)), Vec::<i16>::new());
    }

    #[test]
    fn a_short_pause_is_not_yet_silence() {
        let now = Instant::now();
        let mut samples = vec![4_000; 800];
        samples.extend([0; 800]);
        samples.extend([4_000; 400]);
        samples.extend([3; 1_600]);
        let heard = track(now, samples);
        assert_eq!(heard.silent_after(now), Some(Duration::from_millis(250)));
        assert_eq!(heard.silent_after(now + Duration::from_millis(200)), Some(Duration::from_millis(50)));
        assert_eq!(track(now, vec![4_000; 8_000]).silent_after(now), None);
    }

    #[test]
    fn the_greeting_itself_has_no_such_silence_before_the_caller_speaks() {
        let now = Instant::now();
        let greeting = track(now, speech::greeting().unwrap());
        let from = now + Duration::from_millis(1_700);
        assert_eq!(greeting.silent_after(from), None);
    }
}
