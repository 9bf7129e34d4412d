//! The one way out of a call: stop the application, close the media, end the dialog, write the record.

use std::time::Instant;

use ai_bridge::stream::StopReason;
use media_engine::srtp::Suite;

use super::Call;
use super::leg::endpoint_gone;
use super::media::Media;
use super::sip::describe;
use crate::telemetry::millis;

impl Call<'_> {
    pub(super) fn tear_down(mut self) {
        self.stop_activity(StopReason::CallerHangup);
        let now = Instant::now();
        if let Some(media) = &mut self.leg.media {
            media.send_bye(now);
        }
        let ended = self.leg.ended.take().unwrap_or_else(endpoint_gone);
        let (by, reason) = describe(&ended);
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
