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

use super::vad::{Turn, Vad};

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
            Some("dtmf" | "flow" | "gap") => {}
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
const ONSET_FRAMES: usize = super::vad::LOUD_FRAMES as usize + 4;

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: [i16; 320] = [3_000; 320];
    const QUIET: [i16; 320] = [0; 320];

    fn start(rate: u32) -> String {
        json!({"type": "start", "version": 1, "call_id": "c", "stream_id": "s",
               "media": {"encoding": "pcm_s16le", "rate": rate, "channels": 1, "frame_ms": 20}})
        .to_string()
    }

    fn bytes(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|s| s.to_le_bytes()).collect()
    }

    fn drain(talk: &mut Talk) -> (Vec<Value>, usize) {
        let (mut texts, mut samples) = (Vec::new(), 0);
        while let Some(said) = talk.poll_message() {
            match said {
                Said::Text(text) => texts.push(serde_json::from_str(&text).unwrap()),
                Said::Audio(audio) => samples += audio.len() / 2,
            }
        }
        (texts, samples)
    }

    fn events(talk: &mut Talk) -> Vec<TalkEvent> {
        std::iter::from_fn(|| talk.poll_event()).collect()
    }

    #[test]
    fn it_greets_at_the_rate_of_the_stream_with_two_marks() {
        let mut talk = Talk::new(&vec![500; 16_000], 4_000);
        talk.handle_text(&start(16_000), Instant::now());
        let (texts, samples) = drain(&mut talk);
        assert_eq!(texts[0], json!({"type": "mark", "name": "welcome"}));
        assert_eq!(texts[1], json!({"type": "mark", "name": "greeting"}));
        assert!((31_900..=32_100).contains(&samples), "{samples}");
        assert_eq!(events(&mut talk), [TalkEvent::Started { rate: 16_000 }]);
    }

    #[test]
    fn the_caller_interrupts_and_hears_himself_four_hundred_milliseconds_later() {
        let now = Instant::now();
        let mut talk = Talk::new(&vec![500; 16_000], 4_000);
        talk.handle_text(&start(16_000), now);
        drain(&mut talk);
        for _ in 0..10 {
            talk.handle_audio(&bytes(&QUIET), now);
        }
        assert_eq!(drain(&mut talk).1, 0);
        for _ in 0..3 {
            talk.handle_audio(&bytes(&LOUD), now);
        }
        // The last frame goes out behind 400 ms of silence and earlier frames: 6,400 samples, then itself.
        let said: Vec<Said> = std::iter::from_fn(|| talk.poll_message()).collect();
        assert_eq!(said[0], Said::Text(r#"{"type":"clear"}"#.into()));
        let samples: usize = said[1..]
            .iter()
            .map(|said| match said {
                Said::Audio(audio) => audio.len() / 2,
                Said::Text(text) => panic!("{text}"),
            })
            .sum();
        assert_eq!(samples, 6_400 + 320);
        assert_eq!(said.last(), Some(&Said::Audio(bytes(&LOUD))));
        talk.handle_audio(&bytes(&LOUD), now);
        assert_eq!(drain(&mut talk).1, 320);
        let later = now + Duration::from_millis(7);
        talk.handle_text(r#"{"type":"cleared","stream_id":"s","played_ms":3060}"#, later);
        talk.handle_text(r#"{"type":"mark","name":"greeting","state":"cleared"}"#, later);
        assert_eq!(
            events(&mut talk)[1..],
            [
                TalkEvent::Heard,
                TalkEvent::Interrupted,
                TalkEvent::Echoing,
                TalkEvent::Cleared { played_ms: 3_060, took: Duration::from_millis(7) },
                TalkEvent::Mark { name: "greeting".into(), played: false },
            ]
        );
    }

    #[test]
    fn a_polite_caller_is_echoed_after_the_greeting_and_each_turn_gets_a_mark() {
        let now = Instant::now();
        let mut talk = Talk::new(&[500; 1_600], 800);
        talk.handle_text(&start(16_000), now);
        talk.handle_audio(&bytes(&QUIET), now);
        drain(&mut talk);
        talk.handle_text(r#"{"type":"mark","name":"greeting","state":"played"}"#, now);
        for frame in std::iter::repeat_n(&LOUD, 20).chain(std::iter::repeat_n(&QUIET, 30)) {
            talk.handle_audio(&bytes(frame), now);
        }
        let (texts, samples) = drain(&mut talk);
        assert_eq!(texts, [json!({"type": "mark", "name": "turn-1"})]);
        assert_eq!(samples, 6_400 + 50 * 320);
    }

    #[test]
    fn pieces_of_any_length_are_put_together() {
        let now = Instant::now();
        let mut talk = Talk::new(&[], 0);
        talk.handle_text(&start(16_000), now);
        talk.handle_text(r#"{"type":"mark","name":"greeting","state":"played"}"#, now);
        drain(&mut talk);
        let sound: Vec<i16> = (0..960).collect();
        for piece in bytes(&sound).chunks(7) {
            talk.handle_audio(piece, now);
        }
        let mut back = Vec::new();
        while let Some(Said::Audio(audio)) = talk.poll_message() {
            back.extend(audio);
        }
        assert_eq!(back, bytes(&sound));
    }

    #[test]
    fn what_it_does_not_understand_does_not_stop_it() {
        let now = Instant::now();
        let mut talk = Talk::new(&[], 0);
        for text in ["", "{", "[]", "7", r#"{"type":5}"#, r#"{"type":"new-thing"}"#] {
            talk.handle_text(text, now);
        }
        talk.handle_audio(&[1, 2, 3], now);
        assert_eq!(events(&mut talk), vec![TalkEvent::Odd; 6]);
        talk.handle_text(&start(48_000), now);
        let (texts, _) = drain(&mut talk);
        assert_eq!(texts[0]["type"], "hangup");
    }
}
