//! What is alive now. Every gauge must read zero when the last call has ended: leaks are seen, not guessed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many of one thing exist.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicUsize>);

impl Gauge {
    /// Counts one more, until the returned value is dropped.
    pub fn hold(&self) -> Held {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held(Self(Arc::clone(&self.0)))
    }

    /// The number alive now.
    pub fn value(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// One counted thing; dropping it counts it out.
#[derive(Debug)]
pub struct Held(Gauge);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The server's gauges, shared by all its threads.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// Call actors alive.
    pub calls: Gauge,
    /// RTP sockets open.
    pub rtp_sockets: Gauge,
    /// Streams towards an application, being opened or open.
    pub streams: Gauge,
    /// Flow requests under way.
    pub flow_requests: Gauge,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_returns_to_zero_when_all_is_dropped() {
        let gauges = Gauges::default();
        let same = gauges.clone();
        let (a, b) = (gauges.calls.hold(), same.calls.hold());
        assert_eq!((gauges.calls.value(), same.calls.value()), (2, 2));
        drop((a, b));
        assert_eq!(gauges.calls.value(), 0);
    }
}
