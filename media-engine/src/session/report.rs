use std::{net::SocketAddr, time::Instant};

use rand::{SeedableRng, rngs::StdRng};

use super::{Event, Leg, Refusal, Session, SessionConfig};
use crate::{
    buf::PacketBuf,
    limits::MAX_PACKET,
    rtcp::{Cname, Compound, NtpAnchor, NtpTime, Packet, Report, ReportBlock, ReportBlocks, Schedule},
    rtp::Ssrc,
};

/// What is needed to report, and when.
#[derive(Debug)]
pub(super) struct Reports {
    schedule: Schedule,
    anchor: NtpAnchor,
    cname: Cname,
    rng: StdRng,
}

impl Reports {
    pub(super) fn new(config: &SessionConfig, now: Instant) -> Self {
        let mut rng = StdRng::from_seed(config.seed);
        Self {
            schedule: Schedule::new(SESSION_BANDWIDTH, now, &mut rng),
            // Reports need a clock that runs, not the time of day: who only keeps elapsed time may send that (RFC 3550 6.4.1). It
            // tells nobody when our clock is wrong. It starts past zero, which would mean that there was no report.
            anchor: NtpAnchor::new(now, NtpTime::new(1 << 32)),
            cname: config.cname.clone(),
            rng,
        }
    }
}

impl Session {
    /// Writes a report (SR or RR, with SDES) into `out` when one is due, and gives its length. It goes to
    /// [`Session::remote_rtcp`].
    pub fn poll_rtcp(&mut self, now: Instant, out: &mut PacketBuf) -> Option<usize> {
        if now < self.reports.schedule.due() {
            return None;
        }
        let len = self.write_report(false, now, out);
        // Also when there was nothing to send it with: a report that is always due would keep its caller busy.
        let reports = &mut self.reports;
        reports.schedule.on_sent(len.unwrap_or(0), now, &mut reports.rng);
        len
    }

    /// When the next report is due.
    pub const fn next_rtcp(&self) -> Option<Instant> {
        Some(self.reports.schedule.due())
    }

    /// Writes the last report, with BYE, for the end of the call. `None` when nothing was ever sent: who has not been heard
    /// need not take leave (RFC 3550 6.3.7).
    pub fn poll_rtcp_bye(&mut self, now: Instant, out: &mut PacketBuf) -> Option<usize> {
        if self.stats.sent == 0 && self.stats.rtcp_sent == 0 {
            return None;
        }
        self.write_report(true, now, out)
    }

    fn write_report(&mut self, goodbye: bool, now: Instant, out: &mut PacketBuf) -> Option<usize> {
        let within = self.reports.schedule.sender_timeout();
        let block = self.inbound.reception.as_mut().and_then(|reception| reception.report_block(now));
        let report = Report {
            ssrc: self.outbound.ssrc,
            sender: self.outbound.transmission.sender_info(&self.reports.anchor, now, within),
            blocks: block.as_slice(),
            cname: &self.reports.cname,
            goodbye,
        };
        let len = report.write(out.room_mut())?;
        let protected = match &mut self.leg {
            Leg::Secure { tx, .. } => tx.protect_rtcp(out.room_mut(), len),
            Leg::Plain(_) => Ok(len),
        };
        match protected {
            Ok(len) => {
                self.stats.rtcp_sent = self.stats.rtcp_sent.saturating_add(1);
                out.set_len(len);
                Some(len)
            }
            Err(error) => {
                self.on_protect_error(error);
                None
            }
        }
    }

    /// Plain RTCP can be forged by anybody who knows our port: it changes figures, and nothing else (T08).
    pub(super) fn receive_rtcp(&mut self, mut buf: PacketBuf, source: SocketAddr, now: Instant) -> Result<(), Refusal> {
        if buf.len() > MAX_PACKET {
            return Err(Refusal::Oversize);
        }
        if !self.inbound.source.admits_rtcp(source, self.remote_rtcp()) {
            return Err(Refusal::Source);
        }
        if let Leg::Secure { rx, .. } = &mut self.leg {
            let opened = rx.unprotect_rtcp(&mut buf);
            let len = self.authenticated(opened)?;
            buf.truncate(len);
        }
        if !self.inbound.rate.admits(now) {
            return Err(Refusal::Rate);
        }
        let compound = Compound::parse(&buf).map_err(|_| Refusal::Rtcp)?;
        self.stats.rtcp_received = self.stats.rtcp_received.saturating_add(1);
        self.reports.schedule.on_received(buf.len());
        for packet in compound {
            match packet.map_err(|_| Refusal::Rtcp)? {
                Packet::SenderReport { ssrc, info, blocks } => {
                    if let Some(reception) = self.inbound.reception.as_mut().filter(|known| known.ssrc() == ssrc) {
                        reception.on_sender_report(info.ntp, now);
                    }
                    self.on_blocks(blocks, now);
                }
                Packet::ReceiverReport { blocks, .. } => self.on_blocks(blocks, now),
                Packet::Goodbye { mut ssrcs } => {
                    let known = self.inbound.reception.as_ref().map(crate::rtcp::Reception::ssrc);
                    self.on_goodbye(ssrcs.any(|ssrc| Some(ssrc) == known));
                }
                Packet::SourceDescription { .. } | Packet::Other { .. } => {}
            }
        }
        Ok(())
    }

    fn on_blocks(&mut self, blocks: ReportBlocks<'_>, now: Instant) {
        for block in blocks.filter(|block| block.ssrc == self.outbound.ssrc) {
            let arrival = self.reports.anchor.at(now);
            self.stats.round_trip = block.round_trip(arrival).or(self.stats.round_trip);
            self.stats.remote_lost = block.cumulative_lost;
            self.stats.remote_jitter = self.jitter_of(&block);
        }
    }

    fn jitter_of(&self, block: &ReportBlock) -> std::time::Duration {
        let micros = u64::from(block.jitter).saturating_mul(1_000_000);
        std::time::Duration::from_micros(micros / u64::from(self.outbound.codec.clock_rate().hz()))
    }

    fn on_goodbye(&mut self, ours: bool) {
        if ours && !std::mem::replace(&mut self.inbound.bye_told, true) {
            self.tell(Event::RtcpBye);
        }
    }

    /// Our synchronisation source.
    pub const fn ssrc(&self) -> Ssrc {
        self.outbound.ssrc
    }
}

/// G.711 with its headers, in bits a second. It bounds the share of RTCP; any codec of a telephone gives the same interval.
const SESSION_BANDWIDTH: u32 = 80_000;
