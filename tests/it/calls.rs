//! Whole calls: what a caller hears, and what is left when he has gone.

use std::time::Duration;

use media_engine::dtmf::Key;
use media_engine::srtp::Suite;
use sip_core::endpoint::{EndReason, EndedBy};
use strongline::demo::app::{Happened, TalkEvent};
use strongline::demo::caller::{CallError, HangUp, Protection, Sound, Touch, Via};

use crate::harness::{Lab, PLAIN, Phone, likeness, place, rtp_packets, sdp, settle, tone};

const TO_APP: &str = "[[route]]\nname = \"app\"\ndo = [{ app = \"echo\" }]";
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_application_hears_the_caller_and_the_caller_the_application() {
    let mut lab = Lab::new();
    let server = lab.serve("", TO_APP);
    let said = tone(2 * SECOND);
    let mut call = lab.call().say(Sound::Speech(said.clone())).hang_up(HangUp::AfterSpeech(2 * SECOND));
    // The greeting is over by then, or is interrupted by the speech.
    call.say_after = Duration::from_millis(500);
    let report = place(call).unwrap();
    assert_eq!(report.suite, Some(Suite::AeadAes256Gcm), "the strongest suite both have");
    assert_eq!(report.tls.as_ref().unwrap().version, "TLS 1.3");
    assert!(likeness(&said, &report) > 0.9, "correlation {}", likeness(&said, &report));
    assert_eq!(report.rtp.lost, 0);
    settle(&server);
    server.stop(SECOND);
    let mut seen = Vec::new();
    while let Ok(event) = lab.app_events.try_recv() {
        match event.what {
            Happened::FlowVerified { keys, .. } => seen.push(format!("flow {}", keys.join(" "))),
            Happened::StreamAccepted { keys, .. } => seen.push(format!("stream {}", keys.join(" "))),
            Happened::Refused { reason, .. } => panic!("the application refused: {reason}"),
            Happened::Talk(TalkEvent::Cleared { .. }) => seen.push("cleared".to_owned()),
            _ => {}
        }
    }
    for signed in ["flow new", "stream new"] {
        assert!(
            seen.iter().any(|event| event.starts_with(signed) && event.contains(" old ")),
            "both keys sign: {seen:?}"
        );
    }
    assert!(seen.contains(&"cleared".to_owned()), "the greeting was interrupted: {seen:?}");
}

#[test]
fn every_suite_carries_the_sound_of_a_route() {
    let lab = Lab::new();
    let said = lab.tone("tone.wav", SECOND);
    let suites = "suites = [\"AEAD_AES_256_GCM\", \"AEAD_AES_128_GCM\", \"AES_256_CM_HMAC_SHA1_80\", \
                  \"AES_CM_128_HMAC_SHA1_80\", \"AES_CM_128_HMAC_SHA1_32\"]";
    let server =
        lab.serve(suites, "[[route]]\nname = \"tone\"\ndo = [{ play = { file = \"tone.wav\" } }, { hangup = {} }]");
    for suite in [
        Suite::AeadAes256Gcm,
        Suite::AeadAes128Gcm,
        Suite::AesCm256Sha1_80,
        Suite::AesCm128Sha1_80,
        Suite::AesCm128Sha1_32,
    ] {
        let mut call = lab.call().hang_up(HangUp::Callee { within: 5 * SECOND });
        call.protection = Protection::Srtp(vec![suite]);
        let report = place(call).unwrap();
        assert_eq!(report.suite, Some(suite));
        assert!(likeness(&said, &report) > 0.95, "{}: correlation {}", suite.name(), likeness(&said, &report));
        assert_eq!((report.end.by, report.end.reason), (EndedBy::Remote, EndReason::Bye), "the route hangs up");
    }
    settle(&server);
    server.stop(SECOND);
}

#[test]
fn plain_calls_are_taken_only_where_danger_says_so() {
    let lab = Lab::new();
    let said = lab.tone("tone.wav", SECOND);
    let route = "[[route]]\nname = \"tone\"\ndo = [{ play = { file = \"tone.wav\" } }]";
    let server = lab.serve(&format!("srtp = \"preferred\"\n{PLAIN}"), route);
    for (via, address) in [(Via::Udp, lab.udp), (Via::Tcp, lab.tcp)] {
        let mut call = lab.call().hang_up(HangUp::Callee { within: 5 * SECOND });
        (call.via, call.server, call.protection) = (via, address, Protection::Plain);
        let report = place(call).unwrap();
        assert_eq!(report.suite, None);
        assert!(likeness(&said, &report) > 0.95);
    }
    settle(&server);
    server.stop(SECOND);

    let lab = Lab::new();
    lab.tone("tone.wav", SECOND);
    let server = lab.serve("", route);
    for (via, address) in [(lab.call().via, lab.tls), (Via::Udp, lab.udp), (Via::Tcp, lab.tcp)] {
        let mut call = lab.call();
        (call.via, call.server, call.protection) = (via, address, Protection::Plain);
        assert_refused(&place(call), 488);
    }
    // Keys that came in the clear are worth nothing (RFC 4568 8.1).
    let mut call = lab.call();
    (call.via, call.server) = (Via::Udp, lab.udp);
    assert_refused(&place(call), 488);
    settle(&server);
    server.stop(SECOND);
}

#[test]
fn routes_refuse_and_unknown_numbers_are_not_found() {
    let lab = Lab::new();
    let server = lab
        .serve("", "[[route]]\nname = \"no\"\nwhen = { to = \"+1900*\" }\nreject = { status = 603, reason = \"No\" }");
    let mut call = lab.call();
    "+19005550100".clone_into(&mut call.to);
    assert_refused(&place(call), 603);
    assert_refused(&place(lab.call()), 404);
    settle(&server);
    server.stop(SECOND);
}

#[test]
fn a_dead_application_is_the_routes_choice() {
    let mut lab = Lab::new();
    lab.tone("sorry.wav", SECOND);
    let dead = lab.path("strongline.toml");
    let routes = "[[route]]\nname = \"go on\"\nwhen = { to = \"+14155550100\" }\n\
                  do = [{ app = { name = \"echo\", on_failure = \"continue\" } }, { play = { file = \"sorry.wav\" } }]\n\
                  [[route]]\nname = \"end\"\ndo = [{ app = \"echo\" }]";
    lab.dialplan("", routes);
    // Nobody listens at the application's address any more.
    let text = std::fs::read_to_string(&dead).unwrap();
    let gone = strongline::demo::files::free_port().unwrap();
    std::fs::write(
        &dead,
        text.replace(&format!("localhost:{}", lab.app.address().port()), &format!("localhost:{gone}")),
    )
    .unwrap();
    let loaded = strongline::config::Loaded::load(&dead).unwrap();
    let server = strongline::server::Server::start(loaded, strongline::server::Options::default()).unwrap();
    let report = place(lab.call().hang_up(HangUp::Callee { within: 8 * SECOND })).unwrap();
    assert!(likeness(&tone(SECOND), &report) > 0.95, "the caller hears the apology");
    let mut call = lab.call();
    "+14155550199".clone_into(&mut call.to);
    assert_refused(&place(call), 503);
    settle(&server);
    server.stop(SECOND);
    assert!(lab.app_events.try_recv().is_err(), "nobody was asked");
}

#[test]
fn digits_reach_the_application_once_each() {
    let mut lab = Lab::new();
    let server = lab.serve("", TO_APP);
    let mut call = lab.call().hang_up(HangUp::After(3 * SECOND));
    call.digits = "1*#9"
        .chars()
        .enumerate()
        .map(|(place, key)| Touch {
            after: Duration::from_millis(500 + 400 * place as u64),
            key: Key::from_char(key).unwrap(),
            length: Duration::from_millis(120),
        })
        .collect();
    place(call).unwrap();
    settle(&server);
    server.stop(SECOND);
    let mut digits = String::new();
    while let Ok(event) = lab.app_events.try_recv() {
        if let Happened::Talk(TalkEvent::Digit { digit }) = event.what {
            digits.push(digit);
        }
    }
    assert_eq!(digits, "1*#9");
}

#[test]
fn early_media_is_heard_before_the_answer() {
    let lab = Lab::new();
    lab.tone("early.wav", SECOND);
    let route =
        "[[route]]\nname = \"early\"\ndo = [{ play = { file = \"early.wav\", early = true } }, { hangup = {} }]";
    let server = lab.serve(&format!("srtp = \"preferred\"\n{PLAIN}"), route);
    let mut phone = Phone::new(lab.udp);
    let media = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.request("INVITE", &sdp(&media));
    let early = phone.response();
    assert!(early.starts_with("SIP/2.0 183") && early.contains("m=audio"), "{early}");
    assert_eq!(rtp_packets(&media, 40), 40, "the tone is heard");
    // The route's end refuses the call: it was never answered.
    let refused = phone.response();
    assert!(refused.starts_with("SIP/2.0 603"), "{refused}");
    phone.request("ACK", "");
    settle(&server);
    server.stop(SECOND);
}

#[test]
fn an_invite_without_an_offer_gets_ours_and_the_ack_answers_it() {
    let lab = Lab::new();
    lab.tone("tone.wav", SECOND);
    let route = "[[route]]\nname = \"tone\"\ndo = [{ play = { file = \"tone.wav\" } }]";
    let server = lab.serve(&format!("srtp = \"preferred\"\n{PLAIN}"), route);
    let mut phone = Phone::new(lab.udp);
    phone.request("INVITE", "");
    let ok = phone.response();
    assert!(ok.starts_with("SIP/2.0 200") && ok.contains("m=audio") && ok.contains("RTP/AVP 0 8 101"), "{ok}");
    let media = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.request("ACK", &sdp(&media));
    assert_eq!(rtp_packets(&media, 40), 40, "the tone is heard");
    let bye = phone.response();
    assert!(bye.starts_with("BYE "), "the route hangs up: {bye}");
    phone.answer(&bye);
    settle(&server);
    server.stop(SECOND);
}

#[test]
fn a_stopping_server_says_bye_to_every_call() {
    let lab = Lab::new();
    let server = lab.serve("", TO_APP);
    let call = lab.call().hang_up(HangUp::Callee { within: 20 * SECOND });
    let (events, mut heard) = tokio::sync::mpsc::channel(64);
    let caller = std::thread::spawn({
        let mut call = call;
        call.events = Some(events);
        move || place(call)
    });
    while !matches!(heard.blocking_recv(), Some(strongline::demo::caller::CallerEvent::Heard)) {}
    server.stop(5 * SECOND);
    let report = caller.join().unwrap().unwrap();
    assert_eq!((report.end.by, report.end.reason), (EndedBy::Remote, EndReason::Bye));
}

/// The call was refused with this status.
pub(crate) fn assert_refused(outcome: &Result<strongline::demo::caller::CallReport, CallError>, status: u16) {
    match outcome {
        Err(CallError::NotAnswered(EndReason::Refused(refused))) => assert_eq!(refused.code(), status),
        other => panic!("not refused with {status}: {other:?}"),
    }
}

#[test]
fn a_caller_without_an_offer_who_wants_reliable_responses_gets_the_offer_in_the_180() {
    let lab = Lab::new();
    lab.tone("tone.wav", SECOND);
    let route = "[[route]]\nname = \"tone\"\ndo = [{ ring = {} }, { play = { file = \"tone.wav\" } }, { hangup = {} }]";
    let server = lab.serve(&format!("srtp = \"off\"\n{PLAIN}"), route);
    let mut phone = Phone::new(lab.udp);
    let media = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.request_with("INVITE", "Require: 100rel\r\n", "");
    let ringing = phone.response();
    assert!(ringing.starts_with("SIP/2.0 180") && ringing.contains("m=audio"), "{ringing}");
    let rseq = ringing.lines().find_map(|line| line.strip_prefix("RSeq: ")).unwrap().to_owned();
    phone.request_with("PRACK", &format!("RAck: {rseq} 1 INVITE\r\n"), &sdp(&media));
    let both = [phone.response(), phone.response()];
    assert!(both.iter().any(|response| response.starts_with("SIP/2.0 200") && response.contains("CSeq: 2 PRACK")));
    let answer = both.iter().find(|response| response.contains("CSeq: 1 INVITE")).unwrap();
    assert!(answer.starts_with("SIP/2.0 200") && !answer.contains("m=audio"), "agreed on already: {answer}");
    phone.request("ACK", "");
    assert_eq!(rtp_packets(&media, 40), 40, "the tone is heard");
    let bye = phone.response();
    assert!(bye.starts_with("BYE"), "{bye}");
    phone.answer(&bye);
    settle(&server);
    server.stop(SECOND);
}
