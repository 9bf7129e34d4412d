//! Calls from INVITE to BYE, and who may speak within them (RFC 3261 12, 13, 15; THREATS T40).

use sip_core::endpoint::{Cause, Command, EndReason, EndedBy, Event, Refusal};
use sip_core::wire::StatusCode;

use crate::script::{Message, OFFER, established, response_to};
use crate::station::{CARRIER, OTHER, Station};

#[test]
fn a_call_from_invite_to_the_callers_bye() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().text());
    assert_eq!(station.expect_status(100).to(), CARRIER.parse().unwrap());
    let (key, event) = station.event();
    let Event::Incoming(invite) = event else { panic!("{event:?}") };
    assert_eq!((invite.trunk().as_str(), invite.srtp()), ("carrier-a", "required"));
    assert_eq!(invite.get().sdp().unwrap().as_bytes(), OFFER.as_bytes());

    station.ring(key);
    let ringing = station.expect_status(180);
    assert!(ringing.to_tag().len() >= 16, "64 random bits: {}", ringing.to_tag());
    station.answer(key);
    let ok = station.expect_status(200);
    assert_eq!(ok.to_tag(), ringing.to_tag());
    assert_eq!(ok.header("Contact"), Some("<sip:call@192.0.2.10:5060>"));
    assert_eq!(ok.body(), "v=0 answer");
    assert_eq!(ok.header("Server"), None, "nobody is told what software this is");

    station.recv(CARRIER, Message::ack(&ok, 1).text());
    assert!(matches!(station.event().1, Event::Ack { sdp: None }));
    station.recv(CARRIER, Message::within(&ok, "BYE", 2).header("Reason: Q.850;cause=16").text());
    station.expect_status(200);
    let ended = station.ended();
    assert_eq!((ended.by, ended.reason), (EndedBy::Remote, EndReason::Bye));
    assert_eq!(ended.remote_reason.unwrap().as_str(), "Q.850;cause=16");
    station.pass_secs(40);
    station.expect_silence();
    station.expect_empty();
}

#[test]
fn our_bye_goes_to_the_trunk_and_names_the_dialog() {
    let mut station = Station::new();
    let (key, ok) = established(&mut station);
    station.command(key, Command::Hangup { reason: Some(Cause::Q850(16)) });
    assert_eq!(station.ended().by, EndedBy::Local);
    let bye = station.expect_request("BYE");
    assert_eq!(bye.to(), CARRIER.parse().unwrap());
    assert!(bye.text.starts_with("BYE sip:alice@198.51.100.7:5060 SIP/2.0\r\n"));
    assert_eq!(bye.header("From"), ok.header("To"));
    assert_eq!(bye.header("To"), Some("<sip:alice@198.51.100.7>;tag=from1"));
    assert_eq!(bye.header("Reason"), Some("Q.850;cause=16"));
    station.recv(CARRIER, response_to(&bye, "200 OK", "", &[], ""));
    station.pass_secs(40);
    station.expect_silence();
    station.expect_empty();
}

#[test]
fn a_bye_waits_for_the_ack_of_our_200() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().text());
    let key = station.incoming();
    station.answer(key);
    station.expect_status(100);
    let ok = station.expect_status(200);
    station.hang_up(key);
    assert_eq!(station.ended().by, EndedBy::Local);
    station.expect_silence();
    station.recv(CARRIER, Message::ack(&ok, 1).text());
    station.expect_request("BYE");
    station.expect_no_event();
}

#[test]
fn our_200_is_sent_again_until_the_ack_comes_and_ends_in_a_bye() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().text());
    let key = station.incoming();
    station.answer(key);
    station.pass_secs(31);
    let times: Vec<u128> =
        station.all_sent().iter().filter(|sent| sent.status() == 200).map(|sent| sent.after.as_millis()).collect();
    assert_eq!(times, [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500]);
    station.pass_secs(2);
    assert_eq!(station.ended().reason, EndReason::AckTimeout);
    let last = station.all_sent().pop().unwrap();
    assert_eq!(last.method(), "BYE");
    station.recv(CARRIER, response_to(&last, "200 OK", "", &[], ""));
    station.pass_secs(40);
    station.expect_empty();
}

#[test]
fn an_offer_that_we_make_is_answered_in_the_ack() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().body("").text());
    let (key, event) = station.event();
    let Event::Incoming(invite) = event else { panic!("{event:?}") };
    assert!(invite.get().sdp().is_none());
    station.answer(key);
    station.expect_status(100);
    let ok = station.expect_status(200);
    station.recv(CARRIER, Message::ack(&ok, 1).body("v=0 their answer").text());
    let (_, Event::Ack { sdp: Some(sdp) }) = station.event() else { panic!("no answer in the ACK") };
    assert_eq!(sdp.as_bytes(), b"v=0 their answer");
}

#[test]
fn early_media_goes_out_in_a_183() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().text());
    let key = station.incoming();
    station.expect_status(100);
    station
        .command(key, Command::Ring { status: StatusCode::SESSION_PROGRESS, sdp: Some(b"v=0 early".to_vec().into()) });
    let progress = station.expect_status(183);
    assert_eq!((progress.header("Content-Type"), progress.body()), (Some("application/sdp"), "v=0 early"));
    // RFC 3261 13.3.1.1: said again each minute.
    station.pass_secs(61);
    assert_eq!(station.expect_status(183).after.as_secs(), 60);
}

#[test]
fn record_route_comes_back_and_routes_our_requests() {
    let mut station = Station::new();
    let invite = Message::invite()
        .header("Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>")
        .header("Record-Route: <sip:p0.example;lr>");
    station.recv(CARRIER, invite.text());
    let key = station.incoming();
    station.answer(key);
    station.expect_status(100);
    let ok = station.expect_status(200);
    let record: Vec<&str> = ok.text.split("\r\n").filter_map(|line| line.strip_prefix("Record-Route: ")).collect();
    assert_eq!(record.join(", "), "<sip:p2.example;lr>, <sip:p1.example;lr>, <sip:p0.example;lr>");
    station.recv(CARRIER, Message::ack(&ok, 1).text());
    station.hang_up(key);
    let bye = station.expect_request("BYE");
    assert!(bye.text.starts_with("BYE sip:alice@198.51.100.7:5060 SIP/2.0\r\n"));
    let route: Vec<&str> = bye.text.split("\r\n").filter_map(|line| line.strip_prefix("Route: ")).collect();
    assert_eq!(route, ["<sip:p2.example;lr>", "<sip:p1.example;lr>", "<sip:p0.example;lr>"]);
    // THREATS T44: the packet goes to the trunk all the same.
    assert_eq!(bye.to(), CARRIER.parse().unwrap());
}

#[test]
fn a_strict_router_sees_itself_in_the_request_uri() {
    let mut station = Station::new();
    let invite = Message::invite().header("Record-Route: <sip:strict.example>, <sip:p1.example;lr>");
    station.recv(CARRIER, invite.text());
    let key = station.incoming();
    station.answer(key);
    station.expect_status(100);
    let ok = station.expect_status(200);
    station.recv(CARRIER, Message::ack(&ok, 1).text());
    station.hang_up(key);
    let bye = station.expect_request("BYE");
    assert!(bye.text.starts_with("BYE sip:strict.example SIP/2.0\r\n"), "{}", bye.text);
    let route: Vec<&str> = bye.text.split("\r\n").filter_map(|line| line.strip_prefix("Route: ")).collect();
    assert_eq!(route, ["<sip:p1.example;lr>", "<sip:alice@198.51.100.7:5060>"]);
}

#[test]
fn a_stranger_to_the_dialog_is_told_481() {
    let mut station = Station::new();
    let (_, ok) = established(&mut station);
    for wrong in [
        Message { to_tag: "guess".into(), ..Message::within(&ok, "BYE", 2) },
        Message { from_tag: "guess".into(), ..Message::within(&ok, "BYE", 3) },
        Message { call_id: "guess".into(), ..Message::within(&ok, "BYE", 4) },
        Message { to_tag: String::new(), ..Message::within(&ok, "BYE", 5) },
        Message { to_tag: "guess".into(), ..Message::within(&ok, "INVITE", 6) },
        Message { to_tag: "guess".into(), ..Message::within(&ok, "UPDATE", 7) },
        Message { to_tag: "guess".into(), ..Message::within(&ok, "INFO", 8) },
    ] {
        station.recv(CARRIER, wrong.text());
        station.expect_status(481);
    }
    assert_eq!(station.refused(Refusal::NoDialog), 7);
    station.expect_no_event();
    assert_eq!(station.stats().calls, 1);
}

#[test]
fn the_right_identifiers_from_another_trunk_are_refused_and_the_call_stays() {
    let mut station = Station::new();
    let (key, ok) = established(&mut station);
    for method in ["BYE", "INVITE", "UPDATE", "INFO"] {
        station.recv(OTHER, Message::within(&ok, method, 2).text());
        assert_eq!(station.expect_status(481).to(), OTHER.parse().unwrap());
    }
    assert_eq!(station.refused(Refusal::ForeignSource), 4);
    station.expect_no_event();
    // The forged requests used up no CSeq number: the true peer goes on.
    station.recv(CARRIER, Message::within(&ok, "BYE", 2).text());
    station.expect_status(200);
    assert_eq!(station.event().0, key);
}

#[test]
fn a_dialog_over_tls_hears_nothing_over_udp() {
    let mut station = Station::new();
    let connection = station.connect(crate::station::TLS, CARRIER, Some(crate::connections::tls_facts(&[])));
    station.recv_on(connection, Message::invite().over("TLS").text());
    let key = station.incoming();
    station.answer(key);
    station.expect_status(100);
    let ok = station.expect_status(200);
    station.recv_on(connection, Message::ack(&ok, 1).over("TLS").text());
    assert!(matches!(station.event().1, Event::Ack { .. }));
    station.recv(CARRIER, Message::within(&ok, "BYE", 2).text());
    station.expect_status(481);
    station.expect_no_event();
}

#[test]
fn a_cseq_number_that_does_not_rise_is_refused() {
    let mut station = Station::new();
    let (_, ok) = established(&mut station);
    station.recv(CARRIER, Message::within(&ok, "INFO", 5).text());
    station.expect_status(200);
    for cseq in [5, 4, 1] {
        let old = Message { branch: format!("z9hG4bKold{cseq}"), ..Message::within(&ok, "INFO", cseq) };
        station.recv(CARRIER, old.text());
        station.expect_status(500);
    }
    assert_eq!(station.refused(Refusal::CSeqOrder), 3);
}

#[test]
fn info_goes_up_with_its_body_and_without_it_in_debug() {
    let mut station = Station::new();
    let (_, ok) = established(&mut station);
    let info = Message::within(&ok, "INFO", 2).header("Content-Type: application/dtmf-relay").body("Signal=5\r\n");
    station.recv(CARRIER, info.text());
    station.expect_status(200);
    let (_, event) = station.event();
    assert!(!format!("{event:?}").contains("Signal"), "{event:?}");
    let Event::Info { content_type, body } = event else { panic!("{event:?}") };
    assert_eq!((content_type.as_str(), body.as_bytes()), ("application/dtmf-relay", b"Signal=5\r\n".as_slice()));
    // Sent again: answered again, and not passed up twice.
    station.recv(CARRIER, info.text());
    station.expect_status(200);
    station.expect_no_event();
    station.recv(CARRIER, Message::within(&ok, "INFO", 3).header("Info-Package: foo").text());
    assert_eq!(station.expect_status(469).header("Recv-Info"), Some(""));
}

#[test]
fn options_is_answered_in_and_out_of_a_dialog() {
    let mut station = Station::new();
    let outside = Message { method: "OPTIONS", body: String::new(), ..Message::invite() };
    station.recv(CARRIER, outside.text());
    let ok = station.expect_status(200);
    assert_eq!(ok.header("Allow"), Some("INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY"));
    assert_eq!((ok.header("Accept"), ok.header("Supported")), (Some("application/sdp"), Some("timer, 100rel")));
    station.expect_empty();
    station.recv(CARRIER, outside.text());
    assert_eq!(station.expect_status(200).text, ok.text, "the same to a retransmission");

    let (_, ok) = established(&mut station);
    station.recv(CARRIER, Message::within(&ok, "OPTIONS", 2).text());
    station.expect_status(200);
}

#[test]
fn a_bye_before_the_answer_ends_the_invite_too() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().text());
    let key = station.incoming();
    station.ring(key);
    station.expect_status(100);
    let ringing = station.expect_status(180);
    station.recv(CARRIER, Message::within(&ringing, "BYE", 2).text());
    station.expect_status(200);
    let refused = station.expect_status(487);
    station.recv(CARRIER, Message::invite().ack_refusal(&refused).text());
    assert_eq!(station.ended().by, EndedBy::Remote);
    station.pass_secs(40);
    station.expect_silence();
    station.expect_empty();
}

#[test]
fn a_call_that_the_tu_forgets_ends_by_itself() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().text());
    station.incoming();
    station.pass_secs(181);
    assert_eq!(station.ended().reason, EndReason::LastResort);
    let refused: Vec<u16> = station.all_sent().iter().map(crate::station::Sent::status).collect();
    assert!(refused.contains(&500), "{refused:?}");
    station.pass_secs(40);
    station.expect_empty();
}

#[test]
fn a_shutdown_ends_every_call_in_its_own_way() {
    let mut station = Station::new();
    let (_, _) = established(&mut station);
    station.recv(CARRIER, Message::numbered(2).text());
    station.incoming();
    station.expect_status(100);
    station.endpoint.drain();
    station.endpoint.hang_up_all(station.now);
    station.drain();
    assert_eq!(station.ended().reason, EndReason::Shutdown);
    assert_eq!(station.ended().reason, EndReason::Shutdown);
    let sent = station.all_sent();
    assert_eq!((sent[0].method(), sent[1].status()), ("BYE", 503));
    station.recv(CARRIER, Message::numbered(3).text());
    let refused = station.expect_status(503);
    assert!(refused.header("Retry-After").is_some());
    assert_eq!(station.refused(Refusal::ShuttingDown), 1);
}
