//! What the SIP side of the caller says during a call.

use std::borrow::Cow;
use std::time::Instant;

use sip_core::endpoint::{EndReason, Ended, EndedBy};

use super::Call;
use super::leg::Said;
use crate::telemetry::millis;

impl Call<'_> {
    pub(super) async fn on_said(&mut self, said: Said) {
        match said {
            Said::Progress(status) => {
                tracing::info!(event = "call.ringing", call = %self.facts.id, status = status.code(), "it rings");
                self.presence.ringing();
            }
            Said::Established => {
                let ms = millis(self.facts.began.elapsed());
                tracing::info!(event = "call.answered", call = %self.facts.id, ms, "answered");
                self.presence.answered();
                self.step(dialplan::Event::Answered).await;
            }
            Said::Digit(digit) => self.on_digit(digit, Instant::now()).await,
            Said::Refer(referral) => self.on_referral(*referral).await,
            Said::Transferred(status) => self.on_transferred(status).await,
            Said::Ended if self.is_handed_on() => {
                tracing::info!(event = "leg.gone", call = %self.facts.id, "the peer has hung up, and another one takes its place");
                if let Some(media) = &mut self.leg.media {
                    media.may_send = false;
                }
            }
            // The run is told; what it says then (clear up) is what happens next anyway.
            Said::Ended => {
                self.run.step(dialplan::Event::Ended);
            }
        }
    }

    pub(super) async fn on_media_events(&mut self) {
        while let Some(said) = self.leg.next_media_event(self.context).await {
            self.on_said(said).await;
        }
        while let Some(far) = &mut self.far {
            let Some(said) = far.leg.next_media_event(self.context).await else { break };
            self.on_far_said(said).await;
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
