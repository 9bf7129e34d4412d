//! What the server says about itself: log lines and gauges. Per packet = TRACE, state change = DEBUG, a call's start,
//! answer and end = INFO, worth waking somebody = WARN. No text of a peer is ever formatted into a message.

mod escape;
mod gauges;
mod log;
mod pii;

pub use gauges::{Gauge, Gauges, Held};
pub use log::{LogFormat, init};
pub use pii::{Pii, PiiKey};

/// Whole milliseconds, for a log line.
pub(crate) fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
