//! The caller's media: one socket, one session, one loop.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use media_engine::audio::{Pcm, SampleRate};
use media_engine::buf::{PacketBuf, Pool};
use media_engine::dtmf::MenuDigit;
use media_engine::session::{Event, Session};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::CallerEvent;
use super::script::{FRAME, Script};
use crate::demo::measure::{self, Track};
use crate::demo::wav::RATE;

/// The media of one call.
pub(super) struct Media {
    socket: UdpSocket,
    pool: Pool,
    session: Session,
    script: Script,
    heard: Track,
    has_heard: bool,
    digits: Vec<MenuDigit>,
    events: Option<mpsc::Sender<CallerEvent>>,
    answered: Instant,
}

/// What is left of the media.
pub(super) struct Recorded {
    pub(super) heard: Track,
    pub(super) spoken: Option<Instant>,
    pub(super) digits: Vec<MenuDigit>,
    pub(super) rtp: media_engine::session::Stats,
}

/// A socket for RTP, and RTCP on the same port (RFC 5761).
pub(super) async fn bind(source: IpAddr) -> std::io::Result<UdpSocket> {
    UdpSocket::bind(SocketAddr::new(source, 0)).await
}

impl Media {
    pub(super) fn new(
        socket: UdpSocket,
        session: Session,
        script: Script,
        events: Option<mpsc::Sender<CallerEvent>>,
        answered: Instant,
    ) -> Self {
        let began = session.next_uplink().unwrap_or(answered);
        Self {
            socket,
            pool: Pool::new(BUFFERS),
            session,
            script,
            heard: Track { began, samples: Vec::new() },
            has_heard: false,
            digits: Vec::new(),
            events,
            answered,
        }
    }

    /// Speaks and listens until the script says to hang up. Safe to cancel: whoever else ends the call drops the future.
    pub(super) async fn run(&mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let end = self.script.end();
            let wake = [Some(self.script.next_frame()), self.session.next_uplink(), self.session.next_rtcp()]
                .into_iter()
                .flatten()
                .fold(end, Instant::min);
            tokio::select! {
                biased;
                readable = self.socket.readable() => if readable.is_ok() { self.receive() },
                () = tokio::time::sleep_until(wake.into()) => {}
                _ = ticks.tick() => self.tick(),
            }
            let now = Instant::now();
            self.listen(now);
            self.speak(now);
            if now >= end {
                return;
            }
        }
    }

    /// Says good-bye by RTCP and gives the recording.
    pub(super) fn finish(mut self) -> Recorded {
        let now = Instant::now();
        if let Some(mut buf) = self.pool.take()
            && let Some(length) = self.session.poll_rtcp_bye(now, &mut buf)
        {
            self.send(&buf, length, self.session.remote_rtcp());
        }
        Recorded {
            heard: self.heard,
            spoken: self.script.spoken(),
            digits: self.digits,
            rtp: self.session.stats().clone(),
        }
    }

    fn receive(&mut self) {
        for _ in 0..BUDGET {
            let Some(mut buf) = self.pool.take() else {
                return;
            };
            let Ok((length, source)) = self.socket.try_recv_from(buf.room_mut()) else {
                return;
            };
            buf.set_len(length);
            self.session.handle_rtp(buf, source, Instant::now());
        }
    }

    /// Frames are put down where they belong in time: what was skipped is silence.
    fn listen(&mut self, now: Instant) {
        while let Some(due) = self.session.next_uplink().filter(|due| *due <= now) {
            let Some(frame) = self.session.poll_uplink(now) else {
                break;
            };
            let samples = frame.get().samples();
            let place = measure::samples(due.saturating_duration_since(self.heard.began));
            if place < MAX_HEARD {
                self.heard.samples.resize(place, 0);
                self.heard.samples.extend_from_slice(samples);
            }
            if !self.has_heard && samples.iter().any(|s| s.unsigned_abs() > SOUND) {
                self.has_heard = true;
                self.tell(CallerEvent::Heard);
            }
        }
        while let Some(event) = self.session.poll_event() {
            if let Event::Digit(digit) = event
                && self.digits.len() < MAX_DIGITS
            {
                self.digits.push(digit);
            }
        }
        if let Some(mut buf) = self.pool.take()
            && let Some(length) = self.session.poll_rtcp(now, &mut buf)
        {
            self.send(&buf, length, self.session.remote_rtcp());
        }
    }

    fn speak(&mut self, now: Instant) {
        while let Some(touch) = self.script.digit(now) {
            let _refused_without_events = self.session.send_digit(touch.key, touch.length);
        }
        while self.script.next_frame() <= now {
            let before = self.script.spoken();
            let frame: [i16; FRAME] = self.script.frame();
            if before != self.script.spoken() {
                self.tell(CallerEvent::Speaking);
            }
            let (Some(frame), Some(mut buf)) = (Pcm::from_slice(SampleRate::Hz8000, &frame), self.pool.take()) else {
                continue;
            };
            if let Some(length) = self.session.send_audio(&frame, now, &mut buf) {
                self.send(&buf, length, self.session.remote());
            }
        }
    }

    fn send(&self, buf: &PacketBuf, length: usize, to: SocketAddr) {
        // A packet that the kernel does not take is lost, as on any network.
        drop(self.socket.try_send_to(buf.get(..length).unwrap_or_default(), to));
    }

    fn tick(&self) {
        let stats = self.session.stats();
        self.tell(CallerEvent::Tick {
            talked: self.answered.elapsed(),
            planned: self.script.planned(),
            sent: stats.sent,
            received: stats.received,
        });
    }

    fn tell(&self, event: CallerEvent) {
        if let Some(events) = &self.events {
            let _lost_when_full = events.try_send(event);
        }
    }
}

/// Packets read at one wake-up before the clock is looked at again.
const BUDGET: usize = 32;
/// More than a jitter buffer holds.
const BUFFERS: usize = 256;
/// An hour; nobody listens longer.
const MAX_HEARD: usize = 3_600 * RATE as usize;
const MAX_DIGITS: usize = 256;
/// Louder than comfort noise.
const SOUND: u16 = 300;
const TICK: Duration = Duration::from_millis(200);
