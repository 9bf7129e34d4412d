//! What is checked of a request before anybody hears of it (RFC 3261 8.2, 18.2; RFC 3581).

use sip_core::endpoint::{Refusal, Stats};

use crate::script::{Message, established};
use crate::station::{CARRIER, STRANGER, Sent, Station};

fn request(method: &'static str) -> Message {
    Message { method, body: String::new(), ..Message::invite() }
}

/// Sends one request to a fresh endpoint: the answer, and what was counted.
#[track_caller]
fn answer_to(message: &Message) -> (Sent, Stats) {
    let mut station = Station::new();
    station.recv(CARRIER, message.text());
    let sent = station.sent();
    station.expect_no_event();
    station.expect_empty();
    (sent, station.stats())
}

#[test]
fn methods_that_we_know_and_do_not_serve_are_405_with_allow() {
    for method in ["REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH"] {
        let (sent, stats) = answer_to(&request(method));
        assert_eq!(sent.status(), 405, "{method}");
        assert_eq!(sent.header("Allow"), Some("INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY"));
        assert_eq!(stats.refused(Refusal::MethodNotAllowed), 1);
    }
}

#[test]
fn a_method_that_we_do_not_know_is_501() {
    let (sent, stats) = answer_to(&request("BREW"));
    assert_eq!((sent.status(), stats.refused(Refusal::NotImplemented)), (501, 1));
}

#[test]
fn requests_that_live_in_dialogs_are_481_outside_of_one() {
    for method in ["BYE", "INFO", "UPDATE", "PRACK", "NOTIFY"] {
        assert_eq!(answer_to(&request(method)).0.status(), 481, "{method}");
    }
}

#[test]
fn an_extension_that_we_do_not_have_is_420() {
    let (sent, stats) = answer_to(&Message::invite().header("Require: timer, precondition, foo"));
    assert_eq!((sent.status(), sent.header("Unsupported")), (420, Some("precondition, foo")));
    assert_eq!(stats.refused(Refusal::BadExtension), 1);
}

#[test]
fn a_scheme_that_we_do_not_serve_is_416() {
    let (sent, _) = answer_to(&Message { uri: "http://example.com/".into(), ..Message::invite() });
    assert_eq!(sent.status(), 416);
}

#[test]
fn an_invite_that_may_go_no_further_is_483_and_an_options_is_answered() {
    let mut last = Message::invite();
    last.headers = vec!["Max-Forwards: 0".into()];
    assert_eq!(answer_to(&last).0.status(), 483);
    let options = Message { method: "OPTIONS", body: String::new(), ..last };
    assert_eq!(answer_to(&options).0.status(), 200);
    let mut bad = Message::invite();
    bad.headers = vec!["Max-Forwards: 300".into()];
    assert_eq!(answer_to(&bad).0.status(), 400);
}

#[test]
fn a_body_of_another_kind_is_415_with_accept() {
    let (sent, stats) = answer_to(&Message::invite().header("Content-Type: text/plain").body("hello"));
    assert_eq!((sent.status(), sent.header("Accept")), (415, Some("application/sdp")));
    assert_eq!(stats.refused(Refusal::MediaType), 1);
}

#[test]
fn an_invite_without_a_usable_contact_is_400() {
    assert_eq!(answer_to(&Message { contact: None, ..Message::invite() }).0.status(), 400);
    let tel = Message { contact: Some("<tel:+123>".into()), ..Message::invite() };
    assert_eq!(answer_to(&tel).0.status(), 400);
}

#[test]
fn a_branch_without_the_cookie_is_refused_and_its_ack_dropped() {
    let old = Message { branch: "1".into(), ..Message::invite() };
    let (sent, stats) = answer_to(&old);
    assert_eq!((sent.status(), stats.refused(Refusal::Rfc2543)), (400, 1));
    let mut station = Station::new();
    station.recv(CARRIER, Message { method: "ACK", ..old }.text());
    station.expect_silence();
    assert_eq!(station.refused(Refusal::StrayAck), 1);
}

#[test]
fn a_version_that_we_do_not_speak_is_505_and_what_is_no_sip_is_dropped() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().text().replacen("SIP/2.0\r\n", "SIP/7.0\r\n", 1));
    station.expect_status(505);
    station.recv(CARRIER, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    station.recv(CARRIER, [0_u8, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
    station.recv(CARRIER, "\r\n\r\n");
    station.expect_silence();
    assert_eq!(station.refused(Refusal::MalformedDropped), 2);
}

#[test]
fn a_malformed_request_is_400_with_the_reason_and_a_malformed_response_is_dropped() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().text().replacen("CSeq: 1 INVITE", "CSeq: 1 BYE", 1));
    let refused = station.expect_status(400);
    assert!(refused.text.starts_with("SIP/2.0 400 Bad Request ("), "{}", refused.text);
    assert!(refused.to_tag().len() >= 16);
    station.recv(CARRIER, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x\r\nCSeq: x\r\n\r\n");
    station.expect_silence();
}

#[test]
fn the_same_request_by_two_paths_is_482() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().text());
    station.incoming();
    station.expect_status(100);
    station.recv(CARRIER, Message { branch: "z9hG4bKother".into(), ..Message::invite() }.text());
    station.expect_status(482);
    station.expect_no_event();
    assert_eq!(station.refused(Refusal::Merged), 1);
}

#[test]
fn a_request_that_went_through_us_before_is_482() {
    let (sent, _) = answer_to(&Message::invite().header("Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKours"));
    assert_eq!(sent.status(), 482);
}

#[test]
fn the_answer_goes_to_the_packets_source_whatever_via_says() {
    let answer_to = |via: &str, from: &str| {
        let mut station = Station::new();
        let text = Message { method: "OPTIONS", body: String::new(), ..Message::invite() }.text();
        station.recv(from, text.replacen("SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKinvite1;rport", via, 1));
        let sent = station.expect_status(200);
        (sent.to().to_string(), sent.header("Via").unwrap().to_owned())
    };
    let source = "198.51.100.7:34567";
    // RFC 3581: rport asks for the source port.
    let (to, via) = answer_to("SIP/2.0/UDP 198.51.100.7:5060;rport;branch=z9hG4bK1", source);
    assert_eq!(to, source);
    assert!(via.contains("rport=34567") && via.contains("received=198.51.100.7"), "{via}");
    // RFC 3261 18.2.2: without it, the port that an honest Via names.
    assert_eq!(answer_to("SIP/2.0/UDP 198.51.100.7:5080;branch=z9hG4bK2", source).0, "198.51.100.7:5080");
    // A Via that names somebody else moves nothing.
    let (to, via) = answer_to("SIP/2.0/UDP 203.0.113.9:53;branch=z9hG4bK3", source);
    assert_eq!(to, source);
    assert!(via.contains("received=198.51.100.7"), "{via}");
    // maddr is not read (THREATS T44), and a claimed source is not believed.
    let (to, via) = answer_to("SIP/2.0/UDP 198.51.100.7:5060;maddr=203.0.113.9;branch=z9hG4bK4", source);
    assert_eq!(to, "198.51.100.7:5060");
    assert!(!via.contains("received="), "{via}");
    let (_, via) = answer_to("SIP/2.0/UDP 198.51.100.7;received=203.0.113.9;branch=z9hG4bK5", source);
    assert!(!via.contains("203.0.113.9"), "{via}");
}

#[test]
fn a_refusal_is_the_same_each_time_and_keeps_nothing() {
    let mut station = Station::new();
    let register = request("REGISTER").text();
    station.recv(CARRIER, &register);
    let first = station.expect_status(405);
    for _ in 0..100 {
        station.recv(CARRIER, &register);
        assert_eq!(station.expect_status(405).text, first.text);
    }
    station.expect_empty();
}

#[test]
fn a_retransmitted_invite_gets_the_last_response_and_no_second_call() {
    let mut station = Station::new();
    let invite = Message::invite().text();
    station.recv(CARRIER, &invite);
    let key = station.incoming();
    station.expect_status(100);
    station.recv(CARRIER, &invite);
    station.expect_status(100);
    station.ring(key);
    let ringing = station.expect_status(180);
    station.recv(CARRIER, &invite);
    assert_eq!(station.expect_status(180).text, ringing.text);
    station.answer(key);
    station.expect_status(200);
    // RFC 6026: after a 2xx the INVITE is absorbed.
    station.recv(CARRIER, &invite);
    station.expect_silence();
    station.expect_no_event();
    assert_eq!(station.stats().admitted, 1);
}

#[test]
fn strangers_hear_nothing() {
    let mut station = Station::new();
    let (_, ok) = established(&mut station);
    for message in [Message::numbered(9), request("OPTIONS"), request("REGISTER"), Message::within(&ok, "BYE", 2)] {
        station.recv(STRANGER, message.text());
    }
    station.recv(STRANGER, "garbage");
    station.expect_silence();
    assert_eq!(station.refused(Refusal::UnknownSource), 5);
    assert_eq!(station.stats().calls, 1);
}
