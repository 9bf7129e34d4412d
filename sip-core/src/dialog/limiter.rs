//! How often something may happen within one dialog.

use std::time::{Duration, Instant};

/// At most `most` events in any window of the given length that starts with an event.
#[derive(Clone, Debug)]
pub struct Limiter {
    most: u32,
    window: Duration,
    started: Option<Instant>,
    count: u32,
}

impl Limiter {
    /// A limiter of `most` events in `window`.
    pub const fn new(most: u32, window: Duration) -> Self {
        Self { most, window, started: None, count: 0 }
    }

    /// Counts one event, or says how long to wait.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let started = *self.started.get_or_insert(now);
        let ends = started + self.window;
        if ends <= now {
            self.started = Some(now);
            self.count = 1;
            return Ok(());
        }
        if self.count >= self.most {
            return Err(ends.saturating_duration_since(now));
        }
        self.count += 1;
        Ok(())
    }
}
