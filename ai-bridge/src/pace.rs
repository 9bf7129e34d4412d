//! A message rate with a burst, counted by one instant (the generic cell rate algorithm).

use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    interval: Duration,
    burst: Duration,
    /// When the messages taken so far would have come at the plain rate.
    due: Instant,
}

impl Pace {
    pub(crate) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let interval = Duration::from_secs(1) / per_second;
        Self { interval, burst: interval * burst, due: now }
    }

    /// Whether one more message may come now.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let next = self.due.max(now) + self.interval;
        let fits = next.saturating_duration_since(now) <= self.burst;
        if fits {
            self.due = next;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
    fn burst_then_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(10, 5, start);
        assert_eq!((0..20).filter(|_| pace.take(start)).count(), 5);
        let later = start + Duration::from_millis(100);
        assert!(pace.take(later));
        assert!(!pace.take(later));
        assert_eq!((0..20).filter(|_| pace.take(start + Duration::from_mins(1))).count(), 5);
    }
}
