//! A token bucket in virtual time.

use std::time::{Duration, Instant};

/// How fast something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many a second in the long run.
    pub per_second: u32,
    /// How many at once after a quiet time.
    pub burst: u32,
}

/// A token bucket: one token is one call, and it fills at the rate's pace.
///
/// Kept as the one instant at which the bucket would be empty-to-full in debt (the GCRA form): no float, no drift.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    rate: Rate,
    /// When the bucket is full again.
    full_at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub const fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, full_at: now }
    }

    /// The rate it fills at.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes one token, or says how long it is until there is one.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let Some(token) = Duration::from_secs(1).checked_div(self.rate.per_second) else {
            return Err(NEVER);
        };
        let depth = token.saturating_mul(self.rate.burst.max(1));
        let full_at = self.full_at.max(now) + token;
        let debt = full_at.saturating_duration_since(now);
        if debt > depth {
            return Err(debt.saturating_sub(depth));
        }
        self.full_at = full_at;
        Ok(())
    }
}

/// What a bucket that never fills answers: come back in an hour.
const NEVER: Duration = Duration::from_hours(1);
