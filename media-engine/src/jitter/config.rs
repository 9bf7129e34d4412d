use std::time::Duration;

use crate::limits::MAX_JITTER_MS;

/// The bounds within which a jitter buffer chooses its delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterConfig {
    min: Duration,
    initial: Duration,
    max: Duration,
}

impl JitterConfig {
    /// The least, the first and the largest delay. `None` unless they are in this order and at most
    /// [`MAX_JITTER_MS`].
    pub fn new(min: Duration, initial: Duration, max: Duration) -> Option<Self> {
        let ordered = min <= initial && initial <= max;
        (ordered && max <= Duration::from_millis(u64::from(MAX_JITTER_MS))).then_some(Self { min, initial, max })
    }

    /// The least delay.
    pub const fn min(&self) -> Duration {
        self.min
    }

    /// The delay before anything has been measured.
    pub const fn initial(&self) -> Duration {
        self.initial
    }

    /// The largest delay.
    pub const fn max(&self) -> Duration {
        self.max
    }
}

impl Default for JitterConfig {
    /// 20 to 200 ms, 40 ms at first.
    fn default() -> Self {
        Self { min: Duration::from_millis(20), initial: Duration::from_millis(40), max: Duration::from_millis(200) }
    }
}
