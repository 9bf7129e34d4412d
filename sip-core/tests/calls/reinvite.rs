//! Changes of the session within a call: re-INVITE, UPDATE, hold, glare (RFC 3261 14, RFC 3311).

use std::time::Duration;

use sip_core::endpoint::{Body, Command, EndReason, Event, Refusal, ReinviteMethod};
use sip_core::wire::StatusCode;

use crate::script::{Message, OFFER, established, response_to};
use crate::station::{CARRIER, Sent, Station};

const HOLD: &str = "v=0 hold a=sendonly";

fn answer(station: &mut Station, key: sip_core::endpoint::CallKey, sdp: &str) {
    station.command(key, Command::AnswerReinvite { sdp: Body::from(sdp.as_bytes().to_vec()) });
}

/// The offer of the next event.
#[track_caller]
fn offered(station: &mut Station) -> (Option<String>, ReinviteMethod) {
    match station.event().1 {
        Event::Reinvite { offer, by } => (offer.map(|o| String::from_utf8_lossy(o.as_bytes()).into_owned()), by),
        other => panic!("{other:?}"),
    }
}

#[test]
fn hold_and_resume_by_reinvite() {
    let mut station = Station::new();
    let (key, ok) = established(&mut station);
    for (cseq, offer) in [(2, HOLD), (3, "v=0 resume")] {
        station.recv(CARRIER, Message::within(&ok, "INVITE", cseq).body(offer).text());
        station.expect_status(100);
        assert_eq!(offered(&mut station), (Some(offer.into()), ReinviteMethod::Invite));
        answer(&mut station, key, "v=0 held");
        assert_eq!(station.expect_status(200).body(), "v=0 held");
        station.recv(CARRIER, Message::ack(&ok, cseq).text());
        assert!(matches!(station.event().1, Event::Ack { sdp: None }));
    }
    station.pass_secs(40);
    station.expect_silence();
}

#[test]
fn a_change_before_the_ack_of_the_one_before_stands_for_that_ack() {
    let mut station = Station::new();
    let (key, ok) = established(&mut station);
    for (cseq, offer) in [(2, HOLD), (3, "v=0 resume")] {
        station.recv(CARRIER, Message::within(&ok, "INVITE", cseq).body(offer).text());
        station.expect_status(100);
        if cseq == 3 {
            assert!(matches!(station.event().1, Event::Ack { sdp: None }));
        }
        assert_eq!(offered(&mut station), (Some(offer.into()), ReinviteMethod::Invite));
        answer(&mut station, key, "v=0 held");
        station.expect_status(200);
        if cseq == 2 {
            // The 200 would be sent again at 0.5 s; the ACK of it is lost.
            continue;
        }
        station.recv(CARRIER, Message::ack(&ok, 3).text());
        assert!(matches!(station.event().1, Event::Ack { sdp: None }));
    }
    // The late ACK is no news.
    station.recv(CARRIER, Message::ack(&ok, 2).text());
    station.expect_no_event();
    station.pass_secs(40);
    station.expect_silence();
}

#[test]
fn a_reinvite_without_offer_gets_ours_and_answers_in_the_ack() {
    let mut station = Station::new();
    let (key, ok) = established(&mut station);
    station.recv(CARRIER, Message::within(&ok, "INVITE", 2).text());
    station.expect_status(100);
    assert_eq!(offered(&mut station), (None, ReinviteMethod::Invite));
    answer(&mut station, key, "v=0 our offer");
    station.expect_status(200);
    station.recv(CARRIER, Message::ack(&ok, 2).body("v=0 their answer").text());
    let Event::Ack { sdp: Some(sdp) } = station.event().1 else { panic!("no answer") };
    assert_eq!(sdp.as_bytes(), b"v=0 their answer");
}

#[test]
fn a_refused_reinvite_leaves_the_call_as_it_was() {
    let mut station = Station::new();
    let (key, ok) = established(&mut station);
    let reinvite = Message::within(&ok, "INVITE", 2).body(HOLD);
    station.recv(CARRIER, reinvite.text());
    station.expect_status(100);
    offered(&mut station);
    station.command(key, Command::RejectReinvite { status: StatusCode::NOT_ACCEPTABLE_HERE });
    let refused = station.expect_status(488);
    station.recv(CARRIER, reinvite.ack_refusal(&refused).text());
    station.pass_secs(40);
    station.expect_silence();
    station.expect_no_event();
    assert_eq!(station.stats().calls, 1);
}

#[test]
fn an_update_with_an_offer_goes_to_the_tu_and_one_without_does_not() {
    let mut station = Station::new();
    let (key, ok) = established(&mut station);
    station.recv(CARRIER, Message::within(&ok, "UPDATE", 2).text());
    assert!(station.expect_status(200).header("Session-Expires").is_some());
    station.expect_no_event();
    station.recv(CARRIER, Message::within(&ok, "UPDATE", 3).body(HOLD).text());
    assert_eq!(offered(&mut station), (Some(HOLD.into()), ReinviteMethod::Update));
    answer(&mut station, key, "v=0 held");
    assert_eq!(station.expect_status(200).body(), "v=0 held");
    // No ACK belongs to it.
    station.pass_secs(3);
    station.expect_silence();
}

#[test]
fn the_same_offer_again_is_a_refresh_that_the_tu_does_not_see() {
    let mut station = Station::new();
    let (_, ok) = established(&mut station);
    station.recv(CARRIER, Message::within(&ok, "INVITE", 2).body(OFFER).text());
    station.expect_status(100);
    assert_eq!(station.expect_status(200).body(), "v=0 answer");
    station.expect_no_event();
}

#[test]
fn the_peers_new_contact_is_where_our_requests_are_addressed() {
    let mut station = Station::new();
    let (key, ok) = established(&mut station);
    let moved = Message { contact: Some("<sip:alice@198.51.100.99:5070>".into()), ..Message::within(&ok, "UPDATE", 2) };
    station.recv(CARRIER, moved.text());
    station.expect_status(200);
    station.hang_up(key);
    let bye = station.expect_request("BYE");
    assert!(bye.text.starts_with("BYE sip:alice@198.51.100.99:5070 SIP/2.0\r\n"));
    assert_eq!(bye.to(), CARRIER.parse().unwrap(), "and the packet still goes to the trunk");
}

#[test]
fn a_second_reinvite_before_the_answer_to_the_first_is_500_with_retry_after() {
    let mut station = Station::new();
    let (_, ok) = established(&mut station);
    station.recv(CARRIER, Message::within(&ok, "INVITE", 2).body(HOLD).text());
    station.expect_status(100);
    station.recv(CARRIER, Message::within(&ok, "INVITE", 3).body(HOLD).text());
    station.expect_status(100);
    assert!(station.expect_status(500).header("Retry-After").is_some());
    station.recv(CARRIER, Message::within(&ok, "UPDATE", 4).body(HOLD).text());
    station.expect_status(500);
    assert_eq!(station.refused(Refusal::ReinvitePending), 2);
}

#[test]
fn glare_is_491_and_ours_is_tried_again() {
    let mut station = Station::new();
    let (key, ok) = established(&mut station);
    station.command(key, Command::Reinvite { sdp: Body::from(b"v=0 ours".to_vec()) });
    let ours = station.expect_request("INVITE");
    assert_eq!(ours.body(), "v=0 ours");
    station.recv(CARRIER, Message::within(&ok, "INVITE", 2).body(HOLD).text());
    station.expect_status(100);
    let refused = station.expect_status(491);
    station.recv(CARRIER, Message { branch: "z9hG4bKINVITE2".into(), ..Message::within(&refused, "ACK", 2) }.text());
    assert_eq!(station.refused(Refusal::Glare), 1);

    station.recv(CARRIER, response_to(&ours, "491 Request Pending", "", &[], ""));
    station.expect_request("ACK");
    station.expect_silence();
    // RFC 3261 14.1: the side that did not choose the Call-ID waits for 0 to 2 s.
    station.pass(Duration::from_millis(2010));
    let again = station.all_sent().swap_remove(0);
    assert!(again.after <= Duration::from_secs(2));
    assert_eq!(again.body(), "v=0 ours");
    assert_ne!(again.header("CSeq"), ours.header("CSeq"));
    station.recv(CARRIER, response_to(&again, "200 OK", "", &["Contact: <sip:alice@198.51.100.7>"], "v=0 theirs"));
    let ack = station.expect_request("ACK");
    assert_eq!(ack.header("CSeq").unwrap().split(' ').next(), again.header("CSeq").unwrap().split(' ').next());
    assert!(matches!(station.event().1, Event::Reinvited { sdp: Some(_) }));
    // The 200 again: the ACK again.
    station.recv(CARRIER, response_to(&again, "200 OK", "", &["Contact: <sip:alice@198.51.100.7>"], "v=0 theirs"));
    assert_eq!(station.expect_request("ACK").text, ack.text);
    station.expect_no_event();
}

#[test]
fn our_reinvite_that_is_refused_is_reported_and_one_answered_481_ends_the_call() {
    let mut station = Station::new();
    let (key, _) = established(&mut station);
    station.command(key, Command::Reinvite { sdp: Body::from(b"v=0 ours".to_vec()) });
    let ours = station.expect_request("INVITE");
    station.recv(CARRIER, response_to(&ours, "488 Not Acceptable Here", "", &[], ""));
    station.expect_request("ACK");
    let Event::ReinviteFailed { status } = station.event().1 else { panic!("no failure") };
    assert_eq!(status, StatusCode::NOT_ACCEPTABLE_HERE);

    station.command(key, Command::Reinvite { sdp: Body::from(b"v=0 ours".to_vec()) });
    let ours = station.expect_request("INVITE");
    station.recv(CARRIER, response_to(&ours, "481 Call/Transaction Does Not Exist", "", &[], ""));
    station.expect_request("ACK");
    assert_eq!(station.ended().reason, EndReason::DialogLost);
    station.pass_secs(40);
    station.expect_empty();
}

#[test]
fn five_changes_in_ten_seconds_and_no_more() {
    let mut station = Station::new();
    let (key, ok) = established(&mut station);
    for cseq in 2..7 {
        station.recv(CARRIER, Message::within(&ok, "UPDATE", cseq).body(&format!("v=0 {cseq}")).text());
        offered(&mut station);
        answer(&mut station, key, "v=0");
        station.expect_status(200);
    }
    station.recv(CARRIER, Message::within(&ok, "UPDATE", 7).body("v=0 7").text());
    assert_eq!(station.expect_status(500).header("Retry-After"), Some("10"));
    assert_eq!(station.refused(Refusal::ReinviteRate), 1);
    station.expect_no_event();
    station.pass_secs(10);
    station.recv(CARRIER, Message::within(&ok, "UPDATE", 8).body("v=0 8").text());
    offered(&mut station);
}

#[test]
fn a_reinvite_that_the_tu_forgets_is_answered_for_it() {
    let mut station = Station::new();
    let (_, ok) = established(&mut station);
    station.recv(CARRIER, Message::within(&ok, "INVITE", 2).body(HOLD).text());
    offered(&mut station);
    station.pass_secs(21);
    assert!(station.all_sent().iter().any(|sent| sent.status() == 500));
    assert!(matches!(station.event().1, Event::ReinviteCancelled));
    assert_eq!(station.stats().calls, 1);
}

#[test]
fn a_bye_answers_the_reinvite_that_waits() {
    let mut station = Station::new();
    let (_, ok) = established(&mut station);
    station.recv(CARRIER, Message::within(&ok, "INVITE", 2).body(HOLD).text());
    offered(&mut station);
    station.expect_status(100);
    station.recv(CARRIER, Message::within(&ok, "BYE", 3).text());
    let statuses: Vec<u16> = station.all_sent().iter().map(Sent::status).collect();
    assert_eq!(statuses, [200, 487]);
    assert_eq!(station.ended().reason, EndReason::Bye);
}

/// RFC 4320 4.1: the client would send it every four seconds from then on.
#[test]
fn an_update_that_waits_for_the_call_side_is_100_after_three_and_a_half_seconds() {
    let mut station = Station::new();
    let (key, ok) = established(&mut station);
    let update = Message::within(&ok, "UPDATE", 2).body(HOLD).text();
    station.recv(CARRIER, &update);
    assert_eq!(offered(&mut station).1, ReinviteMethod::Update);
    station.pass(Duration::from_millis(3_499));
    station.recv(CARRIER, &update);
    station.expect_silence();
    station.pass(Duration::from_millis(1));
    let trying = station.expect_status(100);
    assert_eq!(trying.header("CSeq"), Some("2 UPDATE"));
    station.pass_secs(4);
    station.expect_silence();
    station.recv(CARRIER, &update);
    assert_eq!(station.expect_status(100).text, trying.text);
    answer(&mut station, key, "v=0 held");
    station.expect_status(200);
    station.pass_secs(33);
    station.expect_silence();
}
