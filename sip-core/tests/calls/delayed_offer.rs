//! Calls that we place without an offer: the 2xx brings one, the ACK our answer (RFC 3261 13.2.1, 13.2.2.4).

use sip_core::endpoint::{Body, CallKey, Command, Dial, EndReason, Event, Refusal};

use crate::outbound::{CONTACT, dial};
use crate::script::{Message, response_to};
use crate::station::{CARRIER, Sent, Station};

fn place(station: &mut Station) -> (CallKey, Sent) {
    let key = station.endpoint.dial(Dial { sdp: None, ..dial() }, station.now).unwrap();
    station.drain();
    (key, station.expect_request("INVITE"))
}

fn acknowledge(station: &mut Station, key: CallKey) {
    station.command(key, Command::Acknowledge { sdp: Body::from(b"v=0 ours".to_vec()) });
}

fn offered(station: &mut Station) -> (CallKey, Sent) {
    let (key, invite) = place(station);
    assert_eq!((invite.body(), invite.header("Content-Type")), ("", None));
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], "v=0 theirs"));
    let Event::Answered { sdp: Some(offer), .. } = station.event().1 else { panic!("no offer") };
    assert_eq!(offer.as_bytes(), b"v=0 theirs");
    station.expect_silence();
    (key, invite)
}

#[test]
fn the_ack_waits_for_our_answer_and_is_sent_again_with_it() {
    let mut station = Station::new();
    let (key, invite) = offered(&mut station);
    let again = response_to(&invite, "200 OK", "b1", &[CONTACT], "v=0 theirs");
    station.recv(CARRIER, &again);
    station.expect_silence();
    acknowledge(&mut station, key);
    let ack = station.expect_request("ACK");
    assert_eq!((ack.body(), ack.to_tag()), ("v=0 ours", "b1"));
    station.recv(CARRIER, &again);
    assert_eq!(station.expect_request("ACK").text, ack.text);
    acknowledge(&mut station, key);
    station.expect_silence();
    station.hang_up(key);
    station.expect_request("BYE");
}

#[test]
fn an_offer_that_the_tu_forgets_is_acknowledged_and_ended() {
    let mut station = Station::new();
    offered(&mut station);
    station.pass_secs(20);
    assert_eq!(station.ended().reason, EndReason::LastResort);
    assert_eq!(station.refused(Refusal::LastResort), 1);
    assert_eq!(station.expect_request("ACK").body(), "");
    let bye = station.expect_request("BYE");
    station.recv(CARRIER, response_to(&bye, "200 OK", "", &[], ""));
    station.pass_secs(40);
    station.expect_empty();
}

#[test]
fn a_hangup_before_our_answer_acknowledges_first() {
    let mut station = Station::new();
    let (key, _) = offered(&mut station);
    station.hang_up(key);
    assert_eq!(station.expect_request("ACK").body(), "");
    station.expect_request("BYE");
}

#[test]
fn a_bye_before_our_answer_ends_the_call_and_the_200_is_acknowledged() {
    let mut station = Station::new();
    let (_, invite) = offered(&mut station);
    let bye = Message {
        call_id: invite.header("Call-ID").unwrap().into(),
        from_tag: "b1".into(),
        to_tag: invite.header("From").unwrap().split_once(";tag=").unwrap().1.into(),
        ..Message { method: "BYE", body: String::new(), ..Message::invite() }
    };
    station.recv(CARRIER, bye.text());
    station.expect_status(200);
    station.expect_request("ACK");
    assert_eq!(station.ended().reason, EndReason::Bye);
}

#[test]
fn a_change_of_the_session_waits_for_our_answer() {
    let mut station = Station::new();
    let (key, _) = offered(&mut station);
    station.command(key, Command::Reinvite { sdp: Body::from(b"v=0 change".to_vec()) });
    station.expect_silence();
    acknowledge(&mut station, key);
    station.expect_request("ACK");
    station.pass_secs(0);
    assert_eq!(station.expect_request("INVITE").body(), "v=0 change");
}

#[test]
fn a_200_without_an_offer_is_acknowledged_at_once() {
    let mut station = Station::new();
    let (_, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], ""));
    assert_eq!(station.expect_request("ACK").body(), "");
    assert!(matches!(station.event().1, Event::Answered { sdp: None, .. }));
}

#[test]
fn a_422_calls_again_without_an_offer_too() {
    let mut station = Station::new();
    let (_, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "422 Session Interval Too Small", "b1", &["Min-SE: 3600"], ""));
    station.expect_request("ACK");
    assert_eq!(station.expect_request("INVITE").body(), "");
}
