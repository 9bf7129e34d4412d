//! `docs/native-protocol.md` and its schema say what the code does.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ai_bridge::flow::{Attestation, Direction};
use ai_bridge::limits;
use ai_bridge::stream::{
    Dialect, Refusal, SUBPROTOCOL, StopReason, StreamOptions, StreamSession, StreamStart, WsMessage, native_schema,
};
use media_engine::audio::SampleRate;
use media_engine::pci::Guard;
use serde_json::{Value, json};

const DOC: &str = include_str!("../../docs/native-protocol.md");
const SCHEMA: &str = include_str!("../../docs/native-protocol.schema.json");

/// The examples of one direction, in order.
fn examples(direction: &str) -> Vec<Value> {
    let fence = format!("```json {direction}\n");
    let found: Vec<Value> = DOC
        .split(&fence)
        .skip(1)
        .map(|block| serde_json::from_str(block.split("```").next().unwrap()).unwrap())
        .collect();
    assert!(!found.is_empty());
    found
}

/// The schema of one direction, with nothing allowed that it does not name.
fn strict(definition: &str) -> jsonschema::Validator {
    let mut schema = native_schema();
    for variant in schema["$defs"][definition]["oneOf"].as_array_mut().unwrap() {
        variant["additionalProperties"] = json!(false);
    }
    schema["$ref"] = json!(format!("#/$defs/{definition}"));
    schema.as_object_mut().unwrap().remove("anyOf");
    jsonschema::validator_for(&schema).unwrap()
}

fn session() -> (StreamSession, Instant) {
    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
    let now = Instant::now();
    let start = StreamStart {
        call_id: "cs_01JD5Q8Y2N".into(),
        stream_id: "st_01JD5Q8Y2P".into(),
        account: "acc_1".into(),
        app: "bot".into(),
        from: "+14155550100".into(),
        to: "+14155550101".into(),
        direction: Direction::Inbound,
        attestation: Some(Attestation::A),
        rate: SampleRate::Hz16000,
        chunk_ms: 20,
        custom: BTreeMap::from([("tier".into(), "gold".into())]),
    };
    (StreamSession::new(Dialect::Native, start, StreamOptions::default(), now), now)
}

/// One message of every kind that a server sends.
fn everything() -> Vec<Value> {
    let (mut session, mut now) = session();
    let frame = Guard::clear_silence(SampleRate::Hz16000, 320);
    let mut messages = vec![];
    let mut drain = |session: &mut StreamSession| {
        while let Some(message) = session.poll_message() {
            if let WsMessage::Text(text) = message {
                messages.push(serde_json::from_slice(&text).unwrap());
            }
        }
    };
    session.dtmf('5', Duration::from_millis(120), now);
    session.handle_text(br#"{"type":"mark","name":"greeting"}"#, now);
    for _ in 0..400 {
        session.handle_binary(&[0; 8_000], now);
    }
    session.handle_text(br#"{"type":"mark"}"#, now);
    for _ in 0..2_500 {
        session.pop_playout(now);
        session.on_frame_sent(now);
    }
    session.handle_text(br#"{"type":"mark","name":"offer"}"#, now);
    session.handle_text(br#"{"type":"clear"}"#, now);
    session.handle_text(br#"{"type":"clear"}"#, now);
    drain(&mut session);
    for _ in 0..150 {
        session.uplink(&frame, now);
        now += Duration::from_millis(20);
    }
    drain(&mut session);
    session.stop(StopReason::CallerHangup, now);
    drain(&mut session);
    messages
}

#[test]
fn the_schema_is_current() {
    let current: Value = serde_json::from_str(SCHEMA).unwrap();
    assert!(
        current == native_schema(),
        "run: cargo run -p ai-bridge --example native_schema > docs/native-protocol.schema.json"
    );
}

#[test]
fn every_example_of_the_server_is_valid_and_every_message_has_one() {
    let validator = strict("ServerToApp");
    let shape = |value: &Value| {
        let keys: BTreeSet<String> = value.as_object().unwrap().keys().cloned().collect();
        (value["type"].as_str().unwrap().to_owned(), value.get("state").cloned().map(|state| state.to_string()), keys)
    };
    let examples = examples("server");
    for example in &examples {
        assert!(validator.is_valid(example), "{example}: {:?}", validator.iter_errors(example).collect::<Vec<_>>());
    }
    let sent = everything();
    for message in &sent {
        assert!(validator.is_valid(message), "{message}");
    }
    let documented: BTreeSet<_> = examples.iter().map(shape).collect();
    let real: BTreeSet<_> = sent.iter().map(shape).collect();
    assert_eq!(documented, real);
    assert_eq!(examples[0], sent[0], "the start message");
}

#[test]
fn every_example_of_the_application_is_valid_and_taken() {
    let validator = strict("AppToServer");
    let (mut session, now) = session();
    let mut seen = BTreeSet::new();
    for example in examples("app") {
        assert!(validator.is_valid(&example), "{example}");
        session.handle_text(example.to_string().as_bytes(), now);
        seen.insert(example["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(session.stats().refusals().count(), 0);
    let variants = native_schema()["$defs"]["AppToServer"]["oneOf"].as_array().unwrap().len();
    assert_eq!(seen.len(), variants);
}

#[test]
fn what_the_schema_refuses_the_server_refuses() {
    let validator = strict("AppToServer");
    for wrong in [
        json!({"type": "mark"}),
        json!({"type": "mark", "name": ""}),
        json!({"type": "mark", "name": "m".repeat(257)}),
        json!({"type": "mark", "name": 7}),
        json!({"type": "dtmf", "digits": ""}),
        json!({"type": "dtmf", "digits": "12x"}),
        json!({"type": "dtmf", "digits": "1".repeat(65)}),
        json!({"type": "hangup", "reason": {}}),
        json!({"type": "clear", "stream_id": 1}),
        json!({"type": "close"}),
        json!(["clear"]),
        json!(7),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
        let (mut session, now) = session();
        session.handle_text(wrong.to_string().as_bytes(), now);
        assert_eq!(session.stats().refusals().count(), 1, "{wrong}");
        assert_eq!(session.poll_event(), None, "{wrong}");
    }
}

#[test]
fn the_figures_of_the_document_are_those_of_the_code() {
    let ms = |time: Duration| time.as_secs();
    let rows = [
        format!("| text message to the server | {} octets |", limits::MAX_NATIVE_TEXT),
        format!("| binary message to the server | {} octets |", limits::MAX_NATIVE_BINARY),
        format!("| {} at once, {} a second | close 1008", limits::CONTROL_BURST, limits::CONTROL_PER_SECOND),
        format!("| {} at once, {} a second | close 1008", limits::AUDIO_BURST, limits::AUDIO_PER_SECOND),
        format!("| {} at once, {} a second | close 1008", limits::PING_BURST, limits::PINGS_PER_SECOND),
        format!("| audio that waits to be played | {} s |", ms(limits::QUEUE_MAX)),
        format!("| marks that wait | {} |", limits::MAX_PENDING_MARKS),
        format!("a mark while {} wait", limits::MAX_PENDING_MARKS),
        format!("| caller audio that waits for you | {} s |", ms(limits::UPLINK_AGE)),
        format!("| not reading at all | {} s |", ms(limits::STALL_LIMIT)),
        format!(
            "| pings of the server, every {} s | {} unanswered |",
            ms(limits::PING_EVERY),
            limits::MAX_MISSED_PINGS
        ),
        format!("At `pause` ({} s of audio wait)", ms(limits::QUEUE_PAUSE)),
        format!("at `resume` ({} s wait)", ms(limits::QUEUE_RESUME)),
        format!("waits up to {} ms for more", limits::TAIL_HOLD.as_millis()),
        format!("At most {} errors are sent at once and {} a second", limits::ERROR_BURST, limits::ERRORS_PER_SECOND),
        format!("`name`: 1 to {} octets", limits::MAX_MARK_NAME),
        format!("1 to {} of `0-9 * # A-D`", limits::MAX_DIGITS),
        format!("{} characters of it are kept", limits::MAX_REASON),
        format!("`101` within\n{} seconds", ms(limits::OPEN_DEADLINE)),
        format!("may have {} KiB together", limits::MAX_WS_HANDSHAKE / 1024),
        format!("You must select the subprotocol `{SUBPROTOCOL}`"),
    ];
    for row in rows {
        assert!(DOC.contains(&row), "the document does not say: {row}");
    }
    // Every code that an error message can have stands in the table, and no other.
    let said = [
        Refusal::NotJson,
        Refusal::NoType,
        Refusal::BadField,
        Refusal::WrongStream,
        Refusal::TooManyMarks,
        Refusal::QueueFull,
    ];
    let table = DOC.split("| code | you sent |").nth(1).unwrap().split("\n\n").next().unwrap();
    assert_eq!(table.matches("\n| `").count(), said.len());
    for code in said {
        assert!(table.contains(&format!("| `{}` |", code.name())), "{code:?}");
    }
}
