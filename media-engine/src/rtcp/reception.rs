use std::time::{Duration, Instant};

use super::{NtpTime, ReportBlock, ntp};
use crate::{
    limits::{MAX_DROPOUT, MAX_MISORDER},
    rtp::{RtpTimestamp, Seq, Ssrc},
};

/// What is known of a source we receive: enough for our report blocks about it (RFC 3550 A.1, A.3, A.8).
#[derive(Clone, Debug)]
pub struct Reception {
    ssrc: Ssrc,
    clock_rate: u32,
    seq: Option<SeqState>,
    /// Expected and received as of the last report.
    prior: (u32, u32),
    timing: Option<Timing>,
    /// Sixteen times the jitter, in ticks.
    jitter: u32,
    last_sr: Option<(u32, Instant)>,
}

#[derive(Clone, Copy, Debug)]
struct SeqState {
    base: u32,
    /// The highest sequence number, its wraps in the upper half.
    highest: u32,
    received: u32,
    /// After a jump: the sequence number that would prove that the source has restarted.
    restart: Option<Seq>,
}

#[derive(Clone, Copy, Debug)]
struct Timing {
    arrival: Instant,
    timestamp: RtpTimestamp,
}

impl Reception {
    /// Nothing has been received from `ssrc`, whose timestamps count `clock_rate` ticks a second.
    pub const fn new(ssrc: Ssrc, clock_rate: u32) -> Self {
        Self { ssrc, clock_rate, seq: None, prior: (0, 0), timing: None, jitter: 0, last_sr: None }
    }

    /// The source.
    pub const fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// A packet has arrived whose timestamp is that of its first sample.
    pub fn on_packet(&mut self, seq: Seq, timestamp: RtpTimestamp, now: Instant) {
        self.on_untimed_packet(seq);
        if let Some(last) = self.timing {
            self.update_jitter(last, timestamp, now);
        }
        self.timing = Some(Timing { arrival: now, timestamp });
    }

    /// A packet has arrived whose timestamp says nothing of when it was sent, such as a report of an event that goes on
    /// (RFC 4733 2.5.1.2): it counts, but not for the jitter.
    pub fn on_untimed_packet(&mut self, seq: Seq) {
        let Some(state) = &mut self.seq else {
            self.seq = Some(SeqState::start(seq));
            return;
        };
        if state.accept(seq) == Accepted::Restarted {
            self.seq = Some(SeqState::start(seq));
            self.prior = (0, 0);
        }
    }

    /// An SR of the source has arrived.
    pub fn on_sender_report(&mut self, ntp: NtpTime, now: Instant) {
        self.last_sr = Some((ntp.middle(), now));
    }

    /// The report block that is due `now`; the fraction lost starts anew. `None` while nothing has been received.
    pub fn report_block(&mut self, now: Instant) -> Option<ReportBlock> {
        let state = self.seq?;
        let expected = state.expected();
        let (prior_expected, prior_received) = std::mem::replace(&mut self.prior, (expected, state.received));
        let (last_sr, delay_since_last_sr) = match self.last_sr {
            Some((middle, at)) => (middle, ntp::to_q16(now.saturating_duration_since(at))),
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: fraction_lost(
                expected.wrapping_sub(prior_expected),
                state.received.wrapping_sub(prior_received),
            ),
            cumulative_lost: self.lost(),
            highest_seq: state.highest,
            jitter: self.jitter >> 4,
            last_sr,
            delay_since_last_sr,
        })
    }

    /// Packets lost so far; negative when duplicates outnumber losses.
    pub fn lost(&self) -> i32 {
        self.seq.map_or(0, |state| state.expected().wrapping_sub(state.received).cast_signed())
    }

    /// Packets received so far, duplicates included.
    pub fn received(&self) -> u32 {
        self.seq.map_or(0, |state| state.received)
    }

    /// The interarrival jitter (RFC 3550 6.4.1).
    pub fn jitter(&self) -> Duration {
        let nanos = u64::from(self.jitter >> 4).saturating_mul(1_000_000_000);
        Duration::from_nanos(nanos.checked_div(u64::from(self.clock_rate)).unwrap_or(0))
    }

    /// J += (|D| - J) / 16, in sixteenths and rounded as in RFC 3550 A.8.
    fn update_jitter(&mut self, last: Timing, timestamp: RtpTimestamp, now: Instant) {
        let elapsed = now.saturating_duration_since(last.arrival).as_nanos();
        let ticks = elapsed.saturating_mul(u128::from(self.clock_rate)) / 1_000_000_000;
        let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
        let difference = ticks.saturating_sub(i64::from(timestamp.since(last.timestamp))).unsigned_abs();
        // A pause or a jump of the timestamps is no jitter; who has such a thing has a new time base.
        let Ok(difference) = u32::try_from(difference) else {
            return;
        };
        let limit = self.clock_rate.saturating_mul(2);
        if difference > limit {
            return;
        }
        let decay = (self.jitter.saturating_add(8)) >> 4;
        self.jitter = self.jitter.saturating_add(difference).saturating_sub(decay);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Accepted {
    Counted,
    /// So far off that it may be a stray.
    Not,
    /// Two in a row that far off: the source has begun a new sequence.
    Restarted,
}

impl SeqState {
    fn start(seq: Seq) -> Self {
        let seq_value = u32::from(seq.value());
        Self { base: seq_value, highest: seq_value, received: 1, restart: None }
    }

    fn expected(&self) -> u32 {
        self.highest.wrapping_sub(self.base).wrapping_add(1)
    }

    /// RFC 3550 A.1, without the probation: who has sent an authentic packet need not prove himself.
    fn accept(&mut self, seq: Seq) -> Accepted {
        #[expect(clippy::cast_possible_truncation, reason = "the lower sixteen bits are the sequence number")]
        let highest = Seq::new(self.highest as u16);
        let ahead = seq.value().wrapping_sub(highest.value());
        if ahead < MAX_DROPOUT {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
        } else if ahead <= u16::MAX.wrapping_sub(MAX_MISORDER) {
            if self.restart == Some(seq) {
                return Accepted::Restarted;
            }
            self.restart = Some(seq.next());
            return Accepted::Not;
        }
        self.restart = None;
        self.received = self.received.wrapping_add(1);
        Accepted::Counted
    }
}

fn fraction_lost(expected: u32, received: u32) -> u8 {
    let lost = expected.wrapping_sub(received).cast_signed();
    match u64::try_from(lost) {
        Ok(lost) if expected > 0 => {
            let fraction = (lost << 8).checked_div(u64::from(expected)).unwrap_or(0);
            u8::try_from(fraction).unwrap_or(u8::MAX)
        }
        _ => 0,
    }
}
