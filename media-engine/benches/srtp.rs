//! What protection costs per packet of 20 ms of G.711, with one key and with a thousand: with a thousand, as on a busy
//! server, keys and state come from far away in the cache.
//!
//! Run with `cargo bench -p media-engine --bench srtp`.

#![expect(clippy::unwrap_used, reason = "a benchmark")]

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use media_engine::{
    rtp::{HeaderWriter, PayloadType, RtpTimestamp, Seq, Ssrc},
    srtp::{Inbound, MasterKey, Outbound, Suite},
};
use rand::{SeedableRng, rngs::StdRng};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// Header and 160 octets.
const PLAIN: usize = 172;
/// One for each suite, strongest first.
const SUITES: [Suite; 6] = Suite::ALL;
const MANY: usize = 1_000;
/// Packets of each context in one iteration.
const ROUNDS: u16 = 20;

fn main() {
    divan::main();
}

#[divan::bench(args = SUITES)]
fn protect_1_key(bencher: Bencher<'_, '_>, suite: Suite) {
    protect(bencher, suite, 1);
}

#[divan::bench(args = SUITES)]
fn protect_1000_keys(bencher: Bencher<'_, '_>, suite: Suite) {
    protect(bencher, suite, MANY);
}

#[divan::bench(args = SUITES)]
fn unprotect_1_key(bencher: Bencher<'_, '_>, suite: Suite) {
    unprotect(bencher, suite, 1);
}

#[divan::bench(args = SUITES)]
fn unprotect_1000_keys(bencher: Bencher<'_, '_>, suite: Suite) {
    unprotect(bencher, suite, MANY);
}

/// Forged packets: what an attacker makes us do.
#[divan::bench(args = SUITES)]
fn refuse_1000_keys(bencher: Bencher<'_, '_>, suite: Suite) {
    let keys = keys(suite, MANY);
    let mut receivers: Vec<_> = keys.iter().map(Inbound::new).collect();
    let packets = rounds(&keys);
    for (receiver, packet) in receivers.iter_mut().zip(&packets[0]) {
        receiver.unprotect_rtp(&mut packet.clone()).unwrap();
    }
    bencher
        .counter(ItemsCount::new(MANY * usize::from(ROUNDS - 1)))
        .with_inputs(|| {
            let mut packets = packets[1..].to_vec();
            packets.iter_mut().flatten().for_each(|packet| packet[100] ^= 1);
            packets
        })
        .bench_local_refs(|packets| {
            for round in packets {
                for (receiver, packet) in receivers.iter_mut().zip(round) {
                    assert!(receiver.unprotect_rtp(packet).is_err());
                }
            }
        });
}

fn protect(bencher: Bencher<'_, '_>, suite: Suite, count: usize) {
    let keys = keys(suite, count);
    bencher
        .counter(ItemsCount::new(count * usize::from(ROUNDS)))
        .with_inputs(|| {
            let senders: Vec<_> = keys.iter().map(Outbound::new).collect();
            (senders, vec![[0_u8; 256]; count])
        })
        .bench_local_refs(|(senders, bufs)| {
            for seq in 0..ROUNDS {
                for (sender, buf) in senders.iter_mut().zip(&mut *bufs) {
                    write(buf, seq);
                    sender.protect_rtp(buf, PLAIN).unwrap();
                }
            }
        });
}

fn unprotect(bencher: Bencher<'_, '_>, suite: Suite, count: usize) {
    let keys = keys(suite, count);
    let packets = rounds(&keys);
    bencher
        .counter(ItemsCount::new(count * usize::from(ROUNDS)))
        .with_inputs(|| {
            let receivers: Vec<_> = keys.iter().map(Inbound::new).collect();
            (receivers, packets.clone())
        })
        .bench_local_refs(|(receivers, packets)| {
            for round in packets {
                for (receiver, packet) in receivers.iter_mut().zip(round) {
                    receiver.unprotect_rtp(packet).unwrap();
                }
            }
        });
}

fn keys(suite: Suite, count: usize) -> Vec<MasterKey> {
    let mut rng = StdRng::seed_from_u64(1);
    (0..count).map(|_| MasterKey::generate(suite, &mut rng)).collect()
}

/// Protected packets: for each round one of each key.
fn rounds(keys: &[MasterKey]) -> Vec<Vec<Vec<u8>>> {
    let mut senders: Vec<_> = keys.iter().map(Outbound::new).collect();
    (0..ROUNDS)
        .map(|seq| {
            let packets = senders.iter_mut().map(|sender| {
                let mut buf = [0; 256];
                write(&mut buf, seq);
                let len = sender.protect_rtp(&mut buf, PLAIN).unwrap();
                buf[..len].to_vec()
            });
            packets.collect()
        })
        .collect()
}

fn write(buf: &mut [u8], seq: u16) {
    let header = HeaderWriter {
        marker: false,
        payload_type: PayloadType::PCMU,
        seq: Seq::new(seq),
        timestamp: RtpTimestamp::new(u32::from(seq) * 160),
        ssrc: Ssrc::new(0xcafe),
    };
    header.write(buf).unwrap();
}
