//! Redirections of calls of ours (RFC 3261 8.1.3.4).

use sip_core::admission::Targets;
use sip_core::endpoint::{CallKey, Dial, EndReason, EndedBy, Event, Fork, Input, NextHop, Refusal};
use sip_core::wire::{Host, StatusCode, Text, Uri};

use crate::connections::tls_facts;
use crate::outbound::{CONTACT, dial};
use crate::script::response_to;
use crate::station::{CARRIER, Sent, Station, rules};

fn station(redirects: u8) -> Station {
    Station::with(rules().into_iter().map(|rule| rule.redirects(redirects)).collect(), |_| {})
}

fn place(station: &mut Station) -> (CallKey, Sent) {
    let key = station.endpoint.dial(dial(), station.now).unwrap();
    station.drain();
    (key, station.expect_request("INVITE"))
}

fn target(invite: &Sent) -> &str {
    invite.text.split(' ').nth(1).unwrap()
}

/// A refusal, its ACK, and what follows.
fn refuse(station: &mut Station, invite: &Sent, status: &str, contacts: &[&str]) -> Option<Sent> {
    station.recv(CARRIER, response_to(invite, status, "b1", contacts, ""));
    station.expect_request("ACK");
    station.all_sent().pop()
}

#[track_caller]
fn expect_refused(station: &mut Station, status: StatusCode) {
    let ended = station.ended();
    assert_eq!((ended.by, ended.reason), (EndedBy::Remote, EndReason::Refused(status)));
    station.expect_silence();
}

#[test]
fn by_default_a_redirection_ends_the_call() {
    let mut station = station(0);
    let (_, invite) = place(&mut station);
    assert!(refuse(&mut station, &invite, "302 Moved Temporarily", &["Contact: <sip:carol@example.net>"]).is_none());
    expect_refused(&mut station, StatusCode::MOVED_TEMPORARILY);
    station.pass_secs(33);
    station.expect_empty();
}

#[test]
fn contacts_are_called_by_their_q_over_the_trunks_own_way() {
    let mut station = station(3);
    let (_, first) = place(&mut station);
    let contacts =
        ["Contact: <sip:c@example.net>;q=0.2, <sip:a@example.net>", "Contact: <sip:b@203.0.113.66:5099>;q=0.75"];
    let mut invite = first.clone();
    for (status, expected) in [
        ("302 Moved Temporarily", "sip:a@example.net"),
        ("486 Busy Here", "sip:b@203.0.113.66:5099"),
        ("480 Away", "sip:c@example.net"),
    ] {
        let contacts: &[&str] = if status.starts_with('3') { &contacts } else { &[] };
        let next = refuse(&mut station, &invite, status, contacts).unwrap();
        assert_eq!((target(&next), next.to()), (expected, CARRIER.parse().unwrap()));
        assert_ne!(next.branch(), invite.branch());
        let number = |sent: &Sent| sent.header("CSeq").unwrap().split(' ').next().unwrap().parse::<u32>().unwrap();
        assert_eq!(number(&next), number(&invite) + 1);
        for name in ["Call-ID", "From", "To"] {
            assert_eq!(next.header(name), first.header(name), "{name}");
        }
        assert_eq!(next.body(), "v=0 offer");
        invite = next;
    }
    station.recv(CARRIER, response_to(&invite, "200 OK", "b4", &[CONTACT], "v=0 theirs"));
    station.expect_request("ACK");
    assert!(matches!(station.event().1, Event::Answered { .. }));
}

#[test]
fn nobody_is_called_twice_and_not_more_often_than_the_rule_says() {
    let mut station = station(2);
    let (_, invite) = place(&mut station);
    let there = ["Contact: <sip:bob@carrier.example>, <sip:carol@example.net>"];
    let next = refuse(&mut station, &invite, "301 Moved Permanently", &there).unwrap();
    assert_eq!(target(&next), "sip:carol@example.net", "the first target again is a loop");
    let back = ["Contact: <sip:carol@example.net>, <sip:bob@carrier.example>, <sip:dave@example.net>"];
    let next = refuse(&mut station, &next, "302 Moved Temporarily", &back).unwrap();
    assert_eq!(target(&next), "sip:dave@example.net");
    assert!(refuse(&mut station, &next, "302 Moved Temporarily", &["Contact: <sip:eve@example.net>"]).is_none());
    expect_refused(&mut station, StatusCode::MOVED_TEMPORARILY);
}

#[test]
fn what_a_contact_cannot_do() {
    for contact in [
        "<tel:+14155550100>",
        "<mailto:carol@example.net>",
        "*",
        "<sips:carol@example.net>",
        "<sip:bob@carrier.example>",
    ] {
        let mut station = station(3);
        let (_, invite) = place(&mut station);
        let next = refuse(&mut station, &invite, "302 Moved Temporarily", &[&format!("Contact: {contact}")]);
        assert!(next.is_none(), "{contact}");
        expect_refused(&mut station, StatusCode::MOVED_TEMPORARILY);
    }
    // Headers and a method of a Contact are dropped.
    let mut station = station(3);
    let (_, invite) = place(&mut station);
    let hostile = "Contact: <sip:carol@example.net;method=REFER?Replaces=x&Route=%3Csip:evil%3E>";
    let next = refuse(&mut station, &invite, "302 Moved Temporarily", &[hostile]).unwrap();
    assert_eq!(target(&next), "sip:carol@example.net");
    assert_eq!(next.header("Route"), None);
}

#[test]
fn a_secure_call_is_never_redirected_to_one_that_is_not() {
    let mut station = station(3);
    let target = Uri::sips(Some(Text::from_static("bob")), Host::Name(Text::from_static("carrier.example")), None);
    let next_hop = Some(NextHop::tls("198.51.100.7:5061".parse().unwrap(), "sbc.carrier.example"));
    station.endpoint.dial(Dial { target, next_hop, ..dial() }, station.now).unwrap();
    station.drain();
    let (connection, _) = station.connects.pop_front().unwrap();
    station.input(Input::Connected { connection, tls: Some(tls_facts(&["sbc.carrier.example"])) });
    let invite = station.expect_request("INVITE");
    let contacts = ["Contact: <sip:carol@example.net>, <sips:dave@example.net>;q=0.1"];
    station.recv_on(connection, response_to(&invite, "302 Moved Temporarily", "b1", &contacts, ""));
    station.expect_request("ACK");
    let next = station.expect_request("INVITE");
    assert!(next.text.starts_with("INVITE sips:dave@example.net "));
}

#[test]
fn a_6xx_and_a_305_are_the_end() {
    for status in ["603 Decline", "305 Use Proxy", "380 Alternative Service"] {
        let mut station = station(3);
        let (_, invite) = place(&mut station);
        let contacts = ["Contact: <sip:carol@example.net>, <sip:dave@example.net>"];
        let first = if status.starts_with('6') { "302 Moved Temporarily" } else { status };
        let next = refuse(&mut station, &invite, first, &contacts);
        if let Some(next) = next {
            assert!(refuse(&mut station, &next, status, &[]).is_none());
        }
        assert!(matches!(station.ended().reason, EndReason::Refused(_)));
    }
}

#[test]
fn a_call_that_is_taken_back_is_not_redirected() {
    let mut station = station(3);
    let (key, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "180 Ringing", "b1", &[], ""));
    station.hang_up(key);
    station.expect_request("CANCEL");
    let contacts = ["Contact: <sip:carol@example.net>"];
    assert!(refuse(&mut station, &invite, "302 Moved Temporarily", &contacts).is_none());
    station.pass_secs(40);
    assert!(station.all_sent().iter().all(|sent| sent.method() == "CANCEL"));
    station.expect_empty();
}

#[test]
fn contacts_without_end_are_bounded() {
    let mut station = station(255);
    let (_, mut invite) = place(&mut station);
    let mut calls = 0;
    loop {
        let contacts: Vec<String> =
            (0..30).map(|number| format!("Contact: <sip:c{calls}-{number}@example.net>")).collect();
        let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
        let Some(next) = refuse(&mut station, &invite, "302 Moved Temporarily", &contacts) else { break };
        invite = next;
        calls += 1;
    }
    assert_eq!(calls, 255);
}

/// THREATS T38: what a call costs is not for the callee to say.
#[test]
fn nobody_is_called_whom_the_rule_does_not_let_calls_go_to() {
    let here = |uri: &Uri| uri.user().is_some_and(|user| user.as_str().starts_with("+1415"));
    let rules = rules().into_iter().map(|rule| rule.redirects(3).redirect_targets(Targets::new(here))).collect();
    let mut station = Station::with(rules, |_| {});
    let (_, invite) = place(&mut station);
    let contacts = ["Contact: <sip:+19005550199@carrier.example>, <sip:+14155550177@carrier.example>;q=0.1"];
    let next = refuse(&mut station, &invite, "302 Moved Temporarily", &contacts).unwrap();
    assert_eq!(target(&next), "sip:+14155550177@carrier.example");
    let contacts = ["Contact: <sip:+882990001@carrier.example>"];
    assert!(refuse(&mut station, &next, "302 Moved Temporarily", &contacts).is_none());
    expect_refused(&mut station, StatusCode::MOVED_TEMPORARILY);
    assert_eq!(station.refused(Refusal::RedirectTarget), 2);
}

/// Another callee is another number, or the TU would take its answer for that of the one before.
#[test]
fn callees_of_different_targets_are_told_apart() {
    let mut station = station(1);
    let (_, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "183 Session Progress", "b1", &[CONTACT], "v=0 early"));
    assert!(matches!(station.event().1, Event::Progress { fork: Fork(0), .. }));
    let next = refuse(&mut station, &invite, "302 Moved Temporarily", &["Contact: <sip:carol@example.net>"]).unwrap();
    station.recv(CARRIER, response_to(&next, "183 Session Progress", "c1", &[CONTACT], "v=0 other"));
    assert!(matches!(station.event().1, Event::Progress { fork: Fork(1), .. }));
    station.recv(CARRIER, response_to(&next, "200 OK", "c2", &[CONTACT], "v=0 third"));
    assert!(matches!(station.event().1, Event::Answered { fork: Fork(2), .. }));
}
