use std::{collections::VecDeque, fmt};

use super::{Cleared, Raw};
use crate::{
    audio::{Pcm, SampleRate},
    dtmf::MenuDigit,
    limits::MAX_GUARD_HOLD,
};

/// What the guard lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Nothing: silence instead of audio, and no digits. So the guard starts.
    #[default]
    Closed,
    /// Everything: an ordinary call.
    Open,
}

/// A delay line that decides what of a caller's audio may be heard.
///
/// Frames wait in it for `hold` frames, so that a verdict reaches back to what came before it: closing the guard
/// silences all that has not left yet. It fails closed. A verdict is never taken back: a frame that was in the line while
/// the guard was closed comes out silent.
///
/// It is made once per call and outlives every re-INVITE.
pub struct Guard {
    mode: Mode,
    hold: usize,
    line: VecDeque<Held>,
    blanked: u64,
    withheld: u64,
}

struct Held {
    frame: Pcm,
    blank: bool,
}

impl Guard {
    /// A closed guard that holds each frame back for `hold` frames, at most [`MAX_GUARD_HOLD`].
    pub fn new(hold: usize) -> Self {
        let hold = hold.min(MAX_GUARD_HOLD);
        Self {
            mode: Mode::Closed,
            hold,
            line: VecDeque::with_capacity(hold.saturating_add(1)),
            blanked: 0,
            withheld: 0,
        }
    }

    /// A guard for an ordinary call: open, and without delay.
    pub fn open_for_call() -> Self {
        let mut guard = Self::new(0);
        guard.set_mode(Mode::Open);
        guard
    }

    /// Opens or closes. Closing reaches back to all that is still in the line; opening does not.
    pub fn set_mode(&mut self, mode: Mode) {
        if mode == Mode::Closed {
            for held in &mut self.line {
                held.blank = true;
            }
        }
        self.mode = mode;
    }

    /// What it lets through now.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// How many frames it holds back.
    pub const fn hold(&self) -> usize {
        self.hold
    }

    /// Takes a frame, gives the one whose time has come: the same when `hold` is 0, none while the line fills.
    pub fn push(&mut self, raw: Raw) -> Option<Cleared<Pcm>> {
        let entering = Held { frame: raw.into_inner(), blank: self.mode == Mode::Closed };
        if self.hold == 0 {
            return Some(self.release(entering));
        }
        self.line.push_back(entering);
        if self.line.len() <= self.hold {
            return None;
        }
        let leaving = self.line.pop_front()?;
        Some(self.release(leaving))
    }

    /// Takes a digit that was signalled beside the audio. Gives it back when it may be reported.
    pub fn admit(&mut self, digit: MenuDigit) -> Option<MenuDigit> {
        match self.mode {
            Mode::Open => Some(digit),
            Mode::Closed => {
                self.withheld = self.withheld.saturating_add(1);
                None
            }
        }
    }

    /// A frame in which nobody said anything, for when there is no caller audio to clear.
    pub fn clear_silence(rate: SampleRate, samples: usize) -> Cleared<Pcm> {
        Cleared::mint(Pcm::silence(rate, samples))
    }

    /// How many frames were silenced.
    pub const fn blanked(&self) -> u64 {
        self.blanked
    }

    /// How many digits were not reported.
    pub const fn withheld(&self) -> u64 {
        self.withheld
    }

    fn release(&mut self, held: Held) -> Cleared<Pcm> {
        let Held { mut frame, blank } = held;
        if blank {
            frame.blank();
            self.blanked = self.blanked.saturating_add(1);
        }
        Cleared::mint(frame)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("mode", &self.mode)
            .field("hold", &self.hold)
            .field("held", &self.line.len())
            .field("blanked", &self.blanked)
            .field("withheld", &self.withheld)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::dtmf::Key;

    const RATE: SampleRate = SampleRate::Hz8000;

    fn frame(value: i16) -> Raw {
        Raw::new(Pcm::from_slice(RATE, &[value; 160]).unwrap())
    }

    fn value(cleared: &Cleared<Pcm>) -> i16 {
        assert_eq!(cleared.get().len(), 160);
        cleared.get().samples()[0]
    }

    #[test]
    fn it_starts_closed() {
        let mut guard = Guard::new(0);
        assert_eq!(value(&guard.push(frame(7)).unwrap()), 0);
        assert!(guard.admit(MenuDigit::new(Key::from_char('5').unwrap(), Duration::ZERO)).is_none());
        assert_eq!((guard.blanked(), guard.withheld()), (1, 1));
    }

    #[test]
    fn open_is_without_delay() {
        let mut guard = Guard::open_for_call();
        assert_eq!(value(&guard.push(frame(7)).unwrap()), 7);
        let digit = MenuDigit::new(Key::from_char('5').unwrap(), Duration::ZERO);
        assert_eq!(guard.admit(digit), Some(digit));
        assert_eq!((guard.blanked(), guard.withheld()), (0, 0));
    }

    #[test]
    fn a_verdict_reaches_back_over_the_line() {
        let mut guard = Guard::new(3);
        guard.set_mode(Mode::Open);
        let mut heard = Vec::new();
        for at in 1..=10 {
            if at == 7 {
                guard.set_mode(Mode::Closed);
            }
            if at == 9 {
                guard.set_mode(Mode::Open);
            }
            heard.push(guard.push(frame(at)).map(|cleared| value(&cleared)));
        }
        // Closed before frame 7 came: 4, 5 and 6 were still held. 7 and 8 came while closed.
        let expected = [None, None, None, Some(1), Some(2), Some(3), Some(0), Some(0), Some(0), Some(0)];
        assert_eq!(heard, expected);
        assert_eq!(value(&guard.push(frame(11)).unwrap()), 0);
        assert_eq!(value(&guard.push(frame(12)).unwrap()), 9);
        assert_eq!(guard.blanked(), 5);
    }

    #[test]
    fn the_line_is_bounded() {
        assert_eq!(Guard::new(usize::MAX).hold(), MAX_GUARD_HOLD);
    }

    #[test]
    fn debug_shows_no_audio() {
        let mut guard = Guard::new(1);
        assert!(guard.push(frame(12_345)).is_none());
        assert!(!format!("{guard:?} {:?}", frame(12_345)).contains("12345"));
    }
}
