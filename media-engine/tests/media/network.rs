//! A network that loses, delays, reorders and repeats, the same way each time.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// What the network does to each packet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Conditions {
    /// The share that is lost.
    pub(crate) loss: f64,
    /// Each packet is delayed by up to so much.
    pub(crate) jitter: Duration,
    /// The share that comes twice.
    pub(crate) duplicate: f64,
    /// The share that is overtaken by the next packet.
    pub(crate) reorder: f64,
    /// From when and how long nothing gets through; then all of it at once.
    pub(crate) stall: Option<(Duration, Duration)>,
}

/// The least time a packet takes.
pub(crate) const LATENCY: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(crate) struct Network {
    conditions: Conditions,
    rng: StdRng,
    under_way: BinaryHeap<Reverse<(Duration, u64, Vec<u8>)>>,
    sent: u64,
    pub(crate) lost: u64,
}

impl Network {
    pub(crate) fn new(conditions: Conditions, seed: u64) -> Self {
        Self { conditions, rng: StdRng::seed_from_u64(seed), under_way: BinaryHeap::new(), sent: 0, lost: 0 }
    }

    pub(crate) fn send(&mut self, packet: &[u8], now: Duration) {
        let Conditions { loss, jitter, duplicate, reorder, stall } = self.conditions;
        if self.rng.random_bool(loss) {
            self.lost += 1;
            return;
        }
        let copies = 1 + u32::from(self.rng.random_bool(duplicate));
        for _ in 0..copies {
            let mut arrival = now + LATENCY + jitter.mul_f64(self.rng.random_range(0.0..1.0));
            if self.rng.random_bool(reorder) {
                arrival += Duration::from_millis(25);
            }
            if let Some((from, length)) = stall
                && (from..from + length).contains(&arrival)
            {
                arrival = from + length;
            }
            self.sent += 1;
            self.under_way.push(Reverse((arrival, self.sent, packet.to_vec())));
        }
    }

    pub(crate) fn next_arrival(&self) -> Option<Duration> {
        self.under_way.peek().map(|Reverse((at, ..))| *at)
    }

    pub(crate) fn arrive(&mut self, now: Duration) -> Option<Vec<u8>> {
        if self.next_arrival()? > now {
            return None;
        }
        self.under_way.pop().map(|Reverse((_, _, packet))| packet)
    }
}
