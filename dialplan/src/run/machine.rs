//! The machine: states, and what each event does in each.

use std::sync::Arc;

use super::action::{Action, Event, FlowAction, FlowRefusal, HangupCause, StreamPlan};
use crate::model::{App, Dialplan, Outcome, Route};
use crate::value::{HttpsUrl, OnFailure, OnStreamEnd, SoundFile};

/// One call's way through one route.
#[derive(Debug)]
pub struct Run {
    pub(super) route: Arc<Route>,
    pub(super) apps: Vec<Arc<App>>,
    pub(super) next: usize,
    pub(super) answering: bool,
    pub(super) answered: bool,
    pub(super) requests: u32,
    pub(super) refusal: Option<FlowRefusal>,
    state: State,
}

/// Where the run stands: which action is under way.
#[derive(Debug)]
pub(super) enum State {
    /// Not started.
    Fresh,
    /// `Ring` is under way.
    Ringing,
    /// `Answer` is under way; then comes this.
    Answering(Then),
    /// `AskApp` is under way.
    Asking(Turn),
    /// `PlayFile` is under way.
    Playing,
    /// `PlayUrl` is under way; then the application is asked again if it named a URL.
    PlayingForApp(Turn, Option<HttpsUrl>),
    /// `OpenStream` is under way.
    Streaming(Stream),
    /// Ended.
    Over,
}

/// What waits for the answer.
#[derive(Debug)]
pub(super) enum Then {
    NextStep,
    Play(SoundFile),
    PlayForApp(Turn, HttpsUrl, Option<HttpsUrl>),
    Stream(Box<StreamPlan>, Stream),
}

/// An application in charge of the call, with the rules of its step.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) app: Arc<App>,
    pub(super) on_stream_end: OnStreamEnd,
    pub(super) on_failure: OnFailure,
}

/// What follows a stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) on_stream_end: OnStreamEnd,
    pub(super) on_failure: OnFailure,
    pub(super) ask: Option<(Turn, HttpsUrl)>,
}

impl Run {
    /// A run of `route`, with the applications of `plan`. It keeps what it needs: the file may change meanwhile.
    pub fn new(plan: &Dialplan, route: &Arc<Route>) -> Self {
        Self {
            route: Arc::clone(route),
            apps: plan.apps.clone(),
            next: 0,
            answering: false,
            answered: false,
            requests: 0,
            refusal: None,
            state: State::Fresh,
        }
    }

    /// The route it follows.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// Whether it has said `Reject` or `Hangup`.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Why the last flow answer was not carried out, once.
    pub fn take_refusal(&mut self) -> Option<FlowRefusal> {
        self.refusal.take()
    }

    /// Takes one event and says what to do.
    pub fn step(&mut self, event: Event) -> Action {
        let state = std::mem::replace(&mut self.state, State::Over);
        let (state, action) = match event {
            Event::Start => self.on_start(state),
            Event::Rang => self.on_rang(state),
            Event::Answered => self.on_answered(state),
            Event::FlowAnswered(answer) => self.on_flow_answered(state, answer),
            Event::FlowFailed => self.on_flow_failed(state),
            Event::PlayEnded | Event::PlayFailed => self.on_play_ended(state),
            Event::StreamEnded => self.on_stream_ended(state),
            Event::StreamFailed => self.on_stream_failed(state),
            Event::AppHangup => self.on_app_hangup(&state),
            Event::Ended => Self::on_ended(&state),
        };
        self.state = state;
        action
    }

    fn on_start(&mut self, state: State) -> (State, Action) {
        match state {
            State::Fresh => match &self.route.outcome {
                Outcome::Reject(reject) => (State::Over, Action::Reject(reject.clone())),
                Outcome::Do(_) => self.next_step(),
            },
            state @ (State::Ringing
            | State::Answering(_)
            | State::Asking(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Streaming(_)
            | State::Over) => (state, Action::Wait),
        }
    }

    fn on_rang(&mut self, state: State) -> (State, Action) {
        match state {
            State::Ringing => self.next_step(),
            state @ (State::Fresh
            | State::Answering(_)
            | State::Asking(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Streaming(_)
            | State::Over) => (state, Action::Wait),
        }
    }

    fn on_answered(&mut self, state: State) -> (State, Action) {
        match state {
            State::Answering(then) => {
                self.answered = true;
                self.carry_out(then)
            }
            state @ (State::Fresh
            | State::Ringing
            | State::Asking(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Streaming(_)
            | State::Over) => (state, Action::Wait),
        }
    }

    fn on_flow_answered(&mut self, state: State, answer: FlowAction) -> (State, Action) {
        match state {
            State::Asking(turn) => self.obey(turn, answer),
            state @ (State::Fresh
            | State::Ringing
            | State::Answering(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Streaming(_)
            | State::Over) => (state, Action::Wait),
        }
    }

    fn on_flow_failed(&mut self, state: State) -> (State, Action) {
        match state {
            State::Asking(turn) => self.app_failed(turn.on_failure),
            state @ (State::Fresh
            | State::Ringing
            | State::Answering(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Streaming(_)
            | State::Over) => (state, Action::Wait),
        }
    }

    /// A file that cannot be played is no reason to leave a caller in silence: the call goes on.
    fn on_play_ended(&mut self, state: State) -> (State, Action) {
        match state {
            State::Playing => self.next_step(),
            State::PlayingForApp(turn, Some(next)) => self.ask(turn, next),
            State::PlayingForApp(_, None) => self.next_step(),
            state @ (State::Fresh
            | State::Ringing
            | State::Answering(_)
            | State::Asking(_)
            | State::Streaming(_)
            | State::Over) => (state, Action::Wait),
        }
    }

    fn on_stream_ended(&mut self, state: State) -> (State, Action) {
        match state {
            State::Streaming(Stream { ask: Some((turn, next)), .. }) => self.ask(turn, next),
            State::Streaming(Stream { on_stream_end: OnStreamEnd::Continue, .. }) => self.next_step(),
            State::Streaming(Stream { on_stream_end: OnStreamEnd::Hangup, .. }) => {
                (State::Over, Action::Hangup(HangupCause::StreamEnded))
            }
            state @ (State::Fresh
            | State::Ringing
            | State::Answering(_)
            | State::Asking(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Over) => (state, Action::Wait),
        }
    }

    fn on_stream_failed(&mut self, state: State) -> (State, Action) {
        match state {
            State::Streaming(stream) => self.app_failed(stream.on_failure),
            state @ (State::Fresh
            | State::Ringing
            | State::Answering(_)
            | State::Asking(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Over) => (state, Action::Wait),
        }
    }

    /// An application may end the call whatever is under way.
    fn on_app_hangup(&self, state: &State) -> (State, Action) {
        match state {
            State::Fresh
            | State::Ringing
            | State::Answering(_)
            | State::Asking(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Streaming(_) => self.end(HangupCause::App),
            State::Over => (State::Over, Action::Wait),
        }
    }

    fn on_ended(state: &State) -> (State, Action) {
        match state {
            State::Fresh
            | State::Ringing
            | State::Answering(_)
            | State::Asking(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Streaming(_) => (State::Over, Action::Hangup(HangupCause::CallEnded)),
            State::Over => (State::Over, Action::Wait),
        }
    }
}
