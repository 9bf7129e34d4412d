use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, Instant},
};

use super::{Key, MenuDigit};
use crate::{
    codec::ClockRate,
    rtp::{RtpTimestamp, TelephoneEvent},
};

/// Makes one digit of all the packets of an event.
///
/// What an event is, its timestamp says, which all its packets share (RFC 4733 2.3): so neither the first packet with its
/// marker nor one of the three last with their end bit has to arrive. A digit is reported when its key is let go: with the
/// end bit, when another event begins, or when no packet of it has come for a while.
pub struct Receiver {
    clock: ClockRate,
    current: Option<Current>,
    /// Reported when polled: at most one that was ended by another, and that other.
    ready: VecDeque<MenuDigit>,
}

#[derive(Clone, Copy)]
struct Current {
    timestamp: RtpTimestamp,
    key: Key,
    /// Ticks of the segments before this one (RFC 4733 2.5.1.3).
    before: u64,
    ticks: u16,
    last: Instant,
    reported: bool,
}

impl Receiver {
    /// A receiver of events whose durations count `clock`.
    pub fn new(clock: ClockRate) -> Self {
        Self { clock, current: None, ready: VecDeque::with_capacity(MAX_READY) }
    }

    /// Takes one packet of an event. Events that are no keys are ignored.
    pub fn on_event(&mut self, event: &TelephoneEvent, timestamp: RtpTimestamp, now: Instant) {
        let Some(key) = Key::from_code(event.event) else {
            return;
        };
        if let Some(current) = &mut self.current {
            let later = timestamp.since(current.timestamp);
            let goes_on = later == i32::from(u16::MAX) && current.key == key && !current.reported;
            if goes_on {
                current.before += u64::from(u16::MAX);
                current.timestamp = timestamp;
                current.ticks = event.duration;
                current.last = now;
            } else if later == 0 {
                current.ticks = current.ticks.max(event.duration);
                current.last = now;
            } else if later < 0 && later.unsigned_abs() < self.clock.hz() * OLD_S {
                // A straggler of an event before this one, which has been reported.
                return;
            } else {
                self.report();
                self.current = Some(Current::new(timestamp, key, event.duration, now));
            }
        } else {
            self.current = Some(Current::new(timestamp, key, event.duration, now));
        }
        if event.end {
            self.report();
        }
    }

    /// The next digit that is complete. To be asked with every frame, and until `None`.
    pub fn poll(&mut self, now: Instant) -> Option<MenuDigit> {
        if self.current.is_some_and(|current| now.saturating_duration_since(current.last) >= GONE_AFTER) {
            self.report();
        }
        self.ready.pop_front()
    }

    /// Whether a key is held down.
    pub fn is_pressed(&self) -> bool {
        self.current.is_some_and(|current| !current.reported)
    }

    /// The stream ends, or another one begins: what was pressed is reported, the timestamps mean nothing any more.
    pub fn restart(&mut self) {
        self.report();
        self.current = None;
    }

    fn report(&mut self) {
        let Some(current) = &mut self.current else {
            return;
        };
        if std::mem::replace(&mut current.reported, true) || self.ready.len() >= MAX_READY {
            return;
        }
        let ticks = current.before + u64::from(current.ticks);
        let duration = Duration::from_micros(ticks * 1_000_000 / u64::from(self.clock.hz()));
        self.ready.push_back(MenuDigit::new(current.key, duration));
    }
}

impl Current {
    const fn new(timestamp: RtpTimestamp, key: Key, ticks: u16, now: Instant) -> Self {
        Self { timestamp, key, before: 0, ticks, last: now, reported: false }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("pressed", &self.is_pressed())
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}

/// A key is let go when nothing has been heard of it for so long.
const GONE_AFTER: Duration = Duration::from_millis(150);
/// An event that began so many seconds before the one at hand is no straggler: the timestamps have jumped.
const OLD_S: u32 = 10;
/// Digits that may wait to be polled. More than a frame can bring are not pressed by anybody.
const MAX_READY: usize = 8;

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test's origin of time")]

    use proptest::prelude::*;

    use super::*;

    struct Line {
        receiver: Receiver,
        start: Instant,
        heard: Vec<(char, u128)>,
    }

    impl Line {
        fn new() -> Self {
            Self { receiver: Receiver::new(ClockRate::HZ_8000), start: Instant::now(), heard: Vec::new() }
        }

        fn packet(&mut self, at_ms: u64, key: char, timestamp: u32, duration: u16, end: bool) {
            let event = TelephoneEvent { event: TelephoneEvent::code_of(key).unwrap(), end, volume: 10, duration };
            let now = self.start + Duration::from_millis(at_ms);
            self.receiver.on_event(&event, RtpTimestamp::new(timestamp), now);
            self.poll(at_ms);
        }

        fn poll(&mut self, at_ms: u64) {
            while let Some(digit) = self.receiver.poll(self.start + Duration::from_millis(at_ms)) {
                self.heard.push((digit.digit.to_char(), digit.duration.as_millis()));
            }
        }
    }

    #[test]
    fn one_press_is_one_digit() {
        let mut line = Line::new();
        for packet in 1..=5_u16 {
            line.packet(u64::from(packet) * 20, '5', 1_000, packet * 160, false);
        }
        assert!(line.receiver.is_pressed());
        assert!(line.heard.is_empty());
        for _ in 0..3 {
            line.packet(120, '5', 1_000, 960, true);
        }
        line.poll(2_000);
        assert_eq!(line.heard, [('5', 120)]);
    }

    #[test]
    fn the_last_packet_alone_is_enough() {
        let mut line = Line::new();
        line.packet(0, '#', 7, 800, true);
        line.poll(1_000);
        assert_eq!(line.heard, [('#', 100)]);
    }

    #[test]
    fn without_an_end_silence_ends_it() {
        let mut line = Line::new();
        line.packet(0, '1', 7, 160, false);
        line.packet(20, '1', 7, 320, false);
        line.poll(169);
        assert!(line.heard.is_empty());
        line.poll(170);
        assert_eq!(line.heard, [('1', 40)]);
        // The end comes after all, late: it is the same press.
        line.packet(400, '1', 7, 640, true);
        line.poll(1_000);
        assert_eq!(line.heard.len(), 1);
    }

    #[test]
    fn the_next_event_ends_it() {
        let mut line = Line::new();
        line.packet(0, '1', 1_000, 160, false);
        line.packet(20, '1', 1_000, 320, false);
        line.packet(60, '1', 2_000, 160, true);
        line.packet(61, '1', 1_000, 480, true);
        line.poll(1_000);
        assert_eq!(line.heard, [('1', 40), ('1', 20)]);
    }

    #[test]
    fn a_long_press_in_segments_is_one_digit() {
        let mut line = Line::new();
        let first = u32::MAX - 5;
        line.packet(0, '*', first, 160, false);
        line.packet(40, '*', first, u16::MAX, false);
        line.packet(60, '*', first.wrapping_add(u32::from(u16::MAX)), 160, false);
        line.packet(80, '*', first.wrapping_add(u32::from(u16::MAX)), 800, true);
        line.poll(1_000);
        assert_eq!(line.heard, [('*', (65_535 + 800) / 8)]);
    }

    #[test]
    fn events_that_are_no_keys_are_ignored() {
        let mut line = Line::new();
        let event = TelephoneEvent { event: 16, end: true, volume: 0, duration: 800 };
        line.receiver.on_event(&event, RtpTimestamp::new(1), line.start);
        line.poll(1_000);
        assert!(line.heard.is_empty());
    }

    proptest! {
        /// Of each press any packets may be lost, as long as one is left, and those of one press may be in any order.
        #[test]
        fn each_press_is_reported_once(presses in prop::collection::vec(prop::collection::vec((0..6_u16, any::<bool>()), 1..9), 1..8)) {
            let mut line = Line::new();
            for (at, packets) in (0_u32..).zip(&presses) {
                for &(duration, twice) in packets {
                    let end = duration >= 4;
                    for _ in 0..=u8::from(twice) {
                        line.packet(u64::from(at) * 500 + u64::from(duration) * 20, '7', at * 4_000, (duration + 1) * 160, end);
                    }
                }
                line.poll(u64::from(at) * 500 + 300);
            }
            prop_assert_eq!(line.heard.len(), presses.len());
        }
    }
}
