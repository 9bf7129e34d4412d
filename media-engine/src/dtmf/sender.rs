use std::{collections::VecDeque, fmt, time::Duration};

use super::Key;
use crate::{
    codec::ClockRate,
    limits::MAX_QUEUED_DIGITS,
    rtp::{RtpTimestamp, TelephoneEvent},
};

/// Makes the packets of digits, one for each frame, in place of the audio.
pub struct Sender {
    clock: ClockRate,
    queue: VecDeque<(Key, Duration)>,
    state: State,
}

enum State {
    Idle,
    /// A key is held down.
    Pressed {
        key: Key,
        timestamp: RtpTimestamp,
        ticks: u32,
        total: u32,
    },
    /// The end is said so many times more (RFC 4733 2.5.1.4).
    Ending {
        key: Key,
        timestamp: RtpTimestamp,
        ticks: u32,
        left: u8,
    },
    /// So many frames until the next digit may begin.
    Pause(u8),
}

/// What one packet of an event is to say.
#[derive(Debug)]
pub struct Report {
    /// The payload.
    pub event: TelephoneEvent,
    /// The timestamp: when the event began.
    pub timestamp: RtpTimestamp,
    /// Whether it is the first of its event.
    pub marker: bool,
}

impl Sender {
    /// A sender whose durations count `clock`.
    pub fn new(clock: ClockRate) -> Self {
        Self { clock, queue: VecDeque::with_capacity(MAX_QUEUED_DIGITS), state: State::Idle }
    }

    /// Queues a digit; `duration` is taken to lie between 40 ms and 6 s. `false` when too many wait.
    #[must_use]
    pub fn queue(&mut self, key: Key, duration: Duration) -> bool {
        if self.queue.len() >= MAX_QUEUED_DIGITS {
            return false;
        }
        self.queue.push_back((key, duration.clamp(SHORTEST, LONGEST)));
        true
    }

    /// A frame of `ticks` that begins at `now` is to be sent: what to send instead of it, if anything.
    pub fn tick(&mut self, now: RtpTimestamp, frame: u32) -> Option<Report> {
        match self.state {
            State::Idle => self.begin(now, frame),
            State::Pause(frames) => {
                self.state = match frames.checked_sub(1) {
                    Some(left) if left > 0 => State::Pause(left),
                    _ => State::Idle,
                };
                None
            }
            State::Pressed { key, timestamp, ticks, total } => {
                let ticks = ticks.saturating_add(frame).min(total);
                let end = ticks >= total;
                self.state = if end {
                    State::Ending { key, timestamp, ticks, left: END_PACKETS - 1 }
                } else {
                    State::Pressed { key, timestamp, ticks, total }
                };
                Some(Report::new(key, timestamp, ticks, end))
            }
            State::Ending { key, timestamp, ticks, left } => {
                self.state = match left.checked_sub(1) {
                    Some(left) if left > 0 => State::Ending { key, timestamp, ticks, left },
                    _ => State::Pause(PAUSE_FRAMES),
                };
                Some(Report::new(key, timestamp, ticks, true))
            }
        }
    }

    /// Whether digits are being sent or wait.
    pub fn is_busy(&self) -> bool {
        !matches!(self.state, State::Idle) || !self.queue.is_empty()
    }

    fn begin(&mut self, now: RtpTimestamp, frame: u32) -> Option<Report> {
        let (key, duration) = self.queue.pop_front()?;
        let total = duration.as_millis().saturating_mul(u128::from(self.clock.hz())) / 1_000;
        let total = u32::try_from(total).unwrap_or(u32::MAX).min(u32::from(u16::MAX));
        let ticks = frame.min(total);
        self.state = State::Pressed { key, timestamp: now, ticks, total };
        Some(Report { marker: true, ..Report::new(key, now, ticks, false) })
    }
}

impl Report {
    fn new(key: Key, timestamp: RtpTimestamp, ticks: u32, end: bool) -> Self {
        let duration = u16::try_from(ticks).unwrap_or(u16::MAX);
        Self { event: TelephoneEvent { event: key.code(), end, volume: VOLUME, duration }, timestamp, marker: false }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("busy", &self.is_busy())
            .field("queued", &self.queue.len())
            .finish_non_exhaustive()
    }
}

/// The shortest press that every receiver must know (ITU-T Q.24).
const SHORTEST: Duration = Duration::from_millis(40);
/// Below the 8.19 s at which a 16-bit duration of an 8 kHz clock ends, so that no event needs segments.
const LONGEST: Duration = Duration::from_secs(6);
/// How often the end is said (RFC 4733 2.5.1.4).
const END_PACKETS: u8 = 3;
/// Frames of audio between two digits; with the repeated ends the pause is 80 ms.
const PAUSE_FRAMES: u8 = 2;
/// -10 dBm0.
const VOLUME: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: char) -> Key {
        Key::from_char(key).unwrap()
    }

    #[test]
    fn a_digit_has_a_beginning_and_three_ends() {
        let mut sender = Sender::new(ClockRate::HZ_8000);
        assert!(sender.queue(key('5'), Duration::from_millis(100)));
        assert!(sender.queue(key('#'), Duration::ZERO));
        let mut said = Vec::new();
        for frame in 0..14 {
            let report = sender.tick(RtpTimestamp::new(frame * 160), 160);
            said.push(report.map(|report| {
                let event = report.event;
                (event.key().unwrap(), report.timestamp.value(), event.duration, report.marker, event.end)
            }));
        }
        let expected = [
            Some(('5', 0, 160, true, false)),
            Some(('5', 0, 320, false, false)),
            Some(('5', 0, 480, false, false)),
            Some(('5', 0, 640, false, false)),
            Some(('5', 0, 800, false, true)),
            Some(('5', 0, 800, false, true)),
            Some(('5', 0, 800, false, true)),
            None,
            None,
            Some(('#', 1_440, 160, true, false)),
            Some(('#', 1_440, 320, false, true)),
            Some(('#', 1_440, 320, false, true)),
            Some(('#', 1_440, 320, false, true)),
            None,
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut sender = Sender::new(ClockRate::HZ_8000);
        for _ in 0..MAX_QUEUED_DIGITS {
            assert!(sender.queue(key('1'), Duration::MAX));
        }
        assert!(!sender.queue(key('1'), Duration::MAX));
        assert!(sender.is_busy());
    }
}
