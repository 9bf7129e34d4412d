//! Who is speaking? A plain energy detector: enough for a demo on a clean line, and it shows where a better one goes.

/// Follows one direction of speech, 20 ms at a time.
#[derive(Debug, Default)]
pub(super) struct Vad {
    loud: u32,
    quiet: u32,
    speaking: bool,
}

/// What a frame changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Began,
    Ended,
}

impl Vad {
    /// Takes one frame.
    pub(super) fn hear(&mut self, frame: &[i16]) -> Option<Turn> {
        if rms(frame) >= THRESHOLD {
            self.loud += 1;
            self.quiet = 0;
        } else {
            self.loud = 0;
            self.quiet += 1;
        }
        let now = if self.speaking { self.quiet < QUIET_FRAMES } else { self.loud >= LOUD_FRAMES };
        let turn = match (self.speaking, now) {
            (false, true) => Some(Turn::Began),
            (true, false) => Some(Turn::Ended),
            (true, true) | (false, false) => None,
        };
        self.speaking = now;
        turn
    }
}

#[expect(clippy::cast_precision_loss, reason = "a frame has a few hundred samples")]
fn rms(frame: &[i16]) -> f64 {
    if frame.is_empty() {
        return 0.0;
    }
    let sum: f64 = frame.iter().map(|s| f64::from(*s).powi(2)).sum();
    (sum / frame.len() as f64).sqrt()
}

/// -36 dBFS: above line noise and comfort noise, below any speech at a normal level.
const THRESHOLD: f64 = 520.0;
/// Three frames in a row are speech: 60 ms, so that a click interrupts nobody.
pub(super) const LOUD_FRAMES: u32 = 3;
/// Half a second of quiet ends a turn; pauses between words are shorter.
const QUIET_FRAMES: u32 = 25;

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: [i16; 160] = [2_000; 160];
    const QUIET: [i16; 160] = [12; 160];

    #[test]
    fn a_click_is_not_speech() {
        let mut vad = Vad::default();
        for _ in 0..10 {
            assert_eq!(vad.hear(&LOUD), None);
            assert_eq!(vad.hear(&LOUD), None);
            assert_eq!(vad.hear(&QUIET), None);
        }
    }

    #[test]
    fn a_turn_begins_after_sixty_milliseconds_and_ends_after_half_a_second_of_quiet() {
        let mut vad = Vad::default();
        assert_eq!([&LOUD, &LOUD, &LOUD].map(|f| vad.hear(f)), [None, None, Some(Turn::Began)]);
        for _ in 1..QUIET_FRAMES {
            assert_eq!(vad.hear(&QUIET), None);
        }
        assert_eq!(vad.hear(&QUIET), Some(Turn::Ended));
        assert_eq!(vad.hear(&QUIET), None);
    }

    #[test]
    fn a_pause_between_words_does_not_end_the_turn() {
        let mut vad = Vad::default();
        let mut turns = Vec::new();
        for _ in 0..4 {
            turns.extend((0..30).filter_map(|_| vad.hear(&LOUD)));
            turns.extend((0..24).filter_map(|_| vad.hear(&QUIET)));
        }
        assert_eq!(turns, [Turn::Began]);
    }

    #[test]
    fn an_empty_frame_is_quiet() {
        assert_eq!(Vad::default().hear(&[]), None);
    }
}
