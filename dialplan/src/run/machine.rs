//! The machine: states, and what each event does in each.

use std::sync::Arc;

use super::action::{Action, Event, FlowAction, FlowRefusal, HangupCause, StreamPlan};
use crate::limits::MAX_FLOW_REQUESTS;
use crate::model::{
    App, AppStep, Dialplan, Outcome, Reject, Route, Step, StreamFormat, StreamStep,
};
use crate::value::{HttpsUrl, OnFailure, OnStreamEnd, SoundFile};

/// One call's way through one route.
#[derive(Debug)]
pub struct Run {
    route: Arc<Route>,
    apps: Vec<Arc<App>>,
    next: usize,
    answering: bool,
    answered: bool,
    requests: u32,
    refusal: Option<FlowRefusal>,
    state: State,
}

/// Where the run stands: which action is under way.
#[derive(Debug)]
enum State {
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
enum Then {
    NextStep,
    Play(SoundFile),
    PlayForApp(Turn, HttpsUrl, Option<HttpsUrl>),
    Stream(Box<StreamPlan>, Stream),
}

/// An application in charge of the call, with the rules of its step.
#[derive(Clone, Debug)]
struct Turn {
    app: Arc<App>,
    on_stream_end: OnStreamEnd,
    on_failure: OnFailure,
}

/// What follows a stream.
#[derive(Debug)]
struct Stream {
    on_stream_end: OnStreamEnd,
    on_failure: OnFailure,
    ask: Option<(Turn, HttpsUrl)>,
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
            Event::AppHangup => self.on_app_hangup(state),
            Event::Ended => Self::on_ended(state),
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
            State::Streaming(Stream {
                ask: Some((turn, next)),
                ..
            }) => self.ask(turn, next),
            State::Streaming(Stream {
                on_stream_end: OnStreamEnd::Continue,
                ..
            }) => self.next_step(),
            State::Streaming(Stream {
                on_stream_end: OnStreamEnd::Hangup,
                ..
            }) => (State::Over, Action::Hangup(HangupCause::StreamEnded)),
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
    fn on_app_hangup(&self, state: State) -> (State, Action) {
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

    fn on_ended(state: State) -> (State, Action) {
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

/// The steps of the route.
impl Run {
    fn next_step(&mut self) -> (State, Action) {
        while let Some(step) = self.step_at(self.next) {
            self.next += 1;
            match step {
                Step::Ring if self.answered => {}
                Step::Answer if self.answered => {}
                Step::Ring => return (State::Ringing, Action::Ring),
                Step::Answer => return self.once_answered(Then::NextStep),
                Step::Play(play) => return self.once_answered(Then::Play(play.file)),
                Step::App(step) => return self.first_ask(&step),
                Step::Stream(step) => return self.direct_stream(step),
                Step::Hangup => return self.end(HangupCause::RouteEnded),
            }
        }
        self.end(HangupCause::RouteEnded)
    }

    fn step_at(&self, index: usize) -> Option<Step> {
        match &self.route.outcome {
            Outcome::Do(steps) => steps.get(index).cloned(),
            Outcome::Reject(_) => None,
        }
    }

    /// What needs audio answers the call first.
    fn once_answered(&mut self, then: Then) -> (State, Action) {
        if self.answered {
            return self.carry_out(then);
        }
        self.answering = true;
        (State::Answering(then), Action::Answer)
    }

    fn carry_out(&mut self, then: Then) -> (State, Action) {
        match then {
            Then::NextStep => self.next_step(),
            Then::Play(file) => (State::Playing, Action::PlayFile(file)),
            Then::PlayForApp(turn, url, next) => {
                let app = Arc::clone(&turn.app);
                (
                    State::PlayingForApp(turn, next),
                    Action::PlayUrl { app, url },
                )
            }
            Then::Stream(plan, stream) => (State::Streaming(stream), Action::OpenStream(plan)),
        }
    }

    fn direct_stream(&mut self, step: StreamStep) -> (State, Action) {
        let stream = Stream {
            on_stream_end: step.on_stream_end,
            on_failure: step.on_failure,
            ask: None,
        };
        let plan = StreamPlan {
            format: step.format(),
            private_hosts: if step.private_address {
                vec![step.url.host().clone()]
            } else {
                Vec::new()
            },
            url: step.url,
            signing: step.signing,
            ca: step.ca,
            timeout: step.timeout,
            account: step
                .account
                .as_ref()
                .unwrap_or(&self.route.name)
                .to_string(),
            app: None,
        };
        self.once_answered(Then::Stream(Box::new(plan), stream))
    }

    /// Ends the call: by BYE if it is answered, by a final response if it is not.
    fn end(&self, cause: HangupCause) -> (State, Action) {
        let status = match cause {
            HangupCause::AppFailed => 503,
            HangupCause::App
            | HangupCause::RouteEnded
            | HangupCause::StreamEnded
            | HangupCause::CallEnded => 603,
        };
        // Once `Answer` was said the 200 may have left: only a BYE is safe then.
        let action = if self.answering {
            Action::Hangup(cause)
        } else {
            Action::Reject(Reject::from(status))
        };
        (State::Over, action)
    }
}

/// The application in charge.
impl Run {
    fn first_ask(&mut self, step: &AppStep) -> (State, Action) {
        let Some(app) = self.apps.iter().find(|app| app.name == step.name).cloned() else {
            // A route of another file than the applications: its check would have found it.
            return self.app_failed(step.on_failure.unwrap_or(OnFailure::Hangup));
        };
        let url = app.flow_url.clone();
        let turn = Turn {
            on_stream_end: step.on_stream_end.unwrap_or(app.on_stream_end),
            on_failure: step.on_failure.unwrap_or(app.on_failure),
            app,
        };
        self.ask(turn, url)
    }

    fn ask(&mut self, turn: Turn, url: HttpsUrl) -> (State, Action) {
        if self.requests >= MAX_FLOW_REQUESTS {
            return self.refuse(&turn, FlowRefusal::TooManyRequests);
        }
        self.requests += 1;
        let app = Arc::clone(&turn.app);
        (State::Asking(turn), Action::AskApp { app, url })
    }

    fn obey(&mut self, turn: Turn, answer: FlowAction) -> (State, Action) {
        match answer {
            FlowAction::Hangup => self.end(HangupCause::App),
            FlowAction::Play { url, next } => {
                if !turn.app.trusts(url.host()) {
                    return self.refuse(&turn, FlowRefusal::PlayHost);
                }
                if !trusted(&turn.app, next.as_ref()) {
                    return self.refuse(&turn, FlowRefusal::FlowHost);
                }
                self.once_answered(Then::PlayForApp(turn, url, next))
            }
            FlowAction::Stream {
                url,
                dialect,
                rate,
                chunk,
                next,
            } => {
                let own = turn.app.format();
                let dialect = dialect.unwrap_or(own.dialect);
                if !turn.app.trusts(url.host()) {
                    return self.refuse(&turn, FlowRefusal::StreamHost);
                }
                if !trusted(&turn.app, next.as_ref()) {
                    return self.refuse(&turn, FlowRefusal::FlowHost);
                }
                if rate.is_some_and(|rate| !dialect.has_rate(rate)) {
                    return self.refuse(&turn, FlowRefusal::Rate);
                }
                // What the file says of one dialect says nothing of another.
                let same = dialect == own.dialect;
                let (rate, chunk) = (
                    rate.or(same.then_some(own.rate)),
                    chunk.or(same.then_some(own.chunk)),
                );
                let plan = StreamPlan {
                    url,
                    format: StreamFormat::new(dialect, rate, chunk),
                    signing: turn.app.signing.clone(),
                    ca: turn.app.ca.clone(),
                    private_hosts: turn.app.private_hosts.clone(),
                    timeout: turn.app.stream_timeout,
                    account: turn.app.account().to_owned(),
                    app: Some(turn.app.name.clone()),
                };
                let stream = Stream {
                    on_stream_end: turn.on_stream_end,
                    on_failure: turn.on_failure,
                    ask: next.map(|next| (turn, next)),
                };
                self.once_answered(Then::Stream(Box::new(plan), stream))
            }
        }
    }

    fn refuse(&mut self, turn: &Turn, refusal: FlowRefusal) -> (State, Action) {
        self.refusal = Some(refusal);
        self.app_failed(turn.on_failure)
    }

    fn app_failed(&mut self, on_failure: OnFailure) -> (State, Action) {
        match on_failure {
            OnFailure::Continue => self.next_step(),
            OnFailure::Hangup => self.end(HangupCause::AppFailed),
        }
    }
}

fn trusted(app: &App, next: Option<&HttpsUrl>) -> bool {
    next.is_none_or(|next| app.trusts(next.host()))
}
