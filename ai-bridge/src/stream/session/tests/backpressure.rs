//! Applications that do not read, and ones that send too much.

use super::*;
use crate::limits::{AUDIO_BURST, CONTROL_BURST, MAX_WAITING_CONTROL, MAX_WAITING_EVENTS};
use crate::stream::{QueueLimits, Refusal};

#[test]
fn old_audio_is_dropped_and_the_gap_is_told() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz16000, 20);
    for value in 0..250 {
        bench.uplink(value);
    }
    let stats = bench.session.stats().clone();
    let waiting = 250 - stats.uplink_dropped_ms / 20;
    // Two seconds wait, no more; each dropped frame is told.
    assert_eq!(waiting, 101);
    let mut messages = std::iter::from_fn(|| bench.session.poll_message());
    let gap = shown(&messages.next().unwrap());
    assert_eq!(gap, format!(r#"{{"type":"gap","stream_id":"st_\"01\"","ms":{}}}"#, stats.uplink_dropped_ms));
    let first = messages.next().unwrap();
    assert_eq!(shown(&first), "<640 octets, first [95, 00, 95, 00]>");
    assert_eq!(messages.count(), 100);
    assert_eq!(bench.events(), [StreamEvent::Gap { ms: stats.uplink_dropped_ms }]);
    // And then it is told no more.
    bench.uplink(7);
    assert_eq!(bench.messages(), "<640 octets, first [07, 00, 07, 00]>");
}

#[test]
fn what_is_not_audio_outlives_the_gap() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz16000, 20);
    bench.session.dtmf('1', ms(100), bench.now);
    for value in 0..200 {
        bench.uplink(value);
    }
    let messages = bench.messages();
    assert!(messages.starts_with(r#"{"type":"dtmf""#), "{messages}");
    assert_eq!(messages.matches(r#""type":"gap""#).count(), 1);
}

#[test]
fn an_application_that_never_reads_is_closed_and_told_why() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz16000, 20);
    let begun = bench.now;
    while !bench.session.is_closing() {
        bench.uplink(1);
        assert!(bench.now < begun + ms(40_000));
    }
    assert!(bench.now >= begun + ms(30_000));
    assert_eq!(bench.messages(), "<close 1013 the application has read nothing for too long>");
    assert!(matches!(bench.events()[..], [StreamEvent::Closing { .. }]));
}

#[test]
fn a_reader_that_is_slow_but_reads_is_kept() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz16000, 20);
    for frame in 0..10_000 {
        bench.uplink(1);
        if frame % 3 == 0 {
            bench.session.poll_message();
        }
    }
    assert!(!bench.session.is_closing());
    assert!(bench.session.stats().uplink_dropped_ms > 100_000);
}

#[test]
fn pause_then_overflow_then_resume_each_once() {
    let queue = QueueLimits { pause: ms(200), resume: ms(100), max: ms(300) };
    let options = StreamOptions { queue, ..StreamOptions::default() };
    let mut bench = Bench::with(Dialect::Native, SampleRate::Hz8000, 20, options);
    for _ in 0..12 {
        bench.audio(400);
    }
    insta::assert_snapshot!(bench.messages(), @r#"
    {"type":"flow","stream_id":"st_\"01\"","state":"pause","queued_ms":200}
    {"type":"error","stream_id":"st_\"01\"","code":"queue_full","message":"the play queue is full and newer audio is dropped: stop at `flow` `pause`, go on at `resume`"}
    "#);
    assert_eq!(bench.events(), [StreamEvent::Overflow { dropped_ms: 50 }]);
    assert_eq!(bench.session.stats().refused(Refusal::QueueFull), 6);
    assert_eq!(bench.play(10), 10);
    insta::assert_snapshot!(bench.messages(), @r#"{"type":"flow","stream_id":"st_\"01\"","state":"resume","queued_ms":100}"#);
    bench.audio(1_600);
    bench.text(r#"{"type":"clear"}"#);
    insta::assert_snapshot!(bench.messages(), @r#"
    {"type":"flow","stream_id":"st_\"01\"","state":"pause","queued_ms":300}
    {"type":"cleared","stream_id":"st_\"01\"","played_ms":200}
    {"type":"flow","stream_id":"st_\"01\"","state":"resume","queued_ms":0}
    "#);
}

#[test]
fn a_minute_of_speech_may_come_at_once() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz24000, 20);
    for _ in 0..6_000 {
        bench.audio(240);
    }
    assert_eq!(bench.session.queued(), ms(60_000));
    assert!(!bench.session.is_closing());
    assert_eq!(bench.session.stats().refusals().count(), 0);
}

#[test]
fn floods_are_closed_with_1008() {
    let closed = "<close 1008 more messages a second than this server takes>";
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz8000, 20);
    for _ in 0..=CONTROL_BURST {
        bench.text(r#"{"type":"later"}"#);
    }
    assert_eq!(bench.messages(), closed);
    for dialect in [Dialect::Native, Dialect::Teler] {
        let mut bench = Bench::new(dialect, SampleRate::Hz8000, 20);
        for _ in 0..=AUDIO_BURST {
            bench.session.handle_binary(&[], bench.now);
        }
        assert_eq!(bench.messages(), closed);
    }
    let mut bench = Bench::new(Dialect::Teler, SampleRate::Hz8000, 20);
    for _ in 0..=CONTROL_BURST {
        bench.text(r#"{"type":"clear"}"#);
    }
    assert_eq!(bench.messages(), closed);
    assert_eq!(bench.session.stats().refused(Refusal::EventLost), u64::from(CONTROL_BURST) - MAX_WAITING_EVENTS as u64);
}

#[test]
fn answers_that_nobody_reads_do_not_pile_up() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz8000, 20);
    let mut marks = 0;
    while !bench.session.is_closing() {
        bench.text(r#"{"type":"mark","name":"m"}"#);
        bench.now += ms(10);
        marks += 1;
        assert!(marks <= MAX_WAITING_CONTROL + 1);
    }
    assert!(bench.messages().starts_with("<close 1013"));
}

#[test]
fn errors_are_not_echoed_at_the_rate_of_the_mistakes() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz8000, 20);
    for _ in 0..3_000 {
        bench.text("nonsense");
        bench.now += ms(10);
    }
    let errors = bench.messages().lines().count();
    assert!((60..=100).contains(&errors), "{errors}");
    assert_eq!(bench.session.stats().refused(Refusal::NotJson), 3_000);
}
