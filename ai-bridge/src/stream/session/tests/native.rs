//! The native dialect, message by message.

use super::*;
use crate::stream::{Refusal, StopReason};
use media_engine::pci::Guard;

#[test]
fn start_tells_the_call_and_the_audio() {
    let now = origin();
    let facts = start(SampleRate::Hz16000, 20);
    let mut session = StreamSession::new(Dialect::Native, facts, StreamOptions::default(), now);
    insta::assert_snapshot!(shown(&session.poll_message().unwrap()), @r#"{"type":"start","version":1,"call_id":"cs_01","stream_id":"st_\"01\"","direction":"inbound","from":"+14155550100","to":"+14155550101","custom":{"tier":"gold"},"media":{"encoding":"pcm_s16le","rate":16000,"channels":1,"frame_ms":20},"capabilities":["mark","clear","dtmf","hangup","flow","gap"]}"#);
    assert_eq!(session.poll_message(), None);
    assert!(!format!("{session:?}").contains("4155550"));
}

#[test]
fn every_frame_is_one_binary_message_of_little_endian_samples() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz16000, 20);
    bench.uplink(0x0102);
    bench.uplink(-2);
    insta::assert_snapshot!(bench.messages(), @"
    <640 octets, first [02, 01, 02, 01]>
    <640 octets, first [fe, ff, fe, ff]>
    ");
}

#[test]
fn longer_pieces_are_cut_where_the_application_asked_and_the_rest_comes_at_the_end() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz8000, 60);
    for value in 1..=4 {
        bench.uplink(value);
    }
    insta::assert_snapshot!(bench.messages(), @"<960 octets, first [01, 00, 01, 00]>");
    bench.session.stop(StopReason::CallerHangup, bench.now);
    insta::assert_snapshot!(bench.messages(), @r#"
    <320 octets, first [04, 00, 04, 00]>
    {"type":"stop","stream_id":"st_\"01\"","reason":"caller_hangup"}
    <close 1000 the stream is over>
    "#);
    bench.uplink(5);
    bench.text(r#"{"type":"clear"}"#);
    bench.session.stop(StopReason::Failed, bench.now);
    assert_eq!(bench.messages(), "");
    assert!(bench.session.is_closing());
    assert_eq!(bench.session.stats().refused(Refusal::AfterEnd), 1);
}

#[test]
fn a_cleared_frame_goes_out_and_one_of_another_rate_does_not() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz16000, 20);
    bench.session.uplink(&Guard::clear_silence(SampleRate::Hz16000, 320), bench.now);
    bench.session.uplink(&Guard::clear_silence(SampleRate::Hz8000, 160), bench.now);
    insta::assert_snapshot!(bench.messages(), @"<640 octets, first [00, 00, 00, 00]>");
    assert_eq!(bench.session.stats().refused(Refusal::FrameRate), 1);
}

#[test]
fn keys_are_told_one_by_one() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz16000, 20);
    bench.session.dtmf('5', ms(120), bench.now);
    bench.session.dtmf('#', ms(80), bench.now);
    insta::assert_snapshot!(bench.messages(), @r##"
    {"type":"dtmf","stream_id":"st_\"01\"","digit":"5","duration_ms":120}
    {"type":"dtmf","stream_id":"st_\"01\"","digit":"#","duration_ms":80}
    "##);
}

#[test]
fn barge_in_returns_marks_in_order_and_tells_what_was_heard() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz8000, 20);
    bench.text(r#"{"type":"mark","name":"begin"}"#);
    bench.audio(800);
    bench.text(r#"{"type":"mark","name":"one","stream_id":"st_\"01\""}"#);
    bench.audio(8_000);
    bench.text(r#"{"type":"mark","name":"two"}"#);
    bench.text(r#"{"type":"mark","name":"three"}"#);
    assert_eq!(bench.play(8), 8);
    insta::assert_snapshot!(bench.messages(), @r#"
    {"type":"mark","stream_id":"st_\"01\"","name":"begin","state":"played"}
    {"type":"mark","stream_id":"st_\"01\"","name":"one","state":"played"}
    "#);
    bench.text(r#"{"type":"clear"}"#);
    // Nothing more is played, from the next frame on.
    assert_eq!(bench.play(5), 0);
    insta::assert_snapshot!(bench.messages(), @r#"
    {"type":"mark","stream_id":"st_\"01\"","name":"two","state":"cleared"}
    {"type":"mark","stream_id":"st_\"01\"","name":"three","state":"cleared"}
    {"type":"cleared","stream_id":"st_\"01\"","played_ms":160,"last_mark":"one","since_mark_ms":60}
    "#);
    assert_eq!(bench.events(), [StreamEvent::Cleared { played_ms: 160, dropped_ms: 940 }]);
    bench.text(r#"{"type":"clear"}"#);
    insta::assert_snapshot!(bench.messages(), @r#"{"type":"cleared","stream_id":"st_\"01\"","played_ms":0}"#);
}

#[test]
fn commands_reach_the_call() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz8000, 20);
    bench.text(r#"{"type":"dtmf","digits":"12*#aD"}"#);
    bench.text(r#"{"type":"hangup","reason":"done\u0007 here","later":[1,2,{"x":null}]}"#);
    bench.text(r#"{"type":"hangup"}"#);
    let events = bench.events();
    let StreamEvent::SendDigits(digits) = &events[0] else { panic!("{events:?}") };
    assert_eq!(digits.as_str(), "12*#AD");
    assert_eq!(events[1], StreamEvent::Hangup { reason: Some("done here".into()) });
    assert_eq!(events[2], StreamEvent::Hangup { reason: None });
    assert!(!format!("{:?}", events[0]).contains("12"));
}

#[test]
fn mistakes_are_answered_with_what_to_mend() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz8000, 20);
    for text in [
        "",
        "hello",
        "[1]",
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"mark"}"#,
        r#"{"type":"mark","name":""}"#,
        r#"{"type":"dtmf","digits":"12x"}"#,
        r#"{"type":"dtmf","digits":12}"#,
        r#"{"type":"clear","stream_id":"other"}"#,
        r#"{"type":"hangup","reason":7}"#,
        r#"{"type":"response.audio.delta","delta":"AAAA"}"#,
    ] {
        bench.text(text);
    }
    insta::assert_snapshot!(bench.messages());
    assert_eq!(bench.session.stats().refused(Refusal::UnknownType), 1);
    assert_eq!(bench.events(), []);
    // The stream goes on.
    bench.audio(160);
    assert_eq!(bench.play(1), 1);
}
