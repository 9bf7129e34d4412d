//! What the packets we send look like.

use std::time::{Duration, Instant};

use media_engine::{
    audio::{Pcm, SampleRate},
    buf::Pool,
    dtmf::Key,
    rtp::{Packet, PayloadType},
    session::{Direction, Reconfigure, Session},
};

use crate::{
    harness::{CALLER, config, plain},
    signal,
};

struct Sent {
    marker: bool,
    payload_type: PayloadType,
    seq: u16,
    timestamp: u32,
    len: usize,
}

struct Sender {
    session: Session,
    start: Instant,
    pool: Pool,
}

impl Sender {
    fn new() -> Self {
        let start = Instant::now();
        Self { session: Session::new(config(plain(), CALLER, 22), start), start, pool: Pool::new(1) }
    }

    fn send(&mut self, rate: SampleRate, samples: usize, at_ms: u64) -> Option<Sent> {
        let frame = Pcm::from_slice(rate, &signal::noise(samples, 1))?;
        let mut out = self.pool.take()?;
        let len = self.session.send_audio(&frame, self.start + Duration::from_millis(at_ms), &mut out)?;
        assert_eq!(len, out.len());
        let packet = Packet::parse(&out).unwrap();
        assert_eq!(packet.header.ssrc, self.session.ssrc());
        Some(Sent {
            marker: packet.header.marker,
            payload_type: packet.header.payload_type,
            seq: packet.header.seq.value(),
            timestamp: packet.header.timestamp.value(),
            len: packet.payload.len(),
        })
    }

    fn set_direction(&mut self, direction: Direction, at_ms: u64) {
        let change = Reconfigure { direction: Some(direction), ..Reconfigure::default() };
        self.session.reconfigure(change, self.start + Duration::from_millis(at_ms)).unwrap();
    }
}

#[test]
fn a_talk_spurt_begins_with_a_marker_and_counts_on() {
    let mut sender = Sender::new();
    let first = sender.send(SampleRate::Hz8000, 160, 0).unwrap();
    assert!(first.marker);
    for number in 1..50_u16 {
        // A few milliseconds early or late are no gap.
        let at = u64::from(number) * 20 + u64::from(number % 3) * 4;
        let sent = sender.send(SampleRate::Hz8000, 160, at).unwrap();
        assert!(!sent.marker);
        assert_eq!(sent.seq, first.seq.wrapping_add(number));
        assert_eq!(sent.timestamp, first.timestamp.wrapping_add(u32::from(number) * 160));
    }
    // After a second of nothing the time has gone on, the numbers have not.
    let sent = sender.send(SampleRate::Hz8000, 160, 2_000).unwrap();
    assert!(sent.marker);
    assert_eq!(sent.seq, first.seq.wrapping_add(50));
    assert_eq!(sent.timestamp, first.timestamp.wrapping_add(16_000));
}

#[test]
fn frames_of_any_rate_and_length_are_sent() {
    let mut sender = Sender::new();
    for (at, (rate, samples, len)) in (0..).zip([
        (SampleRate::Hz8000, 160, 160),
        (SampleRate::Hz16000, 320, 160),
        (SampleRate::Hz24000, 480, 160),
        (SampleRate::Hz48000, 960, 160),
        (SampleRate::Hz16000, 160, 80),
    ]) {
        assert_eq!(sender.send(rate, samples, at * 20).unwrap().len, len, "{rate}");
    }
    assert!(sender.send(SampleRate::Hz8000, 0, 100).is_none());
}

#[test]
fn hold_sends_nothing_and_time_goes_on() {
    let mut sender = Sender::new();
    let first = sender.send(SampleRate::Hz8000, 160, 0).unwrap();
    for (direction, sends) in [
        (Direction::RecvOnly, false),
        (Direction::Inactive, false),
        (Direction::SendOnly, true),
        (Direction::SendRecv, true),
    ] {
        sender.set_direction(direction, 20);
        assert_eq!(sender.send(SampleRate::Hz8000, 160, 20).is_some(), sends, "{direction:?}");
    }
    sender.set_direction(Direction::Inactive, 60);
    assert!(sender.send(SampleRate::Hz8000, 160, 1_000).is_none());
    sender.set_direction(Direction::SendRecv, 4_000);
    let sent = sender.send(SampleRate::Hz8000, 160, 4_000).unwrap();
    assert!(sent.marker);
    assert_eq!(sent.seq, first.seq.wrapping_add(3), "no number is left out, or the key's index would lie");
    assert_eq!(sent.timestamp, first.timestamp.wrapping_add(32_000));
}

#[test]
fn events_stand_in_for_audio_in_the_same_sequence() {
    let mut sender = Sender::new();
    let first = sender.send(SampleRate::Hz8000, 160, 0).unwrap();
    assert!(sender.session.send_digit(Key::from_char('5').unwrap(), Duration::from_millis(60)));
    let sent: Vec<Sent> = (1..8).map(|frame| sender.send(SampleRate::Hz8000, 160, frame * 20).unwrap()).collect();
    let event = PayloadType::new(101).unwrap();
    let types: Vec<PayloadType> = sent.iter().map(|sent| sent.payload_type).collect();
    assert_eq!(types, [event, event, event, event, event, PayloadType::PCMU, PayloadType::PCMU]);
    for (sent, number) in sent.iter().zip(1_u16..) {
        assert_eq!(sent.seq, first.seq.wrapping_add(number));
        let begins = if sent.payload_type == event { 1 } else { u32::from(number) };
        assert_eq!(sent.timestamp, first.timestamp.wrapping_add(begins * 160));
        assert_eq!(sent.marker, number == 1 || number == 6, "the event's first, and the audio's first after it");
        assert_eq!(sent.len, if sent.payload_type == event { 4 } else { 160 });
    }
}
