//! Two sessions with a network between them, in virtual time.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use media_engine::{
    audio::{Pcm, SampleRate},
    buf::{PacketBuf, Pool},
    codec::{ClockRate, Codec},
    danger::permit_plaintext,
    jitter::JitterConfig,
    pci::Mode,
    rtcp::Cname,
    rtp::{PayloadType, RtpTimestamp, Seq, Ssrc},
    session::{Direction, Event, EventFormat, Leg, Session, SessionConfig, SourcePolicy},
    srtp::{Inbound, MasterKey, Outbound, Suite},
};

use crate::{
    network::{Conditions, Network},
    signal,
};

pub(crate) const CALLER: &str = "192.0.2.10:4000";
pub(crate) const SERVER: &str = "198.51.100.20:20000";
pub(crate) const FRAME: Duration = Duration::from_millis(20);

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn key(octet: u8) -> MasterKey {
    MasterKey::new(Suite::AesCm128Sha1_80, &[octet; 30]).unwrap()
}

pub(crate) fn secure(own: u8, peer: u8) -> Leg {
    Leg::Secure { rx: Inbound::new(&key(peer)), tx: Outbound::new(&key(own)) }
}

pub(crate) fn plain() -> Leg {
    Leg::Plain(permit_plaintext())
}

pub(crate) fn config(leg: Leg, remote: &str, ssrc: u32) -> SessionConfig {
    SessionConfig {
        leg,
        codec: Codec::Pcmu,
        payload_type: PayloadType::PCMU,
        telephone_event: Some(EventFormat {
            payload_type: PayloadType::new(101).unwrap(),
            clock_rate: ClockRate::HZ_8000,
        }),
        remote: address(remote),
        remote_rtcp: None,
        source: SourcePolicy::Signalled,
        direction: Direction::SendRecv,
        uplink_rate: SampleRate::Hz8000,
        ssrc: Ssrc::new(ssrc),
        seq: Seq::new(u16::try_from(ssrc % 32_768).unwrap()),
        timestamp: RtpTimestamp::new(ssrc.wrapping_mul(2_654_435_761)),
        cname: Cname::new("tester").unwrap(),
        jitter: JitterConfig::default(),
        guard: Mode::Open,
        guard_hold: 0,
        inbound_timeout: Duration::from_secs(10),
        seed: [u8::try_from(ssrc % 256).unwrap(); 32],
    }
}

/// A caller who speaks, and a server that listens.
pub(crate) struct Call {
    pub(crate) start: Instant,
    pub(crate) pool: Pool,
    pub(crate) caller: Session,
    pub(crate) server: Session,
    pub(crate) network: Network,
    /// How much faster the caller's clock runs, in millionths.
    pub(crate) drift_ppm: f64,
    /// How much audio the caller puts into a packet.
    pub(crate) ptime: Duration,
    pub(crate) now: Duration,
    pub(crate) frames_sent: usize,
    muted_until: Duration,
    /// What the server gave, one frame after the other, each with when.
    pub(crate) heard: Vec<i16>,
    pub(crate) deadlines: Vec<Duration>,
    pub(crate) events: Vec<Event>,
}

impl Call {
    pub(crate) fn new(conditions: Conditions, seed: u64) -> Self {
        Self::with(conditions, seed, config(secure(1, 2), SERVER, 11), config(secure(2, 1), CALLER, 22))
    }

    pub(crate) fn with(conditions: Conditions, seed: u64, caller: SessionConfig, server: SessionConfig) -> Self {
        let start = Instant::now();
        Self {
            start,
            pool: Pool::new(512),
            caller: Session::new(caller, start),
            server: Session::new(server, start),
            network: Network::new(conditions, seed),
            drift_ppm: 0.0,
            ptime: FRAME,
            now: Duration::ZERO,
            frames_sent: 0,
            muted_until: Duration::ZERO,
            heard: Vec::new(),
            deadlines: Vec::new(),
            events: Vec::new(),
        }
    }

    /// When the caller has spoken its frame `n`.
    pub(crate) fn spoken(&self, n: usize) -> Duration {
        (self.ptime * u32::try_from(n + 1).unwrap()).mul_f64(1.0 - self.drift_ppm * 1e-6)
    }

    pub(crate) fn buf(&self, octets: &[u8]) -> PacketBuf {
        let mut buf = self.pool.take().unwrap();
        assert!(buf.copy_from(octets));
        buf
    }

    pub(crate) fn at(&self, time: Duration) -> Instant {
        self.start + time
    }

    /// The caller says nothing for so long, and sends nothing.
    pub(crate) fn mute(&mut self, time: Duration) {
        self.muted_until = self.now + time;
    }

    /// Lets the caller say `audio` from its beginning, as far as it can until `until`.
    pub(crate) fn run(&mut self, audio: &[i16], until: Duration) {
        loop {
            let speak = self.spoken(self.frames_sent);
            let listen = self.server.next_uplink().unwrap() - self.start;
            let next = [Some(speak), Some(listen), self.network.next_arrival()].into_iter().flatten().min().unwrap();
            if next > until {
                self.now = until;
                return;
            }
            self.now = next;
            self.step(audio, speak);
        }
    }

    fn step(&mut self, audio: &[i16], speak: Duration) {
        let now = self.at(self.now);
        if speak <= self.now {
            let len = SampleRate::Hz8000.samples(self.ptime);
            let from = self.frames_sent * len;
            let frame = audio.get(from..from + len).map_or_else(
                || Pcm::silence(SampleRate::Hz8000, len),
                |samples| Pcm::from_slice(SampleRate::Hz8000, samples).unwrap(),
            );
            self.frames_sent += 1;
            if self.now < self.muted_until {
                return;
            }
            let mut out = self.pool.take().unwrap();
            if self.caller.send_audio(&frame, now, &mut out).is_some() {
                self.network.send(&out, self.now);
            }
        }
        while let Some(packet) = self.network.arrive(self.now) {
            let buf = self.buf(&packet);
            self.server.handle_rtp(buf, address(CALLER), now);
        }
        while let Some(frame) = self.server.poll_uplink(now) {
            self.deadlines.push(self.now);
            self.heard.extend_from_slice(frame.get().samples());
        }
        while let Some(event) = self.server.poll_event() {
            self.events.push(event);
        }
    }

    /// A frame came every 20 ms until now; once, with the first packet, a little later.
    pub(crate) fn assert_beat(&self) {
        let apart: Vec<Duration> = self.deadlines.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
        assert!(apart.iter().all(|&apart| (FRAME..2 * FRAME).contains(&apart)));
        assert!(apart.iter().filter(|&&apart| apart != FRAME).count() <= 1);
        assert!(self.deadlines.last().is_some_and(|&last| last + FRAME > self.now));
    }

    /// For each uplink frame from `from` on: when it was given, how long before that its audio was spoken, in ms, and how
    /// alike the two are. Meant for noise.
    pub(crate) fn delays(&self, audio: &[i16], from: Duration) -> Vec<Delay> {
        self.delays_up_to(Duration::from_millis(250), audio, from)
    }

    /// The same for audio that may be as old as `most`.
    pub(crate) fn delays_up_to(&self, most: Duration, audio: &[i16], from: Duration) -> Vec<Delay> {
        let most = SampleRate::Hz8000.samples(most);
        let mut delays: Vec<Delay> = Vec::new();
        for (frame, &at) in self.deadlines.iter().enumerate().filter(|(_, at)| **at >= from) {
            let piece = &self.heard[frame * 160..frame * 160 + 160];
            let spoken_until = (at.as_secs_f64() * 8_000.0 / (1.0 - self.drift_ppm * 1e-6)) as usize;
            // Mostly it is where it was one frame ago.
            let likely = delays.last().map_or(0, |last| last.place + 160);
            let (mut place, mut likeness) = signal::find(piece, audio, likely..likely + 1);
            if likeness < 0.95 {
                (place, likeness) = signal::find(piece, audio, spoken_until.saturating_sub(most)..spoken_until);
            }
            let spoken = place as f64 / 8.0 * (1.0 - self.drift_ppm * 1e-6);
            delays.push(Delay { at, ms: at.as_secs_f64() * 1e3 - spoken, likeness, place });
        }
        delays
    }
}

/// How old the audio of one uplink frame was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delay {
    pub(crate) at: Duration,
    pub(crate) ms: f64,
    pub(crate) likeness: f64,
    place: usize,
}
