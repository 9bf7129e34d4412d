//! Keepalive of what we opened (RFC 5626 3.5.1, 4.4.1).

use std::time::Duration;

use bytes::Bytes;
use sip_core::admission::TrunkRule;
use sip_core::endpoint::{ConnectionId, Dial, Flow, Input, NextHop, Refusal};
use sip_core::wire::{Stun, StunId};

use crate::outbound::dial;
use crate::script::response_to;
use crate::station::{CARRIER, STRANGER, Station, rules};

const EVERY: u64 = 30;

/// A trunk with keepalive, and the connection that we opened to it for a call that was refused.
fn connected(keepalive: bool) -> (Station, ConnectionId) {
    let mut rules: Vec<TrunkRule> = rules();
    if keepalive {
        rules[0] = rules[0].clone().keepalive(Duration::from_secs(EVERY));
    }
    let mut station = Station::with(rules, |_| {});
    let next_hop = Some(NextHop::tcp(CARRIER.parse().unwrap()));
    station.endpoint.dial(Dial { next_hop, ..dial() }, station.now).unwrap();
    station.drain();
    let (connection, _) = station.connects.pop_front().unwrap();
    station.input(Input::Connected { connection, tls: None });
    let invite = station.expect_request("INVITE");
    station.recv_on(connection, response_to(&invite, "486 Busy Here", "b1", &[], ""));
    station.expect_request("ACK");
    station.ended();
    (station, connection)
}

#[test]
fn an_idle_connection_is_pinged_at_irregular_times_and_lives() {
    let (mut station, connection) = connected(true);
    let began = station.now;
    let mut waits = Vec::new();
    for _ in 0..20 {
        let before = station.now;
        while station.all_sent().is_empty() {
            station.pass(Duration::from_millis(50));
            assert!(station.now - before <= Duration::from_secs(EVERY + 1), "no ping");
        }
        waits.push(station.now - before);
        station.recv_on(connection, "\r\n");
    }
    let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*least >= Duration::from_millis(EVERY * 800 - 50), "{least:?}");
    assert!(*most <= Duration::from_millis(EVERY * 1_000 + 50), "{most:?}");
    assert_ne!(least, most, "jitter");
    assert!(station.now - began > Duration::from_secs(400) && station.closed.is_empty(), "idle is no reason");
}

#[test]
fn the_ping_is_a_double_line_break_and_ten_seconds_without_pong_are_the_end() {
    let (mut station, connection) = connected(true);
    station.pass_secs(EVERY);
    let ping = station.sent();
    assert_eq!((ping.flow, ping.text.as_str()), (Flow::Stream(connection), "\r\n\r\n"));
    station.pass(station.started + ping.after + Duration::from_millis(9_999) - station.now);
    assert!(station.closed.is_empty());
    station.pass(Duration::from_millis(1));
    assert_eq!(station.closed, [connection]);
    assert_eq!(station.refused(Refusal::KeepaliveLost), 1);
    station.expect_silence();
    assert_eq!(station.stats().connections, 0);
}

#[test]
fn a_message_is_as_good_as_a_pong() {
    let (mut station, connection) = connected(true);
    station.pass_secs(EVERY);
    assert_eq!(station.sent().text, "\r\n\r\n");
    // The pong in front of a message is its stray line break (RFC 3261 7.5).
    let options = "OPTIONS sip:us@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/TCP 198.51.100.7;branch=z9hG4bKo\r\n\
                   From: <sip:c@carrier.example>;tag=1\r\nTo: <sip:us@192.0.2.10>\r\nCall-ID: o@c\r\n\
                   CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    station.recv_on(connection, format!("\r\n{options}"));
    station.expect_status(200);
    station.pass_secs(11);
    assert!(station.closed.is_empty());
}

/// A trunk with keepalive over UDP, after a call that was refused.
fn called_over_udp() -> Station {
    let mut rules = rules();
    rules[0] = rules[0].clone().keepalive(Duration::from_secs(EVERY));
    let mut station = Station::with(rules, |_| {});
    station.endpoint.dial(dial(), station.now).unwrap();
    station.drain();
    let invite = station.expect_request("INVITE");
    station.recv(CARRIER, response_to(&invite, "486 Busy Here", "b1", &[], ""));
    station.expect_request("ACK");
    station.ended();
    station
}

/// Waits for the next binding request; gives its transaction.
fn binding(station: &mut Station) -> StunId {
    station.pass_secs(EVERY);
    let sent = station.sent();
    assert_eq!(sent.to(), CARRIER.parse().unwrap());
    match Stun::parse(&sent.octets) {
        Some(Stun::Request { id }) => id,
        other => panic!("{other:?}"),
    }
}

fn seen_as(id: StunId, mapped: &str) -> Bytes {
    Stun::Success { id, mapped: mapped.parse().unwrap() }.encode()
}

#[test]
fn a_udp_flow_is_kept_by_stun_and_each_binding_has_a_name_of_its_own() {
    let mut station = called_over_udp();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let id = binding(&mut station);
        assert!(!seen.contains(&id));
        seen.push(id);
        station.recv(CARRIER, seen_as(id, "192.0.2.10:5060"));
        station.all_sent();
    }
    // The same answer again, and one to another transaction, are nobody's.
    station.recv(CARRIER, seen_as(seen[4], "192.0.2.10:5060"));
    station.recv(CARRIER, seen_as([9; 12], "192.0.2.10:5060"));
    assert_eq!((station.refused(Refusal::StrayResponse), station.refused(Refusal::KeepaliveLost)), (2, 0));
    // Another address is another flow (RFC 5626 4.4.2).
    let id = binding(&mut station);
    station.recv(CARRIER, seen_as(id, "192.0.2.99:5060"));
    assert_eq!(station.refused(Refusal::KeepaliveLost), 1);
}

#[test]
fn a_binding_without_an_answer_is_sent_seven_times_and_given_up() {
    let mut station = called_over_udp();
    let id = binding(&mut station);
    station.pass_secs(60);
    let again = station.all_sent();
    assert_eq!(again.len(), 6);
    assert!(again.iter().all(|sent| Stun::parse(&sent.octets) == Some(Stun::Request { id })));
    let times: Vec<u128> = again.iter().map(|sent| sent.after.as_millis()).collect();
    let waits: Vec<u128> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000]);
    assert_eq!(station.refused(Refusal::KeepaliveLost), 1);
    station.pass_secs(600);
    station.expect_silence();
}

#[test]
fn a_binding_request_of_a_trunk_is_answered_with_its_source_and_a_strangers_with_nothing() {
    let mut station = Station::new();
    let request = Stun::Request { id: [3; 12] }.encode();
    station.recv(CARRIER, &request);
    let answer = station.sent();
    assert_eq!(answer.to(), CARRIER.parse().unwrap());
    let mapped = CARRIER.parse().unwrap();
    assert_eq!(Stun::parse(&answer.octets), Some(Stun::Success { id: [3; 12], mapped }));
    station.recv(STRANGER, &request);
    station.recv(CARRIER, &request[..19]);
    station.expect_silence();
    assert_eq!(station.refused(Refusal::UnknownSource), 1);
}

#[test]
fn without_a_rule_nothing_is_sent_and_idle_is_idle() {
    let (mut station, connection) = connected(false);
    station.pass_secs(119);
    station.expect_silence();
    station.pass_secs(1);
    assert_eq!(station.closed, [connection]);
    assert_eq!(station.refused(Refusal::ConnectionIdle), 1);
}
