//! Reliable provisional responses to calls of ours (RFC 3262 4, 5).

use sip_core::admission::Rel100;
use sip_core::endpoint::{Body, CallKey, Command, Dial, EndReason, Event, Fork, Refusal};

use crate::outbound::{CONTACT, dial, place};
use crate::reliable_in::station;
use crate::script::response_to;
use crate::station::{CARRIER, Sent, Station};

pub(crate) fn reliable(request: &Sent, tag: &str, rseq: u32, body: &str) -> String {
    let extra = ["Require: 100rel", &format!("RSeq: {rseq}"), "Allow: UPDATE, PRACK", CONTACT];
    response_to(request, "183 Session Progress", tag, &extra, body)
}

fn number(sent: &Sent) -> u32 {
    sent.header("CSeq").unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[track_caller]
fn progress(station: &mut Station) -> (Option<String>, Fork) {
    match station.event().1 {
        Event::Progress { sdp, fork, .. } => (sdp.map(|sdp| String::from_utf8(sdp.as_bytes().to_vec()).unwrap()), fork),
        other => panic!("{other:?}"),
    }
}

fn place_without_offer(station: &mut Station) -> (CallKey, Sent) {
    let key = station.endpoint.dial(Dial { sdp: None, ..dial() }, station.now).unwrap();
    station.drain();
    (key, station.expect_request("INVITE"))
}

#[test]
fn the_policy_says_what_our_invite_asks_for() {
    for (policy, supported, required) in
        [(Rel100::Off, false, false), (Rel100::Supported, true, false), (Rel100::Required, true, true)]
    {
        let (_, invite) = place(&mut station(policy));
        assert_eq!(invite.header("Supported").unwrap().contains("100rel"), supported);
        assert_eq!(invite.header("Require"), required.then_some("100rel"));
        assert!(invite.header("Allow").unwrap().contains("PRACK"));
    }
}

#[test]
fn each_reliable_response_gets_one_prack_in_its_early_dialog() {
    let mut station = station(Rel100::Supported);
    let (key, invite) = place(&mut station);
    station.recv(CARRIER, reliable(&invite, "b1", 500, "v=0 early"));
    let prack = station.expect_request("PRACK");
    assert_eq!(prack.header("RAck"), Some(format!("500 {} INVITE", number(&invite)).as_str()));
    assert_eq!((number(&prack), prack.to_tag()), (number(&invite) + 1, "b1"));
    assert!(prack.text.starts_with("PRACK sip:bob@198.51.100.7:5060 SIP/2.0"));
    assert_eq!(progress(&mut station), (Some("v=0 early".into()), Fork(0)));
    // Again, and out of turn: nothing.
    station.recv(CARRIER, reliable(&invite, "b1", 500, "v=0 early"));
    station.recv(CARRIER, reliable(&invite, "b1", 502, ""));
    station.recv(CARRIER, reliable(&invite, "b1", 499, ""));
    station.expect_silence();
    station.expect_no_event();
    station.recv(CARRIER, response_to(&prack, "200 OK", "", &[], ""));
    // The next in turn; a second description is none (RFC 3261 13.2.1).
    station.recv(CARRIER, reliable(&invite, "b1", 501, "v=0 other"));
    let second = station.expect_request("PRACK");
    assert_eq!(number(&second), number(&invite) + 2);
    assert_eq!(progress(&mut station), (None, Fork(0)));
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], "v=0 third"));
    let ack = station.expect_request("ACK");
    assert_eq!(number(&ack), number(&invite));
    assert!(matches!(station.event().1, Event::Answered { sdp: None, fork: Fork(0), .. }));
    station.hang_up(key);
    assert_eq!(number(&station.expect_request("BYE")), number(&invite) + 3, "the numbers of the PRACKs are used up");
}

#[test]
fn each_fork_counts_for_itself() {
    let mut station = station(Rel100::Supported);
    let (_, invite) = place(&mut station);
    station.recv(CARRIER, reliable(&invite, "b1", 7, "v=0 one"));
    assert_eq!(progress(&mut station), (Some("v=0 one".into()), Fork(0)));
    station.recv(CARRIER, reliable(&invite, "b2", 900, "v=0 two"));
    assert_eq!(progress(&mut station), (Some("v=0 two".into()), Fork(1)));
    let pracks = station.all_sent();
    let tags: Vec<&str> = pracks.iter().map(Sent::to_tag).collect();
    assert_eq!(tags, ["b1", "b2"]);
    station.recv(CARRIER, response_to(&invite, "200 OK", "b2", &[CONTACT], ""));
    assert!(matches!(station.event().1, Event::Answered { sdp: None, fork: Fork(1), .. }));
    // The other answers too: acknowledged and ended, with a number that was not used before.
    station.expect_request("ACK");
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], ""));
    assert_eq!(station.expect_request("ACK").to_tag(), "b1");
    let bye = station.expect_request("BYE");
    assert_eq!((bye.to_tag(), number(&bye)), ("b1", number(&invite) + 2));
}

#[test]
fn a_reliable_response_without_a_dialog_is_none() {
    let mut station = station(Rel100::Supported);
    let (_, invite) = place(&mut station);
    let no_contact = ["Require: 100rel", "RSeq: 1"];
    station.recv(CARRIER, response_to(&invite, "183 Session Progress", "b1", &no_contact, "v=0"));
    station.expect_silence();
    station.expect_no_event();
    assert_eq!(station.refused(Refusal::StrayResponse), 1);
}

#[test]
fn a_prack_that_is_refused_leaves_the_call_alone() {
    let mut station = station(Rel100::Supported);
    let (_, invite) = place(&mut station);
    station.recv(CARRIER, reliable(&invite, "b1", 1, "v=0 early"));
    progress(&mut station);
    let prack = station.expect_request("PRACK");
    station.recv(CARRIER, response_to(&prack, "481 Gone", "", &[], ""));
    station.expect_no_event();
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], ""));
    assert!(matches!(station.event().1, Event::Answered { .. }));
}

#[test]
fn their_early_offer_is_answered_in_our_prack() {
    let mut station = station(Rel100::Supported);
    let (key, invite) = place_without_offer(&mut station);
    station.recv(CARRIER, reliable(&invite, "b1", 1, "v=0 their offer"));
    assert_eq!(progress(&mut station), (Some("v=0 their offer".into()), Fork(0)));
    station.recv(CARRIER, reliable(&invite, "b1", 1, "v=0 their offer"));
    station.expect_silence();
    station.command(key, Command::Acknowledge { sdp: Body::from(b"v=0 our answer".to_vec()) });
    assert_eq!(station.expect_request("PRACK").body(), "v=0 our answer");
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], ""));
    assert_eq!(station.expect_request("ACK").body(), "");
    assert!(matches!(station.event().1, Event::Answered { sdp: None, .. }));
}

#[test]
fn an_early_offer_that_the_tu_forgets_ends_the_call() {
    let mut station = station(Rel100::Supported);
    let (_, invite) = place_without_offer(&mut station);
    station.recv(CARRIER, reliable(&invite, "b1", 1, "v=0 their offer"));
    progress(&mut station);
    station.pass_secs(20);
    assert_eq!(station.ended().reason, EndReason::LastResort);
    let cancel = station.expect_request("CANCEL");
    station.recv(CARRIER, response_to(&cancel, "200 OK", "b1", &[], ""));
    station.recv(CARRIER, response_to(&invite, "487 Request Terminated", "b1", &[], ""));
    station.pass_secs(40);
    station.expect_request("ACK");
    station.expect_empty();
}

#[test]
fn an_offer_in_a_response_that_may_be_lost_is_no_offer() {
    let mut station = station(Rel100::Supported);
    let (_, invite) = place_without_offer(&mut station);
    station.recv(CARRIER, response_to(&invite, "183 Session Progress", "b1", &[CONTACT], "v=0 hint"));
    assert_eq!(progress(&mut station), (None, Fork(0)));
}
