//! One stream of one call: the core that knows no dialect, between the codecs and the call.

mod codec;
mod downlink;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use media_engine::audio::{Pcm, SampleRate};
use media_engine::pci::Cleared;

use self::codec::Codec;
use super::dialect::Dialect;
use super::event::{CloseCode, StopReason, StreamEvent, WsMessage};
use super::native::{FlowState, ToApp};
use super::outbox::{Next, Outbox};
use super::pieces::Pieces;
use super::playout::PlayQueue;
use super::start::{StreamOptions, StreamStart};
use super::stats::{Refusal, StreamStats};
use crate::limits::{
    AUDIO_BURST, AUDIO_PER_SECOND, CONTROL_BURST, CONTROL_PER_SECOND, ERROR_BURST, ERRORS_PER_SECOND,
    MAX_WAITING_EVENTS,
};
use crate::pace::Pace;

/// The stream of a call to its application. Feed it one thing, then drain `poll_message` and `poll_event`.
pub struct StreamSession {
    codec: Codec,
    facts: StreamStart,
    options: StreamOptions,
    pieces: Pieces,
    outbox: Outbox,
    queue: PlayQueue,
    events: VecDeque<StreamEvent>,
    stats: StreamStats,
    control_pace: Pace,
    audio_pace: Pace,
    error_pace: Pace,
    pressure: Pressure,
    playing: bool,
    closing: bool,
}

impl StreamSession {
    /// Begins a stream: its `start` message waits in `poll_message`.
    pub fn new(dialect: Dialect, start: StreamStart, options: StreamOptions, now: Instant) -> Self {
        let mut codec = Codec::new(dialect, &start);
        let mut outbox = Outbox::new(options.uplink_age);
        let first = codec.start(&start, options.teler_start_says_8000);
        let taken = outbox.control(first);
        debug_assert!(taken, "an empty outbox takes a message");
        Self {
            codec,
            pieces: Pieces::new(start.rate, start.chunk_ms),
            outbox,
            queue: PlayQueue::new(dialect.downlink_rate(start.rate), options.queue),
            events: VecDeque::new(),
            stats: StreamStats::default(),
            control_pace: Pace::new(CONTROL_PER_SECOND, CONTROL_BURST, now),
            audio_pace: Pace::new(AUDIO_PER_SECOND, AUDIO_BURST, now),
            error_pace: Pace::new(ERRORS_PER_SECOND, ERROR_BURST, now),
            pressure: Pressure::Flowing,
            playing: false,
            closing: false,
            facts: start,
            options,
        }
    }

    /// The caller's next frame. Silence that stands for audio the application may not hear is a frame like any other.
    pub fn uplink(&mut self, frame: &Cleared<Pcm>, now: Instant) {
        let frame = frame.get();
        if frame.rate() == self.facts.rate {
            self.uplink_samples(frame.samples(), now);
        } else {
            self.stats.refuse(Refusal::FrameRate);
        }
    }

    fn uplink_samples(&mut self, samples: &[i16], now: Instant) {
        if self.closing {
            return;
        }
        self.pieces.push(samples);
        while let Some((piece, ms)) = self.pieces.pop() {
            let message = self.codec.audio(piece);
            self.stats.uplink_dropped_ms += self.outbox.audio(message, ms, now);
        }
        if self.outbox.stalled(now) >= self.options.stall {
            self.close(CloseCode::TryAgainLater, "the application has read nothing for too long");
        }
    }

    /// The caller pressed a key that the guard lets the application know of. Teler's dialect cannot say so.
    pub fn dtmf(&mut self, digit: char, duration: Duration, _now: Instant) {
        let duration_ms = millis(duration);
        self.say(self.codec.control(&ToApp::Dtmf { stream_id: &self.facts.stream_id, digit, duration_ms }));
    }

    /// Ends the stream: what is left of the last piece, `stop` where the dialect has it, then a close with 1000.
    pub fn stop(&mut self, reason: StopReason, now: Instant) {
        if self.closing {
            return;
        }
        if let Some((piece, ms)) = self.pieces.rest() {
            let message = self.codec.audio(piece);
            self.stats.uplink_dropped_ms += self.outbox.audio(message, ms, now);
        }
        self.say(self.codec.control(&ToApp::Stop { stream_id: &self.facts.stream_id, reason }));
        self.finish(CloseCode::Normal, "the stream is over");
    }

    /// The next message for the socket. Call it only while the socket has room: what is left here can still be dropped
    /// when it grows too old.
    pub fn poll_message(&mut self) -> Option<WsMessage> {
        loop {
            match self.outbox.pop()? {
                Next::Control(message) => return Some(message),
                Next::Audio(message) => {
                    self.stats.uplink_messages += 1;
                    return Some(message);
                }
                Next::Gap(ms) => {
                    self.tell(StreamEvent::Gap { ms });
                    let gap = self.codec.control(&ToApp::Gap { stream_id: &self.facts.stream_id, ms });
                    if gap.is_some() {
                        return gap;
                    }
                }
            }
        }
    }

    /// The next event for the call.
    pub fn poll_event(&mut self) -> Option<StreamEvent> {
        self.events.pop_front()
    }

    /// The next 20 ms for the caller at the downlink rate; `None` when there is nothing to play.
    pub fn pop_playout(&mut self, now: Instant) -> Option<Pcm> {
        let frame = self.queue.pop(now);
        if frame.is_some() {
            self.playing = true;
        } else if self.playing && self.queue.queued().is_zero() {
            self.playing = false;
            self.stats.ran_dry += 1;
        }
        self.report_flow();
        frame
    }

    /// The popped frame was given to the network: marks before its end are acknowledged.
    pub fn on_frame_sent(&mut self, _now: Instant) {
        self.queue.on_frame_sent();
        self.report_marks();
    }

    /// The dialect.
    pub const fn dialect(&self) -> Dialect {
        self.codec.dialect()
    }

    /// The rate of `pop_playout`.
    pub const fn downlink_rate(&self) -> SampleRate {
        self.queue.rate()
    }

    /// The stream's id.
    pub fn stream_id(&self) -> &str {
        &self.facts.stream_id
    }

    /// Application audio that waits to be played.
    pub fn queued(&self) -> Duration {
        self.queue.queued()
    }

    /// Whether the stream has ended on this side; the close message may still wait in `poll_message`.
    pub const fn is_closing(&self) -> bool {
        self.closing
    }

    /// Counters.
    pub const fn stats(&self) -> &StreamStats {
        &self.stats
    }

    /// Queues a control message, if the dialect has words for it.
    fn say(&mut self, message: Option<WsMessage>) {
        let Some(message) = message else { return };
        if !self.closing && !self.outbox.control(message) {
            self.close(CloseCode::TryAgainLater, "too many messages wait for an application that does not read");
        }
    }

    /// Ends the stream because of the application: what waits is thrown away, so that the reason arrives.
    fn close(&mut self, code: CloseCode, reason: &'static str) {
        if self.closing {
            return;
        }
        self.outbox.empty();
        self.finish(code, reason);
        // The end is told even to a call that has let its events pile up.
        self.events.push_back(StreamEvent::Closing { code, reason });
    }

    fn finish(&mut self, code: CloseCode, reason: &'static str) {
        // A full outbox has no room for the close either, but then it was not the way in: `close` empties it first.
        if !self.outbox.control(WsMessage::Close { code, reason }) {
            self.outbox.empty();
            let taken = self.outbox.control(WsMessage::Close { code, reason });
            debug_assert!(taken, "an empty outbox takes a message");
        }
        self.closing = true;
    }

    fn tell(&mut self, event: StreamEvent) {
        if self.events.len() < MAX_WAITING_EVENTS {
            self.events.push_back(event);
        } else {
            self.stats.refuse(Refusal::EventLost);
        }
    }

    /// Counts a refusal and tells the developer, at a rate that a hostile application cannot drive up.
    fn refuse(&mut self, refusal: Refusal, message: &str, now: Instant) {
        self.stats.refuse(refusal);
        if self.error_pace.take(now) {
            let (stream_id, code) = (self.facts.stream_id.as_str(), refusal.name());
            self.say(self.codec.control(&ToApp::Error { stream_id, code, message }));
        }
    }

    fn report_marks(&mut self) {
        while let Some(mark) = self.queue.poll_mark() {
            let (stream_id, name) = (self.facts.stream_id.as_str(), mark.name.as_str());
            self.say(self.codec.control(&ToApp::Mark { stream_id, name, state: mark.state }));
        }
    }

    fn report_flow(&mut self) {
        let queued = self.queue.queued();
        let limits = self.queue.limits();
        let (pressure, state) = match self.pressure {
            Pressure::Flowing if queued >= limits.pause => (Pressure::Paused, FlowState::Pause),
            Pressure::Paused | Pressure::Overflowing if queued <= limits.resume => {
                (Pressure::Flowing, FlowState::Resume)
            }
            Pressure::Flowing | Pressure::Paused | Pressure::Overflowing => return,
        };
        self.pressure = pressure;
        let queued_ms = millis(queued);
        self.say(self.codec.control(&ToApp::Flow { stream_id: &self.facts.stream_id, state, queued_ms }));
    }
}

/// How full the play queue is, and what the application was told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pressure {
    /// Audio may come.
    Flowing,
    /// The application was asked to pause.
    Paused,
    /// It did not, and audio was dropped; said once per episode.
    Overflowing,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for StreamSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSession")
            .field("dialect", &self.dialect())
            .field("facts", &self.facts)
            .field("queued", &self.queued())
            .field("closing", &self.closing)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
