//! In the steady state, protecting and unprotecting allocate nothing, and neither does the pool.

#![expect(clippy::cast_possible_truncation, reason = "a count below a thousand")]
#![expect(unsafe_code, reason = "a counting allocator hands each call on to the system's, unchanged")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use media_engine::{
    buf::Pool,
    rtp::{HeaderWriter, Packet, PayloadType, RtpTimestamp, Seq, Ssrc},
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

fn counted(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(counted(|| drop(std::hint::black_box(vec![1_u8]))), 2);
}

#[test]
fn a_call_allocates_nothing_per_packet() {
    const SSRC: Ssrc = Ssrc::new(7);
    let pool = Pool::new(4);
    pool.warm(4);
    for suite in Suite::ALL {
        let key = MasterKey::new(suite, &vec![3; suite.key_len()]).unwrap();
        let (mut outbound, mut inbound) = (Outbound::new(&key), Inbound::new(&key));
        let allocations = counted(|| {
            for n in 0..1_000_u32 {
                let mut buf = pool.take().unwrap();
                let header = HeaderWriter {
                    marker: false,
                    payload_type: PayloadType::PCMU,
                    seq: Seq::new(65_000).advance(n as u16),
                    timestamp: RtpTimestamp::new(n * 160),
                    // New SSRCs too, as long as there are slots.
                    ssrc: Ssrc::new(n.min(10)),
                };
                header.write(buf.room_mut()).unwrap()[..160].fill(0xd5);
                let len = outbound.protect_rtp(buf.room_mut(), 172).unwrap();
                buf.set_len(len);

                let mut forged = pool.take().unwrap();
                assert!(forged.copy_from(&buf));
                forged[20] ^= 1;
                assert!(inbound.unprotect_rtp(&mut forged).is_err());

                let len = inbound.unprotect_rtp(&mut buf).unwrap();
                buf.truncate(len);
                assert_eq!(Packet::parse(&buf).unwrap().payload, [0xd5; 160]);

                assert!(buf.copy_from(&[0x80, 201, 0, 1, 0, 0, 0, 7]));
                let len = outbound.protect_rtcp(buf.room_mut(), 8).unwrap();
                buf.set_len(len);
                let len = inbound.unprotect_rtcp(&mut buf).unwrap();
                assert_eq!(len, 8);
                assert!(inbound.unprotect_rtcp(&mut buf).is_err());
            }
        });
        assert_eq!(allocations, 0, "{suite:?}");
        assert!(inbound.highest(Ssrc::new(10)).is_some() && outbound.highest(SSRC).is_some());
    }
    assert_eq!(pool.gauge().in_use, 0);
}
