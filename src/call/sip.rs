//! What the SIP side says during a call.

use std::borrow::Cow;
use std::time::Instant;

use media_engine::session;
use sip_core::endpoint::{Body, Cause, Command, EndReason, Ended, EndedBy, Event};
use sip_core::sdp::SessionDescription;
use sip_core::wire::StatusCode;

use super::negotiate::{self, Refused};
use super::{Call, Negotiation};
use crate::telemetry::millis;

impl Call<'_> {
    pub(super) async fn on_sip(&mut self, event: Event) {
        match event {
            Event::Ack { sdp } => self.on_ack(sdp).await,
            Event::Reinvite { offer, .. } => self.on_reinvite(offer).await,
            Event::Ended(ended) => {
                self.ended = Some(ended);
                // The run is told; what it says then (clear up) is what happens next anyway.
                self.run.step(dialplan::Event::Ended);
            }
            // The endpoint has answered it. Digits by INFO are not taken in this version: an INFO body may hold anything.
            Event::Info { .. } => tracing::debug!("an INFO was not looked at"),
            Event::ReinviteCancelled | Event::Reinvited { .. } | Event::ReinviteFailed { .. } => {}
            // The first event of an inbound call came with the call; the rest belong to calls that we place.
            Event::Incoming(_) | Event::Progress { .. } | Event::Answered { .. } => {}
        }
    }

    /// The ACK: the dialog stands, and audio may flow.
    async fn on_ack(&mut self, sdp: Option<Body>) {
        match std::mem::replace(&mut self.negotiation, Negotiation::Done) {
            Negotiation::WaitingForAnswer(port, offered) => {
                if let Err(refused) = self.begin_media_from_answer(port, offered, sdp) {
                    return self.give_up(refused).await;
                }
            }
            Negotiation::WaitingForAnswerWithin(offered) => {
                if let Err(refused) = self.change_media_from_answer(offered, sdp) {
                    return self.give_up(refused).await;
                }
            }
            Negotiation::Offered(_) | Negotiation::Early(_) | Negotiation::Delayed | Negotiation::Done => {}
        }
        if let Some(media) = &mut self.media {
            media.may_send = true;
        }
        if self.answered.is_none() {
            self.answered = Some(Instant::now());
            let ms = millis(self.facts.began.elapsed());
            tracing::info!(event = "call.answered", call = %self.facts.id, ms, "answered");
            self.step(dialplan::Event::Answered).await;
        }
    }

    fn begin_media_from_answer(
        &mut self,
        port: super::media::Port,
        offered: negotiate::Offered,
        sdp: Option<Body>,
    ) -> Result<(), Refused> {
        let answer = SessionDescription::parse(sdp.ok_or(Refused::Answer)?.as_bytes())?;
        let choice = negotiate::read_answer(&answer, &offered, &self.facts.policy(false, Some(port.advertised())))?;
        let ours = choice.key.as_ref().and_then(|(tag, _)| offered.take(*tag));
        self.begin_media(port, choice, ours)
    }

    fn change_media_from_answer(&mut self, offered: negotiate::Offered, sdp: Option<Body>) -> Result<(), Refused> {
        let answer = SessionDescription::parse(sdp.ok_or(Refused::Answer)?.as_bytes())?;
        let Some(media) = &mut self.media else { return Err(Refused::Answer) };
        let policy = self.facts.policy(media.suite().is_some(), Some(media.port.advertised()));
        let choice = negotiate::read_answer(&answer, &offered, &policy)?;
        let ours = choice.key.as_ref().and_then(|(tag, _)| offered.take(*tag));
        media.change(choice, ours);
        Ok(())
    }

    /// A re-INVITE or UPDATE: the same rules as for the first offer, and never less secure than before. What is refused leaves
    /// the media as it was.
    async fn on_reinvite(&mut self, offer: Option<Body>) {
        let Some(media) = &mut self.media else {
            // Before the first answer there is nothing to change.
            return self.command(Command::RejectReinvite { status: StatusCode::REQUEST_PENDING }).await;
        };
        let Some(offer) = offer else {
            let offered = media.offered_now();
            let sdp = media.port.description.offer(&self.facts.trunk, &offered);
            self.negotiation = Negotiation::WaitingForAnswerWithin(offered);
            return self.command(Command::AnswerReinvite { sdp: sdp.into() }).await;
        };
        let policy = self.facts.policy(media.suite().is_some(), Some(media.port.advertised()));
        let read = SessionDescription::parse(offer.as_bytes())
            .map_err(Refused::from)
            .and_then(|offer| Ok((negotiate::read_offer(&offer, &policy)?, offer)));
        match read {
            Ok((choice, offer)) => {
                let key = media.key_for(&choice, self.context);
                let sdp = media.port.description.answer(&offer, &choice, key.as_ref());
                tracing::debug!(direction = ?choice.direction, "the session changes");
                media.change(choice, key);
                self.command(Command::AnswerReinvite { sdp: sdp.into() }).await;
            }
            Err(refused) => {
                tracing::info!(
                    event = "reinvite.refused", call = %self.facts.id, reason = refused.as_str(),
                    "change refused, the call goes on: {refused}"
                );
                self.command(Command::RejectReinvite { status: refused.status() }).await;
            }
        }
    }

    /// The answer to our offer cannot be used: the dialog stands already, so it is ended.
    async fn give_up(&mut self, refused: Refused) {
        tracing::info!(event = "call.refused", call = %self.facts.id, reason = refused.as_str(), "call ended: {refused}");
        self.hang_up(Cause::Sip(refused.status())).await;
    }

    pub(super) async fn hang_up(&mut self, cause: Cause) {
        if !self.leaving {
            self.leaving = true;
            self.command(Command::Hangup { reason: Some(cause) }).await;
        }
    }

    pub(super) async fn on_media_events(&mut self, now: Instant) {
        while let Some(event) = self.media.as_mut().and_then(|media| media.session.poll_event()) {
            match event {
                session::Event::FirstAuthenticated => {
                    tracing::info!(event = "media.first_packet", call = %self.facts.id, "the caller's media arrives");
                    if let Some(media) = self.media.as_mut().filter(|media| media.session.is_secure()) {
                        media.may_send = true;
                    }
                }
                session::Event::Digit(digit) => self.on_digit(digit, now),
                session::Event::InboundTimeout { idle } => {
                    tracing::info!(
                        event = "media.timeout", call = %self.facts.id, seconds = idle.as_secs(),
                        "nothing arrives any more: the call is ended"
                    );
                    self.hang_up(Cause::Q850(102)).await;
                }
                session::Event::AuthFailures { run } => tracing::warn!(
                    event = "media.auth_failures", call = %self.facts.id, run,
                    "packets fail authentication: somebody injects, or the keys differ"
                ),
                session::Event::KeyExhausted => self.hang_up(Cause::Q850(41)).await,
                session::Event::SourceLatched { .. } => {
                    tracing::info!(event = "media.latched", call = %self.facts.id, "the caller's media comes from another address");
                }
                session::Event::SsrcConflict { .. } => tracing::warn!(
                    event = "rtp_ssrc_conflict", call = %self.facts.id, "a second stream comes from the caller's address: it is not heard"
                ),
                session::Event::InboundResumed | session::Event::SsrcChanged { .. } | session::Event::RtcpBye => {
                    tracing::debug!(?event, "media");
                }
                _ => {}
            }
        }
    }
}

/// For the log and the call's record.
#[expect(clippy::wildcard_enum_match_arm, reason = "the list is open; what is new there is told in its own words")]
pub(super) fn describe(ended: &Ended) -> (&'static str, Cow<'static, str>) {
    let by = match ended.by {
        EndedBy::Local => "server",
        EndedBy::Remote => "caller",
        EndedBy::Failure => "failure",
    };
    let reason = match &ended.reason {
        EndReason::Bye => "bye".into(),
        EndReason::Cancelled => "cancelled".into(),
        EndReason::Rejected(status) => format!("rejected-{status}").into(),
        EndReason::AckTimeout => "ack-timeout".into(),
        EndReason::SessionExpired => "session-expired".into(),
        EndReason::DialogLost => "dialog-lost".into(),
        EndReason::LastResort => "last-resort".into(),
        EndReason::Transport => "transport".into(),
        EndReason::Shutdown => "shutdown".into(),
        other => format!("{other:?}").into(),
    };
    (by, reason)
}
