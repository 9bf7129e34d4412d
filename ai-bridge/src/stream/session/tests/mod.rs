//! Whole streams in virtual time: golden messages of each dialect, barge-in, applications that do not read, and hostile
//! ones.

mod backpressure;
mod hostile;
mod native;
mod teler;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use media_engine::audio::SampleRate;

use super::super::Dialect;
use super::super::event::{StreamEvent, WsMessage};
use super::super::start::{StreamOptions, StreamStart};
use super::StreamSession;
use crate::flow::Direction;

#[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
fn origin() -> Instant {
    Instant::now()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn start(rate: SampleRate, chunk_ms: u32) -> StreamStart {
    StreamStart {
        call_id: "cs_01".into(),
        stream_id: "st_\"01\"".into(),
        account: "acc_01".into(),
        app: "support-bot".into(),
        from: "+14155550100".into(),
        to: "+14155550101".into(),
        direction: Direction::Inbound,
        attestation: None,
        rate,
        chunk_ms,
        custom: BTreeMap::from([("tier".into(), "gold".into())]),
    }
}

/// A session in virtual time, its `start` message already taken.
struct Bench {
    session: StreamSession,
    now: Instant,
}

impl Bench {
    fn new(dialect: Dialect, rate: SampleRate, chunk_ms: u32) -> Self {
        Self::with(dialect, rate, chunk_ms, StreamOptions::default())
    }

    fn with(dialect: Dialect, rate: SampleRate, chunk_ms: u32, options: StreamOptions) -> Self {
        let now = origin();
        let mut session = StreamSession::new(dialect, start(rate, chunk_ms), options, now);
        session.poll_message().expect("the start message");
        Self { session, now }
    }

    fn text(&mut self, text: &str) {
        self.session.handle_text(text.as_bytes(), self.now);
    }

    fn audio(&mut self, samples: usize) {
        self.session.handle_binary(&vec![1; samples * 2], self.now);
    }

    /// A caller's frame of one value, 20 ms later.
    fn uplink(&mut self, value: i16) {
        let samples = vec![value; self.session.facts.rate.frame_len()];
        self.session.uplink_samples(&samples, self.now);
        self.now += ms(20);
    }

    /// Plays frames as the call does; gives how many there were.
    fn play(&mut self, frames: usize) -> usize {
        let mut played = 0;
        for _ in 0..frames {
            if self.session.pop_playout(self.now).is_some() {
                self.session.on_frame_sent(self.now);
                played += 1;
            }
            self.now += ms(20);
        }
        played
    }

    fn messages(&mut self) -> String {
        std::iter::from_fn(|| self.session.poll_message()).map(|message| shown(&message)).collect::<Vec<_>>().join("\n")
    }

    fn events(&mut self) -> Vec<StreamEvent> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }
}

/// A message as a golden text holds it.
fn shown(message: &WsMessage) -> String {
    match message {
        WsMessage::Text(text) => std::str::from_utf8(text).expect("texts are UTF-8").to_owned(),
        WsMessage::Binary(octets) => format!("<{} octets, first {:02x?}>", octets.len(), &octets[..4]),
        WsMessage::Close { code, reason } => format!("<close {} {reason}>", code.code()),
    }
}
