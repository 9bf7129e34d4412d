//! The media of one call leg: packets in, cleared audio out; audio in, packets out.
//!
//! [`Session`] reads no clock and owns no socket. Its caller gives it each datagram with its source and the time, asks it for
//! what is due ([`Session::poll_uplink`], [`Session::poll_rtcp`], [`Session::poll_event`]), and sends what it writes to
//! [`Session::remote`].

mod config;
mod event;
mod playout;
mod receive;
mod reconfigure;
mod report;
mod send;
mod source;
mod stats;
mod stream;
mod uplink;

pub use config::{Direction, EventFormat, Keys, Leg, Reconfigure, ReconfigureError, SessionConfig, SourcePolicy};
pub use event::Event;
pub use stats::{Refusal, Stats};

use std::{net::SocketAddr, time::Instant};

use crate::{
    codec::ClockRate,
    dtmf,
    limits::MAX_EVENTS,
    pci::{Guard, Mode},
};
use event::Events;
use playout::Playout;
use receive::Inbound;
use report::Reports;
use send::Outbound;
use uplink::Uplink;

/// The media of one leg.
#[derive(Debug)]
pub struct Session {
    leg: Leg,
    direction: Direction,
    remote_rtcp: Option<SocketAddr>,
    jitter: crate::jitter::JitterConfig,
    inbound: Inbound,
    playout: Playout,
    uplink: Uplink,
    guard: Guard,
    outbound: Outbound,
    reports: Reports,
    events: Events,
    stats: Stats,
}

impl Session {
    /// Begins `now`: from here on there is an uplink frame every 20 ms, whatever arrives. Only the first packet puts the
    /// beat off once, by less than a frame.
    pub fn new(config: SessionConfig, now: Instant) -> Self {
        let secure = matches!(config.leg, Leg::Secure { .. });
        let events = config.telephone_event;
        let events_clock = events.map_or(ClockRate::HZ_8000, |format| format.clock_rate);
        // It starts closed, and is opened in so many words.
        let mut guard = Guard::new(config.guard_hold);
        guard.set_mode(config.guard);
        Self {
            direction: config.direction,
            remote_rtcp: config.remote_rtcp,
            jitter: config.jitter,
            inbound: Inbound {
                source: source::SourceRule::new(config.source, secure, config.remote),
                stream: stream::SsrcRule::default(),
                rate: stream::PacketRate::new(now),
                payload_type: config.payload_type,
                codec: config.codec,
                events,
                digits: dtmf::Receiver::new(events_clock),
                reception: None,
                lost_before: 0,
                auth_failures: 0,
                auth_failures_told: 0,
                authenticated: false,
                conflict_told: None,
                bye_told: false,
            },
            playout: Playout::new(config.codec, config.jitter),
            uplink: Uplink::new(config.codec.sample_rate(), config.uplink_rate, config.inbound_timeout, now),
            guard,
            outbound: Outbound::new(&config),
            reports: Reports::new(&config, now),
            events: Events::with_capacity(MAX_EVENTS),
            stats: Stats::default(),
            leg: config.leg,
        }
    }

    /// The next event. To be asked until `None`.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Opens or closes the guard.
    pub fn set_guard(&mut self, mode: Mode) {
        self.guard.set_mode(mode);
    }

    /// Where RTP is to be sent.
    pub fn remote(&self) -> SocketAddr {
        self.inbound.source.remote()
    }

    /// Where RTCP is to be sent.
    pub fn remote_rtcp(&self) -> SocketAddr {
        self.remote_rtcp.unwrap_or_else(|| self.remote())
    }

    /// Whether the leg is encrypted.
    pub const fn is_secure(&self) -> bool {
        matches!(self.leg, Leg::Secure { .. })
    }

    /// Who may send.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// The figures.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    fn refuse(&mut self, reason: Refusal) {
        self.stats.refuse(reason);
    }

    fn tell(&mut self, event: Event) {
        if !self.events.push(event) {
            self.stats.events_lost = self.stats.events_lost.saturating_add(1);
        }
    }
}
