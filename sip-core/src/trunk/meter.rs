//! How many calls may be placed over a trunk.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::admission::TokenBucket;

use super::Limits;

/// Counts the calls placed over one trunk against its limits.
///
/// The daily limit holds for any 24 hours, not for a day of the calendar: the core knows no date, and a calendar's midnight
/// would let twice the number through within the hour around it. Calls are counted by the hour, so that one counts for
/// 24 to 25 hours.
#[derive(Debug)]
pub struct Meter {
    limits: Limits,
    bucket: Option<TokenBucket>,
    calls: u32,
    began: Instant,
    /// Calls of each hour since `began` that had any, the latest last.
    hours: VecDeque<(u64, u32)>,
}

/// Which limit a call was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// New calls per second.
    Rate,
    /// Calls at a time.
    Concurrency,
    /// New calls per day.
    Daily,
}

impl Meter {
    /// A meter that has counted nothing.
    pub fn new(limits: Limits, now: Instant) -> Self {
        let bucket = limits.rate.map(|rate| TokenBucket::new(rate, now));
        Self { limits, bucket, calls: 0, began: now, hours: VecDeque::new() }
    }

    /// Takes over new limits; what was counted stays.
    pub fn set_limits(&mut self, limits: Limits, now: Instant) {
        if limits.rate != self.limits.rate {
            self.bucket = limits.rate.map(|rate| TokenBucket::new(rate, now));
        }
        self.limits = limits;
    }

    /// Counts a new call, or says which limit it is over. One that is over a limit counts for nothing.
    pub fn take(&mut self, now: Instant) -> Result<(), Limit> {
        if self.limits.max_calls.is_some_and(|most| self.calls >= most) {
            return Err(Limit::Concurrency);
        }
        if self.limits.per_day.is_some_and(|most| self.today(now) >= most) {
            return Err(Limit::Daily);
        }
        if let Some(bucket) = &mut self.bucket {
            bucket.take(now).map_err(|_| Limit::Rate)?;
        }
        self.calls = self.calls.saturating_add(1);
        self.note(now);
        Ok(())
    }

    /// A call is over.
    pub const fn release(&mut self) {
        self.calls = self.calls.saturating_sub(1);
    }

    /// Calls that are not over.
    pub const fn calls(&self) -> u32 {
        self.calls
    }

    /// Calls that count for the daily limit now.
    pub fn today(&self, now: Instant) -> u32 {
        let hour = self.hour(now);
        let counts = self.hours.iter().filter(|(at, _)| hour < at.saturating_add(HOURS));
        counts.fold(0, |sum, (_, calls)| sum.saturating_add(*calls))
    }

    fn note(&mut self, now: Instant) {
        let hour = self.hour(now);
        while self.hours.front().is_some_and(|(at, _)| hour >= at.saturating_add(HOURS)) {
            self.hours.pop_front();
        }
        match self.hours.back_mut() {
            Some((at, calls)) if *at == hour => *calls = calls.saturating_add(1),
            Some(_) | None => self.hours.push_back((hour, 1)),
        }
    }

    fn hour(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs() / HOUR.as_secs()
    }
}

const HOUR: Duration = Duration::from_hours(1);
/// 24 full hours, and the one that is under way.
const HOURS: u64 = 25;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Rate;

    #[expect(clippy::disallowed_methods, reason = "an Instant can be had from the clock only")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn each_limit_has_its_own_refusal_and_a_refused_call_counts_for_nothing() {
        let now = origin();
        let limits = Limits { rate: Some(Rate { per_second: 2, burst: 2 }), max_calls: Some(3), per_day: Some(5) };
        let mut meter = Meter::new(limits, now);
        assert_eq!((meter.take(now), meter.take(now), meter.take(now)), (Ok(()), Ok(()), Err(Limit::Rate)));
        let later = now + Duration::from_secs(1);
        assert_eq!((meter.take(later), meter.take(later)), (Ok(()), Err(Limit::Concurrency)));
        for _ in 0..3 {
            meter.release();
        }
        let later = later + Duration::from_secs(10);
        assert_eq!((meter.take(later), meter.take(later)), (Ok(()), Ok(())));
        let later = later + Duration::from_secs(10);
        assert_eq!((meter.take(later), meter.today(later)), (Err(Limit::Daily), 5));
    }

    #[test]
    fn never_more_than_the_daily_limit_in_any_24_hours() {
        let start = origin();
        let limits = Limits { per_day: Some(10), ..Limits::default() };
        let mut meter = Meter::new(limits, start);
        let mut taken: VecDeque<Instant> = VecDeque::new();
        // Ten days of a caller that never stops trying, at a pace that meets no hour's edge.
        for step in 0..10 * 24 * 60_u64 {
            let now = start + Duration::from_secs(step * 61);
            if meter.take(now).is_ok() {
                taken.push_back(now);
                let within = taken.iter().filter(|at| now.duration_since(**at) < HOUR * 24).count();
                assert!(within <= 10);
            }
        }
        // And not much less either: ten calls for each 25 hours.
        assert!(taken.len() >= 90);
        assert!(meter.hours.len() <= 25);
    }
}
