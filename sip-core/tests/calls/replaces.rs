//! Calls that take the place of others (RFC 3891, THREATS T39).

use sip_core::endpoint::{CallKey, Command, Event, Input, Refusal};
use sip_core::wire::{Replaces, StatusCode, Text};

use crate::outbound::dial;
use crate::script::{Message, established, response_to};
use crate::station::{CARRIER, OTHER, Sent, Station, rules};

fn open() -> Station {
    let rules = rules().into_iter().map(|rule| rule.replaces(true)).collect();
    Station::with(rules, |_| {})
}

/// An INVITE that wants the place of the call with these names.
fn replacing(call_id: &str, to_tag: &str, from_tag: &str) -> Message {
    Message::numbered(7).header(&format!("Replaces: {call_id};to-tag={to_tag};from-tag={from_tag}"))
}

#[track_caller]
fn replaced(station: &mut Station) -> (CallKey, Option<CallKey>) {
    let (key, event) = station.event();
    let Event::Incoming(invite) = event else { panic!("{event:?}") };
    (key, invite.get().replaces())
}

fn refused(station: &mut Station, message: &Message, status: u16, reason: Refusal) {
    let before = station.refused(reason);
    station.recv(CARRIER, message.text());
    station.expect_status(status);
    station.expect_no_event();
    assert_eq!(station.refused(reason), before + 1);
}

#[test]
fn a_call_takes_the_place_of_another() {
    let mut station = open();
    let (old, ok) = established(&mut station);
    assert!(ok.header("Supported").unwrap().ends_with("replaces"));
    let message = replacing("call-1@carrier", ok.to_tag(), "from1").header("Require: replaces");
    station.recv(CARRIER, message.text());
    station.expect_status(100);
    let (new, replaces) = replaced(&mut station);
    assert_eq!(replaces, Some(old));
    // The TU answers the one and hangs up the other.
    station.answer(new);
    station.expect_status(200);
    station.command(old, Command::Hangup { reason: None });
    let bye = station.expect_request("BYE");
    assert_eq!(bye.header("Call-ID"), Some("call-1@carrier"));
}

#[test]
fn all_three_names_must_be_right() {
    let mut station = open();
    let (_, ok) = established(&mut station);
    let tag = ok.to_tag().to_owned();
    for (call_id, to_tag, from_tag) in [
        ("call-2@carrier", tag.as_str(), "from1"),
        ("call-1@carrier", "guess", "from1"),
        ("call-1@carrier", tag.as_str(), "guess"),
        ("call-1@carrier", "from1", tag.as_str()),
        ("call-1@carrier", "0", "0"),
    ] {
        refused(&mut station, &replacing(call_id, to_tag, from_tag), 481, Refusal::Replaces);
    }
    for value in ["call-1@carrier", "call-1@carrier;to-tag=a", "call-1@carrier;from-tag=a", ";to-tag=a;from-tag=b", ""]
    {
        let message = Message::numbered(7).header(&format!("Replaces: {value}"));
        refused(&mut station, &message, 400, Refusal::ReplacesMalformed);
    }
    assert_eq!(station.stats().calls, 1);
}

#[test]
fn another_trunk_or_a_trunk_without_the_rule_replaces_nothing() {
    let mut station = open();
    let (_, ok) = established(&mut station);
    let message = replacing("call-1@carrier", ok.to_tag(), "from1");
    station.recv(OTHER, message.text());
    station.expect_status(481);
    assert_eq!(station.refused(Refusal::Replaces), 1);

    let mut station = Station::new();
    let (_, ok) = established(&mut station);
    assert!(!ok.header("Supported").unwrap().contains("replaces"));
    refused(&mut station, &replacing("call-1@carrier", ok.to_tag(), "from1"), 481, Refusal::Replaces);
    // What would be malformed elsewhere is no different here: nothing is told.
    refused(&mut station, &Message::numbered(8).header("Replaces: x"), 481, Refusal::Replaces);
}

#[test]
fn early_only_does_not_take_an_answered_call_and_ringing_ones_are_not_the_peers() {
    let mut station = open();
    let (_, ok) = established(&mut station);
    let early = format!("Replaces: call-1@carrier;from-tag=from1;to-tag={};early-only", ok.to_tag());
    refused(&mut station, &Message::numbered(7).header(&early), 486, Refusal::ReplacesEarlyOnly);

    let mut station = open();
    station.recv(CARRIER, Message::invite().text());
    station.expect_status(100);
    let key = station.incoming();
    station.ring(key);
    let ringing = station.expect_status(180);
    refused(&mut station, &replacing("call-1@carrier", ringing.to_tag(), "from1"), 481, Refusal::Replaces);
}

#[test]
fn a_call_that_is_over_for_us_is_declined() {
    let mut station = open();
    station.recv(CARRIER, Message::invite().text());
    station.expect_status(100);
    let key = station.incoming();
    station.answer(key);
    let ok = station.expect_status(200);
    // The BYE waits for the ACK.
    station.hang_up(key);
    station.ended();
    refused(&mut station, &replacing("call-1@carrier", ok.to_tag(), "from1"), 603, Refusal::ReplacesOver);
}

#[test]
fn our_own_calls_can_be_replaced_too() {
    let mut station = open();
    let key = station.endpoint.dial(dial(), station.now).unwrap();
    station.drain();
    let invite = station.expect_request("INVITE");
    let contact = "Contact: <sip:bob@198.51.100.7:5060>";
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[contact], "v=0"));
    station.expect_request("ACK");
    station.event();
    let (call_id, tag) = (invite.header("Call-ID").unwrap(), from_tag(&invite));
    station.recv(CARRIER, replacing(call_id, tag, "b1").text());
    assert_eq!(replaced(&mut station).1, Some(key));
}

#[test]
fn a_call_of_ours_may_bring_a_replaces() {
    let mut station = Station::new();
    let replaces = Replaces {
        call_id: Text::from_static("a@b"),
        to_tag: Text::from_static("t"),
        from_tag: Text::from_static("f"),
        early_only: true,
    };
    let value = Text::from_utf8(replaces.to_value()).unwrap();
    let dial = sip_core::endpoint::Dial { headers: vec![("Replaces".into(), value)], ..dial() };
    station.endpoint.dial(dial, station.now).unwrap();
    station.drain();
    let invite = station.expect_request("INVITE");
    assert_eq!(invite.header("Replaces"), Some("a@b;to-tag=t;from-tag=f;early-only"));
    assert_eq!(invite.header("Require"), Some("replaces"));
}

#[test]
fn a_guess_costs_nothing_and_tells_nothing() {
    let mut station = open();
    established(&mut station);
    for number in 0..1000 {
        let message =
            Message::numbered(number).header(&format!("Replaces: call-1@carrier;to-tag={number};from-tag=from1"));
        station.recv(CARRIER, message.text());
    }
    assert!(station.all_sent().iter().all(|sent| sent.status() == 481));
    assert_eq!((station.stats().calls, station.refused(Refusal::Replaces)), (1, 1000));
    station.input(Input::Timeout);
    station.expect_no_event();
    assert_eq!(StatusCode::CALL_DOES_NOT_EXIST.code(), 481);
}

fn from_tag(invite: &Sent) -> &str {
    invite.header("From").unwrap().split(";tag=").nth(1).unwrap()
}
