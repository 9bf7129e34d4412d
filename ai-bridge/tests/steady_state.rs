//! In steady state a stream does not touch the heap: neither towards the application nor back.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(unsafe_code, reason = "a counting allocator is a global allocator, and that trait is unsafe")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ai_bridge::flow::Direction;
use ai_bridge::stream::{Dialect, StreamOptions, StreamSession, StreamStart};
use media_engine::audio::SampleRate;
use media_engine::pci::Guard;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches a thread-local cell only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's own promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's own promise.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's own promise.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

fn start(rate: SampleRate, chunk_ms: u32) -> StreamStart {
    StreamStart {
        call_id: "cs_1".into(),
        stream_id: "st_1".into(),
        account: "acc_1".into(),
        app: "bot".into(),
        from: "+1".into(),
        to: "+2".into(),
        direction: Direction::Inbound,
        attestation: None,
        rate,
        chunk_ms,
        custom: BTreeMap::new(),
    }
}

/// Runs frames both ways and gives the allocations of the last thousand.
fn allocations(dialect: Dialect, rate: SampleRate, chunk_ms: u32) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
    let mut now = Instant::now();
    let mut session = StreamSession::new(dialect, start(rate, chunk_ms), StreamOptions::default(), now);
    let frame = Guard::clear_silence(rate, rate.frame_len());
    let downlink = vec![1u8; session.downlink_rate().frame_len() * 2];
    let mut sent = 0;
    let mut before = 0;
    for round in 0..2_000 {
        if round == 1_000 {
            before = ALLOCATIONS.get();
        }
        session.uplink(&frame, now);
        while session.poll_message().is_some() {
            sent += 1;
        }
        if dialect == Dialect::Native {
            session.handle_binary(&downlink, now);
            session.pop_playout(now).unwrap();
            session.on_frame_sent(now);
        }
        now += Duration::from_millis(20);
    }
    assert_eq!(sent, 1 + 2_000 * 20 / u64::from(chunk_ms));
    ALLOCATIONS.get() - before
}

#[test]
fn native_both_ways() {
    assert_eq!(allocations(Dialect::Native, SampleRate::Hz8000, 20), 0);
    assert_eq!(allocations(Dialect::Native, SampleRate::Hz16000, 20), 0);
    assert_eq!(allocations(Dialect::Native, SampleRate::Hz24000, 40), 0);
}

#[test]
fn teler_uplink() {
    assert_eq!(allocations(Dialect::Teler, SampleRate::Hz8000, 20), 0);
    assert_eq!(allocations(Dialect::Teler, SampleRate::Hz16000, 400), 0);
}
