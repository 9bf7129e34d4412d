//! UPDATE and PRACK with an offer before a call is answered (RFC 3311 5, RFC 3262 5), both roles.

use sip_core::admission::Rel100;
use sip_core::endpoint::{Body, CallKey, Command, Event, Fork, Refusal};
use sip_core::wire::StatusCode;

use crate::outbound::{CONTACT, place};
use crate::reliable_in::{called_with, capable, prack, progress, station};
use crate::reliable_out::reliable;
use crate::script::{Message, response_to};
use crate::station::{CARRIER, Sent, Station};

/// A call that came in, with an early answer that is acknowledged.
fn rings(station: &mut Station) -> (CallKey, Sent) {
    let key = called_with(station, &capable());
    progress(station, key, Some("v=0 early"));
    let sent = station.expect_status(183);
    station.recv(CARRIER, prack(&sent, 2).text());
    station.expect_status(200);
    (key, sent)
}

/// A call of ours, with an early answer that is acknowledged.
fn calls(station: &mut Station) -> (CallKey, Sent) {
    let (key, invite) = place(station);
    station.recv(CARRIER, reliable(&invite, "b1", 1, "v=0 early"));
    station.event();
    let prack = station.expect_request("PRACK");
    station.recv(CARRIER, response_to(&prack, "200 OK", "", &[], ""));
    (key, invite)
}

/// A request of the callee within the early dialog of our INVITE.
fn from_callee(invite: &Sent, method: &'static str, tag: &str, cseq: u32) -> Message {
    Message {
        method,
        branch: format!("z9hG4bK{method}{tag}{cseq}"),
        call_id: invite.header("Call-ID").unwrap().into(),
        from_tag: tag.into(),
        to_tag: invite.header("From").unwrap().split_once(";tag=").unwrap().1.into(),
        cseq,
        body: String::new(),
        ..Message::invite()
    }
}

#[track_caller]
fn offered(station: &mut Station) -> (String, Fork) {
    match station.event().1 {
        Event::EarlyOffer { offer, fork } => (String::from_utf8(offer.as_bytes().to_vec()).unwrap(), fork),
        other => panic!("{other:?}"),
    }
}

fn accept(station: &mut Station, key: CallKey) {
    station.command(key, Command::AnswerReinvite { sdp: Body::from(b"v=0 ours".to_vec()) });
}

#[test]
fn the_caller_offers_again_before_our_answer() {
    let mut station = station(Rel100::Supported);
    let (key, sent) = rings(&mut station);
    station.recv(CARRIER, Message::within(&sent, "UPDATE", 3).body("v=0 again").text());
    assert_eq!(offered(&mut station), ("v=0 again".into(), Fork(0)));
    // RFC 3311 5.2: 500 to one more while that waits.
    station.recv(CARRIER, Message::within(&sent, "UPDATE", 4).body("v=0 more").text());
    assert!(station.expect_status(500).header("Retry-After").is_some());
    accept(&mut station, key);
    let ok = station.expect_status(200);
    assert_eq!((ok.header("CSeq"), ok.body()), (Some("3 UPDATE"), "v=0 ours"));
    station.answer(key);
    assert_eq!(station.expect_status(200).body(), "");
}

#[test]
fn an_early_offer_that_is_refused_leaves_the_session() {
    let mut station = station(Rel100::Supported);
    let (key, sent) = rings(&mut station);
    station.recv(CARRIER, Message::within(&sent, "UPDATE", 3).body("v=0 again").text());
    offered(&mut station);
    station.command(key, Command::RejectReinvite { status: StatusCode::NOT_ACCEPTABLE_HERE });
    station.expect_status(488);
}

#[test]
fn an_early_offer_that_the_tu_forgets_is_answered_for_it() {
    let mut station = station(Rel100::Supported);
    let (_, sent) = rings(&mut station);
    station.recv(CARRIER, Message::within(&sent, "UPDATE", 3).body("v=0 again").text());
    offered(&mut station);
    station.pass_secs(20);
    station.expect_status(100);
    assert!(station.expect_status(500).header("Retry-After").is_some());
    assert!(matches!(station.event().1, Event::ReinviteCancelled));
}

#[test]
fn an_early_offer_lives_on_in_the_answered_call() {
    let mut station = station(Rel100::Supported);
    let (key, sent) = rings(&mut station);
    station.recv(CARRIER, Message::within(&sent, "UPDATE", 3).body("v=0 again").text());
    offered(&mut station);
    station.answer(key);
    assert_eq!(station.expect_status(200).header("CSeq"), Some("1 INVITE"));
    accept(&mut station, key);
    assert_eq!(station.expect_status(200).header("CSeq"), Some("3 UPDATE"));
}

#[test]
fn a_refused_call_answers_the_update_that_waits() {
    let mut station = station(Rel100::Supported);
    let (key, sent) = rings(&mut station);
    station.recv(CARRIER, Message::within(&sent, "UPDATE", 3).body("v=0 again").text());
    offered(&mut station);
    station.hang_up(key);
    assert_eq!(station.expect_status(487).header("CSeq"), Some("3 UPDATE"));
    station.expect_status(480);
}

#[test]
fn an_offer_before_the_first_answer_is_500() {
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable());
    station.ring(key);
    let sent = station.expect_status(180);
    station.recv(CARRIER, prack(&sent, 2).body("v=0 early").text());
    station.expect_status(500);
    station.recv(CARRIER, Message::within(&sent, "UPDATE", 3).body("v=0 again").text());
    station.expect_status(500);
    assert_eq!(station.refused(Refusal::ReinvitePending), 2);
    // One without an offer may come at any time.
    station.recv(CARRIER, Message::within(&sent, "UPDATE", 4).text());
    station.expect_status(200);
    station.expect_no_event();
}

#[test]
fn a_prack_may_offer_again() {
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable());
    progress(&mut station, key, Some("v=0 early"));
    let sent = station.expect_status(183);
    station.recv(CARRIER, prack(&sent, 2).body("v=0 again").text());
    assert_eq!(offered(&mut station).0, "v=0 again");
    // It is acknowledged all the same.
    station.pass_secs(10);
    assert_eq!(station.expect_status(100).header("CSeq"), Some("2 PRACK"));
    station.expect_silence();
    accept(&mut station, key);
    let ok = station.expect_status(200);
    assert_eq!((ok.header("CSeq"), ok.body()), (Some("2 PRACK"), "v=0 ours"));
}

#[test]
fn we_offer_again_before_our_answer() {
    let mut station = station(Rel100::Supported);
    let (key, sent) = rings(&mut station);
    station.command(key, Command::Reinvite { sdp: Body::from(b"v=0 change".to_vec()) });
    let update = station.expect_request("UPDATE");
    assert_eq!((update.body(), update.header("Contact").is_some()), ("v=0 change", true));
    // RFC 3311 5.2: 491 while ours is under way.
    station.recv(CARRIER, Message::within(&sent, "UPDATE", 3).body("v=0 cross").text());
    station.expect_status(491);
    assert_eq!(station.refused(Refusal::Glare), 1);
    station.recv(CARRIER, response_to(&update, "200 OK", "", &[CONTACT], "v=0 theirs"));
    assert!(matches!(station.event().1, Event::Reinvited { sdp: Some(_) }));
    station.answer(key);
    assert_eq!(station.expect_status(200).body(), "");
}

#[test]
fn our_update_waits_for_the_prack() {
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable());
    progress(&mut station, key, Some("v=0 early"));
    let sent = station.expect_status(183);
    station.command(key, Command::Reinvite { sdp: Body::from(b"v=0 change".to_vec()) });
    station.expect_silence();
    station.recv(CARRIER, prack(&sent, 2).text());
    station.expect_status(200);
    assert_eq!(station.expect_request("UPDATE").body(), "v=0 change");
}

#[test]
fn without_a_reliable_answer_we_cannot_offer_again() {
    let mut station = station(Rel100::Off);
    let key = called_with(&mut station, &capable());
    progress(&mut station, key, Some("v=0 early"));
    station.expect_status(183);
    station.command(key, Command::Reinvite { sdp: Body::from(b"v=0 change".to_vec()) });
    station.expect_silence();
    assert!(matches!(station.event().1, Event::ReinviteFailed { status: StatusCode::REQUEST_PENDING }));
}

#[test]
fn a_callee_offers_again_before_its_answer() {
    let mut station = station(Rel100::Supported);
    let (key, invite) = calls(&mut station);
    station.recv(CARRIER, from_callee(&invite, "UPDATE", "b1", 10).body("v=0 again").text());
    assert_eq!(offered(&mut station), ("v=0 again".into(), Fork(0)));
    accept(&mut station, key);
    assert_eq!(station.expect_status(200).body(), "v=0 ours");
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], ""));
    station.expect_request("ACK");
    assert!(matches!(station.event().1, Event::Answered { sdp: None, .. }));
}

#[test]
fn a_callee_whose_answer_is_missing_is_491() {
    let mut station = station(Rel100::Supported);
    let (_, invite) = place(&mut station);
    station.recv(CARRIER, reliable(&invite, "b1", 1, ""));
    station.event();
    station.expect_request("PRACK");
    station.recv(CARRIER, from_callee(&invite, "UPDATE", "b1", 10).body("v=0 again").text());
    station.expect_status(491);
}

#[test]
fn we_offer_again_to_the_callee_that_answered_early() {
    let mut station = station(Rel100::Supported);
    let (key, invite) = calls(&mut station);
    station.command(key, Command::Reinvite { sdp: Body::from(b"v=0 change".to_vec()) });
    let update = station.expect_request("UPDATE");
    assert_eq!((update.body(), update.to_tag()), ("v=0 change", "b1"));
    // Glare: we chose the Call-ID, and wait for 2.1 to 4 s (RFC 3261 14.1).
    station.recv(CARRIER, response_to(&update, "491 Request Pending", "", &[], ""));
    station.pass(std::time::Duration::from_millis(2090));
    station.expect_silence();
    station.pass(std::time::Duration::from_millis(1910));
    let again = station.expect_request("UPDATE");
    // The 200 to the INVITE overtakes the one to the UPDATE.
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], ""));
    station.expect_request("ACK");
    assert!(matches!(station.event().1, Event::Answered { .. }));
    station.recv(CARRIER, response_to(&again, "200 OK", "", &[CONTACT], "v=0 theirs"));
    assert!(matches!(station.event().1, Event::Reinvited { sdp: Some(_) }));
}

#[test]
fn what_a_callee_may_not_do_before_it_answers() {
    let mut station = station(Rel100::Supported);
    let (_, invite) = calls(&mut station);
    for (method, cseq, status) in [("BYE", 10, 481), ("PRACK", 11, 481), ("INVITE", 12, 491)] {
        station.recv(CARRIER, from_callee(&invite, method, "b1", cseq).text());
        let mut last = station.sent();
        if last.status() == 100 {
            last = station.sent();
        }
        assert_eq!(last.status(), status, "{method}");
    }
    station.recv(CARRIER, from_callee(&invite, "UPDATE", "b7", 1).text());
    station.expect_status(481);
    station.expect_no_event();
    assert_eq!(station.stats().calls, 1);
}
