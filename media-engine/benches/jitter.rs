//! What a packet costs in the jitter buffer.
//!
//! Run with `cargo bench -p media-engine --bench jitter`.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a benchmark")]
#![expect(clippy::disallowed_methods, reason = "a benchmark\'s origin of time")]

use std::time::{Duration, Instant};

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use media_engine::{
    buf::Pool,
    codec::ClockRate,
    jitter::{Arrival, JitterBuffer, JitterConfig, Slot},
    rtp::{RtpTimestamp, Seq},
};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const PACKETS: u16 = 1_000;

fn main() {
    divan::main();
}

/// How late each packet is.
#[derive(Clone, Copy, Debug)]
enum Network {
    Clean,
    /// Up to 60 ms, so that packets overtake each other.
    Jitter,
}

/// One packet pushed and one frame popped.
#[divan::bench(args = [Network::Clean, Network::Jitter])]
fn push_and_pop(bencher: Bencher<'_, '_>, network: Network) {
    let pool = Pool::new(256);
    pool.warm(256);
    let start = Instant::now();
    let mut buffer = JitterBuffer::new(JitterConfig::default(), ClockRate::HZ_8000);
    let mut base = 0_u64;
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        for number in base..base + u64::from(PACKETS) {
            let late = match network {
                Network::Clean => 0,
                Network::Jitter => number * 7 % 60,
            };
            // The order of arrival is that of sending, give or take three.
            let number = if late > 0 { number ^ (number * 5 % 4) } else { number };
            let mut buf = pool.take().unwrap();
            buf.set_len(172);
            let (seq, timestamp) =
                (Seq::new((number % 65_536) as u16), RtpTimestamp::new((number * 160 % (1 << 32)) as u32));
            let now = start + Duration::from_millis(number * 20 + late);
            let _counted = buffer.push(Arrival { buf, payload: 12..172, seq, timestamp, ticks: 160 }, now);
            if let Slot::Packet(packet) = buffer.pop(now, 160) {
                divan::black_box(packet.payload());
            }
            divan::black_box(buffer.on_frame(0));
        }
        base += u64::from(PACKETS);
    });
}
