//! What an application should not send. The stream survives it, counts it, and stays bounded.

use proptest::prelude::*;

use super::*;
use crate::limits::{MAX_JSON_TEXT, MAX_NATIVE_BINARY, MAX_NATIVE_TEXT};
use crate::stream::Refusal;

fn corpus() -> Vec<Vec<u8>> {
    let deep = |open: &str, n: usize| open.repeat(n).into_bytes();
    let mut corpus: Vec<Vec<u8>> = [
        "",
        " ",
        "null",
        "true",
        "7",
        "\"clear\"",
        "[]",
        "[\"clear\"]",
        "[\"audio\",\"AAAA\"]",
        "{}",
        "{",
        "{\"type\"",
        r#"{"type":"audio""#,
        r#"{"type":null}"#,
        r#"{"type":{}}"#,
        r#"{"type":["clear"]}"#,
        r#"{"type":"Clear"}"#,
        r#"{"type":"clear","type":"clear"}"#,
        r#"{"type":"mark"}"#,
        r#"{"type":"mark","mark":{"name":"x"}}"#,
        r#"{"type":"mark","name":null}"#,
        r#"{"type":"mark","name":{"a":"b"}}"#,
        r#"{"type":"dtmf","digits":"4111111111111111x"}"#,
        r#"{"type":"audio","audio_b64":7}"#,
        r#"{"type":"audio","audio_b64":"A"}"#,
        r#"{"type":"audio","audio_b64":"AAA"}"#,
        r#"{"type":"audio","audio_b64":"===="}"#,
        r#"{"type":"audio","audio_b64":"AAAA====AAAA"}"#,
        r#"{"type":"audio","audio_b64":"\u0000"}"#,
        r#"{"type":"audio","audio_b64":"\ud800"}"#,
        r#"{"type":"audio","data":"AAAA"}"#,
        r#"{"type":"audio","data":{"audio_b64":["AAAA"]}}"#,
        r#"{"type":"interrupt","chunk_id":1e999}"#,
        r#"{"type":"interrupt","chunk_id":-99999999999999999999999999999999999999}"#,
        r#"{"type":"interrupt","chunk_id":18446744073709551616}"#,
        r#"{"type":"interrupt","chunk_id":[]}"#,
        r#"{"type":"hangup","reason":1e400}"#,
        r#"{"event":"media","media":{"payload":"AAAA"}}"#,
    ]
    .into_iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    corpus.extend([
        deep("[", 10_000),
        deep("{\"a\":", 10_000),
        [b"{\"type\":\"clear\",\"x\":".to_vec(), deep("[", 10_000)].concat(),
        [b"{\"type\":\"audio\",\"data\":".to_vec(), deep("{\"data\":", 5_000)].concat(),
        [b"{\"type\":\"audio\",\"chunk_id\":".to_vec(), deep("[", 10_000)].concat(),
        format!("{{\"type\":\"clear\",\"n\":{}}}", "9".repeat(20_000)).into_bytes(),
        format!("{{\"type\":\"mark\",\"name\":\"{}\"}}", "m".repeat(20_000)).into_bytes(),
        format!("{{\"type\":\"{}\"}}", "\u{1b}[31m".repeat(2_000)).into_bytes(),
        b"{\"type\":\"clear\xff\"}".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        vec![0; 16_000],
        vec![0xff; 16_001],
    ]);
    corpus
}

#[test]
fn the_corpus_is_counted_and_the_stream_goes_on() {
    for dialect in [Dialect::Native, Dialect::Teler] {
        let mut bench = Bench::new(dialect, SampleRate::Hz8000, 20);
        for message in corpus() {
            bench.session.handle_text(&message, bench.now);
            bench.now += ms(20);
        }
        assert!(!bench.session.is_closing(), "{dialect:?}");
        let refused: u64 = bench.session.stats().refusals().map(|(_, count)| count).sum();
        assert!(refused >= 40, "{dialect:?} refused {refused}");
        assert_eq!(bench.session.stats().refused(Refusal::Flood), 0);
        bench.uplink(5);
        bench.session.handle_text(br#"{"type":"clear"}"#, bench.now);
        assert!(!bench.events().is_empty());
    }
}

#[test]
fn sixteen_thousand_octets_of_silence_are_played_as_a_second() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz8000, 20);
    bench.session.handle_binary(&[0; 16_000], bench.now);
    assert_eq!(bench.play(60), 50);
}

#[test]
fn odd_lengths_never_swap_the_octets_for_good() {
    let mut bench = Bench::new(Dialect::Native, SampleRate::Hz8000, 20);
    let wave: Vec<u8> = (0..1_600i16).flat_map(i16::to_le_bytes).collect();
    for piece in wave.chunks(37) {
        bench.session.handle_binary(piece, bench.now);
    }
    let mut heard = Vec::new();
    while let Some(frame) = bench.session.pop_playout(bench.now) {
        heard.extend_from_slice(frame.samples());
    }
    assert_eq!(heard, (0..1_600).collect::<Vec<i16>>());
    // A half sample does not survive a clear.
    bench.session.handle_binary(&[9], bench.now);
    bench.text(r#"{"type":"clear"}"#);
    bench.session.handle_binary(&[1, 2, 3, 4], bench.now);
    bench.now += ms(100);
    assert_eq!(bench.session.pop_playout(bench.now).unwrap().samples()[..2], [0x0201, 0x0403]);
}

#[test]
fn too_long_is_closed_with_1009() {
    let cases = [(Dialect::Native, MAX_NATIVE_TEXT, MAX_NATIVE_BINARY), (Dialect::Teler, MAX_JSON_TEXT, MAX_JSON_TEXT)];
    for (dialect, text, binary) in cases {
        let closed = "<close 1009 a message is longer than this dialect allows>";
        let mut bench = Bench::new(dialect, SampleRate::Hz8000, 20);
        bench.session.handle_binary(&vec![0; binary], bench.now);
        bench.session.handle_text(&vec![b' '; text], bench.now);
        assert!(!bench.session.is_closing());
        bench.session.handle_text(&vec![b' '; text + 1], bench.now);
        assert!(bench.messages().ends_with(closed));
        let mut bench = Bench::new(dialect, SampleRate::Hz8000, 20);
        bench.session.handle_binary(&vec![0; binary + 1], bench.now);
        assert_eq!(bench.messages(), closed);
    }
}

proptest! {
    #[test]
    fn no_message_breaks_a_stream(
        messages in proptest::collection::vec(
            (any::<bool>(), prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..200),
                r#"\{"type":"(mark|clear|dtmf|hangup|audio|interrupt)"(,"(name|digits|reason|audio_b64|chunk_id|data)":("[A-D0-9=+/]{0,20}"|[0-9]{1,4}|null|\{\}))*\}"#
                    .prop_map(String::into_bytes),
            ]),
            0..60,
        ),
        native: bool,
    ) {
        let dialect = if native { Dialect::Native } else { Dialect::Teler };
        let mut bench = Bench::new(dialect, SampleRate::Hz8000, 20);
        for (binary, message) in messages {
            if binary {
                bench.session.handle_binary(&message, bench.now);
            } else {
                bench.session.handle_text(&message, bench.now);
            }
            bench.uplink(1);
            bench.play(1);
            for message in std::iter::from_fn(|| bench.session.poll_message()) {
                if let WsMessage::Text(text) = &message {
                    let value: serde_json::Value = serde_json::from_slice(text).unwrap();
                    prop_assert!(value["type"].is_string());
                    prop_assert_eq!(value["stream_id"].as_str(), Some("st_\"01\""));
                }
                prop_assert!(native || !matches!(message, WsMessage::Binary(_)));
            }
        }
        prop_assert!(!bench.session.is_closing());
    }
}
