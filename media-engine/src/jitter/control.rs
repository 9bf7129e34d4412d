/// What should be done about the delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Nothing.
    Keep,
    /// Leave out up to so many ticks, where it will not be heard.
    Shorten(u32),
    /// Leave out as much as can be, up to so many ticks: a backlog is to be caught up.
    CatchUp(u32),
    /// Repeat up to so many ticks, where it will not be heard.
    Lengthen(u32),
}

/// Compares how long packets wait with how long they should.
///
/// A packet is taken when a frame needs it, so that its wait changes in steps of a frame; audio left over after a frame is
/// delay too, but helps nobody. So what can be saved is the least left over, and whole frames of waiting. A few frames are
/// looked at together: a sender whose ptime is not ours makes a pattern.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    frame: i64,
    frames: u32,
    least_wait: i64,
    least_left: i64,
    /// The wait of the packet taken last, unless acted upon.
    last_wait: Option<i64>,
    catching_up: bool,
}

impl Controller {
    pub(super) fn new(frame: i64) -> Self {
        Self { frame, frames: 0, least_wait: i64::MAX, least_left: i64::MAX, last_wait: None, catching_up: false }
    }

    /// A packet was taken; one without any delay on its way would have waited so long.
    pub(super) fn on_taken(&mut self, wait: i64) {
        self.least_wait = self.least_wait.min(wait);
        self.last_wait = Some(wait);
    }

    /// A frame was made, and so much audio is left.
    pub(super) fn on_frame(&mut self, left: i64, needed: i64, target: i64) -> Advice {
        self.frames += 1;
        self.least_left = self.least_left.min(left);

        if let Some(wait) = self.last_wait.take() {
            let excess = wait - target;
            // What is left out may make the next packet due a frame earlier: almost that much is left alone.
            let keep = self.frame * 3 / 4;
            let enough = if self.catching_up { self.frame * 5 / 4 } else { self.frame * 3 };
            self.catching_up = excess > enough;
            if self.catching_up {
                self.look_again();
                return Advice::CatchUp(to_ticks(excess - keep));
            }
        }
        if self.frames < LOOK_AT {
            return Advice::Keep;
        }
        let (wait, left) = (self.least_wait, self.least_left);
        self.look_again();
        if wait == i64::MAX {
            return Advice::Keep;
        }
        let least = needed.max(target - self.slack());
        let frames_to_spare = (wait - least).max(0) / self.frame;
        let spare = left + frames_to_spare * self.frame;
        if wait + self.slack() < needed {
            Advice::Lengthen(to_ticks((needed - wait).max(self.frame / 4)))
        } else if spare >= self.frame * 3 / 8 {
            Advice::Shorten(to_ticks(spare))
        } else {
            Advice::Keep
        }
    }

    /// Waits are not compared more finely than this, 2 ms: clocks drift, and a tick is not a whole number of microseconds.
    pub(super) const fn slack(&self) -> i64 {
        self.frame / 10
    }

    /// The delay has changed: what was seen before counts no more.
    pub(super) fn look_again(&mut self) {
        self.frames = 0;
        self.least_wait = i64::MAX;
        self.least_left = i64::MAX;
    }

    /// All begins anew.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.frame);
    }
}

fn to_ticks(ticks: i64) -> u32 {
    u32::try_from(ticks.max(0)).unwrap_or(u32::MAX)
}

/// Frames that are looked at together: 120 ms, a multiple of each usual ptime.
const LOOK_AT: u32 = 6;
