//! The media of one call leg: packets in, cleared audio out; audio in, packets out.
//!
//! [`Session`] reads no clock and owns no socket. Its caller gives it each datagram with its source and the time, asks it for
//! what is due ([`Session::poll_uplink`], [`Session::poll_rtcp`], [`Session::poll_event`]), and sends what it writes to
//! [`Session::remote`].

mod config;
mod event;
mod stats;

pub use config::{
    Direction, EventFormat, Keys, Leg, Reconfigure, ReconfigureError, SessionConfig, SourcePolicy,
};
pub use event::Event;
pub use stats::{Refusal, Stats};

use std::{net::SocketAddr, time::{Duration, Instant}};

use crate::{audio::Pcm, buf::PacketBuf, dtmf::Key, pci::{Cleared, Guard, Mode}};

/// The media of one leg.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    stats: Stats,
    guard: Guard,
}

impl Session {
    /// Begins `now`: from here on there is an uplink frame every 20 ms, whatever arrives.
    pub fn new(config: SessionConfig, now: Instant) -> Self {
        let _ = now;
        let guard = Guard::new(config.guard_hold);
        Self { config, stats: Stats::default(), guard }
    }

    /// Takes a datagram from the RTP port: RTP, or RTCP with rtcp-mux (RFC 5761). Decrypts in place. Whatever is wrong
    /// with it is counted and goes no further.
    pub fn handle_rtp(&mut self, buf: PacketBuf, source: SocketAddr, now: Instant) {
        let _ = (buf, source, now);
    }

    /// Takes a datagram from a separate RTCP port.
    pub fn handle_rtcp(&mut self, buf: PacketBuf, source: SocketAddr, now: Instant) {
        let _ = (buf, source, now);
    }

    /// The next uplink frame, if one is due: 20 ms at the uplink rate. To be asked until `None`.
    pub fn poll_uplink(&mut self, now: Instant) -> Option<Cleared<Pcm>> {
        let _ = now;
        None
    }

    /// When the next uplink frame is due.
    pub fn next_uplink(&self) -> Option<Instant> {
        None
    }

    /// Writes the packet for 20 ms of audio towards the peer into `out`, and gives its length. To be called every 20 ms,
    /// with silence when there is nothing to say. `None` when nothing may be sent.
    ///
    /// While a digit is being sent, its events go in place of the audio.
    pub fn send_audio(&mut self, frame: &Pcm, now: Instant, out: &mut PacketBuf) -> Option<usize> {
        let _ = (frame, now, out);
        None
    }

    /// Queues a digit to be sent as RFC 4733 events by the next calls of [`Session::send_audio`]. `false` when events were
    /// not agreed on, or too many digits wait.
    pub fn send_digit(&mut self, digit: Key, duration: Duration) -> bool {
        let _ = (digit, duration);
        false
    }

    /// The next event. To be asked until `None`.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// Writes a report (SR or RR, with SDES) into `out` when one is due, and gives its length. It goes to
    /// [`Session::remote_rtcp`].
    pub fn poll_rtcp(&mut self, now: Instant, out: &mut PacketBuf) -> Option<usize> {
        let _ = (now, out);
        None
    }

    /// When the next report is due.
    pub fn next_rtcp(&self) -> Option<Instant> {
        None
    }

    /// Writes the last report, with BYE, for the end of the call.
    pub fn poll_rtcp_bye(&mut self, now: Instant, out: &mut PacketBuf) -> Option<usize> {
        let _ = (now, out);
        None
    }

    /// Applies an answered re-INVITE.
    pub fn reconfigure(&mut self, change: Reconfigure, now: Instant) -> Result<(), ReconfigureError> {
        let _ = (change, now);
        Ok(())
    }

    /// Opens or closes the guard.
    pub fn set_guard(&mut self, mode: Mode) {
        self.guard.set_mode(mode);
    }

    /// Where RTP is to be sent.
    pub fn remote(&self) -> SocketAddr {
        self.config.remote
    }

    /// Where RTCP is to be sent.
    pub fn remote_rtcp(&self) -> SocketAddr {
        self.config.remote_rtcp.unwrap_or(self.config.remote)
    }

    /// Whether the leg is encrypted.
    pub fn is_secure(&self) -> bool {
        matches!(self.config.leg, Leg::Secure { .. })
    }

    /// The figures.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}
