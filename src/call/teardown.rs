//! The one way out of a call: stop the application, close the media, end the dialog, write the record.

use std::time::Instant;

use ai_bridge::stream::StopReason;
use media_engine::srtp::Suite;
use sip_core::endpoint::EndReason;

use super::Call;
use super::leg::endpoint_gone;
use super::media::Media;
use super::sip::describe;
use crate::control::CallState;
use crate::telemetry::millis;

impl Call<'_> {
    pub(super) fn tear_down(mut self) {
        self.stop_activity(StopReason::CallerHangup);
        for leg in [self.far.take().map(|far| far.leg), self.next.take().map(|next| next.leg)].into_iter().flatten() {
            self.part_from(leg);
        }
        let now = Instant::now();
        if let Some(media) = &mut self.leg.media {
            media.send_bye(now);
        }
        let ended = self.leg.ended.take().unwrap_or_else(endpoint_gone);
        let (by, reason) = describe(&ended);
        let told = self.reason.take().unwrap_or_else(|| told(ended.reason).to_owned());
        self.presence.ended(CallState::Completed, told);
        let talk_ms = self.leg.answered.map_or(0, |answered| millis(now.duration_since(answered)));
        let duration_ms = millis(now.duration_since(self.facts.began));
        let stats = self.leg.media.as_ref().map(|media| media.session.stats().clone()).unwrap_or_default();
        let refused: Vec<String> = stats
            .refusals()
            .filter(|(_, count)| *count > 0)
            .map(|(refusal, count)| format!("{}={count}", refusal.name()))
            .collect();
        tracing::info!(
            event = "call.ended", call = %self.facts.id, trunk = %self.leg.peer.trunk.name, by, reason = &*reason,
            answered = self.leg.answered.is_some(), duration_ms, talk_ms,
            srtp_suite = self.leg.media.as_deref().and_then(Media::suite).map_or("none", Suite::name),
            rtp_received = stats.received, rtp_sent = stats.sent, rtp_lost = stats.lost,
            jitter_ms = stats.jitter.as_secs_f64() * 1e3, plc_frames = stats.plc_frames,
            round_trip_ms = stats.round_trip.map(|time| time.as_secs_f64() * 1e3), remote_lost = stats.remote_lost,
            refused = refused.join(" "), "call over"
        );
    }
}

/// An end in the words of the API.
#[expect(clippy::wildcard_enum_match_arm, reason = "the list is open; what is new there is a failure here")]
fn told(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Bye => "hangup",
        EndReason::Cancelled => "canceled",
        EndReason::NoAnswer => "no_answer",
        EndReason::Refused(status) | EndReason::Rejected(status) => match status.code() {
            486 | 600 => "busy",
            408 | 480 | 487 => "no_answer",
            401 | 403 | 407 | 603 | 607 | 608 => "declined",
            404 | 410 | 484 | 604 => "not_found",
            _ => "failed",
        },
        _ => "failed",
    }
}
