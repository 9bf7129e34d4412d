//! Waits that no two servers share.

use std::time::Duration;

/// `time` less a random part of it, of up to `percent`: what many do at the same interval shall not come at the same time.
pub(crate) fn shortened(time: Duration, percent: u32, random: u32) -> Duration {
    let most = u64::from(percent.min(100)) * u64::from(random) / u64::from(u32::MAX);
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis.saturating_sub(millis / 100 * most))
}

/// Waits that double with each failure, up to a bound (RFC 5626 4.5).
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0 }
    }

    /// One more failure: how long to wait now. Between half of the bound and the whole of it (RFC 5626 4.5).
    pub(crate) fn fail(&mut self, random: u32) -> Duration {
        let bound = self.first.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(self.most);
        self.failures = self.failures.saturating_add(1).min(31);
        shortened(bound, 50, random)
    }

    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }
}
