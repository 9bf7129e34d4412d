use std::time::{Duration, Instant};

use super::{NtpAnchor, SenderInfo};
use crate::rtp::RtpTimestamp;

/// What we have sent: enough for the sender information of our SRs (RFC 3550 6.4.1).
#[derive(Clone, Debug)]
pub struct Transmission {
    clock_rate: u32,
    packets: u32,
    octets: u32,
    last: Option<(RtpTimestamp, Instant)>,
}

impl Transmission {
    /// Nothing has been sent; the timestamps will count `clock_rate` ticks a second.
    pub const fn new(clock_rate: u32) -> Self {
        Self { clock_rate, packets: 0, octets: 0, last: None }
    }

    /// A packet with `payload_len` octets of payload was sent; its first sample belongs to `now`.
    pub fn on_sent(&mut self, payload_len: usize, timestamp: RtpTimestamp, now: Instant) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(u32::try_from(payload_len).unwrap_or(u32::MAX));
        self.last = Some((timestamp, now));
    }

    /// Packets sent.
    pub const fn packets(&self) -> u32 {
        self.packets
    }

    /// What to report `now`. `None` when nothing was sent within `within`: who sends no media sends an RR
    /// (RFC 3550 6.4: since the last two reports).
    pub fn sender_info(&self, anchor: &NtpAnchor, now: Instant, within: Duration) -> Option<SenderInfo> {
        let (timestamp, at) = self.last?;
        let elapsed = now.saturating_duration_since(at);
        if elapsed > within {
            return None;
        }
        let ticks = elapsed.as_nanos().saturating_mul(u128::from(self.clock_rate)) / 1_000_000_000;
        let ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
        Some(SenderInfo {
            ntp: anchor.at(now),
            timestamp: timestamp.advance(ticks),
            packets: self.packets,
            octets: self.octets,
        })
    }
}
