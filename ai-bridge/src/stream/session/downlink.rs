//! What comes from the application.

use std::time::{Duration, Instant};

use super::super::event::{CloseCode, StreamEvent};
use super::super::native::{self, ToApp};
use super::super::playout::{ChunkId, MarksFull};
use super::super::stats::Refusal;
use super::super::teler;
use super::codec::Codec;
use super::{Pressure, StreamSession, millis};

impl StreamSession {
    /// A text message arrived.
    pub fn handle_text(&mut self, text: &[u8], now: Instant) {
        if !self.admits(text.len(), self.dialect().max_text()) {
            return;
        }
        match &mut self.codec {
            Codec::Native => {
                let parsed = native::parse(text, &self.facts.stream_id);
                if self.admits_control(now) {
                    self.on_native(parsed, now);
                }
            }
            Codec::Teler { scratch, .. } => {
                if !self.audio_pace.take(now) {
                    return self.flooded();
                }
                match scratch.parse(text) {
                    Ok(teler::Parsed::Audio { pcm, chunk }) => {
                        let pushed = self.queue.push(pcm, chunk, now);
                        self.on_audio(pushed.dropped, now);
                    }
                    Ok(teler::Parsed::Clear | teler::Parsed::Interrupt(None)) => {
                        if self.admits_control(now) {
                            self.on_clear();
                        }
                    }
                    Ok(teler::Parsed::Interrupt(Some(chunk))) => {
                        if self.admits_control(now) {
                            self.on_interrupt(&chunk);
                        }
                    }
                    Err(refusal) => {
                        self.stats.refuse(refusal);
                        self.admits_control(now);
                    }
                }
            }
        }
    }

    /// A binary message arrived.
    pub fn handle_binary(&mut self, octets: &[u8], now: Instant) {
        if !self.admits(octets.len(), self.dialect().max_message()) {
            return;
        }
        if !self.audio_pace.take(now) {
            return self.flooded();
        }
        match self.codec {
            Codec::Native => {
                let pushed = self.queue.push(octets, None, now);
                self.on_audio(pushed.dropped, now);
            }
            Codec::Teler { .. } => self.stats.refuse(Refusal::Binary),
        }
    }

    fn on_native(&mut self, parsed: Result<native::Parsed, native::Bad>, now: Instant) {
        match parsed {
            Ok(native::Parsed::Mark(name)) => match self.queue.mark(name) {
                Ok(()) => self.report_marks(),
                Err(full @ MarksFull) => self.refuse(Refusal::TooManyMarks, &full.to_string(), now),
            },
            Ok(native::Parsed::Clear) => self.on_clear(),
            Ok(native::Parsed::Digits(digits)) => self.tell(StreamEvent::SendDigits(digits)),
            Ok(native::Parsed::Hangup(reason)) => self.tell(StreamEvent::Hangup { reason }),
            // Newer applications may say more than this server knows: counted, and no error.
            Err((Refusal::UnknownType, _)) => self.stats.refuse(Refusal::UnknownType),
            Err((refusal, message)) => self.refuse(refusal, &message, now),
        }
    }

    fn on_audio(&mut self, dropped: usize, now: Instant) {
        self.stats.downlink_messages += 1;
        self.report_flow();
        if dropped > 0 {
            if self.pressure == Pressure::Overflowing {
                self.stats.refuse(Refusal::QueueFull);
            } else {
                self.pressure = Pressure::Overflowing;
                let dropped_ms = millis(self.queue.rate().duration(dropped));
                self.tell(StreamEvent::Overflow { dropped_ms });
                self.refuse(Refusal::QueueFull, QUEUE_FULL, now);
            }
        }
    }

    fn on_clear(&mut self) {
        let cleared = self.queue.clear();
        self.stats.clears += 1;
        self.report_marks();
        let played_ms = millis(cleared.played);
        let since = cleared.since_mark.as_ref();
        self.say(self.codec.control(&ToApp::Cleared {
            stream_id: &self.facts.stream_id,
            played_ms,
            last_mark: since.map(|(name, _)| name.as_str()),
            since_mark_ms: since.map(|(_, played)| millis(*played)),
        }));
        self.tell(StreamEvent::Cleared { played_ms, dropped_ms: millis(cleared.dropped) });
        self.report_flow();
    }

    fn on_interrupt(&mut self, chunk: &ChunkId) {
        let dropped = self.queue.interrupt(chunk);
        if dropped > Duration::ZERO {
            self.stats.clears += 1;
        }
        self.report_marks();
        self.report_flow();
    }

    fn admits(&mut self, len: usize, max: usize) -> bool {
        if self.closing {
            self.stats.refuse(Refusal::AfterEnd);
            return false;
        }
        if len > max {
            self.stats.refuse(Refusal::TooLong);
            self.close(CloseCode::TooBig, "a message is longer than this dialect allows");
            return false;
        }
        true
    }

    fn admits_control(&mut self, now: Instant) -> bool {
        let admitted = self.control_pace.take(now);
        if !admitted {
            self.flooded();
        }
        admitted
    }

    fn flooded(&mut self) {
        self.stats.refuse(Refusal::Flood);
        self.close(CloseCode::Policy, "more messages a second than this server takes");
    }
}

const QUEUE_FULL: &str = "the play queue is full and newer audio is dropped: stop at `flow` `pause`, go on at `resume`";
