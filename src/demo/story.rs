//! The eight steps, told from what the server, the application and the caller report; nothing is told that was not
//! reported. Pure: events in, steps out, in order.

use serde::Serialize;

use super::app::{AppEvent, Happened, TalkEvent};
use super::caller::CallerEvent;
use super::server::ServerEvent;
use super::tls::{short_cipher, short_version};

/// One of the eight steps, done or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// 1 to 8.
    pub number: usize,
    /// What the step is.
    pub title: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// With what, secured by what.
    pub details: Vec<String>,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It happened.
    Done,
    /// It did not happen.
    Missing,
    /// The dialplan did not ask for it.
    NotAsked,
}

/// Collects reports until a step is complete.
#[derive(Debug)]
pub struct Story {
    facts: [Facts; STEPS],
    /// Which reports make a step complete.
    needed: [u8; STEPS],
    told: usize,
    forged_refused: Option<u16>,
    ended: bool,
}

#[derive(Debug, Default)]
struct Facts {
    details: Vec<String>,
    seen: u8,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            facts: Default::default(),
            needed: [BOTH, FIRST, FIRST, FIRST, BOTH, BOTH, BOTH, u8::MAX],
            told: 0,
            forged_refused: None,
            ended: false,
        }
    }
}

impl Story {
    /// A call that somebody else places: nobody tells us what he hears, and he may be polite.
    pub fn of_a_guest() -> Self {
        let mut story = Self::default();
        story.needed[DOWN] = THIRD;
        story
    }

    /// A forged flow request was answered with this status before the call.
    pub fn on_forgery(&mut self, status: u16) {
        self.forged_refused = Some(status);
    }

    /// The server's log.
    pub fn on_server(&mut self, event: &ServerEvent) {
        match event.name.as_str() {
            "call.incoming" => self.tell(IN, FIRST, incoming(event)),
            "media.negotiated" => self.tell(IN, SECOND, negotiated(event)),
            "flow.requested" => self.tell(ASK, FIRST, requested(event)),
            "flow.answered" => self.tell(COMMAND, FIRST, answered(event)),
            "stream.open" => self.tell(STREAM, FIRST, opened(event)),
            "media.first_packet" => self.tell(UP, FIRST, vec!["his first SRTP packet is authentic".into()]),
            "stream.first_audio" => self.tell(DOWN, THIRD, first_audio(event)),
            _ => {}
        }
    }

    /// The application.
    pub fn on_app(&mut self, event: &AppEvent) {
        match &event.what {
            Happened::FlowVerified { keys, .. } => {
                let mut details = vec![format!("the stock library verifies it with its {}", keys_in_words(keys))];
                details.extend(
                    self.forged_refused.map(|status| format!("a forged request was refused before ({status})")),
                );
                self.tell(CHECK, FIRST, details);
            }
            Happened::StreamAccepted { keys, .. } => {
                let details = vec![format!("signed handshake, verified with its {}", keys_in_words(keys))];
                self.tell(STREAM, SECOND, details);
            }
            Happened::Talk(TalkEvent::Heard) => {
                self.tell(UP, SECOND, vec!["PCM inside that TLS connection, and nowhere else".into()]);
            }
            Happened::Talk(TalkEvent::Cleared { played_ms, took }) => {
                let took = took.as_secs_f64() * 1_000.0;
                let details = vec![format!(
                    "interrupted by the caller: clear, answered after {took:.1} ms with {played_ms} ms played"
                )];
                self.tell(DOWN, SECOND, details);
            }
            Happened::Talk(
                TalkEvent::Started { .. }
                | TalkEvent::Interrupted
                | TalkEvent::Mark { .. }
                | TalkEvent::Echoing
                | TalkEvent::Stopped { .. }
                | TalkEvent::Digit { .. }
                | TalkEvent::Odd,
            )
            | Happened::Refused { .. }
            | Happened::StreamEnded { .. } => {}
        }
    }

    /// The caller.
    pub fn on_caller(&mut self, event: &CallerEvent) {
        match event {
            CallerEvent::Heard => self.tell(DOWN, FIRST, vec!["heard by the caller, through SRTP".into()]),
            CallerEvent::Ringing { .. }
            | CallerEvent::Answered { .. }
            | CallerEvent::Speaking
            | CallerEvent::Tick { .. } => {}
        }
    }

    /// The call is over: what has not been reported by now is missing.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next step that can be told; in order.
    pub fn poll_step(&mut self) -> Option<Step> {
        let facts = self.facts.get_mut(self.told)?;
        let done = facts.seen & self.needed[self.told] == self.needed[self.told];
        if !done && !self.ended {
            return None;
        }
        let recording = self.told == RECORD;
        let mut details = std::mem::take(&mut facts.details);
        if recording {
            details.push(
                "this dialplan asks for none, and none is made (sealed recordings are not in this version)".into(),
            );
        } else if !done {
            details.push(MISSING[self.told].into());
        }
        self.told += 1;
        Some(Step {
            number: self.told,
            title: TITLES[self.told - 1],
            outcome: match (recording, done) {
                (true, _) => Outcome::NotAsked,
                (false, true) => Outcome::Done,
                (false, false) => Outcome::Missing,
            },
            details,
        })
    }

    fn tell(&mut self, step: usize, part: u8, details: Vec<String>) {
        let facts = &mut self.facts[step];
        if facts.seen & part == 0 {
            facts.seen |= part;
            // The first part is told first, whichever came first.
            if part == FIRST {
                facts.details.splice(0..0, details);
            } else {
                facts.details.extend(details);
            }
        }
    }
}

fn incoming(event: &ServerEvent) -> Vec<String> {
    let transport = event.text("transport").to_uppercase();
    vec![match tls(event) {
        Some(tls) => format!("SIP over {tls}"),
        None => format!("SIP over {transport}, not encrypted"),
    }]
}

fn negotiated(event: &ServerEvent) -> Vec<String> {
    let (suite, keying, codec) = (event.text("srtp_suite"), event.text("keying"), event.text("codec"));
    if suite.is_empty() || suite == "none" {
        return vec![format!("{} over plain RTP, not encrypted", codec.to_uppercase())];
    }
    let keying = if keying.is_empty() { "SDES".into() } else { keying.to_uppercase() };
    vec![format!("{} over SRTP {suite} ({keying})", codec.to_uppercase())]
}

fn requested(event: &ServerEvent) -> Vec<String> {
    vec![
        format!("incoming_call to https://{}", event.text("url_host")),
        format!("HMAC-SHA256 with keys {}", event.text("key_ids")),
    ]
}

fn answered(event: &ServerEvent) -> Vec<String> {
    let mut details = vec![format!("\"{}\"", event.text("action"))];
    details.extend(event.number("ms").map(|ms| format!("after {ms:.0} ms")));
    details.extend(tls(event));
    details
}

fn opened(event: &ServerEvent) -> Vec<String> {
    let mut details = Vec::new();
    details.extend(tls(event).map(|tls| format!("wss over {tls}")));
    let rate = event.number("rate").map_or_else(String::new, |rate| format!(" at {} kHz", rate / 1_000.0));
    details.push(format!("{}{rate}", event.text("dialect")));
    details
}

fn first_audio(event: &ServerEvent) -> Vec<String> {
    event.number("ms").map(|ms| format!("its first frame left {ms:.0} ms after the INVITE")).into_iter().collect()
}

fn tls(event: &ServerEvent) -> Option<String> {
    let (version, cipher) = (event.text("tls_version"), event.text("tls_cipher"));
    let group = match event.text("tls_group").as_str() {
        "" | "none" => String::new(),
        group if group.contains("MLKEM") => format!(", {group} (post-quantum)"),
        group => format!(", {group}"),
    };
    (!version.is_empty() && version != "none")
        .then(|| format!("{} {}{group}", short_version(&version), short_cipher(&cipher)))
}

fn keys_in_words(keys: &[String]) -> String {
    match keys {
        [one] => format!("key {one}"),
        many => format!("keys {}", many.join(" and ")),
    }
}

const STEPS: usize = 8;
const IN: usize = 0;
const ASK: usize = 1;
const CHECK: usize = 2;
const COMMAND: usize = 3;
const STREAM: usize = 4;
const UP: usize = 5;
const DOWN: usize = 6;
const RECORD: usize = 7;

const FIRST: u8 = 1;
const SECOND: u8 = 2;
/// Told when it comes in time; only the story of a guest waits for it.
const THIRD: u8 = 4;
const BOTH: u8 = FIRST | SECOND;

const TITLES: [&str; STEPS] = [
    "A call comes in over a trunk",
    "The application is asked",
    "The application checks the signature",
    "The application answers",
    "A WebSocket is opened",
    "The caller's voice goes to the application",
    "The application's voice comes back",
    "The call is recorded",
];

const MISSING: [&str; STEPS] = [
    "the server reported no call with negotiated media",
    "the server sent no flow request",
    "the application verified no flow request",
    "the application's answer did not arrive",
    "no stream was opened and accepted",
    "no audio arrived at the application",
    "the caller heard nothing, or could not interrupt",
    "",
];

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::demo::tls::TlsFacts;

    fn server(line: &str) -> ServerEvent {
        ServerEvent::parse(line).unwrap()
    }

    fn app(what: Happened) -> AppEvent {
        AppEvent { at: Instant::now(), what }
    }

    fn steps(story: &mut Story) -> Vec<Step> {
        std::iter::from_fn(|| story.poll_step()).collect()
    }

    const TLS: TlsFacts = TlsFacts { version: "TLS 1.3", cipher: "TLS13_AES_256_GCM_SHA384" };

    #[test]
    fn a_whole_call_is_told_in_order_with_what_secures_it() {
        let mut story = Story::default();
        story.on_forgery(401);
        story.on_server(&server(
            r#"{"event":"media.negotiated","codec":"pcmu","srtp_suite":"AEAD_AES_256_GCM","keying":"sdes"}"#,
        ));
        assert_eq!(steps(&mut story), []);
        // The application may be faster than the server's log: step 3 waits for step 2.
        story.on_app(&app(Happened::FlowVerified { keys: vec!["new (a1)".into(), "old (b2)".into()], tls: TLS }));
        story.on_server(&server(
            r#"{"event":"call.incoming","transport":"tls","tls_version":"1.3","tls_cipher":"TLS13_AES_256_GCM_SHA384"}"#,
        ));
        let first = steps(&mut story);
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].details, ["SIP over TLS 1.3 AES_256_GCM_SHA384", "PCMU over SRTP AEAD_AES_256_GCM (SDES)"]);
        story.on_server(&server(r#"{"event":"flow.requested","url_host":"localhost","key_ids":["a1","b2"]}"#));
        let next = steps(&mut story);
        assert_eq!(next.iter().map(|step| step.number).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(next[0].details[1], "HMAC-SHA256 with keys a1, b2");
        assert!(next[1].details[1].contains("refused before (401)"));
        story.on_server(&server(r#"{"event":"flow.answered","action":"stream","ms":3,"tls_version":"1.3","tls_cipher":"X","tls_group":"MLKEM768"}"#));
        assert_eq!(steps(&mut story)[0].details[2], "TLS 1.3 X, MLKEM768 (post-quantum)");
        story.on_server(&server(
            r#"{"event":"stream.open","dialect":"native.v1","rate":16000,"tls_version":"TLSv1_3"}"#,
        ));
        story.on_app(&app(Happened::StreamAccepted { keys: vec!["new (a1)".into()], tls: TLS }));
        story.on_server(&server(r#"{"event":"media.first_packet"}"#));
        story.on_server(&server(r#"{"event":"stream.first_audio","ms":61.4}"#));
        story.on_app(&app(Happened::Talk(TalkEvent::Heard)));
        story.on_caller(&CallerEvent::Heard);
        assert_eq!(steps(&mut story).last().unwrap().number, 6);
        story.on_app(&app(Happened::Talk(TalkEvent::Cleared { played_ms: 3_060, took: Duration::from_millis(2) })));
        story.end();
        let rest = steps(&mut story);
        assert_eq!((rest[0].outcome, rest[1].outcome), (Outcome::Done, Outcome::NotAsked));
        assert!(rest[0].details.last().is_some_and(|detail| detail.contains("3060 ms")));
    }

    #[test]
    fn of_a_guest_the_server_alone_says_that_he_hears() {
        let mut story = Story::of_a_guest();
        story.on_server(&server(r#"{"event":"stream.first_audio","ms":80}"#));
        story.end();
        let told = steps(&mut story);
        assert_eq!(told[6].outcome, Outcome::Done);
        assert_eq!(told[6].details, ["its first frame left 80 ms after the INVITE"]);
    }

    #[test]
    fn what_was_not_reported_is_missing_in_the_end() {
        let mut story = Story::default();
        story.on_server(&server(r#"{"event":"call.incoming","transport":"udp"}"#));
        story.end();
        let told = steps(&mut story);
        assert_eq!(told.len(), 8);
        assert!(told[..7].iter().all(|step| step.outcome == Outcome::Missing));
        assert_eq!(told[0].details[0], "SIP over UDP, not encrypted");
    }
}
