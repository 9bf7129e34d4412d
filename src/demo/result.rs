//! The figures of the call, and whether it was what it should be.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use sip_core::endpoint::{EndReason, EndedBy};

use super::app::ECHO_DELAY;
use super::caller::CallReport;
use super::limits::MIN_CORRELATION;
use super::measure;
use super::screen::{Screen, Style};
use super::story::{Outcome, Step};

/// What the demo found; printed as a table, or as JSON.
#[derive(Clone, Debug, Serialize)]
pub struct DemoResult {
    /// The speech came back, interrupted was what was to be interrupted, and no step is missing.
    pub passed: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// INVITE to 200.
    pub setup_ms: f64,
    /// From the caller's mouth to his ear, there and back, without the application's own delay.
    pub mouth_to_ear_ms: Option<f64>,
    /// Correlation of the speech that came back with the speech that was sent.
    pub correlation: Option<f64>,
    /// The worst half second of it.
    pub worst_correlation: Option<f64>,
    /// From `clear` to silence in the caller's ear.
    pub barge_in_ms: Option<f64>,
    /// How much of the greeting the server says it had played.
    pub played_ms: Option<u64>,
    /// Packets received, lost, late.
    pub received: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came too late to be played.
    pub late: u64,
    /// Packets that the server says never came, by RTCP.
    pub server_lost: u64,
    /// Interarrival jitter at the caller (RFC 3550 6.4.1).
    pub jitter_ms: f64,
    /// The codec.
    pub codec: &'static str,
    /// The SRTP suite.
    pub srtp_suite: Option<&'static str>,
    /// TLS of the caller's SIP connection, as the caller sees it.
    pub sip_tls: Option<String>,
    /// From the answer to the end.
    pub talked_ms: f64,
    /// The recording of what the caller heard.
    pub received_wav: PathBuf,
    /// The eight steps.
    pub steps: Vec<Step>,
}

/// What the application reported of the interruption.
#[derive(Clone, Copy, Debug, Default)]
pub struct Interruption {
    /// When `clear` was sent.
    pub at: Option<Instant>,
    /// What `cleared` said.
    pub played_ms: Option<u64>,
}

impl DemoResult {
    /// Measures. `speech` is what the caller said.
    pub fn new(
        report: &CallReport,
        speech: &[i16],
        interruption: Interruption,
        steps: Vec<Step>,
        received_wav: &Path,
    ) -> Self {
        let echo = report.spoken.and_then(|spoken| measure::echo(speech, spoken, &report.heard, ECHO_DELAY));
        let silence = interruption.at.and_then(|at| report.heard.silent_after(at));
        let rtp = &report.rtp;
        let mut result = Self {
            passed: false,
            reasons: Vec::new(),
            setup_ms: ms(report.setup),
            mouth_to_ear_ms: echo.map(|(delay, _)| ms(delay)),
            correlation: echo.map(|(_, found)| thousandths(found.correlation)),
            worst_correlation: echo.map(|(_, found)| thousandths(found.worst)),
            barge_in_ms: silence.map(ms),
            played_ms: interruption.played_ms,
            received: rtp.received,
            lost: u64::try_from(rtp.lost).unwrap_or(0),
            late: rtp.late(),
            server_lost: u64::try_from(rtp.remote_lost).unwrap_or(0),
            jitter_ms: ms(rtp.jitter),
            codec: report.codec.name(),
            srtp_suite: report.suite.map(media_engine::srtp::Suite::name),
            sip_tls: report.tls.map(|tls| tls.to_string()),
            talked_ms: ms(report.talked),
            received_wav: received_wav.into(),
            steps,
        };
        result.judge(report);
        result
    }

    fn judge(&mut self, report: &CallReport) {
        for step in &self.steps {
            if step.outcome == Outcome::Missing {
                let why = step.details.last().map_or("", String::as_str);
                self.reasons.push(format!("step {} did not happen: {why}", step.number));
            }
        }
        match self.correlation {
            None => self.reasons.push("nothing of the speech came back".into()),
            Some(found) if found < MIN_CORRELATION => self.reasons.push(format!(
                "what came back is not the speech that was sent: correlation {found:.3}, needed {MIN_CORRELATION}"
            )),
            Some(_) => {}
        }
        if self.barge_in_ms.is_none() {
            self.reasons.push("the greeting did not stop when the caller spoke".into());
        }
        if self.srtp_suite.is_none() {
            self.reasons.push("the media was not encrypted".into());
        }
        if (report.end.by, report.end.reason) != (EndedBy::Local, EndReason::Bye) {
            self.reasons
                .push(format!("the call did not end as planned: {:?} by {:?}", report.end.reason, report.end.by));
        }
        self.passed = self.reasons.is_empty();
    }

    /// The closing table.
    pub fn show(&self, screen: &mut Screen) {
        let number = |value: Option<f64>, unit: &str| match value {
            Some(value) => format!("{value:.0} {unit}"),
            None => "-".into(),
        };
        screen.line("");
        screen.row(None, "set-up", &number(Some(self.setup_ms), "ms"), "from INVITE to 200");
        let explanation = format!(
            "there and back, both jitter buffers included; the application's own {} ms are taken off",
            ECHO_DELAY.as_millis()
        );
        screen.row(None, "mouth to ear", &number(self.mouth_to_ear_ms, "ms"), &explanation);
        let explanation = self.played_ms.map_or_else(String::new, |played| {
            format!("from clear to silence in the caller's ear; {played} ms of the greeting were played")
        });
        let heard = self.barge_in_ms.is_some();
        screen.row((!heard).then_some(false), "barge-in", &number(self.barge_in_ms, "ms"), &explanation);
        let total = (self.received + self.lost).max(1);
        let share = percent(self.lost, total);
        let explanation = format!("{} of {total} packets, {} late", self.lost, self.late);
        screen.row(None, "loss", &format!("{share:.1} %"), &explanation);
        screen.row(None, "jitter", &format!("{:.1} ms", self.jitter_ms), "interarrival, RFC 3550");
        let explanation = format!("correlation of what came back with what was said; {MIN_CORRELATION} is needed");
        let value = self.correlation.map_or_else(|| "-".into(), |found| format!("{found:.3}"));
        let good = self.correlation.is_some_and(|found| found >= MIN_CORRELATION);
        screen.row(Some(good), "speech", &value, &explanation);
        screen.row(None, "heard", &self.received_wav.display().to_string(), "");
        screen.line("");
        if self.passed {
            let passed = screen.paint(Style::Good, "The speech came back, encrypted on every leg.");
            screen.line(&format!("  {passed}"));
        }
        for reason in &self.reasons {
            let reason = screen.paint(Style::Bad, reason);
            screen.line(&format!("  {reason}"));
        }
    }
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

fn thousandths(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts of packets of one call")]
fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole as f64
}

#[cfg(test)]
mod tests {
    use media_engine::codec::Codec;
    use media_engine::session::Stats;
    use media_engine::srtp::Suite;

    use super::*;
    use crate::demo::caller::End;
    use crate::demo::measure::Track;
    use crate::demo::speech;

    /// A call in which the greeting stops 60 ms after the caller began at 3 s, and the echo comes 500 ms later.
    fn report(echo: &[i16]) -> (CallReport, Interruption) {
        let now = Instant::now();
        let speech_at = 24_000;
        let mut samples = speech::greeting().unwrap()[..speech_at + 800].to_vec();
        samples.resize(speech_at + 4_000, 0);
        samples.extend(echo);
        let report = CallReport {
            setup: Duration::from_micros(123_456),
            talked: Duration::from_secs(10),
            codec: Codec::Pcmu,
            suite: Some(Suite::AeadAes256Gcm),
            tls: None,
            media: ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()),
            heard: Track { began: now, samples },
            spoken: Some(now + Duration::from_secs(3)),
            digits: Vec::new(),
            rtp: Stats::default(),
            end: End { by: EndedBy::Local, reason: EndReason::Bye },
        };
        let interruption = Interruption { at: Some(now + Duration::from_millis(3_060)), played_ms: Some(3_050) };
        (report, interruption)
    }

    fn result(report: &CallReport, interruption: Interruption) -> DemoResult {
        let speech = speech::caller().unwrap();
        DemoResult::new(report, &speech, interruption, Vec::new(), Path::new("x.wav"))
    }

    #[test]
    fn a_good_call_passes_with_its_figures() {
        let (report, interruption) = report(&speech::caller().unwrap());
        let result = result(&report, interruption);
        assert_eq!(result.reasons, Vec::<String>::new());
        assert!(result.passed);
        assert!((result.setup_ms - 123.5).abs() < 0.01);
        assert!((result.mouth_to_ear_ms.unwrap() - 100.0).abs() < 0.2, "{result:?}");
        assert!((result.barge_in_ms.unwrap() - 40.0).abs() < 6.0, "{result:?}");
        let json = serde_json::to_value(&result).unwrap();
        assert_eq!((&json["codec"], &json["srtp_suite"]), (&"PCMU".into(), &"AEAD_AES_256_GCM".into()));
    }

    #[test]
    fn other_speech_silence_or_a_missing_step_fail_with_the_reason() {
        let (other, interruption) = report(&speech::greeting().unwrap());
        assert!(result(&other, interruption).reasons[0].contains("not the speech"));
        let (mut silent, interruption) = report(&[]);
        silent.heard.samples.clear();
        assert!(result(&silent, interruption).reasons[0].contains("nothing"));
        let (good, interruption) = report(&speech::caller().unwrap());
        let step = Step { number: 3, title: "", outcome: Outcome::Missing, details: vec!["why".into()] };
        let missing = DemoResult::new(&good, &speech::caller().unwrap(), interruption, vec![step], Path::new("x.wav"));
        assert_eq!(missing.reasons, ["step 3 did not happen: why"]);
        assert!(!missing.passed);
    }

    #[test]
    fn a_plain_call_and_one_cut_off_do_not_pass() {
        let (mut report, interruption) = report(&speech::caller().unwrap());
        report.suite = None;
        report.end.by = EndedBy::Failure;
        assert_eq!(result(&report, interruption).reasons.len(), 2);
    }
}
