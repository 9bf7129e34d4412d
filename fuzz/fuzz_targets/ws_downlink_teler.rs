//! Any sequence of messages of an application that speaks Teler: what comes of it stays bounded, and all that is said back is right.
//!
//! The input is cut at 0x1e. A piece that begins with `b` is a binary message, one with `p` plays as many frames as its
//! next octet says, `u` is caller audio that comes and is fetched; any other is a text message.

#![no_main]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ai_bridge::flow::Direction;
use ai_bridge::limits::{MAX_PENDING_MARKS, QUEUE_MAX};
use ai_bridge::stream::{Dialect, StreamOptions, StreamSession, StreamStart, WsMessage};
use libfuzzer_sys::fuzz_target;
use media_engine::audio::SampleRate;
use media_engine::pci::Guard;

fuzz_target!(|data: &[u8]| {
    let mut now = Instant::now();
    let start = StreamStart {
        call_id: "c".into(),
        stream_id: "s".into(),
        account: "a".into(),
        app: "b".into(),
        from: "+1".into(),
        to: "+2".into(),
        direction: Direction::Inbound,
        attestation: None,
        rate: SampleRate::Hz8000,
        chunk_ms: 20,
        custom: BTreeMap::new(),
    };
    let mut session = StreamSession::new(Dialect::Teler, start, StreamOptions::default(), now);
    let frame = Guard::clear_silence(SampleRate::Hz8000, 160);
    let mut messages = 0;
    for piece in data.split(|octet| *octet == 0x1e) {
        match piece {
            [b'b', rest @ ..] => session.handle_binary(rest, now),
            [b'p', frames, ..] => {
                for _ in 0..*frames {
                    now += Duration::from_millis(20);
                    if let Some(frame) = session.pop_playout(now) {
                        assert_eq!(frame.samples().len(), 160);
                        session.on_frame_sent(now);
                    }
                }
            }
            [b'u', ..] => {
                session.uplink(&frame, now);
                messages += drain(&mut session);
            }
            text => session.handle_text(text, now),
        }
        assert!(session.queued() <= QUEUE_MAX);
    }
    messages += drain(&mut session);
    let pieces = data.split(|octet| *octet == 0x1e).count();
    assert!(messages <= 2 + pieces * 4 + MAX_PENDING_MARKS);
    while session.poll_event().is_some() {}
    let _ = format!("{session:?}");
});

fn drain(session: &mut StreamSession) -> usize {
    let mut count = 0;
    while let Some(message) = session.poll_message() {
        count += 1;
        match message {
            WsMessage::Text(text) => {
                let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
                assert!(value["type"].is_string());
                assert_eq!(value["stream_id"], "s");
            }
            WsMessage::Binary(octets) => {
                assert_eq!(session.dialect(), Dialect::Native);
                assert_eq!(octets.len(), 320);
            }
            WsMessage::Close { .. } => assert!(session.is_closing()),
        }
    }
    count
}
