//! Requests that are too long for a datagram (RFC 3261 18.1.1).

use std::time::Duration;

use sip_core::admission::{Transport, Transports};
use sip_core::endpoint::{Body, CallKey, ConnectionId, Dial, EndReason, Event, Flow, Input, NextHop};

use crate::outbound::dial;
use crate::script::response_to;
use crate::station::{CARRIER, Sent, Station, rules};

const CONTACT: &str = "Contact: <sip:bob@198.51.100.7:5060>";

fn long() -> Dial {
    Dial { sdp: Some(Body::from(vec![b'x'; 1_200])), ..dial() }
}

fn place(station: &mut Station, dial: Dial) -> CallKey {
    let key = station.endpoint.dial(dial, station.now).unwrap();
    station.drain();
    key
}

/// A long INVITE, and the connection that it asks for.
fn over_tcp(station: &mut Station) -> (CallKey, ConnectionId) {
    let key = place(station, long());
    station.expect_silence();
    let (connection, hop) = station.connects.pop_front().expect("a connection");
    assert_eq!(hop, NextHop::tcp(CARRIER.parse().unwrap()));
    (key, connection)
}

fn via(sent: &Sent) -> &str {
    sent.header("Via").unwrap().split(' ').next().unwrap()
}

#[test]
fn a_long_request_goes_over_tcp_and_the_rest_of_the_call_over_udp() {
    let mut station = Station::new();
    let (key, connection) = over_tcp(&mut station);
    station.input(Input::Connected { connection, tls: None });
    let invite = station.expect_request("INVITE");
    assert_eq!((invite.flow, via(&invite)), (Flow::Stream(connection), "SIP/2.0/TCP"));
    assert_eq!(invite.body().len(), 1_200);
    let ok = response_to(&invite, "200 OK", "b1", &[CONTACT], "v=0");
    station.recv_on(connection, &ok);
    let ack = station.expect_request("ACK");
    assert_eq!((ack.to(), via(&ack)), (CARRIER.parse().unwrap(), "SIP/2.0/UDP"));
    station.recv_on(connection, &ok);
    let again = station.expect_request("ACK");
    assert_eq!((again.to(), again.text), (CARRIER.parse().unwrap(), ack.text));
    assert!(matches!(station.event().1, Event::Answered { .. }));
    station.hang_up(key);
    let bye = station.expect_request("BYE");
    assert_eq!(bye.to(), CARRIER.parse().unwrap());
    station.recv(CARRIER, response_to(&bye, "200 OK", "", &[], ""));
    station.pass_secs(64);
    station.expect_empty();
}

#[test]
fn a_cancel_follows_its_invite() {
    let mut station = Station::new();
    let (key, connection) = over_tcp(&mut station);
    station.input(Input::Connected { connection, tls: None });
    let invite = station.expect_request("INVITE");
    station.recv_on(connection, response_to(&invite, "180 Ringing", "b1", &[], ""));
    station.hang_up(key);
    let cancel = station.expect_request("CANCEL");
    assert_eq!((cancel.flow, cancel.branch()), (Flow::Stream(connection), invite.branch()));
    assert_eq!(cancel.header("Via"), invite.header("Via"));
    station.recv_on(connection, response_to(&invite, "487 Request Terminated", "b1", &[], ""));
    assert_eq!(station.expect_request("ACK").flow, Flow::Stream(connection));
}

#[test]
fn who_takes_no_connection_gets_the_datagram_after_all() {
    let mut station = Station::new();
    let (_, connection) = over_tcp(&mut station);
    // ECONNREFUSED.
    station.input(Input::Disconnected { connection });
    let invite = station.expect_request("INVITE");
    assert_eq!((invite.to(), via(&invite)), (CARRIER.parse().unwrap(), "SIP/2.0/UDP"));
    assert_eq!(invite.body().len(), 1_200);
    station.expect_no_event();
    // The transaction goes on as any over UDP: again after 500 ms, and answered.
    station.pass(Duration::from_millis(500));
    assert_eq!(station.expect_request("INVITE").text, invite.text);
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], "v=0"));
    station.expect_request("ACK");
    assert!(matches!(station.event().1, Event::Answered { .. }));
    // The next call does not wait for the same refusal, and one after some minutes tries again.
    place(&mut station, long());
    assert_eq!(station.expect_request("INVITE").to(), CARRIER.parse().unwrap());
    assert!(station.connects.is_empty());
    station.pass_secs(301);
    station.all_sent();
    over_tcp(&mut station);
}

#[test]
fn a_connection_that_stays_silent_is_given_up_in_time() {
    let mut station = Station::new();
    let (_, connection) = over_tcp(&mut station);
    station.pass_secs(4);
    station.expect_silence();
    station.pass_secs(1);
    assert_eq!(station.closed, [connection]);
    let invite = station.expect_request("INVITE");
    assert_eq!(invite.to(), CARRIER.parse().unwrap());
    // Nobody answers that either: the call ends at timer B, once.
    station.pass_secs(40);
    assert_eq!(station.ended().reason, EndReason::NoAnswer);
    station.expect_no_event();
    station.all_sent();
    station.expect_empty();
}

#[test]
fn a_rule_without_tcp_and_a_short_request_stay_with_udp() {
    let mut udp_only = rules();
    udp_only[0] = udp_only[0].clone().transports(Transports::NONE.with(Transport::Udp));
    let mut station = Station::with(udp_only, |_| {});
    place(&mut station, long());
    assert_eq!(station.expect_request("INVITE").to(), CARRIER.parse().unwrap());

    // To the octet: 1,300 still go in a datagram.
    let mut station = Station::new();
    let padded = |octets: usize| Dial { sdp: Some(Body::from(vec![b'x'; octets])), ..dial() };
    place(&mut station, padded(100));
    let fits = 1_300 - (station.expect_request("INVITE").text.len() - 100);
    place(&mut station, padded(fits));
    assert_eq!(station.expect_request("INVITE").text.len(), 1_300);
    place(&mut station, padded(fits + 1));
    station.expect_silence();
    assert_eq!(station.connects.len(), 1);
}
