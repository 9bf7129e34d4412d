use std::{net::SocketAddr, time::Instant};

use super::{Event, EventFormat, Leg, Refusal, Session, source::SourceRule, stream};
use crate::{
    buf::PacketBuf,
    codec::Codec,
    dtmf,
    jitter::{Arrival, Refused},
    limits::{AUTH_FAILURE_RUN, MAX_PACKET},
    rtcp::Reception,
    rtp::{Header, PayloadType, Protocol, Ssrc, TelephoneEvent, demux},
    srtp,
};

/// What is known of the stream we receive.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) source: SourceRule,
    pub(super) stream: stream::SsrcRule,
    pub(super) rate: stream::PacketRate,
    pub(super) payload_type: PayloadType,
    pub(super) codec: Codec,
    pub(super) events: Option<EventFormat>,
    pub(super) digits: dtmf::Receiver,
    pub(super) reception: Option<Reception>,
    /// Of the SSRCs before.
    pub(super) lost_before: i32,
    /// In a row.
    pub(super) auth_failures: u64,
    /// At how many an event was raised last.
    pub(super) auth_failures_told: u64,
    /// A packet was accepted.
    pub(super) authenticated: bool,
    /// The SSRC about which an event was raised.
    pub(super) conflict_told: Option<Ssrc>,
    pub(super) bye_told: bool,
}

/// What a payload type means on this leg.
enum Kind {
    Audio,
    Event,
    ComfortNoise,
}

impl Session {
    /// Takes a datagram from the RTP port: RTP, or RTCP with rtcp-mux (RFC 5761). Decrypts in place. Whatever is wrong
    /// with it is counted and goes no further.
    pub fn handle_rtp(&mut self, buf: PacketBuf, source: SocketAddr, now: Instant) {
        let result = match demux(&buf) {
            Protocol::Rtp => self.receive(buf, source, now),
            Protocol::Rtcp if self.remote_rtcp.is_none() => self.receive_rtcp(buf, source, now),
            Protocol::Rtcp
            | Protocol::Dtls
            | Protocol::Stun
            | Protocol::Zrtp
            | Protocol::TurnChannel
            | Protocol::Unknown => Err(Refusal::Protocol),
        };
        if let Err(reason) = result {
            self.refuse(reason);
        }
    }

    /// Takes a datagram from a separate RTCP port.
    pub fn handle_rtcp(&mut self, buf: PacketBuf, source: SocketAddr, now: Instant) {
        let result = match demux(&buf) {
            Protocol::Rtcp => self.receive_rtcp(buf, source, now),
            Protocol::Rtp
            | Protocol::Dtls
            | Protocol::Stun
            | Protocol::Zrtp
            | Protocol::TurnChannel
            | Protocol::Unknown => Err(Refusal::Protocol),
        };
        if let Err(reason) = result {
            self.refuse(reason);
        }
    }

    /// Nothing changes before the packet has passed source, authentication and header; on a secure leg there is no way
    /// around the second.
    fn receive(&mut self, mut buf: PacketBuf, source: SocketAddr, now: Instant) -> Result<(), Refusal> {
        if buf.len() > MAX_PACKET {
            return Err(Refusal::Oversize);
        }
        if !self.inbound.source.admits(source) {
            return Err(Refusal::Source);
        }
        if let Leg::Secure { rx, .. } = &mut self.leg {
            let opened = rx.unprotect_rtp(&mut buf);
            let len = self.authenticated(opened)?;
            buf.truncate(len);
        }
        let header = Header::parse(&buf).map_err(|_| Refusal::Malformed)?;
        let payload = header.payload_range(&buf).map_err(|_| Refusal::Malformed)?;
        let kind = self.inbound.kind(header.payload_type).ok_or(Refusal::PayloadType)?;
        if !self.inbound.rate.admits(now) {
            return Err(Refusal::Rate);
        }
        self.follow(&header, now)?;
        self.accept(source, payload.len(), now);

        let reception = self.inbound.reception.as_mut();
        match (reception, &kind) {
            (Some(reception), Kind::Audio) => reception.on_packet(header.seq, header.timestamp, now),
            (Some(reception), Kind::Event | Kind::ComfortNoise) => reception.on_untimed_packet(header.seq),
            (None, _) => {}
        }
        if !self.direction.receives() {
            return Err(Refusal::Direction);
        }
        match kind {
            Kind::Audio => {
                let octets = buf.get(payload.clone()).ok_or(Refusal::Malformed)?;
                let samples = self.inbound.codec.samples_in(octets).map_err(|_| Refusal::Payload)?;
                let arrival = Arrival {
                    payload,
                    seq: header.seq,
                    timestamp: header.timestamp,
                    ticks: self.inbound.codec.ticks(samples),
                    buf,
                };
                let dropped = self.playout.jitter.push(arrival, now)?;
                self.uplink.align(self.playout.jitter.start());
                for _ in 0..dropped {
                    self.refuse(Refusal::Overflow);
                }
                Ok(())
            }
            Kind::Event => {
                let octets = buf.get(payload).ok_or(Refusal::Malformed)?;
                let event = TelephoneEvent::decode(octets).map_err(|_| Refusal::Payload)?;
                self.inbound.digits.on_event(&event, header.timestamp, now);
                Ok(())
            }
            // The sender pauses (RFC 3389 4). The silence that follows is as good as the noise it describes.
            Kind::ComfortNoise => Ok(()),
        }
    }

    /// Counts authentication failures in a row. However many there are, the call goes on (T03).
    pub(super) fn authenticated(&mut self, opened: Result<usize, srtp::Refusal>) -> Result<usize, Refusal> {
        match opened {
            Ok(len) => {
                self.inbound.auth_failures = 0;
                self.inbound.auth_failures_told = 0;
                Ok(len)
            }
            Err(reason) => {
                if reason == srtp::Refusal::BadTag {
                    let run = self.inbound.auth_failures.saturating_add(1);
                    self.inbound.auth_failures = run;
                    // Ten times as many for each further event.
                    let next = match self.inbound.auth_failures_told {
                        0 => AUTH_FAILURE_RUN,
                        told => told.saturating_mul(10),
                    };
                    if run >= next {
                        self.inbound.auth_failures_told = run;
                        self.tell(Event::AuthFailures { run });
                    }
                }
                Err(Refusal::Srtp(reason))
            }
        }
    }

    /// Whether the packet belongs to the stream we listen to, or begins one.
    fn follow(&mut self, header: &Header, now: Instant) -> Result<(), Refusal> {
        let secure = self.is_secure();
        let candidate = self.inbound.stream.candidate();
        match self.inbound.stream.judge(header.ssrc, header.seq, secure, now) {
            stream::Verdict::Current => Ok(()),
            stream::Verdict::Conflict => {
                if let Some(ssrc) = candidate
                    && self.inbound.conflict_told.replace(ssrc) != Some(ssrc)
                {
                    self.tell(Event::SsrcConflict { ssrc });
                }
                Ok(())
            }
            stream::Verdict::Probation => Err(Refusal::Probation),
            stream::Verdict::Old => Err(Refusal::Ssrc),
            stream::Verdict::Switch => {
                let clock = self.inbound.codec.clock_rate().hz();
                let before = self.inbound.reception.replace(Reception::new(header.ssrc, clock));
                if let Some(before) = before {
                    self.inbound.lost_before = self.inbound.lost_before.wrapping_add(before.lost());
                    self.playout.restart();
                    self.inbound.digits.restart();
                    self.inbound.bye_told = false;
                    self.stats.ssrc_changes = self.stats.ssrc_changes.saturating_add(1);
                    self.tell(Event::SsrcChanged { ssrc: header.ssrc });
                }
                Ok(())
            }
        }
    }

    fn accept(&mut self, source: SocketAddr, octets: usize, now: Instant) {
        self.stats.received = self.stats.received.saturating_add(1);
        self.stats.received_octets = self.stats.received_octets.saturating_add(octets as u64);
        if let Some(remote) = self.inbound.source.on_accepted(source) {
            self.tell(Event::SourceLatched { remote });
        }
        if !std::mem::replace(&mut self.inbound.authenticated, true) {
            self.tell(Event::FirstAuthenticated);
        }
        if self.uplink.on_inbound(now) {
            self.tell(Event::InboundResumed);
        }
    }
}

impl Inbound {
    fn kind(&self, payload_type: PayloadType) -> Option<Kind> {
        if payload_type == self.payload_type {
            Some(Kind::Audio)
        } else if self.events.is_some_and(|events| events.payload_type == payload_type) {
            Some(Kind::Event)
        } else if payload_type == PayloadType::CN {
            Some(Kind::ComfortNoise)
        } else {
            None
        }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Late => Self::Late,
            Refused::Duplicate => Self::Duplicate,
            Refused::Jump => Self::Jump,
        }
    }
}
