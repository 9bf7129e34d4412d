//! The gate as a trunk feels it: rate, number of calls, new rules while running (THREATS T31).

use sip_core::admission::{Gate, Peer, Rate, Transport, Transports, TrunkId, TrunkRule};
use sip_core::endpoint::{Command, Event, Refusal, Reject};
use sip_core::wire::StatusCode;

use crate::script::Message;
use crate::station::{CARRIER, OTHER, STRANGER, Station, TCP, origin, rules};

#[test]
fn over_the_rate_is_503_with_the_time_to_wait() {
    let mut rules = rules();
    rules[0] = rules[0].clone().rate(Rate { per_second: 2, burst: 4 });
    let mut station = Station::with(rules, |_| {});
    for call in 0..6 {
        station.recv(CARRIER, Message::numbered(call).text());
        let sent = station.sent();
        assert_eq!(sent.status(), if call < 4 { 100 } else { 503 });
        if call >= 4 {
            assert_eq!(sent.header("Retry-After"), Some("1"));
            assert_eq!(sent.header("Reason"), Some("Q.850;cause=42;text=\"call rate of the trunk\""));
        }
    }
    assert_eq!(station.refused(Refusal::TrunkRate), 2);
    // Another trunk has a bucket of its own.
    station.recv(OTHER, Message::numbered(7).text());
    station.expect_status(100);
    station.pass_secs(1);
    station.all_sent();
    for (call, status) in [(8, 100), (9, 100), (10, 503)] {
        station.recv(CARRIER, Message::numbered(call).text());
        station.expect_status(status);
    }
}

#[test]
fn over_the_number_of_calls_is_503_until_one_ends() {
    let mut rules = rules();
    rules[0] = rules[0].clone().max_calls(2);
    let mut station = Station::with(rules, |_| {});
    for (call, status) in [(1, 100), (2, 100), (3, 503)] {
        station.recv(CARRIER, Message::numbered(call).text());
        station.expect_status(status);
    }
    assert_eq!(station.refused(Refusal::TrunkCalls), 1);
    let key = station.incoming();
    station.command(key, Command::Reject(Reject::new(StatusCode::BUSY_HERE)));
    station.expect_status(486);
    station.recv(CARRIER, Message::numbered(4).text());
    station.expect_status(100);
}

#[test]
fn a_trunk_uses_the_transports_it_may() {
    let rule = TrunkRule::new("a").peer("198.51.100.7".parse().unwrap());
    let mut station = Station::with(vec![rule.transports(Transports::NONE.with(Transport::Tcp))], |_| {});
    station.recv(CARRIER, Message::invite().text());
    station.expect_silence();
    let connection = station.connect(TCP, CARRIER, None);
    station.recv_on(connection, Message::invite().over("TCP").text());
    station.expect_status(100);
}

#[test]
fn new_rules_take_over_while_calls_are_up() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::numbered(1).text());
    let key = station.incoming();
    station.expect_status(100);
    let known = |ip: &str| TrunkRule::new("carrier-a").peer(ip.parse().unwrap()).max_calls(1);
    station.endpoint.replace_gate(Gate::new(vec![known("198.51.100.7")], station.now).unwrap());
    // The call that is up counts against the new limit; a trunk that is gone is a stranger.
    station.recv(CARRIER, Message::numbered(2).text());
    station.expect_status(503);
    station.recv(OTHER, Message::numbered(3).text());
    station.expect_silence();
    station.command(key, Command::Reject(Reject::new(StatusCode::BUSY_HERE)));
    station.expect_status(486);
    station.recv(CARRIER, Message::numbered(4).text());
    station.expect_status(100);
    // Its connections are closed at their next word.
    let connection = station.connect(TCP, CARRIER, None);
    station.endpoint.replace_gate(Gate::new(vec![known("203.0.113.1")], station.now).unwrap());
    station.recv_on(connection, "\r\n\r\n");
    assert_eq!(station.closed, [connection]);
}

#[test]
fn the_most_exact_rule_wins() {
    let rule = |name: &str, peer: &str| TrunkRule::new(name).peer(peer.parse().unwrap());
    let rules = vec![rule("wide", "198.51.0.0/16"), rule("narrow", "198.51.100.0/24"), rule("one", "198.51.100.7")];
    let mut station = Station::with(rules, |_| {});
    for (from, name) in [("198.51.100.7:1", "one"), ("198.51.100.8:1", "narrow"), ("198.51.7.7:1", "wide")] {
        station
            .recv(from, Message { call_id: from.into(), branch: format!("z9hG4bK{name}"), ..Message::invite() }.text());
        let (_, Event::Incoming(invite)) = station.event() else { panic!("no call") };
        assert_eq!(invite.trunk(), &TrunkId::new(name));
    }
    station.all_sent();
    station.recv(STRANGER, Message::invite().text());
    station.expect_silence();
}

#[test]
fn an_ipv4_address_in_ipv6_clothes_is_the_same_source() {
    let mut station = Station::new();
    station.recv("[::ffff:198.51.100.7]:5060", Message::invite().text());
    station.expect_status(100);
    assert!("::ffff:198.51.100.7".parse::<Peer>().unwrap() == "198.51.100.7".parse().unwrap());
}

#[test]
fn rules_that_say_two_things_are_no_gate() {
    let rule = TrunkRule::new("a").peer("192.0.2.1".parse().unwrap());
    assert!(Gate::new(vec![rule.clone(), rule], origin()).is_err());
    assert!(Gate::new(vec![TrunkRule::new("")], origin()).is_err());
    for wrong in
        ["198.51.100.7/24", "198.51.100.0/33", "198.51.100.0/+8", "sips:*.example", "sips:192.0.2.1", "host", ""]
    {
        assert!(wrong.parse::<Peer>().is_err(), "{wrong}");
    }
}
