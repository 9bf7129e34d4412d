//! CANCEL and its races (RFC 3261 9.2; THREATS T40).

use sip_core::endpoint::{Command, EndReason, EndedBy, Event, Refusal, Reject};
use sip_core::wire::StatusCode;

use crate::script::{Message, established};
use crate::station::{CARRIER, OTHER, Station};

#[test]
fn a_cancel_ends_a_ringing_call_with_487() {
    let mut station = Station::new();
    let invite = Message::invite();
    station.recv(CARRIER, invite.text());
    let key = station.incoming();
    station.ring(key);
    station.expect_status(100);
    station.expect_status(180);
    station.recv(CARRIER, invite.cancel().header("Reason: SIP;cause=200").text());
    station.expect_status(200);
    let refused = station.expect_status(487);
    let ended = station.ended();
    assert_eq!((ended.by, ended.reason), (EndedBy::Remote, EndReason::Cancelled));
    assert_eq!(ended.remote_reason.unwrap().as_str(), "SIP;cause=200");
    station.recv(CARRIER, invite.ack_refusal(&refused).text());
    station.pass_secs(10);
    station.expect_silence();
    station.expect_empty();
}

#[test]
fn the_487_is_sent_again_until_its_ack() {
    let mut station = Station::new();
    let invite = Message::invite();
    station.recv(CARRIER, invite.text());
    station.incoming();
    station.recv(CARRIER, invite.cancel().text());
    station.pass_secs(8);
    let times: Vec<u128> =
        station.all_sent().iter().filter(|sent| sent.status() == 487).map(|sent| sent.after.as_millis()).collect();
    assert_eq!(times, [0, 500, 1500, 3500, 7500]);
}

#[test]
fn a_cancel_that_crosses_our_200_changes_nothing() {
    let mut station = Station::new();
    let invite = Message::invite();
    station.recv(CARRIER, invite.text());
    let key = station.incoming();
    station.answer(key);
    station.expect_status(100);
    let ok = station.expect_status(200);
    station.recv(CARRIER, invite.cancel().text());
    assert!(station.expect_status(200).header("CSeq").unwrap().ends_with("CANCEL"));
    station.expect_no_event();
    station.recv(CARRIER, Message::ack(&ok, 1).text());
    assert!(matches!(station.event().1, Event::Ack { .. }));
    assert_eq!(station.stats().calls, 1);
}

#[test]
fn an_answer_that_crosses_a_cancel_does_nothing() {
    let mut station = Station::new();
    let invite = Message::invite();
    station.recv(CARRIER, invite.text());
    let key = station.incoming();
    station.recv(CARRIER, invite.cancel().text());
    station.ended();
    station.all_sent();
    station.answer(key);
    station.ring(key);
    station.command(key, Command::Reject(Reject::new(StatusCode::BUSY_HERE)));
    station.hang_up(key);
    station.expect_silence();
    station.expect_no_event();
}

#[test]
fn a_cancel_that_matches_nothing_is_481() {
    let mut station = Station::new();
    let invite = Message::invite();
    station.recv(CARRIER, invite.cancel().text());
    station.expect_status(481);
    station.recv(CARRIER, invite.text());
    station.expect_status(100);
    station.incoming();
    // The right Call-ID, tags and CSeq with a guessed branch; then the right branch from another trunk.
    station.recv(CARRIER, Message { branch: "z9hG4bKguess".into(), ..invite.cancel() }.text());
    station.expect_status(481);
    station.recv(OTHER, invite.cancel().text());
    station.expect_status(481);
    assert_eq!(station.refused(Refusal::StrayCancel), 3);
    station.expect_no_event();
}

#[test]
fn a_reinvite_can_be_cancelled_and_the_call_stays() {
    let mut station = Station::new();
    let (_, ok) = established(&mut station);
    let reinvite = Message::within(&ok, "INVITE", 2).body("v=0 hold");
    station.recv(CARRIER, reinvite.text());
    station.expect_status(100);
    assert!(matches!(station.event().1, Event::Reinvite { .. }));
    station.recv(CARRIER, reinvite.cancel().text());
    station.expect_status(200);
    station.expect_status(487);
    assert!(matches!(station.event().1, Event::ReinviteCancelled));
    assert_eq!(station.stats().calls, 1);
}
