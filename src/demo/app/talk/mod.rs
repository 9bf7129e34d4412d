//! The talking echo, without any socket: messages in, messages out (`native.v1`, see `docs/native-protocol.md`).
//!
//! It says its greeting all at once, far faster than it can be spoken, as a language model would; Strongline plays it
//! in real time. When the caller starts to speak meanwhile, `clear` takes back what has not been played. From then on
//! the caller hears himself, [`ECHO_DELAY`] later.
//!
//! The delay is made of silence sent ahead of the echo, not of a timer: so it waits in Strongline's play queue, is
//! exact to the sample, and covers for a late frame.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use media_engine::audio::{Resampler, SampleRate};
use serde_json::{Value, json};

use super::vad::{LOUD_FRAMES, Turn, Vad};

/// How much later the caller hears himself, apart from what the way there and back takes.
pub const ECHO_DELAY: Duration = Duration::from_millis(400);

/// One conversation.
pub(super) struct Talk {
    phase: Phase,
    vad: Vad,
    /// The greeting at 8 kHz, in two parts: up to the first mark, and the rest.
    greeting: [Vec<i16>; 2],
    odd: Option<u8>,
    pending: Vec<i16>,
    turns: u32,
    cleared_at: Option<Instant>,
    messages: VecDeque<Said>,
    events: VecDeque<TalkEvent>,
}

/// A message to Strongline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Text(String),
    Audio(Vec<u8>),
}

/// What happened in the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TalkEvent {
    /// `start` came; the greeting is on its way.
    Started {
        /// Samples per second, both ways.
        rate: u32,
    },
    /// The first audio of the caller came.
    Heard,
    /// The caller spoke while the greeting played: `clear` was sent.
    Interrupted,
    /// Strongline has stopped playing.
    Cleared {
        /// How much of the greeting the caller had heard.
        played_ms: u64,
        /// From `clear` to this answer.
        took: Duration,
    },
    /// A mark came back.
    Mark {
        /// Its name.
        name: String,
        /// False when the audio before it was taken back.
        played: bool,
    },
    /// The caller pressed a key.
    Digit {
        /// Which.
        digit: char,
    },
    /// The caller hears himself from here on.
    Echoing,
    /// Strongline says that the call is over.
    Stopped {
        /// Why.
        reason: String,
    },
    /// A message the application does not understand; it goes on.
    Odd,
}

enum Phase {
    Waiting,
    Greeting { rate: u32, last: VecDeque<Vec<i16>> },
    Echo { rate: u32 },
    Over,
}

impl Talk {
    /// `greeting` is 8 kHz; its first `welcome` samples are followed by a mark of their own.
    pub(super) fn new(greeting: &[i16], welcome: usize) -> Self {
        let (first, rest) = greeting.split_at(welcome.min(greeting.len()));
        Self {
            phase: Phase::Waiting,
            vad: Vad::default(),
            greeting: [first.to_vec(), rest.to_vec()],
            odd: None,
            pending: Vec::new(),
            turns: 0,
            cleared_at: None,
            messages: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// A text message came.
    pub(super) fn handle_text(&mut self, text: &str, now: Instant) {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            self.events.push_back(TalkEvent::Odd);
            return;
        };
        match message["type"].as_str() {
            Some("start") => self.on_start(&message),
            Some("cleared") => self.on_cleared(&message, now),
            Some("mark") => self.on_mark(&message),
            Some("stop") => {
                self.phase = Phase::Over;
                let reason = message["reason"].as_str().unwrap_or("unknown").into();
                self.events.push_back(TalkEvent::Stopped { reason });
            }
            Some("dtmf") => match message["digit"].as_str().and_then(|digit| digit.chars().next()) {
                Some(digit) => self.events.push_back(TalkEvent::Digit { digit }),
                None => self.events.push_back(TalkEvent::Odd),
            },
            Some("flow" | "gap") => {}
            Some(_) | None => self.events.push_back(TalkEvent::Odd),
        }
    }

    /// Audio of the caller came: 16 bit samples, little-endian, in pieces of any length.
    pub(super) fn handle_audio(&mut self, bytes: &[u8], now: Instant) {
        let frame = match &self.phase {
            Phase::Greeting { rate, .. } | Phase::Echo { rate } => (rate / FRAMES_A_SECOND) as usize,
            Phase::Waiting | Phase::Over => return,
        };
        let octets = self.odd.take().into_iter().chain(bytes.iter().copied());
        let mut octets = octets.peekable();
        while let Some(low) = octets.next() {
            match octets.next() {
                Some(high) => self.pending.push(i16::from_le_bytes([low, high])),
                None => self.odd = Some(low),
            }
        }
        while self.pending.len() >= frame {
            let rest = self.pending.split_off(frame);
            let whole = std::mem::replace(&mut self.pending, rest);
            self.on_frame(whole, now);
        }
    }

    /// The next message to send.
    pub(super) fn poll_message(&mut self) -> Option<Said> {
        self.messages.pop_front()
    }

    /// The next thing to tell.
    pub(super) fn poll_event(&mut self) -> Option<TalkEvent> {
        self.events.pop_front()
    }

    fn on_start(&mut self, start: &Value) {
        if !matches!(self.phase, Phase::Waiting) {
            self.events.push_back(TalkEvent::Odd);
            return;
        }
        let media = &start["media"];
        let rate = media["rate"].as_u64().and_then(|rate| u32::try_from(rate).ok());
        let Some(rate @ (8_000 | 16_000 | 24_000)) = rate else {
            return self.refuse("the rate must be 8000, 16000 or 24000");
        };
        if media["encoding"] != "pcm_s16le" {
            return self.refuse("the encoding must be pcm_s16le");
        }
        self.events.push_back(TalkEvent::Started { rate });
        self.phase = Phase::Greeting { rate, last: VecDeque::new() };
        let [welcome, rest] = std::mem::take(&mut self.greeting);
        for (part, mark) in [(welcome, MARK_WELCOME), (rest, MARK_GREETING)] {
            for piece in at_rate(&part, rate).chunks(rate as usize) {
                self.say(piece);
            }
            self.send(&json!({"type": "mark", "name": mark}));
        }
    }

    fn refuse(&mut self, reason: &str) {
        self.phase = Phase::Over;
        self.events.push_back(TalkEvent::Odd);
        self.send(&json!({"type": "hangup", "reason": reason}));
    }

    fn on_frame(&mut self, frame: Vec<i16>, now: Instant) {
        let turn = self.vad.hear(&frame);
        match &mut self.phase {
            Phase::Greeting { rate, last } => {
                if last.is_empty() {
                    self.events.push_back(TalkEvent::Heard);
                }
                last.push_back(frame);
                if last.len() > ONSET_FRAMES {
                    last.pop_front();
                }
                if turn == Some(Turn::Began) {
                    let rate = *rate;
                    self.cleared_at = Some(now);
                    self.send(&json!({"type": "clear"}));
                    self.events.push_back(TalkEvent::Interrupted);
                    self.begin_echo(rate);
                }
            }
            Phase::Echo { .. } => {
                self.say(&frame);
                if turn == Some(Turn::Ended) {
                    self.turns += 1;
                    let name = format!("{MARK_TURN}{}", self.turns);
                    self.send(&json!({"type": "mark", "name": name}));
                }
            }
            Phase::Waiting | Phase::Over => {}
        }
    }

    /// What was heard since the caller began belongs to the echo; the silence before it is that much shorter.
    fn begin_echo(&mut self, rate: u32) {
        let Phase::Greeting { last, .. } = std::mem::replace(&mut self.phase, Phase::Echo { rate }) else {
            return;
        };
        let delay = (u128::from(rate) * ECHO_DELAY.as_millis() / 1_000) as usize;
        let heard: usize = last.iter().skip(1).map(Vec::len).sum();
        self.say(&vec![0; delay.saturating_sub(heard)]);
        for frame in last {
            self.say(&frame);
        }
        self.events.push_back(TalkEvent::Echoing);
    }

    fn on_cleared(&mut self, message: &Value, now: Instant) {
        let took = self.cleared_at.take().map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let played_ms = message["played_ms"].as_u64().unwrap_or(0);
        self.events.push_back(TalkEvent::Cleared { played_ms, took });
    }

    fn on_mark(&mut self, message: &Value) {
        let name: String = message["name"].as_str().unwrap_or_default().chars().take(64).collect();
        let played = message["state"] == "played";
        let end_of_greeting = name == MARK_GREETING && played;
        self.events.push_back(TalkEvent::Mark { name, played });
        // Nobody interrupted: the greeting is over, and the echo begins all the same.
        if let Phase::Greeting { rate, last } = &mut self.phase
            && end_of_greeting
        {
            last.clear();
            let rate = *rate;
            self.begin_echo(rate);
        }
    }

    fn say(&mut self, samples: &[i16]) {
        let audio = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        self.messages.push_back(Said::Audio(audio));
    }

    fn send(&mut self, message: &Value) {
        self.messages.push_back(Said::Text(message.to_string()));
    }
}

impl std::fmt::Debug for Talk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Talk").field("turns", &self.turns).finish_non_exhaustive()
    }
}

fn at_rate(samples: &[i16], rate: u32) -> Vec<i16> {
    let Some(to) = SampleRate::from_hz(rate) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    Resampler::new(SampleRate::Hz8000, to).process(samples, &mut out);
    out
}

/// The mark after the welcome: it comes back as played.
pub(crate) const MARK_WELCOME: &str = "welcome";
/// The mark after the whole greeting: it comes back as cleared when the caller interrupts.
pub(crate) const MARK_GREETING: &str = "greeting";
/// The marks after each thing the caller said.
pub(crate) const MARK_TURN: &str = "turn-";
const FRAMES_A_SECOND: u32 = 50;
/// Frames kept from before the detector was sure: its own three, and four in which the first sound was too soft.
const ONSET_FRAMES: usize = LOUD_FRAMES as usize + 4;

#[cfg(test)]
mod tests;
