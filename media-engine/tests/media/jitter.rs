//! The jitter buffer against a model that is too simple to be wrong.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use media_engine::{
    buf::Pool,
    codec::ClockRate,
    jitter::{Arrival, Cause, JitterBuffer, JitterConfig, Refused, Slot},
    limits::MAX_JITTER_PACKETS,
    rtp::{RtpTimestamp, Seq},
};
use proptest::prelude::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

struct Bench {
    pool: Pool,
    start: Instant,
    buffer: JitterBuffer,
}

impl Bench {
    fn new() -> Self {
        let buffer = JitterBuffer::new(JitterConfig::default(), ClockRate::HZ_8000);
        Self { pool: Pool::new(256), start: Instant::now(), buffer }
    }

    /// Packet `number` of a stream that begins just before both counters wrap. It carries its number.
    fn push(&mut self, number: u16, at: Duration) -> Result<usize, Refused> {
        self.push_as(
            number,
            65_500_u16.wrapping_add(number),
            (u32::MAX - 500).wrapping_add(u32::from(number) * 160),
            at,
        )
    }

    fn push_as(&mut self, number: u16, seq: u16, timestamp: u32, at: Duration) -> Result<usize, Refused> {
        let mut buf = self.pool.take().unwrap();
        assert!(buf.copy_from(&number.to_be_bytes()));
        let (seq, timestamp) = (Seq::new(seq), RtpTimestamp::new(timestamp));
        self.buffer.push(Arrival { buf, payload: 0..2, seq, timestamp, ticks: 160 }, self.start + at)
    }

    fn pop(&mut self, at: Duration) -> Result<u16, (u32, Cause)> {
        match self.buffer.pop(self.start + at, 160) {
            Slot::Packet(packet) => {
                Ok(packet.payload().iter().fold(0, |number, &octet| number << 8 | u16::from(octet)))
            }
            Slot::Missing { ticks, cause } => Err((ticks, cause)),
        }
    }
}

#[test]
fn packets_come_out_in_order_across_both_wraps() {
    let mut bench = Bench::new();
    let mut played = Vec::new();
    for number in 0..200_u16 {
        // Each pair comes the wrong way round.
        bench.push(number ^ 1, ms(u64::from(number) * 20)).unwrap();
        if let Ok(number) = bench.pop(ms(u64::from(number) * 20 + 1)) {
            played.push(number);
        }
    }
    assert!(played.len() > 195);
    assert!(played.iter().zip(0_u16..).all(|(&played, number)| played == number), "{played:?}");
}

#[test]
fn what_is_lost_is_passed_over_when_something_follows() {
    let mut bench = Bench::new();
    for number in [0, 1, 3, 4] {
        bench.push(number, ms(0)).unwrap();
    }
    let slots: Vec<_> = (0..7).map(|frame| bench.pop(ms(40 + frame * 20))).collect();
    let empty = Err((160, Cause::Empty));
    assert_eq!(slots, [Ok(0), Ok(1), Err((160, Cause::Lost)), Ok(3), Ok(4), empty, empty]);
    // 5 was lost, and has been waited for long enough: 6 is played at once.
    bench.push(6, ms(170)).unwrap();
    assert_eq!(bench.pop(ms(180)), Ok(6));
    assert_eq!(bench.push(5, ms(181)), Err(Refused::Late));
    assert_eq!(bench.push(6, ms(181)), Err(Refused::Duplicate));
}

#[test]
fn what_was_only_late_is_played_late() {
    let mut bench = Bench::new();
    bench.push(0, ms(0)).unwrap();
    assert_eq!(bench.pop(ms(40)), Ok(0));
    assert_eq!(bench.pop(ms(60)), Err((160, Cause::Empty)));
    bench.push(1, ms(70)).unwrap();
    assert_eq!(bench.pop(ms(80)), Ok(1));
}

#[test]
fn a_pause_is_not_a_loss() {
    let mut bench = Bench::new();
    bench.push(0, ms(0)).unwrap();
    assert_eq!(bench.pop(ms(40)), Ok(0));
    // The next packet in sequence is of three frames later.
    bench.push_as(1, 65_501, (u32::MAX - 500).wrapping_add(640), ms(40)).unwrap();
    let slots: Vec<_> = (0..4).map(|frame| bench.pop(ms(60 + frame * 20))).collect();
    let pause = Err((160, Cause::Pause));
    assert_eq!(slots, [pause, pause, pause, Ok(1)]);
}

#[test]
fn one_packet_from_elsewhere_is_held_back_and_two_are_followed() {
    let mut bench = Bench::new();
    for number in 0..3 {
        bench.push(number, ms(u64::from(number) * 20)).unwrap();
    }
    assert_eq!(bench.push_as(900, 30_000, 5, ms(60)), Err(Refused::Jump));
    bench.push(3, ms(60)).unwrap();
    assert_eq!(bench.push_as(901, 30_001, 165, ms(80)), Err(Refused::Jump), "the other came between");
    assert!(bench.push_as(902, 30_002, 325, ms(100)).is_ok());
    assert_eq!(bench.buffer.len(), 2);
    let played: Vec<u16> = (0..8).filter_map(|frame| bench.pop(ms(120 + frame * 20)).ok()).collect();
    assert_eq!(played, [901, 902]);
}

#[test]
fn the_oldest_give_way_to_a_backlog() {
    let mut bench = Bench::new();
    let mut dropped = 0;
    for number in 0..100 {
        dropped += bench.push(number, ms(1_900)).unwrap();
    }
    // 600 ms are kept.
    assert_eq!((bench.buffer.len(), dropped), (30, 70));
    assert_eq!(bench.pop(ms(2_000)), Ok(70));
}

#[test]
fn an_idle_buffer_holds_no_packets() {
    let mut bench = Bench::new();
    bench.push(0, ms(0)).unwrap();
    bench.push_as(9, 9_000, 9, ms(0)).unwrap_err();
    bench.buffer.restart();
    assert!(bench.buffer.is_empty());
    assert_eq!(bench.pool.gauge().in_use, 0);
    assert_eq!(bench.pop(ms(100)), Err((160, Cause::Waiting)));
}

proptest! {
    /// Packets come in any order, some twice, some not at all, and frames are played between them. The model: a set of
    /// numbers that are there, and the highest that has been played.
    #[test]
    fn order_is_kept_and_each_is_played_once(steps in prop::collection::vec((0..12_u16, prop::bool::weighted(0.4)), 1..400)) {
        let mut bench = Bench::new();
        let mut there = BTreeSet::new();
        let mut played: Option<u16> = None;
        let mut newest = 0_u16;
        let mut now = 0;
        bench.push(0, ms(0)).unwrap();
        there.insert(0);
        for (back, frame) in steps {
            now += 5;
            if frame {
                match bench.pop(ms(now + 40)) {
                    Ok(number) => {
                        // The lowest that is there, and later than what was played.
                        prop_assert_eq!(there.pop_first(), Some(number));
                        prop_assert!(played.is_none_or(|played| number > played));
                        played = Some(number);
                    }
                    Err((ticks, cause)) => {
                        prop_assert!(ticks > 0 && ticks <= 160);
                        prop_assert_eq!(cause == Cause::Empty || cause == Cause::Waiting, there.is_empty() || cause == Cause::Waiting);
                    }
                }
            } else {
                newest += u16::from(back < 8);
                let number = newest.saturating_sub(back);
                match bench.push(number, ms(now)) {
                    Ok(dropped) => {
                        prop_assert!(there.insert(number), "{} is there", number);
                        for _ in 0..dropped {
                            let gone = there.pop_first().unwrap();
                            played = Some(played.map_or(gone, |played| played.max(gone)));
                        }
                    }
                    Err(Refused::Duplicate) => prop_assert!(there.contains(&number) || played.is_some_and(|played| number <= played)),
                    // Before its time is over only when a gap before it was passed over.
                    Err(Refused::Late) => prop_assert!(!there.contains(&number)),
                    Err(Refused::Jump) => prop_assert!(false, "no jumps here"),
                }
            }
            prop_assert_eq!(bench.buffer.len(), there.len());
            prop_assert!(bench.buffer.len() <= MAX_JITTER_PACKETS);
            prop_assert_eq!(bench.pool.gauge().in_use, there.len());
        }
    }

    /// Whatever comes, nothing panics and the bounds hold.
    #[test]
    fn anything_is_survived(steps in prop::collection::vec((any::<u16>(), any::<u32>(), 0..3_000_u64, any::<bool>()), 1..200)) {
        let mut bench = Bench::new();
        let mut now = 0;
        for (seq, timestamp, wait, near) in steps {
            now += wait;
            let (seq, timestamp) = if near { (seq % 50, timestamp % 8_000) } else { (seq, timestamp) };
            let _taken_or_not = bench.push_as(0, seq, timestamp, ms(now));
            let _played_or_not = bench.pop(ms(now + 1));
            let _advice = bench.buffer.on_frame(timestamp % 320);
            prop_assert!(bench.pool.gauge().in_use <= MAX_JITTER_PACKETS + 1);
        }
    }
}
