//! TCP and TLS connections: whose they are, and when they are closed (RFC 3261 18, RFC 5626 4.4.1, RFC 5922; THREATS T33).

use std::sync::Arc;
use std::time::Duration;

use sip_core::admission::{TlsFacts, TlsVersion, TrunkRule};
use sip_core::endpoint::{Event, Flow, Input, Refusal};

use crate::script::Message;
use crate::station::{CARRIER, STRANGER, Station, TCP, TLS, rules};

/// What TLS found out of a peer with these identities.
pub(crate) fn tls_facts(identities: &[&str]) -> TlsFacts {
    TlsFacts {
        version: TlsVersion::V1_3,
        cipher_suite: Arc::from("TLS_AES_256_GCM_SHA384"),
        identities: identities.iter().map(|name| Arc::from(*name)).collect(),
    }
}

fn with_certificate_trunk() -> Vec<TrunkRule> {
    let mut rules = rules();
    rules.push(TrunkRule::new("by-name").peer("sips:sbc.example".parse().unwrap()));
    rules
}

#[test]
fn a_call_over_a_stream_cut_anywhere() {
    let text = Message::invite().over("TCP").text();
    for cut in [1, 7, text.len() / 2, text.len() - 1] {
        let mut station = Station::new();
        let connection = station.connect(TCP, CARRIER, None);
        station.recv_on(connection, &text.as_bytes()[..cut]);
        station.expect_silence();
        station.recv_on(connection, &text.as_bytes()[cut..]);
        let trying = station.expect_status(100);
        assert_eq!(trying.flow, Flow::Stream(connection));
        let key = station.incoming();
        station.answer(key);
        let ok = station.expect_status(200);
        assert_eq!(ok.header("Contact"), Some("<sip:call@192.0.2.10:5060;transport=tcp>"));
    }
}

#[test]
fn over_a_stream_only_the_200_is_sent_again() {
    let mut station = Station::new();
    let connection = station.connect(TCP, CARRIER, None);
    station.recv_on(connection, Message::invite().over("TCP").text());
    station.recv_on(connection, Message::numbered(2).over("TCP").text());
    let (first, second) = (station.incoming(), station.incoming());
    station.answer(first);
    station.command(
        second,
        sip_core::endpoint::Command::Reject(sip_core::endpoint::Reject::new(sip_core::wire::StatusCode::BUSY_HERE)),
    );
    station.pass_secs(10);
    let statuses: Vec<u16> = station.all_sent().iter().map(crate::station::Sent::status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 486).count(), 1);
    assert!(statuses.iter().filter(|status| **status == 200).count() > 3);
}

#[test]
fn a_certificate_makes_a_stranger_a_trunk() {
    let mut station = Station::with(with_certificate_trunk(), |_| {});
    let connection = station.connect(TLS, STRANGER, Some(tls_facts(&["sbc.example"])));
    station.recv_on(connection, Message::invite().over("TLS").text());
    let (_, Event::Incoming(invite)) = station.event() else { panic!("no call") };
    assert_eq!(invite.trunk().as_str(), "by-name");
    let tls = invite.source().tls.as_ref().unwrap();
    assert_eq!((tls.version.as_str(), tls.cipher_suite.as_ref()), ("1.3", "TLS_AES_256_GCM_SHA384"));
}

#[test]
fn a_stranger_without_the_certificate_is_closed_before_it_is_read() {
    let mut station = Station::with(with_certificate_trunk(), |_| {});
    for identities in [&[][..], &["other.example"][..], &["*.example"][..]] {
        let connection = station.connect(TLS, STRANGER, Some(tls_facts(identities)));
        assert_eq!(station.closed.pop(), Some(connection));
        station.recv_on(connection, Message::invite().over("TLS").text());
    }
    station.expect_silence();
    station.expect_no_event();
    // Without a trunk by certificate a stranger does not get as far as the handshake.
    let mut closed = Station::new();
    assert_eq!(closed.endpoint.accept(TLS, STRANGER.parse().unwrap(), closed.now), None);
    assert_eq!(closed.refused(Refusal::UnknownSource), 1);
}

#[test]
fn slow_connections_are_closed_at_each_step() {
    let mut station = Station::new();
    let handshake = station.endpoint.accept(TLS, CARRIER.parse().unwrap(), station.now).unwrap();
    station.drain();
    station.pass_secs(4);
    assert!(station.closed.is_empty());
    station.pass_secs(1);
    assert_eq!(station.closed.pop(), Some(handshake));

    let silent = station.connect(TCP, CARRIER, None);
    station.pass_secs(9);
    assert!(station.closed.is_empty());
    station.pass_secs(1);
    assert_eq!(station.closed.pop(), Some(silent));

    // One octet a second is no progress.
    let slow = station.connect(TCP, CARRIER, None);
    let text = Message::invite().over("TCP").text();
    for octet in text.as_bytes().iter().take(12) {
        station.recv_on(slow, [*octet]);
        station.pass_secs(1);
    }
    assert_eq!(station.closed.pop(), Some(slow));
    assert_eq!(station.refused(Refusal::ConnectionSlow), 3);
    assert_eq!(station.stats().connections, 0);
}

#[test]
fn an_idle_connection_is_closed_and_a_keepalive_or_a_call_keeps_it() {
    let mut station = Station::new();
    let idle = station.connect(TCP, CARRIER, None);
    station.recv_on(idle, Message { method: "OPTIONS", body: String::new(), ..Message::invite() }.over("TCP").text());
    station.expect_status(200);
    for _ in 0..5 {
        station.pass_secs(100);
        station.recv_on(idle, "\r\n\r\n");
        assert_eq!(station.sent().text, "\r\n");
    }
    station.pass_secs(120);
    assert_eq!(station.closed.pop(), Some(idle));
    assert_eq!(station.refused(Refusal::ConnectionIdle), 1);

    let busy = station.connect(TCP, CARRIER, None);
    station.recv_on(busy, Message::invite().over("TCP").text());
    let key = station.incoming();
    station.answer(key);
    let ok = station.all_sent().pop().unwrap();
    station.recv_on(busy, Message::ack(&ok, 1).over("TCP").text());
    station.pass_secs(800);
    assert!(station.closed.is_empty());
    station.recv_on(busy, Message::within(&ok, "BYE", 2).over("TCP").text());
    station.pass_secs(119);
    assert!(station.closed.is_empty());
    station.pass_secs(2);
    assert_eq!(station.closed.pop(), Some(busy));
}

#[test]
fn one_source_holds_so_many_connections_and_a_trunk_may_say_how_many() {
    let mut rules = rules();
    rules[1] = rules[1].clone().max_connections(3);
    let mut station = Station::with(rules, |_| {});
    let mut held = 0;
    while station.endpoint.accept(TCP, CARRIER.parse().unwrap(), station.now).is_some() {
        held += 1;
    }
    assert_eq!(held, 32);
    let mut held = 0;
    while station.endpoint.accept(TCP, crate::station::OTHER.parse().unwrap(), station.now).is_some() {
        held += 1;
    }
    assert_eq!(held, 3);
    assert_eq!(station.refused(Refusal::ConnectionsPerSource), 2);
    // Gone ones make room.
    station.drain();
    station.pass_secs(6);
    assert!(station.endpoint.accept(TCP, CARRIER.parse().unwrap(), station.now).is_some());
}

#[test]
fn a_hoard_of_connections_does_not_shut_out_the_trunk() {
    let mut station = Station::with(with_certificate_trunk(), |config| config.caps.connections = 100);
    let trunk = station.connect(TCP, CARRIER, None);
    station.recv_on(trunk, Message::invite().over("TCP").text());
    station.incoming();
    for host in 0..10_000_u32 {
        let ip = std::net::Ipv4Addr::from_bits(0x0a00_0000 + host);
        assert!(station.endpoint.accept(TLS, (ip, 5061).into(), station.now).is_some());
        station.drain();
        station.now += Duration::from_micros(10);
    }
    assert_eq!(station.stats().connections, 100);
    assert!(!station.closed.contains(&trunk), "a connection with a call on it is not evicted");
    let second = station.connect(TCP, CARRIER, None);
    station.recv_on(second, Message::numbered(2).over("TCP").text());
    station.incoming();
}

#[test]
fn a_dialog_outlives_its_connection() {
    let mut station = Station::new();
    let first = station.connect(TCP, CARRIER, None);
    station.recv_on(first, Message::invite().over("TCP").text());
    let key = station.incoming();
    station.answer(key);
    let ok = station.all_sent().pop().unwrap();
    station.recv_on(first, Message::ack(&ok, 1).over("TCP").text());
    station.input(Input::Disconnected { connection: first });
    assert_eq!(station.stats().calls, 1);
    // The trunk comes back on another connection: our BYE goes there.
    let second = station.connect(TCP, CARRIER, None);
    station.hang_up(key);
    assert_eq!(station.expect_request("BYE").flow, Flow::Stream(second));
}

#[test]
fn an_answer_whose_connection_is_gone_goes_where_the_sender_listens() {
    let mut station = Station::new();
    let first = station.connect(TCP, "198.51.100.7:40000", None);
    station.recv_on(first, Message::invite().over("TCP").text());
    let key = station.incoming();
    station.expect_status(100);
    station.input(Input::Disconnected { connection: first });
    station.answer(key);
    // RFC 3261 18.2.2: the source address at the port of the Via; never another host.
    let (second, hop) = station.connects.pop_front().unwrap();
    assert_eq!(hop.address, CARRIER.parse().unwrap());
    station.expect_silence();
    station.input(Input::Connected { connection: second, tls: None });
    assert_eq!(station.expect_status(200).flow, Flow::Stream(second));
}

#[test]
fn a_tls_peer_without_a_name_is_not_called_back() {
    let mut station = Station::new();
    let first = station.connect(TLS, CARRIER, Some(tls_facts(&[])));
    station.recv_on(first, Message::invite().over("TLS").text());
    let key = station.incoming();
    station.expect_status(100);
    station.input(Input::Disconnected { connection: first });
    station.answer(key);
    assert!(station.connects.is_empty());
    assert!(station.refused(Refusal::Unreachable) > 0);
    station.pass_secs(70);
    station.ended();
    station.expect_empty();
}

#[test]
fn a_secure_dialog_has_a_secure_contact() {
    let mut station = Station::new();
    let connection = station.connect(TLS, CARRIER, Some(tls_facts(&[])));
    let invite = Message { uri: "sips:100@voice.example".into(), ..Message::invite().over("TLS") };
    station.recv_on(connection, invite.text());
    let key = station.incoming();
    station.answer(key);
    let ok = station.all_sent().pop().unwrap();
    assert_eq!(ok.header("Contact"), Some("<sips:call@192.0.2.10:5060>"));
}
