use super::JitterConfig;

/// Measures how long packets must wait so that those that come later are there in time.
///
/// A packet's *transit* is its arrival less its timestamp. The smallest transit of the last seconds is the *base*; what a
/// packet has more is how much it is late. All times are in ticks of the RTP clock.
#[derive(Clone, Debug)]
pub(super) struct DelayEstimator {
    min: i64,
    initial: i64,
    max: i64,
    /// The smallest transit of this window and of the one before.
    lows: [i64; 2],
    window: i64,
    window_end: Option<i64>,
    bin: i64,
    /// How many packets were late by how much; old ones weigh less.
    bins: [f32; BINS],
    total: f32,
    /// What the next packet weighs.
    weight: f32,
    count: u32,
    needed: i64,
    last_late: i64,
}

impl DelayEstimator {
    pub(super) fn new(config: JitterConfig, clock_hz: u32) -> Self {
        let hz = i64::from(clock_hz);
        let ticks = |time: std::time::Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX) * hz / 1_000;
        Self {
            min: ticks(config.min()),
            initial: ticks(config.initial()),
            max: ticks(config.max()),
            lows: [i64::MAX; 2],
            window: hz * WINDOW_S,
            window_end: None,
            bin: hz * BIN_MS / 1_000,
            bins: [0.0; BINS],
            total: 0.0,
            weight: 1.0,
            count: 0,
            needed: 0,
            last_late: 0,
        }
    }

    /// A packet of `ticks` has arrived.
    pub(super) fn on_arrival(&mut self, arrival: i64, transit: i64, ticks: i64) {
        match self.window_end {
            Some(end) if arrival >= end => {
                self.lows = [transit, self.lows[0]];
                self.window_end = Some(arrival + self.window);
            }
            Some(_) => self.lows[0] = self.lows[0].min(transit),
            None => {
                self.lows[0] = transit;
                self.window_end = Some(arrival + self.window);
            }
        }
        let late = transit - self.base();
        let last = std::mem::replace(&mut self.last_late, late);
        // What queued up behind one late packet and came with it is late for the same reason, which counts once.
        let same_cause = late > self.target() && late < last && last - late <= ticks + ticks / 4;
        if !same_cause {
            self.count_late(late);
        }
    }

    /// The transit of a packet that met no queue.
    pub(super) fn base(&self) -> i64 {
        self.lows[0].min(self.lows[1])
    }

    /// How long a packet without delay has to wait for the others; what is measured, within no bounds but the upper.
    pub(super) fn needed(&self) -> i64 {
        self.needed.min(self.max)
    }

    /// How long it should wait.
    pub(super) fn target(&self) -> i64 {
        let least = if self.count < SETTLED { self.initial } else { self.min };
        self.needed.clamp(least, self.max)
    }

    /// The transit begins anew, from nothing: the sender's timestamps have jumped. What is known of the network stays.
    pub(super) fn rebase(&mut self) {
        self.lows = [i64::MAX; 2];
        self.window_end = None;
        self.last_late = 0;
    }

    /// The transit is this, unless what follows has a smaller one.
    pub(super) fn rebase_on(&mut self, transit: i64) {
        self.lows = [transit, i64::MAX];
    }

    fn count_late(&mut self, late: i64) {
        let place = usize::try_from(late / self.bin).unwrap_or(0).min(BINS - 1);
        self.bins[place] += self.weight;
        self.total += self.weight;
        self.weight /= REMEMBER;
        self.count = self.count.saturating_add(1);
        if self.weight > MOST_WEIGHT {
            for bin in &mut self.bins {
                *bin /= self.weight;
            }
            self.total = self.bins.iter().sum();
            self.weight = 1.0;
        }
        if late > self.needed || self.count.is_multiple_of(EVERY) {
            self.needed = self.quantile();
        }
    }

    fn quantile(&self) -> i64 {
        let allowed = self.total * ALLOWED_LATE;
        let mut later = 0.0;
        for (place, &bin) in self.bins.iter().enumerate().rev() {
            later += bin;
            if later > allowed {
                return i64::try_from(place + 1).unwrap_or(0) * self.bin;
            }
        }
        0
    }
}

/// How long a window of the base is, in seconds: one or two of them are looked at.
const WINDOW_S: i64 = 5;
/// How fine lateness is measured.
const BIN_MS: i64 = 5;
/// 505 ms of bins; what is later goes into the last.
const BINS: usize = 101;
/// The share of packets that may come too late.
const ALLOWED_LATE: f32 = 0.015;
/// How much a packet weighs against the one after it: 500 packets, or 10 s, are remembered.
const REMEMBER: f32 = 0.998;
/// When to scale all weights down.
const MOST_WEIGHT: f32 = 1e6;
/// So many packets are needed to go below the initial delay.
const SETTLED: u32 = 100;
/// How often the quantile is looked for when nothing is unusual.
const EVERY: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 8;

    fn estimator() -> DelayEstimator {
        DelayEstimator::new(JitterConfig::default(), 8_000)
    }

    /// Packets every 20 ms, each late by what `late` says.
    fn run(estimator: &mut DelayEstimator, from: i64, count: i64, late: impl Fn(i64) -> i64) {
        for packet in from..from + count {
            let transit = 1_000 + late(packet) * MS;
            estimator.on_arrival(packet * 160 + transit, transit, 160);
        }
    }

    #[test]
    fn it_starts_with_the_initial_delay_and_falls_to_the_least() {
        let mut estimator = estimator();
        assert_eq!(estimator.target(), 40 * MS);
        run(&mut estimator, 0, 99, |_| 0);
        assert_eq!(estimator.target(), 40 * MS);
        run(&mut estimator, 99, 20, |_| 0);
        assert_eq!(estimator.target(), 20 * MS);
        assert_eq!(estimator.needed(), 5 * MS);
    }

    #[test]
    fn it_follows_jitter_up_and_down() {
        let mut estimator = estimator();
        run(&mut estimator, 0, 500, |packet| (packet * 37) % 100);
        let up = estimator.target() / MS;
        assert!((95..=105).contains(&up), "{up}");
        run(&mut estimator, 500, 3_000, |_| 0);
        assert_eq!(estimator.target(), 20 * MS);
        run(&mut estimator, 3_500, 500, |packet| (packet * 137) % 400);
        assert_eq!(estimator.target(), 200 * MS);
    }

    #[test]
    fn one_stall_changes_nothing() {
        let mut estimator = estimator();
        run(&mut estimator, 0, 200, |_| 0);
        let before = estimator.target();
        // 500 ms of packets that come all at once.
        run(&mut estimator, 200, 25, |packet| (225 - packet) * 20);
        run(&mut estimator, 225, 10, |_| 0);
        assert_eq!(estimator.target(), before);
    }

    #[test]
    fn the_base_follows_a_clock_that_runs_away() {
        let mut estimator = estimator();
        // 2,000 ppm: 1 ms every 25 packets.
        run(&mut estimator, 0, 10_000, |packet| packet / 25);
        assert!(estimator.base() >= 1_000 + 375 * MS);
        assert!(estimator.target() <= 25 * MS);
    }
}
