//! The application in charge: what it is asked, and what it may order.

use std::sync::Arc;

use super::action::{Action, FlowAction, FlowRefusal, HangupCause, StreamPlan};
use super::machine::{Run, State, Stream, Then, Turn};
use super::second::{Follow, Order};
use crate::limits::MAX_FLOW_REQUESTS;
use crate::model::{App, AppStep, StreamFormat};
use crate::value::{HttpsUrl, OnEnd, OnFailure};

impl Run {
    pub(super) fn first_ask(&mut self, step: &AppStep) -> (State, Action) {
        let Some(app) = self.apps.iter().find(|app| app.name == step.name).cloned() else {
            // A route of another file than the applications: its check would have found it.
            return self.app_failed(step.on_failure.unwrap_or(OnFailure::Hangup));
        };
        // Whoever ordered the call said where its application is asked about it.
        let ordered = self.order.take_if(|(name, _)| *name == app.name).map(|(_, url)| url);
        let url = ordered.unwrap_or_else(|| app.flow_url.clone());
        let turn = Turn {
            on_stream_end: step.on_stream_end.unwrap_or(app.on_stream_end),
            on_failure: step.on_failure.unwrap_or(app.on_failure),
            app,
        };
        self.ask(turn, url)
    }

    pub(super) fn ask(&mut self, turn: Turn, url: HttpsUrl) -> (State, Action) {
        if self.requests >= MAX_FLOW_REQUESTS {
            return self.refuse(&turn, FlowRefusal::TooManyRequests);
        }
        self.requests += 1;
        let app = Arc::clone(&turn.app);
        (State::Asking(turn), Action::AskApp { app, url })
    }

    pub(super) fn obey(&mut self, turn: Turn, answer: FlowAction) -> (State, Action) {
        match answer {
            FlowAction::Hangup => self.end(HangupCause::App),
            FlowAction::Dial { step, next } => {
                let order = Order { to: &step.to, trunk: Some(&step.trunk), from: step.from.as_ref() };
                if let Some(refusal) = self.order_refused(&order) {
                    return self.refuse(&turn, refusal);
                }
                if !trusted(&turn.app, next.as_ref()) {
                    return self.refuse(&turn, FlowRefusal::FlowHost);
                }
                let follow = Follow { ask: next.map(|next| (turn, next)), ..Follow::new(step.on_end, step.on_failure) };
                self.dial(*step, follow)
            }
            FlowAction::Transfer { step, next } => {
                let order = Order { to: &step.to, trunk: step.trunk.as_ref(), from: step.from.as_ref() };
                if let Some(refusal) = self.order_refused(&order) {
                    return self.refuse(&turn, refusal);
                }
                if !trusted(&turn.app, next.as_ref()) {
                    return self.refuse(&turn, FlowRefusal::FlowHost);
                }
                let follow =
                    Follow { ask: next.map(|next| (turn, next)), ..Follow::new(OnEnd::Hangup, step.on_failure) };
                self.transfer(*step, follow)
            }
            FlowAction::Play { url, next } => {
                if !turn.app.trusts(url.host()) {
                    return self.refuse(&turn, FlowRefusal::PlayHost);
                }
                if !trusted(&turn.app, next.as_ref()) {
                    return self.refuse(&turn, FlowRefusal::FlowHost);
                }
                self.once_answered(Then::PlayForApp(turn, url, next))
            }
            FlowAction::Stream { url, dialect, rate, chunk, next } => {
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
                let (rate, chunk) =
                    (rate.or_else(|| same.then_some(own.rate)), chunk.or_else(|| same.then_some(own.chunk)));
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

    pub(super) fn refuse(&mut self, turn: &Turn, refusal: FlowRefusal) -> (State, Action) {
        self.refusal = Some(refusal);
        self.app_failed(turn.on_failure)
    }

    pub(super) fn app_failed(&mut self, on_failure: OnFailure) -> (State, Action) {
        match on_failure {
            OnFailure::Continue => self.next_step(),
            OnFailure::Hangup => self.end(HangupCause::AppFailed),
        }
    }
}

fn trusted(app: &App, next: Option<&HttpsUrl>) -> bool {
    next.is_none_or(|next| app.trusts(next.host()))
}
