use std::time::Duration;

use super::{NtpTime, ntp};
use crate::rtp::{RtpTimestamp, Ssrc};

/// What an SR says of its sender (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// When the report was sent.
    pub ntp: NtpTime,
    /// The same moment on the clock of the RTP timestamps.
    pub timestamp: RtpTimestamp,
    /// Packets sent since the SSRC began.
    pub packets: u32,
    /// Payload octets sent since the SSRC began.
    pub octets: u32,
}

impl SenderInfo {
    pub(super) const LEN: usize = 20;

    pub(super) fn decode(octets: [u8; Self::LEN]) -> Self {
        let [n0, n1, n2, n3, n4, n5, n6, n7, t0, t1, t2, t3, p0, p1, p2, p3, o0, o1, o2, o3] = octets;
        Self {
            ntp: NtpTime::new(u64::from_be_bytes([n0, n1, n2, n3, n4, n5, n6, n7])),
            timestamp: RtpTimestamp::new(u32::from_be_bytes([t0, t1, t2, t3])),
            packets: u32::from_be_bytes([p0, p1, p2, p3]),
            octets: u32::from_be_bytes([o0, o1, o2, o3]),
        }
    }

    pub(super) fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        let (ntp, rest) = out.split_at_mut(8);
        ntp.copy_from_slice(&self.ntp.value().to_be_bytes());
        let words = [self.timestamp.value(), self.packets, self.octets];
        for (to, from) in rest.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&from.to_be_bytes());
        }
        out
    }
}

/// What an SR or RR says of one source it receives (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: Ssrc,
    /// The share of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; negative when duplicates outnumber losses. 24 bits on the wire.
    pub cumulative_lost: i32,
    /// The highest sequence number, extended by the count of its wraps.
    pub highest_seq: u32,
    /// The interarrival jitter, in ticks of the RTP clock.
    pub jitter: u32,
    /// The middle of the NTP time in the last SR of the source; 0 when there was none (LSR).
    pub last_sr: u32,
    /// How long ago that was, in 1/65536 seconds (DLSR).
    pub delay_since_last_sr: u32,
}

impl ReportBlock {
    pub(super) const LEN: usize = 24;

    const LOST_MAX: i32 = 0x7f_ffff;
    const LOST_MIN: i32 = -0x80_0000;

    /// How long a packet takes to the peer and back, when this block, which speaks of us, arrived at `arrival`
    /// (RFC 3550 6.4.1: A - LSR - DLSR). `None` when the peer has had no SR of ours, or its figures cannot be.
    pub fn round_trip(&self, arrival: NtpTime) -> Option<Duration> {
        if self.last_sr == 0 {
            return None;
        }
        let units = arrival.middle().wrapping_sub(self.last_sr).wrapping_sub(self.delay_since_last_sr).cast_signed();
        u32::try_from(units).ok().map(ntp::from_q16)
    }

    pub(super) fn decode(octets: [u8; Self::LEN]) -> Self {
        let [s0, s1, s2, s3, fraction, l0, l1, l2, rest @ ..] = octets;
        let [h0, h1, h2, h3, j0, j1, j2, j3, r0, r1, r2, r3, d0, d1, d2, d3] = rest;
        Self {
            ssrc: Ssrc::new(u32::from_be_bytes([s0, s1, s2, s3])),
            fraction_lost: fraction,
            // An arithmetic shift carries the sign of the 24 bits down.
            cumulative_lost: i32::from_be_bytes([l0, l1, l2, 0]) >> 8,
            highest_seq: u32::from_be_bytes([h0, h1, h2, h3]),
            jitter: u32::from_be_bytes([j0, j1, j2, j3]),
            last_sr: u32::from_be_bytes([r0, r1, r2, r3]),
            delay_since_last_sr: u32::from_be_bytes([d0, d1, d2, d3]),
        }
    }

    pub(super) fn encode(&self) -> [u8; Self::LEN] {
        let lost = self.cumulative_lost.clamp(Self::LOST_MIN, Self::LOST_MAX).cast_unsigned() & 0xff_ffff;
        let words = [
            self.ssrc.value(),
            (u32::from(self.fraction_lost) << 24) | lost,
            self.highest_seq,
            self.jitter,
            self.last_sr,
            self.delay_since_last_sr,
        ];
        let mut out = [0; Self::LEN];
        for (to, from) in out.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&from.to_be_bytes());
        }
        out
    }
}
