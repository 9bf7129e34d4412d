//! Teler's dialect and its traps.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::stream::{Refusal, StopReason};

fn b64(samples: &[i16]) -> String {
    STANDARD.encode(samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>())
}

fn bench() -> Bench {
    Bench::new(Dialect::Teler, SampleRate::Hz8000, 40)
}

#[test]
fn golden_messages() {
    let now = origin();
    let facts = start(SampleRate::Hz8000, 20);
    let mut session = StreamSession::new(Dialect::Teler, facts, StreamOptions::default(), now);
    session.uplink_samples(&[0x0102; 160], now);
    let messages: Vec<_> = std::iter::from_fn(|| session.poll_message()).map(|message| shown(&message)).collect();
    insta::assert_snapshot!(messages[0], @r#"{"type":"start","account_id":"acc_01","call_app_id":"support-bot","call_id":"cs_01","stream_id":"st_\"01\"","message_id":1,"data":{"encoding":"audio/l16","sample_rate":8000,"channels":1}}"#);
    let audio: Value = serde_json::from_str(&messages[1]).unwrap();
    assert_eq!(
        audio,
        json!({"type": "audio", "stream_id": "st_\"01\"", "message_id": 2, "data": {"audio_b64": b64(&[0x0102; 160])}})
    );
    assert_eq!(messages.len(), 2);
}

#[test]
fn the_uplink_may_have_16_khz_and_the_downlink_never_has() {
    let mut bench = Bench::new(Dialect::Teler, SampleRate::Hz16000, 400);
    assert_eq!(bench.session.downlink_rate(), SampleRate::Hz8000);
    for _ in 0..20 {
        bench.uplink(3);
    }
    let audio: Value = serde_json::from_str(&bench.messages()).unwrap();
    assert_eq!(audio["data"]["audio_b64"].as_str().unwrap(), b64(&[3; 6_400]));
    let options = StreamOptions { teler_start_says_8000: true, ..StreamOptions::default() };
    let facts = start(SampleRate::Hz16000, 400);
    for (options, said) in [(options, 8_000), (StreamOptions::default(), 16_000)] {
        let mut session = StreamSession::new(Dialect::Teler, facts.clone(), options, bench.now);
        let first: Value = serde_json::from_str(&shown(&session.poll_message().unwrap())).unwrap();
        assert_eq!(first["data"]["sample_rate"], json!(said));
    }
}

#[test]
fn audio_is_taken_at_the_top_and_under_data_with_any_kind_of_id() {
    let piece = b64(&[9; 160]);
    let spellings = [
        json!({"type": "audio", "audio_b64": piece, "chunk_id": 1}),
        json!({"type": "audio", "audio_b64": piece, "chunk_id": "1"}),
        json!({"type": "audio", "audio_b64": piece}),
        json!({"type": "audio", "data": {"audio_b64": piece, "chunk_id": 123}}),
        json!({"type": "audio", "audio_b64": null, "data": {"audio_b64": piece, "chunk_id": null, "more": [1]}}),
        json!({"chunk_id": {"a": [1, {}]}, "audio_b64": piece, "data": [7], "type": "audio", "x": {"y": []}}),
    ];
    let mut bench = bench();
    let count = spellings.len();
    for spelling in spellings {
        bench.text(&spelling.to_string());
    }
    // Some encoders write the slash of base64 escaped.
    bench.text(&format!("{{\"type\":\"audio\",\"audio_b64\":\"{}\"}}", b64(&[-1; 160]).replace('/', "\\/")));
    assert_eq!(bench.session.stats().refusals().count(), 0);
    assert_eq!(bench.play(20), count + 1);
}

#[test]
fn separately_encoded_pieces_joined_in_one_text_are_all_played() {
    // As the public bridge does: six segments, each padded for itself.
    let pieces: Vec<Vec<u8>> = (1..=6u8).map(|piece| vec![piece; 142 + usize::from(piece % 2) * 2]).collect();
    let text: String = pieces.iter().map(|piece| STANDARD.encode(piece)).collect();
    assert!(text[..text.len() - 4].contains('='));
    let mut bench = bench();
    bench.text(&json!({"type": "audio", "audio_b64": text}).to_string());
    let total: usize = pieces.iter().map(Vec::len).sum();
    assert_eq!(bench.session.queued(), SampleRate::Hz8000.duration(total / 2));
    assert_eq!(bench.session.stats().refusals().count(), 0);
}

#[test]
fn interrupt_takes_a_chunk_and_clear_takes_all() {
    let mut bench = bench();
    for chunk in 1..=3 {
        bench.text(&json!({"type": "audio", "audio_b64": b64(&[chunk; 320]), "chunk_id": chunk}).to_string());
    }
    bench.text(r#"{"type":"interrupt","chunk_id":"2"}"#);
    assert_eq!(bench.session.queued(), ms(80));
    assert_eq!(bench.session.pop_playout(bench.now).unwrap().samples()[0], 1);
    bench.session.on_frame_sent(bench.now);
    bench.text(r#"{"type":"clear"}"#);
    assert_eq!(bench.session.queued(), ms(0));
    assert_eq!(bench.events(), [StreamEvent::Cleared { played_ms: 20, dropped_ms: 60 }]);
    bench.audio_chunk();
    bench.text(r#"{"type":"interrupt"}"#);
    assert_eq!(bench.session.queued(), ms(0));
    assert_eq!(bench.messages(), "");
}

impl Bench {
    fn audio_chunk(&mut self) {
        self.text(&json!({"type": "audio", "audio_b64": b64(&[1; 320])}).to_string());
    }
}

#[test]
fn nothing_is_said_that_the_dialect_has_no_words_for() {
    let mut bench = bench();
    bench.session.dtmf('5', ms(100), bench.now);
    bench.session.handle_binary(&[0; 640], bench.now);
    bench.text("not json");
    bench.text(r#"{"type":"audio","audio_b64":"****"}"#);
    bench.text(r#"{"type":"audio"}"#);
    bench.text(r#"{"type":"later"}"#);
    assert_eq!(bench.messages(), "");
    let refusals: Vec<_> = bench.session.stats().refusals().collect();
    let once = |reason| (reason, 1);
    assert_eq!(
        refusals,
        [
            once(Refusal::NotJson),
            once(Refusal::UnknownType),
            once(Refusal::BadField),
            once(Refusal::BadAudio),
            once(Refusal::Binary)
        ]
    );
    bench.uplink(1);
    bench.session.stop(StopReason::CallerHangup, bench.now);
    let last = bench.messages();
    assert!(last.starts_with(r#"{"type":"audio""#) && last.ends_with("<close 1000 the stream is over>"), "{last}");
}
