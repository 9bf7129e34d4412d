//! What the dialplan's run says is to be done.

use dialplan::{Action, Event};
use sip_core::endpoint::Cause;
use sip_core::wire::StatusCode;

use super::Call;
use super::activity::Activity;
use super::agree::AgreeError;
use super::app::obeyed;

impl Call<'_> {
    /// Does what the run says, until something has to be waited for.
    pub(super) async fn carry_out(&mut self, mut action: Action) {
        loop {
            if self.leg.leaving {
                // The call ends: nothing is begun any more, and nobody called.
                return;
            }
            let event = match action {
                Action::Wait => return,
                Action::Ring => match self.leg.ring(self.context).await {
                    Ok(()) => Event::Rang,
                    Err(error) => return self.no_media(&error).await,
                },
                Action::Answer => return self.answer().await,
                Action::AskApp { app, url } => {
                    self.presence.belongs_to(&app.name);
                    match self.first.take() {
                        // Whoever ordered the call has said what is to be done first.
                        Some(answer) => obeyed(answer).map_or(Event::FlowFailed, Event::FlowAnswered),
                        None => match self.ask(&app, &url) {
                            Some(asking) => return self.activity = asking,
                            None => Event::FlowFailed,
                        },
                    }
                }
                Action::OpenStream(plan) => match self.open(*plan) {
                    Some(opening) => return self.activity = opening,
                    None => Event::StreamFailed,
                },
                Action::PlayFile(file) => match self.context.shared.loaded.sounds.get(file.path()) {
                    Some(sound) => return self.activity = Activity::Playing(sound.play()),
                    None => Event::PlayFailed,
                },
                Action::PlayEarly(file) => match self.context.shared.loaded.sounds.get(file.path()) {
                    Some(sound) if self.early_media().await => return self.activity = Activity::Playing(sound.play()),
                    Some(_) if self.leg.leaving => return,
                    Some(_) | None => Event::PlayFailed,
                },
                Action::PlayUrl { app, url } => match self.fetch(&app, &url) {
                    Some(fetching) => return self.activity = fetching,
                    None => Event::PlayFailed,
                },
                Action::Dial(plan) => match self.dial(*plan).await {
                    None => return,
                    Some(failed) => failed,
                },
                Action::Bridge => return self.bridge(),
                Action::Transfer(plan) => match self.transfer(plan).await {
                    None => return,
                    Some(failed) => failed,
                },
                Action::Reject(reject) => return self.reject(&reject).await,
                Action::Hangup(cause) => {
                    tracing::debug!(cause = cause.as_str(), "the run ends the call");
                    return self.end_call(cause).await;
                }
            };
            action = self.run.step(event);
        }
    }

    /// A sound has been played to its end.
    pub(super) async fn on_played(&mut self) {
        self.activity = Activity::Idle;
        self.step(Event::PlayEnded).await;
    }

    async fn reject(&mut self, reject: &dialplan::Reject) {
        self.activity = Activity::Idle;
        let status = StatusCode::new(reject.status).unwrap_or(StatusCode::DECLINE);
        tracing::info!(event = "call.refused", call = %self.facts.id, reason = "route", status = reject.status, "refused by the route");
        self.leg.reject(status, Cause::Sip(status), self.context).await;
    }

    /// Opens the way to the caller's ear before the answer; says whether there is one.
    async fn early_media(&mut self) -> bool {
        match self.leg.answer_early(self.context).await {
            Ok(open) => open,
            Err(error) => {
                self.no_media(&error).await;
                false
            }
        }
    }

    async fn answer(&mut self) {
        if let Err(error) = self.leg.answer(self.context).await {
            self.no_media(&error).await;
        }
    }

    pub(super) async fn no_media(&mut self, error: &AgreeError) {
        tracing::error!(event = "call.refused", call = %self.facts.id, reason = "media", %error, "no media");
        let (status, cause) = match error {
            AgreeError::Port(_) => (StatusCode::SERVICE_UNAVAILABLE, 34),
            AgreeError::Refused(refused) => (refused.status(), 88),
        };
        self.leg.reject(status, Cause::Q850(cause), self.context).await;
    }
}
