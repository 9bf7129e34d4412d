use std::time::{Duration, Instant};

use rand::{Rng, RngExt};

/// When the next report is due (RFC 3550 6.2, 6.3 and A.7) in a session of two.
///
/// With two members the interval is the minimum of 5 seconds for any codec of a telephone; the formula stands here so
/// that it stays so with a narrow one. The reduced minimum is not used, and with two members there is nothing for timer
/// reconsideration to reconsider.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Octets a second that RTCP may take: one in twenty of the session.
    bandwidth: u32,
    /// The average size of a compound packet, in sixteenths of an octet.
    average_size: u32,
    due: Instant,
}

impl Schedule {
    const MINIMUM: Duration = Duration::from_secs(5);
    const FIRST_MINIMUM: Duration = Duration::from_millis(2_500);
    const MEMBERS: u32 = 2;
    /// UDP and IPv4 headers count (RFC 3550 6.2).
    const LOWER_LAYERS: u32 = 28;
    /// A guess at our own first report, as RFC 3550 6.3.2 has it.
    const FIRST_SIZE: u32 = 120;

    /// The first report is due after half the time (RFC 3550 6.2). `session_bandwidth` is in bits a second.
    pub fn new(session_bandwidth: u32, now: Instant, rng: &mut impl Rng) -> Self {
        let mut schedule =
            Self { bandwidth: (session_bandwidth / 8 / 20).max(1), average_size: Self::FIRST_SIZE << 4, due: now };
        let interval = schedule.interval(Self::FIRST_MINIMUM);
        schedule.plan(interval, now, rng);
        schedule
    }

    /// When the next report is due.
    pub const fn due(&self) -> Instant {
        self.due
    }

    /// A compound packet of so many octets was received.
    pub fn on_received(&mut self, len: usize) {
        self.average(len);
    }

    /// A compound packet of so many octets was sent: the next one is planned.
    pub fn on_sent(&mut self, len: usize, now: Instant, rng: &mut impl Rng) {
        self.average(len);
        let interval = self.interval(Self::MINIMUM);
        self.plan(interval, now, rng);
    }

    /// How long ago media may have been sent for us to count as a sender: two intervals (RFC 3550 6.3.8).
    pub fn sender_timeout(&self) -> Duration {
        self.interval(Self::MINIMUM).saturating_mul(2)
    }

    fn interval(&self, minimum: Duration) -> Duration {
        let octets = u64::from(self.average_size.saturating_mul(Self::MEMBERS) >> 4);
        let millis = octets.saturating_mul(1_000).checked_div(u64::from(self.bandwidth)).unwrap_or(0);
        minimum.max(Duration::from_millis(millis))
    }

    /// Half to one and a half intervals from now, so that no two run in step; divided by e - 3/2, which timer
    /// reconsideration would make up for (RFC 3550 6.3.1).
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds fit into microseconds")]
    fn plan(&mut self, interval: Duration, now: Instant, rng: &mut impl Rng) {
        const COMPENSATION: f64 = std::f64::consts::E - 1.5;
        let factor = rng.random_range(0.5..1.5) / COMPENSATION;
        let micros = (interval.as_secs_f64() * factor * 1e6) as u64;
        self.due = now.checked_add(Duration::from_micros(micros)).unwrap_or(now);
    }

    /// RFC 3550 6.3.3: one sixteenth of the new, fifteen of the old.
    fn average(&mut self, len: usize) {
        let size = u32::try_from(len).unwrap_or(u32::MAX >> 4).saturating_add(Self::LOWER_LAYERS);
        let old = self.average_size;
        self.average_size = old.saturating_sub(old >> 4).saturating_add(size);
    }
}
