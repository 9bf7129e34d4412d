//! What the caller says when, tick by tick: pure, so that it is tested without a call.

use std::time::{Duration, Instant};

use super::{HangUp, Touch};
use crate::demo::measure;

/// 20 ms at 8 kHz.
pub(super) const FRAME: usize = 160;
pub(super) const PTIME: Duration = Duration::from_millis(20);

/// The caller's part of the conversation.
#[derive(Debug)]
pub(super) struct Script {
    answered: Instant,
    sound: Vec<i16>,
    say_after: Duration,
    said: usize,
    spoken: Option<Instant>,
    digits: Vec<Touch>,
    hang_up: HangUp,
    tick: u32,
}

impl Script {
    pub(super) fn new(
        answered: Instant,
        sound: Vec<i16>,
        say_after: Duration,
        mut digits: Vec<Touch>,
        hang_up: HangUp,
    ) -> Self {
        digits.sort_by_key(|touch| std::cmp::Reverse(touch.after));
        Self { answered, sound, say_after, said: 0, spoken: None, digits, hang_up, tick: 0 }
    }

    /// When the next frame is to be sent: always on the grid that began with the answer, so that a late wake-up moves
    /// nothing.
    pub(super) fn next_frame(&self) -> Instant {
        self.answered + PTIME * (self.tick + 1)
    }

    /// The frame that is due; it holds what was spoken in the 20 ms before.
    pub(super) fn frame(&mut self) -> [i16; FRAME] {
        let began = self.answered + PTIME * self.tick;
        self.tick += 1;
        let mut frame = [0; FRAME];
        if began < self.answered + self.say_after {
            return frame;
        }
        let rest = self.sound.get(self.said..).unwrap_or_default();
        let now = rest.len().min(FRAME);
        frame[..now].copy_from_slice(&rest[..now]);
        if now > 0 && self.spoken.is_none() {
            self.spoken = Some(began);
        }
        self.said += now;
        frame
    }

    /// When the first sample was spoken.
    pub(super) fn spoken(&self) -> Option<Instant> {
        self.spoken
    }

    /// The next digit that is due.
    pub(super) fn digit(&mut self, now: Instant) -> Option<Touch> {
        let due = self.digits.last().is_some_and(|touch| self.answered + touch.after <= now);
        if due { self.digits.pop() } else { None }
    }

    /// How long the call will last, where the caller decides it.
    pub(super) fn planned(&self) -> Option<Duration> {
        match self.hang_up {
            HangUp::AfterSpeech(rest) => Some(self.say_after + measure::time(self.sound.len()) + rest),
            HangUp::After(length) => Some(length),
            HangUp::Callee { .. } => None,
        }
    }

    /// When the caller hangs up.
    pub(super) fn end(&self) -> Instant {
        let patience = match self.hang_up {
            HangUp::Callee { within } => within,
            HangUp::AfterSpeech(_) | HangUp::After(_) => Duration::ZERO,
        };
        self.answered + self.planned().unwrap_or(patience)
    }
}

#[cfg(test)]
mod tests {
    use media_engine::dtmf::Key;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn speech_begins_on_a_tick_and_its_instant_is_the_first_samples() {
        let now = Instant::now();
        let mut script = Script::new(now, vec![9; 200], 30 * MS, Vec::new(), HangUp::AfterSpeech(50 * MS));
        assert_eq!(script.next_frame(), now + 20 * MS);
        assert_eq!(script.frame(), [0; FRAME]);
        assert_eq!(script.frame(), [0; FRAME]);
        assert_eq!(script.next_frame(), now + 60 * MS);
        assert_eq!(script.frame(), [9; FRAME]);
        assert_eq!(script.spoken(), Some(now + 40 * MS));
        let last = script.frame();
        assert_eq!((last[39], last[40]), (9, 0));
        assert_eq!(script.frame(), [0; FRAME]);
        assert_eq!(script.planned(), Some(105 * MS));
        assert_eq!(script.end(), now + 105 * MS);
    }

    #[test]
    fn digits_come_in_order_of_their_time() {
        let now = Instant::now();
        let touch = |after, key| Touch { after: after * MS, key: Key::from_char(key).unwrap(), length: 100 * MS };
        let digits = vec![touch(500, '2'), touch(100, '1')];
        let mut script = Script::new(now, Vec::new(), Duration::ZERO, digits, HangUp::After(MS));
        assert!(script.digit(now + 99 * MS).is_none());
        assert_eq!(script.digit(now + 900 * MS).unwrap().key.to_char(), '1');
        assert_eq!(script.digit(now + 900 * MS).unwrap().key.to_char(), '2');
        assert!(script.digit(now + 900 * MS).is_none());
    }

    #[test]
    fn the_callee_may_have_the_last_word_but_not_for_ever() {
        let now = Instant::now();
        let hang_up = HangUp::Callee { within: 700 * MS };
        let script = Script::new(now, vec![1; 8], Duration::ZERO, Vec::new(), hang_up);
        assert_eq!((script.planned(), script.end()), (None, now + 700 * MS));
    }
}
