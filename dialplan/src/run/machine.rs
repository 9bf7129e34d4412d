//! The machine: states, and what each event does in each.

use std::sync::Arc;

use super::action::{Action, DialFailure, Event, FlowAction, FlowRefusal, HangupCause, StreamPlan, TransferPlan};
use super::second::{Follow, Second};
use crate::model::{App, Dialplan, Outcome, Route, Trunk};
use crate::value::{HttpsUrl, Name, OnFailure, OnStreamEnd, SoundFile};

/// One call's way through one route.
#[derive(Debug)]
pub struct Run {
    pub(super) route: Arc<Route>,
    pub(super) apps: Vec<Arc<App>>,
    pub(super) trunks: Vec<Arc<Trunk>>,
    /// The trunk the call is on.
    pub(super) trunk: Option<Arc<Trunk>>,
    /// The trunks by which a flow answer may have it connected or passed on.
    pub(super) orderable: Vec<Name>,
    /// For a call that we placed: whom to ask about it, and where.
    pub(super) order: Option<(Name, HttpsUrl)>,
    pub(super) next: usize,
    pub(super) answering: bool,
    pub(super) answered: bool,
    pub(super) requests: u32,
    pub(super) refusal: Option<FlowRefusal>,
    /// Why the last second leg was not reached.
    pub(super) failure: Option<DialFailure>,
    pub(super) state: State,
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
    /// There is a second leg, or a transfer.
    Second(Second),
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
    Bridge(Follow),
    Transfer(TransferPlan, Follow),
    /// The second leg is gone already.
    Ended(Follow),
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
            trunks: plan.trunks.iter().filter(|trunk| trunk.outbound.is_some()).cloned().collect(),
            trunk: None,
            orderable: Vec::new(),
            order: None,
            next: 0,
            answering: false,
            answered: false,
            requests: 0,
            refusal: None,
            failure: None,
            state: State::Fresh,
        }
    }

    /// The same run, on this trunk. Without it no blind transfer is allowed.
    #[must_use]
    pub fn on_trunk(self, trunk: &Arc<Trunk>) -> Self {
        Self { trunk: Some(Arc::clone(trunk)), ..self }
    }

    /// The same run, in which a flow answer may have the call connected or passed on by these trunks, as far as they may.
    /// Without it none may.
    #[must_use]
    pub fn letting_answers_call(self, trunks: &[Name]) -> Self {
        Self { orderable: trunks.to_vec(), ..self }
    }

    /// A run of a call that we placed for `app`. It begins when the far end answers, with [`Event::Answered`]; until then
    /// whatever ends it is a `Hangup`.
    ///
    /// It takes the steps of `route` if [`decide`](crate::decide) found one; a step that asks `app` asks at `flow_url`, the
    /// first time. Without a route, `app` is asked there and the call ends when it is done. `flow_url` is the application's
    /// own one if it is not given, and must be on a host that the application may name.
    pub fn outbound(
        plan: &Dialplan,
        route: Option<&Arc<Route>>,
        app: &Arc<App>,
        flow_url: Option<HttpsUrl>,
    ) -> Result<Self, FlowRefusal> {
        let flow_url = flow_url.unwrap_or_else(|| app.flow_url.clone());
        if !app.trusts(flow_url.host()) {
            return Err(FlowRefusal::FlowHost);
        }
        let route = route.map_or_else(|| Arc::new(Route::asking(app)), Arc::clone);
        let order = Some((app.name.clone(), flow_url));
        Ok(Self { order, answering: true, ..Self::new(plan, &route) })
    }

    /// The route it follows.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// Whether it has said `Reject` or `Hangup`.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Why the last second leg was not reached, if the last one was not.
    pub fn failure(&self) -> Option<DialFailure> {
        self.failure
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
            Event::DialAnswered => self.on_dial_answered(state),
            Event::DialFailed(failure) => self.on_dial_failed(state, failure),
            Event::DialEnded => self.on_dial_ended(state),
            Event::TransferDone => Self::on_transfer_done(state),
            Event::TransferFailed(failure) => self.on_transfer_failed(state, failure),
            Event::AppHangup => self.on_app_hangup(&state),
            Event::Ended => Self::on_ended(&state),
        };
        self.state = state;
        action
    }

    fn on_start(&mut self, state: State) -> (State, Action) {
        match state {
            // A call that we placed begins when it is answered.
            State::Fresh if self.order.is_some() => (State::Fresh, Action::Wait),
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
            | State::Second(_)
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
            | State::Second(_)
            | State::Over) => (state, Action::Wait),
        }
    }

    fn on_answered(&mut self, state: State) -> (State, Action) {
        match state {
            State::Answering(then) => {
                self.answered = true;
                self.carry_out(then)
            }
            State::Fresh if self.order.is_some() => {
                self.answered = true;
                self.next_step()
            }
            state @ (State::Fresh
            | State::Ringing
            | State::Asking(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Streaming(_)
            | State::Second(_)
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
            | State::Second(_)
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
            | State::Second(_)
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
            | State::Second(_)
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
            | State::Second(_)
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
            | State::Second(_)
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
            | State::Streaming(_)
            | State::Second(_) => self.end(HangupCause::App),
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
            | State::Streaming(_)
            | State::Second(_) => (State::Over, Action::Hangup(HangupCause::CallEnded)),
            State::Over => (State::Over, Action::Wait),
        }
    }
}
