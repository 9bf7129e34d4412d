//! In the steady state the media path allocates nothing, in either direction, with loss and out of order too.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "a test's origin of time")]
#![expect(unsafe_code, reason = "a counting allocator hands each call on to the system's, unchanged")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    time::{Duration, Instant},
};

use media_engine::{
    audio::{Pcm, SampleRate},
    buf::{PacketBuf, Pool},
    codec::{ClockRate, Codec},
    jitter::JitterConfig,
    pci::Mode,
    rtcp::Cname,
    rtp::{PayloadType, RtpTimestamp, Seq, Ssrc},
    session::{Direction, EventFormat, Leg, Session, SessionConfig, SourcePolicy},
    srtp::{Inbound, MasterKey, Outbound, Suite},
};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // While a thread ends there is nothing to count in.
    COUNT.try_with(|count| count.set(count.get() + 1)).unwrap_or_default();
}

// SAFETY: every call goes to `System` with the arguments it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn session(own: u8, peer: u8, remote: &str, now: Instant) -> Session {
    let key = |octet| MasterKey::new(Suite::AesCm128Sha1_80, &[octet; 30]).unwrap();
    let config = SessionConfig {
        leg: Leg::Secure { rx: Inbound::new(&key(peer)), tx: Outbound::new(&key(own)) },
        codec: Codec::Pcmu,
        payload_type: PayloadType::PCMU,
        telephone_event: Some(EventFormat {
            payload_type: PayloadType::new(101).unwrap(),
            clock_rate: ClockRate::HZ_8000,
        }),
        remote: remote.parse().unwrap(),
        remote_rtcp: None,
        source: SourcePolicy::Signalled,
        direction: Direction::SendRecv,
        uplink_rate: SampleRate::Hz16000,
        ssrc: Ssrc::new(u32::from(own)),
        seq: Seq::new(7),
        timestamp: RtpTimestamp::new(9),
        cname: Cname::new("tester").unwrap(),
        jitter: JitterConfig::default(),
        guard: Mode::Open,
        guard_hold: 2,
        inbound_timeout: Duration::from_secs(30),
        seed: [1; 32],
    };
    Session::new(config, now)
}

/// One call of two sessions: the caller sends 16 kHz audio and now and then a digit; the network loses, delays and reorders;
/// the server listens at 16 kHz, and both report.
struct Call {
    pool: Pool,
    start: Instant,
    caller: Session,
    server: Session,
    frame: Pcm,
    /// Packets under way, with when they arrive; has room for all of them.
    under_way: Vec<(u64, PacketBuf)>,
    heard: u64,
}

const CALLER: &str = "192.0.2.1:4000";
const SERVER: &str = "192.0.2.2:4000";

impl Call {
    fn new() -> Self {
        let start = Instant::now();
        let pool = Pool::new(128);
        pool.warm(128);
        let samples: Vec<i16> = (0..320_i16).map(|n| (n * 37 % 200) * 90).collect();
        Self {
            pool,
            start,
            caller: session(1, 2, SERVER, start),
            server: session(2, 1, CALLER, start),
            frame: Pcm::from_slice(SampleRate::Hz16000, &samples).unwrap(),
            under_way: Vec::with_capacity(128),
            heard: 0,
        }
    }

    fn step(&mut self, step: u64) {
        let ms = step * 20;
        let now = self.start + Duration::from_millis(ms);
        let mut out = self.pool.take().unwrap();
        if step.is_multiple_of(200) {
            let digit = media_engine::dtmf::Key::from_char('5').unwrap();
            assert!(self.caller.send_digit(digit, Duration::from_millis(80)));
        }
        let sent = self.caller.send_audio(&self.frame, now, &mut out);
        // One in thirty is lost, the others are late by up to 48 ms; twice there is a stall.
        let stalled = (step % 500) < 20;
        if sent.is_some() && !step.is_multiple_of(30) {
            let arrival = if stalled { ms - (step % 500) * 20 + 400 } else { ms + step * 7 % 49 };
            self.under_way.push((arrival, out));
        }
        self.report(now);
        let (caller, server): (std::net::SocketAddr, std::net::SocketAddr) =
            (([192, 0, 2, 1], 4_000).into(), ([192, 0, 2, 2], 4_000).into());
        let mut at = 0;
        while at < self.under_way.len() {
            if self.under_way[at].0 <= ms {
                let (_, buf) = self.under_way.swap_remove(at);
                self.server.handle_rtp(buf, caller, now);
            } else {
                at += 1;
            }
        }
        while let Some(frame) = self.server.poll_uplink(now) {
            self.heard += frame.get().len() as u64;
        }
        while self.server.poll_event().is_some() {}
        let mut back = self.pool.take().unwrap();
        if self.server.send_audio(&self.frame, now, &mut back).is_some() {
            self.caller.handle_rtp(back, server, now);
        }
        while self.caller.poll_uplink(now).is_some() {}
        while self.caller.poll_event().is_some() {}
    }

    fn report(&mut self, now: Instant) {
        let mut out = self.pool.take().unwrap();
        if self.caller.poll_rtcp(now, &mut out).is_some() {
            self.server.handle_rtp(out, ([192, 0, 2, 1], 4_000).into(), now);
        }
    }
}

#[test]
fn a_call_allocates_nothing_once_it_is_warm() {
    let mut call = Call::new();
    for step in 0..600 {
        call.step(step);
    }
    let before = COUNT.get();
    for step in 600..3_000 {
        call.step(step);
    }
    assert_eq!(COUNT.get() - before, 0);

    // And the path was walked: audio, loss, digits, catching up, reports.
    let stats = call.server.stats();
    assert!(call.heard > 2_900 * 320 && stats.plc_frames > 50 && stats.rtcp_received > 3, "{stats:?}");
    assert!(stats.accelerated > Duration::from_millis(300), "{stats:?}");
}
