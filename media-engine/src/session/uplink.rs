use std::time::{Duration, Instant};

use super::{Event, Session};
use crate::{
    audio::{FRAME, Pcm, Resampler, SampleRate},
    limits::MAX_UPLINK_LAG,
    pci::{Cleared, Guard, Raw},
};

/// The beat of the frames towards the application: absolute deadlines, whatever arrives.
#[derive(Debug)]
pub(super) struct Uplink {
    next: Instant,
    /// The beat is in step with the peer's packets.
    aligned: bool,
    rate: SampleRate,
    resampler: Resampler,
    last_inbound: Instant,
    timeout: Duration,
    timed_out: bool,
}

impl Uplink {
    pub(super) fn new(codec_rate: SampleRate, rate: SampleRate, timeout: Duration, now: Instant) -> Self {
        Self {
            next: now.checked_add(FRAME).unwrap_or(now),
            aligned: false,
            rate,
            resampler: Resampler::new(codec_rate, rate),
            last_inbound: now,
            timeout,
            timed_out: false,
        }
    }

    /// The first packet of a call is to be played at `start`. Once, the beat is put off by less than a frame so that a frame
    /// is due just then: else each packet of the call would wait for its frame, 10 ms on average.
    pub(super) fn align(&mut self, start: Option<Instant>) {
        let Some(ahead) = start.and_then(|start| start.checked_duration_since(self.next)) else {
            return;
        };
        if !std::mem::replace(&mut self.aligned, true) {
            let part = ahead.as_nanos() % FRAME.as_nanos();
            self.next += Duration::from_nanos(u64::try_from(part).unwrap_or(0));
        }
    }

    /// The codec has another rate now. The beat goes on.
    pub(super) fn set_codec_rate(&mut self, codec_rate: SampleRate) {
        if self.resampler.from() != codec_rate {
            self.resampler = Resampler::new(codec_rate, self.rate);
        }
    }

    /// Frames have another rate from now on. The beat goes on.
    fn set_rate(&mut self, rate: SampleRate) {
        if self.rate != rate {
            self.rate = rate;
            self.resampler = Resampler::new(self.resampler.from(), rate);
        }
    }

    /// A packet was accepted: whether it ended a timeout.
    pub(super) fn on_inbound(&mut self, now: Instant) -> bool {
        self.last_inbound = now;
        std::mem::replace(&mut self.timed_out, false)
    }

    /// From `now` on packets are expected, or no longer.
    pub(super) fn expect_inbound(&mut self, now: Instant) {
        self.last_inbound = now;
        self.timed_out = false;
    }

    /// How long nothing has come, once when it has been too long.
    fn timeout(&mut self, now: Instant) -> Option<Duration> {
        let idle = now.saturating_duration_since(self.last_inbound);
        let late = idle >= self.timeout && !self.timed_out;
        self.timed_out |= late;
        late.then_some(idle)
    }

    /// The deadline that is due, and how much time was skipped before it because nobody asked.
    fn due(&mut self, now: Instant) -> Option<(Instant, Duration)> {
        let behind = now.checked_duration_since(self.next)?;
        let frames = u32::try_from(behind.as_nanos() / FRAME.as_nanos()).unwrap_or(u32::MAX);
        let skipped = FRAME * frames.saturating_sub(MAX_UPLINK_LAG).min(MAX_SKIP);
        let due = self.next.checked_add(skipped)?;
        self.next = due.checked_add(FRAME)?;
        Some((due, skipped))
    }
}

impl Session {
    /// Gives uplink frames at another rate from now on: an application has said which it wants.
    pub fn set_uplink_rate(&mut self, rate: SampleRate) {
        self.uplink.set_rate(rate);
    }

    /// Packets are expected from now on: the peer owes none before it has answered. The time for
    /// [`Event::InboundTimeout`] begins anew.
    pub fn expect_inbound(&mut self, now: Instant) {
        self.uplink.expect_inbound(now);
    }

    /// The rate of the uplink frames.
    pub const fn uplink_rate(&self) -> SampleRate {
        self.uplink.rate
    }

    /// The next uplink frame, if one is due: 20 ms at the uplink rate. To be asked until `None`.
    pub fn poll_uplink(&mut self, now: Instant) -> Option<Cleared<Pcm>> {
        let (due, skipped) = self.uplink.due(now)?;
        self.stats.skipped = self.stats.skipped.saturating_add(skipped);
        self.poll_digits(now);
        if self.direction.receives()
            && let Some(idle) = self.uplink.timeout(now)
        {
            self.tell(Event::InboundTimeout { idle });
        }

        let frame = self.playout.frame(due);
        self.stats.frames = self.stats.frames.saturating_add(1);
        self.stats.plc_frames = self.stats.plc_frames.saturating_add(u64::from(frame.concealed));
        self.stats.silent_frames = self.stats.silent_frames.saturating_add(u64::from(frame.silent));
        self.update_stats();
        Some(self.clear(frame.raw))
    }

    /// When the next uplink frame is due.
    pub const fn next_uplink(&self) -> Option<Instant> {
        Some(self.uplink.next)
    }

    fn clear(&mut self, raw: Raw) -> Cleared<Pcm> {
        let raw = raw.resample(&mut self.uplink.resampler);
        let rate = self.uplink.rate;
        // While the guard's line fills there is nothing to be heard yet, but the beat goes on.
        self.guard.push(raw).unwrap_or_else(|| Guard::clear_silence(rate, rate.frame_len()))
    }

    fn poll_digits(&mut self, now: Instant) {
        while let Some(digit) = self.inbound.digits.poll(now) {
            if let Some(digit) = self.guard.admit(digit) {
                self.tell(Event::Digit(digit));
            }
        }
    }

    fn update_stats(&mut self) {
        let stats = &mut self.stats;
        if let Some(reception) = &self.inbound.reception {
            stats.lost = self.inbound.lost_before.wrapping_add(reception.lost());
            stats.jitter = reception.jitter();
        }
        if let Some(wait) = self.playout.jitter.last_wait() {
            stats.delay = wait;
        }
        stats.target_delay = self.playout.jitter.target();
        (stats.accelerated, stats.expanded) = self.playout.stretched();
    }
}

/// So that no clock can make the product overflow: more than a day.
const MAX_SKIP: u32 = 50 * 60 * 60 * 24;
