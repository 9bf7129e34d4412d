//! The steps of the route, one after the other.

use std::sync::Arc;

use super::action::{Action, DialFailure, HangupCause, StreamPlan};
use super::machine::{Run, State, Stream, Then};
use super::second::{Follow, Second};
use crate::model::{Outcome, Reject, Step, StreamStep};
use crate::value::OnEnd;

impl Run {
    pub(super) fn next_step(&mut self) -> (State, Action) {
        while let Some(step) = self.step_at(self.next) {
            self.next += 1;
            match step {
                Step::Ring if self.answered => {}
                Step::Answer if self.answered => {}
                Step::Ring => return (State::Ringing, Action::Ring),
                Step::Answer => return self.once_answered(Then::NextStep),
                Step::Play(play) if play.early && !self.answered => {
                    return (State::Playing, Action::PlayEarly(play.file));
                }
                Step::Play(play) => return self.once_answered(Then::Play(play.file)),
                Step::App(step) => return self.first_ask(&step),
                Step::Stream(step) => return self.direct_stream(step),
                Step::Dial(step) => {
                    let follow = Follow::new(step.on_end, step.on_failure);
                    return self.dial(step, follow);
                }
                Step::Transfer(step) => {
                    let follow = Follow::new(OnEnd::Hangup, step.on_failure);
                    return self.transfer(step, follow);
                }
                Step::Hangup => return self.end(HangupCause::RouteEnded),
            }
        }
        self.end(HangupCause::RouteEnded)
    }

    pub(super) fn step_at(&self, index: usize) -> Option<Step> {
        match &self.route.outcome {
            Outcome::Do(steps) => steps.get(index).cloned(),
            Outcome::Reject(_) => None,
        }
    }

    /// What needs audio answers the call first.
    pub(super) fn once_answered(&mut self, then: Then) -> (State, Action) {
        if self.answered {
            return self.carry_out(then);
        }
        self.answering = true;
        (State::Answering(then), Action::Answer)
    }

    pub(super) fn carry_out(&mut self, then: Then) -> (State, Action) {
        match then {
            Then::NextStep => self.next_step(),
            Then::Play(file) => (State::Playing, Action::PlayFile(file)),
            Then::PlayForApp(turn, url, next) => {
                let app = Arc::clone(&turn.app);
                (State::PlayingForApp(turn, next), Action::PlayUrl { app, url })
            }
            Then::Stream(plan, stream) => (State::Streaming(stream), Action::OpenStream(plan)),
            Then::Bridge(follow) => {
                self.failure = None;
                (State::Second(Second::Bridged(follow)), Action::Bridge)
            }
            Then::Transfer(plan, follow) => (State::Second(Second::Transferring(follow)), Action::Transfer(plan)),
            Then::Ended(follow) => self.second_ended(follow),
        }
    }

    pub(super) fn direct_stream(&mut self, step: StreamStep) -> (State, Action) {
        let stream = Stream { on_stream_end: step.on_stream_end, on_failure: step.on_failure, ask: None };
        let plan = StreamPlan {
            format: step.format(),
            private_hosts: if step.private_address { vec![step.url.host().clone()] } else { Vec::new() },
            url: step.url,
            signing: step.signing,
            ca: step.ca,
            timeout: step.timeout,
            account: step.account.as_ref().unwrap_or(&self.route.name).to_string(),
            app: None,
        };
        self.once_answered(Then::Stream(Box::new(plan), stream))
    }

    /// Ends the call: by BYE if it is answered, by a final response if it is not.
    pub(super) fn end(&self, cause: HangupCause) -> (State, Action) {
        let status = match cause {
            HangupCause::AppFailed => 503,
            // Whoever was to be connected learns why he was not.
            HangupCause::DialFailed | HangupCause::RouteEnded => self.failure.map_or(603, DialFailure::status),
            HangupCause::App
            | HangupCause::StreamEnded
            | HangupCause::FarEnd
            | HangupCause::Transferred
            | HangupCause::CallEnded => 603,
        };
        // Once `Answer` was said the 200 may have left: only a BYE is safe then.
        let action = if self.answering { Action::Hangup(cause) } else { Action::Reject(Reject::from(status)) };
        (State::Over, action)
    }
}
