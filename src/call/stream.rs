//! A call's stream to its application, once it is open.

use std::time::Instant;

use ai_bridge::net::{Incoming, SocketError, StreamSocket};
use ai_bridge::stream::{StopReason, StreamEvent, StreamSession};
use media_engine::dtmf::MenuDigit;
use sip_core::endpoint::Cause;
use zeroize::Zeroizing;

use super::activity::Activity;
use super::{Call, Outcome};
use crate::telemetry::Held;

/// How long a digit that the application sends lasts.
const DIGIT: std::time::Duration = std::time::Duration::from_millis(100);

/// The two halves: what is said, and what it is said over.
pub(super) struct Stream {
    pub(super) session: StreamSession,
    pub(super) socket: Box<StreamSocket>,
    pub(super) _held: Held,
}

impl Stream {
    /// Hands over what waits, as far as the socket takes it.
    fn flush(&mut self) -> Result<(), SocketError> {
        while self.socket.has_room() {
            let Some(message) = self.session.poll_message() else { break };
            if let Err(error) = self.socket.try_send(message) {
                tracing::debug!(%error, "a message was not taken");
                break;
            }
        }
        self.socket.try_flush()
    }

    /// Says `stop`, and closes: whatever the application does, within two seconds.
    pub(super) async fn close(mut self, reason: StopReason) {
        self.session.stop(reason, Instant::now());
        if self.flush().is_ok() {
            self.socket.close(ai_bridge::stream::CloseCode::Normal, "the stream is over").await;
        }
    }
}

impl Call<'_> {
    /// Something came from the application.
    pub(super) async fn on_message(&mut self, message: Result<Incoming, SocketError>) {
        let Activity::Stream(stream) = &mut self.activity else { return };
        let now = Instant::now();
        match message {
            Ok(Incoming::Text(text)) => stream.session.handle_text(&text, now),
            Ok(Incoming::Binary(audio)) => stream.session.handle_binary(&audio, now),
            Ok(Incoming::Closed { code }) => {
                let by_us = stream.session.is_closing();
                tracing::info!(event = "stream.closed", call = %self.facts.id, code, by_us, "the stream is closed");
                self.activity = Activity::Idle;
                // 1000 and 1001 are an application that has finished; so is a close without a code (RFC 6455 7.4.1).
                let finished = matches!(code, None | Some(1000 | 1001 | 1005)) && !by_us;
                let event = if finished { dialplan::Event::StreamEnded } else { dialplan::Event::StreamFailed };
                self.step(event).await;
            }
            Err(error) => {
                tracing::warn!(event = "stream.failed", call = %self.facts.id, %error, "the stream broke");
                self.activity = Activity::Idle;
                self.step(dialplan::Event::StreamFailed).await;
            }
        }
    }

    /// Carries out what the application asked for, and sends what is to be said to it.
    pub(super) async fn on_stream_events(&mut self, _now: Instant) {
        while let Activity::Stream(stream) = &mut self.activity {
            let Some(event) = stream.session.poll_event() else { break };
            match event {
                StreamEvent::Cleared { played_ms, dropped_ms } => tracing::info!(
                    event = "stream.cleared", call = %self.facts.id, played_ms, dropped_ms, "barge-in: the play queue is empty"
                ),
                StreamEvent::SendDigits(digits) => {
                    let sent = self.leg.press(digits.as_str(), DIGIT, self.context).await;
                    tracing::info!(event = "stream.digits", call = %self.facts.id, sent, "the application presses keys");
                }
                StreamEvent::Hangup { .. } => {
                    tracing::info!(event = "stream.hangup", call = %self.facts.id, "the application hangs up");
                    self.step(dialplan::Event::AppHangup).await;
                }
                StreamEvent::Overflow { dropped_ms } => {
                    tracing::warn!(event = "stream.overflow", call = %self.facts.id, dropped_ms, "the play queue is full");
                }
                StreamEvent::Gap { ms } => {
                    tracing::warn!(event = "stream.gap", call = %self.facts.id, ms, "the application did not read in time");
                }
                StreamEvent::Closing { code, reason } => {
                    tracing::warn!(event = "stream.closing", call = %self.facts.id, code = code.code(), reason, "the stream is closed");
                }
                _ => {}
            }
        }
        if let Activity::Stream(stream) = &mut self.activity
            && let Err(error) = stream.flush()
        {
            self.on_message(Err(error)).await;
        }
    }

    /// The caller pressed a key, and the guard lets it be known: to the one he is connected to, or to the application.
    pub(super) async fn on_digit(&mut self, digit: MenuDigit, now: Instant) {
        tracing::info!(event = "media.digit", call = %self.facts.id, "a key was pressed");
        if let Some(far) = &mut self.far {
            let key = Zeroizing::new(digit.digit.to_char().to_string());
            far.leg.press(&key, digit.duration, self.context).await;
        } else if let Activity::Stream(stream) = &mut self.activity {
            stream.session.dtmf(digit.digit.to_char(), digit.duration, now);
        }
    }

    /// Ends what is under way; a stream is told why, without the call waiting for it.
    pub(super) fn stop_activity(&mut self, reason: StopReason) {
        if let Activity::Stream(stream) = std::mem::replace(&mut self.activity, Activity::Idle) {
            tokio::task::spawn_local(stream.close(reason));
        }
    }

    pub(super) async fn on_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Asked(answer) => self.on_asked(answer).await,
            Outcome::Fetched(sound) => self.on_fetched(sound).await,
            Outcome::Opened(socket) => self.on_opened(socket).await,
            Outcome::Message(message) => self.on_message(message).await,
        }
    }

    /// The application, or the route, ends the call.
    pub(super) async fn end_call(&mut self, cause: dialplan::HangupCause) {
        let (reason, q850) = match cause {
            dialplan::HangupCause::App => (StopReason::AppHangup, 16),
            dialplan::HangupCause::RouteEnded
            | dialplan::HangupCause::StreamEnded
            | dialplan::HangupCause::FarEnd
            | dialplan::HangupCause::Transferred => (StopReason::NextAction, 16),
            dialplan::HangupCause::AppFailed | dialplan::HangupCause::DialFailed => (StopReason::Failed, 41),
            dialplan::HangupCause::CallEnded => (StopReason::CallerHangup, 16),
        };
        self.stop_activity(reason);
        self.leg.hang_up(Cause::Q850(q850), self.context).await;
    }
}
