use std::time::{Duration, Instant};

/// A point in time as NTP counts it: seconds since 1900 in the upper 32 bits, fractions in the lower (RFC 3550 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NtpTime(u64);

impl NtpTime {
    /// Seconds from 1900 to 1970.
    const UNIX_EPOCH: u64 = 2_208_988_800;

    /// Any number is a point in time.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The point in time so long after the beginning of 1970.
    pub fn from_unix(since_1970: Duration) -> Self {
        Self(Self::UNIX_EPOCH << 32).later(since_1970)
    }

    /// The number.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The middle 32 bits: 16 of the seconds, 16 of the fractions (LSR).
    #[expect(clippy::cast_possible_truncation, reason = "the middle 32 bits are what is meant")]
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// The point in time so much later; wraps in 2036, as NTP does.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        let fraction = (u64::from(by.subsec_nanos()) << 32) / 1_000_000_000;
        Self(self.0.wrapping_add(by.as_secs() << 32).wrapping_add(fraction))
    }
}

/// Ties the monotonic clock to NTP time, so that no core has to ask a clock. One per call suffices: what the reports
/// need is that both run alike, not that the hour is right (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug)]
pub struct NtpAnchor {
    instant: Instant,
    ntp: NtpTime,
}

impl NtpAnchor {
    /// It was `ntp` at `instant`.
    pub const fn new(instant: Instant, ntp: NtpTime) -> Self {
        Self { instant, ntp }
    }

    /// What NTP time it is `now`. Before the anchor it is the anchor.
    pub fn at(&self, now: Instant) -> NtpTime {
        self.ntp.later(now.saturating_duration_since(self.instant))
    }
}

/// A duration in units of 1/65536 seconds, as DLSR has it; longer than 18 hours counts as 18 hours.
pub(super) fn to_q16(duration: Duration) -> u32 {
    let units = duration.as_micros().saturating_mul(65_536) / 1_000_000;
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// The duration of so many units of 1/65536 seconds.
pub(super) fn from_q16(units: u32) -> Duration {
    Duration::from_micros((u64::from(units).saturating_mul(1_000_000)) >> 16)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the clock is asked for an origin")]

    use super::*;

    #[test]
    fn times_are_converted() {
        assert_eq!(NtpTime::from_unix(Duration::ZERO).value(), 2_208_988_800 << 32);
        let half = NtpTime::from_unix(Duration::from_millis(1_500));
        assert_eq!(half.value(), (2_208_988_801 << 32) | 0x8000_0000);
        assert_eq!(half.middle(), (2_208_988_801_u32 << 16) | 0x8000);
        assert_eq!(NtpTime::new(u64::MAX).later(Duration::from_secs(1)).value() >> 32, 0, "the era of 2036");
    }

    #[test]
    fn the_anchor_runs_with_the_clock() {
        let start = Instant::now();
        let anchor = NtpAnchor::new(start, NtpTime::new(10 << 32));
        assert_eq!(anchor.at(start + Duration::from_millis(250)).value(), (10 << 32) | 0x4000_0000);
    }

    #[test]
    fn short_durations_survive_the_round_trip() {
        for millis in [0, 1, 20, 5_000, 65_000] {
            let back = from_q16(to_q16(Duration::from_millis(millis)));
            assert!(Duration::from_millis(millis).abs_diff(back) < Duration::from_micros(20));
        }
        assert_eq!(to_q16(Duration::MAX), u32::MAX);
    }
}
