//! Calls that we place (RFC 3261 13.2, 9.1, 17.1.1; forking).

use std::time::Duration;

use sip_core::admission::TrunkId;
use sip_core::endpoint::{Body, CallKey, Dial, DialError, EndReason, EndedBy, Event, Input, NextHop, Refusal};
use sip_core::wire::{HeaderName, Host, StatusCode, Text, Uri};

use crate::script::response_to;
use crate::station::{CARRIER, OTHER, Sent, Station};

pub(crate) const CONTACT: &str = "Contact: <sip:bob@198.51.100.7:5060>";

pub(crate) fn dial() -> Dial {
    let uri = |user: &'static str| {
        Uri::sip(Some(Text::from_static(user)), Host::Name(Text::from_static("carrier.example")), None)
    };
    Dial {
        trunk: TrunkId::new("carrier-a"),
        next_hop: Some(NextHop::udp(CARRIER.parse().unwrap())),
        target: uri("bob"),
        from: uri("us"),
        sdp: Some(Body::from(b"v=0 offer".to_vec())),
        headers: Vec::new(),
    }
}

pub(crate) fn place(station: &mut Station) -> (CallKey, Sent) {
    let key = station.endpoint.dial(dial(), station.now).unwrap();
    station.drain();
    (key, station.expect_request("INVITE"))
}

#[test]
fn a_call_that_is_answered_and_hung_up() {
    let mut station = Station::new();
    let (key, invite) = place(&mut station);
    assert_eq!(invite.to(), CARRIER.parse().unwrap());
    assert!(invite.text.starts_with("INVITE sip:bob@carrier.example SIP/2.0\r\n"));
    assert_eq!((invite.header("Max-Forwards"), invite.body()), (Some("70"), "v=0 offer"));
    assert!(invite.header("Via").unwrap().ends_with(";rport"), "RFC 3581 3");
    assert!(invite.branch().len() >= "z9hG4bK".len() + 16 && invite.header("Call-ID").unwrap().len() >= 16);

    station.recv(CARRIER, response_to(&invite, "100 Trying", "", &[], ""));
    station.expect_no_event();
    station.recv(CARRIER, response_to(&invite, "183 Session Progress", "b1", &[CONTACT], "v=0 early"));
    let Event::Progress { status, sdp: Some(_), .. } = station.event().1 else { panic!("no progress") };
    assert_eq!(status, StatusCode::SESSION_PROGRESS);
    let record = ["Record-Route: <sip:near.example;lr>", "Record-Route: <sip:far.example;lr>", CONTACT];
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &record, "v=0 theirs"));
    assert!(matches!(station.event().1, Event::Answered { sdp: Some(_), .. }));
    let ack = station.expect_request("ACK");
    assert!(ack.text.starts_with("ACK sip:bob@198.51.100.7:5060 SIP/2.0\r\n"));
    let route: Vec<&str> = ack.text.split("\r\n").filter_map(|line| line.strip_prefix("Route: ")).collect();
    assert_eq!(route, ["<sip:far.example;lr>", "<sip:near.example;lr>"], "reversed (RFC 3261 12.1.2)");
    // The 200 again: the ACK again.
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &record, "v=0 theirs"));
    assert_eq!(station.expect_request("ACK").text, ack.text);
    station.expect_no_event();

    station.hang_up(key);
    let bye = station.expect_request("BYE");
    station.recv(CARRIER, response_to(&bye, "200 OK", "", &[], ""));
    assert_eq!(station.ended().reason, EndReason::Bye);
    station.pass_secs(40);
    station.expect_silence();
    station.expect_empty();
}

#[test]
fn the_callee_hangs_up() {
    let mut station = Station::new();
    let (_, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], "v=0"));
    station.expect_request("ACK");
    station.event();
    let bye = format!(
        "BYE sip:strongline@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKbye\r\n\
         From: {};tag=b1\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
        invite.header("To").unwrap(),
        invite.header("From").unwrap(),
        invite.header("Call-ID").unwrap(),
    );
    station.recv(OTHER, &bye);
    station.expect_status(481);
    station.recv(CARRIER, &bye);
    station.expect_status(200);
    assert_eq!(station.ended().by, EndedBy::Remote);
}

#[test]
fn the_invite_is_sent_again_and_given_up_at_timer_b() {
    let mut station = Station::new();
    place(&mut station);
    station.pass_secs(40);
    let times: Vec<u128> = station.all_sent().iter().map(|sent| sent.after.as_millis()).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 15500, 31500]);
    assert_eq!(station.ended().reason, EndReason::NoAnswer);
    station.expect_empty();
}

#[test]
fn a_refusal_is_acknowledged_each_time_and_reported_once() {
    let mut station = Station::new();
    let (_, invite) = place(&mut station);
    let busy = response_to(&invite, "486 Busy Here", "b1", &[], "");
    station.recv(CARRIER, &busy);
    let ack = station.expect_request("ACK");
    assert_eq!((ack.branch(), ack.to_tag()), (invite.branch(), "b1"));
    assert_eq!(station.ended().reason, EndReason::Refused(StatusCode::BUSY_HERE));
    station.recv(CARRIER, &busy);
    assert_eq!(station.expect_request("ACK").text, ack.text);
    station.expect_no_event();
    station.pass_secs(33);
    station.expect_empty();
}

#[test]
fn a_cancel_waits_for_the_first_provisional() {
    let mut station = Station::new();
    let (key, invite) = place(&mut station);
    station.hang_up(key);
    assert_eq!(station.ended().reason, EndReason::Cancelled);
    station.expect_silence();
    station.recv(CARRIER, response_to(&invite, "180 Ringing", "b1", &[], ""));
    let cancel = station.expect_request("CANCEL");
    assert_eq!(cancel.branch(), invite.branch());
    assert_eq!(cancel.header("CSeq").unwrap().split(' ').next(), invite.header("CSeq").unwrap().split(' ').next());
    station.recv(CARRIER, response_to(&cancel, "200 OK", "b1", &[], ""));
    station.recv(CARRIER, response_to(&invite, "487 Request Terminated", "b1", &[], ""));
    station.expect_request("ACK");
    station.expect_no_event();
    station.pass_secs(40);
    station.expect_silence();
    station.expect_empty();
}

#[test]
fn a_200_that_crosses_our_cancel_is_acknowledged_and_ended() {
    let mut station = Station::new();
    let (key, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "180 Ringing", "b1", &[], ""));
    station.event();
    station.hang_up(key);
    station.expect_request("CANCEL");
    station.ended();
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], "v=0"));
    station.expect_request("ACK");
    let bye = station.expect_request("BYE");
    station.recv(CARRIER, response_to(&bye, "200 OK", "", &[], ""));
    station.pass_secs(64);
    station.expect_no_event();
    station.expect_empty();
}

#[test]
fn the_first_fork_wins_and_the_others_are_ended() {
    let mut station = Station::new();
    let (key, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], "v=0"));
    station.expect_request("ACK");
    station.event();
    station.recv(CARRIER, response_to(&invite, "200 OK", "b2", &[CONTACT], "v=0"));
    assert_eq!(station.expect_request("ACK").to_tag(), "b2");
    let bye = station.expect_request("BYE");
    assert_eq!(bye.to_tag(), "b2");
    station.recv(CARRIER, response_to(&bye, "200 OK", "", &[], ""));
    station.expect_no_event();
    assert_eq!(station.stats().calls, 1);
    // Forks without end are not followed.
    for fork in 3..40 {
        station.recv(CARRIER, response_to(&invite, "200 OK", &format!("b{fork}"), &[CONTACT], "v=0"));
    }
    assert!(station.refused(Refusal::StrayResponse) > 0);
    assert!(station.all_sent().iter().filter(|sent| sent.method() == "BYE").count() < 16);
    station.hang_up(key);
    assert_eq!(station.expect_request("BYE").to_tag(), "b1");
}

#[test]
fn a_422_raises_the_interval_and_calls_again() {
    let mut station = Station::new();
    let (_, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "422 Session Interval Too Small", "b1", &["Min-SE: 3600"], ""));
    station.expect_request("ACK");
    let again = station.expect_request("INVITE");
    assert_eq!((again.header("Session-Expires"), again.header("Min-SE")), (Some("3600"), Some("3600")));
    assert_eq!((again.header("Call-ID"), again.body()), (invite.header("Call-ID"), "v=0 offer"));
    assert_ne!(again.branch(), invite.branch());
    station
        .recv(CARRIER, response_to(&again, "200 OK", "b2", &[CONTACT, "Session-Expires: 3600;refresher=uas"], "v=0"));
    station.expect_request("ACK");
    assert!(matches!(station.event().1, Event::Answered { .. }));
}

#[test]
fn endless_422_is_two_retries() {
    let mut station = Station::new();
    let (_, mut invite) = place(&mut station);
    for round in 0..1000 {
        station.recv(CARRIER, response_to(&invite, "422 Session Interval Too Small", "b1", &["Min-SE: 3600"], ""));
        station.expect_request("ACK");
        let Some(again) = station.all_sent().pop() else {
            assert_eq!(round, 2);
            break;
        };
        invite = again;
    }
    assert_eq!(station.ended().reason, EndReason::Refused(StatusCode::SESSION_INTERVAL_TOO_SMALL));
}

#[test]
fn a_callee_that_rings_for_ever_is_cancelled_and_forgotten() {
    let mut station = Station::new();
    let (_, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "180 Ringing", "b1", &[], ""));
    station.event();
    station.pass_secs(180);
    assert_eq!(station.ended().reason, EndReason::NoAnswer);
    assert_eq!(station.all_sent()[0].method(), "CANCEL");
    station.pass_secs(70);
    station.all_sent();
    station.expect_empty();
}

#[test]
fn the_session_is_refreshed_in_our_role_too() {
    let mut station = Station::new();
    let (_, invite) = place(&mut station);
    let extra = [CONTACT, "Session-Expires: 1800;refresher=uac", "Require: timer", "Allow: UPDATE"];
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &extra, "v=0"));
    station.expect_request("ACK");
    station.event();
    station.pass_secs(900);
    let update = station.expect_request("UPDATE");
    assert_eq!(update.header("Session-Expires"), Some("1800;refresher=uac"));
    // Glare on our own call: 2.1 to 4 s (RFC 3261 14.1).
    station.recv(CARRIER, response_to(&update, "491 Request Pending", "", &[], ""));
    station.pass(Duration::from_millis(2090));
    station.expect_silence();
    station.pass(Duration::from_millis(1910));
    station.expect_request("UPDATE");
}

#[test]
fn a_response_from_anyone_but_the_trunk_is_dropped() {
    let mut station = Station::new();
    let (_, invite) = place(&mut station);
    station.recv(OTHER, response_to(&invite, "200 OK", "b1", &[CONTACT], "v=0"));
    let two_vias =
        response_to(&invite, "200 OK", "b1", &[CONTACT, "Via: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKx"], "v=0");
    station.recv(CARRIER, two_vias);
    let forged = invite.text.replace(invite.branch(), "z9hG4bKguess");
    let forged = Sent { text: forged, ..invite };
    station.recv(CARRIER, response_to(&forged, "200 OK", "b1", &[CONTACT], "v=0"));
    assert_eq!(station.refused(Refusal::StrayResponse), 3);
    station.expect_no_event();
    station.expect_silence();
}

#[test]
fn what_cannot_be_dialled_is_refused_at_once() {
    let mut station = Station::new();
    let now = station.now;
    let mut refused = |dial: Dial| station.endpoint.dial(dial, now).unwrap_err();
    assert_eq!(refused(Dial { trunk: TrunkId::new("nobody"), ..dial() }), DialError::Trunk);
    let elsewhere = NextHop::udp("192.0.2.77:5060".parse().unwrap());
    assert_eq!(refused(Dial { next_hop: Some(elsewhere), ..dial() }), DialError::Trunk);
    let v6 = NextHop::udp("[2001:db8::1]:5060".parse().unwrap());
    assert_eq!(refused(Dial { next_hop: Some(v6), ..dial() }), DialError::Trunk);
    let via = vec![(HeaderName::Via, Text::from_static("SIP/2.0/UDP x"))];
    assert_eq!(refused(Dial { headers: via, ..dial() }), DialError::Unsendable);
    let split = vec![(HeaderName::from("X-Note"), Text::from_static("a\r\nVia: b"))];
    assert_eq!(refused(Dial { headers: split, ..dial() }), DialError::Unsendable);
    // RFC 5630 3.1: it would go in the clear.
    let target: Uri = "sips:bob@carrier.example".parse().unwrap();
    assert_eq!(refused(Dial { target, ..dial() }), DialError::Unsendable);
    station.endpoint.drain();
    assert_eq!(station.endpoint.dial(dial(), now).unwrap_err(), DialError::ShuttingDown);
    station.expect_empty();
}

/// A call that goes on behind another one: a loop through us comes to its end (RFC 3261 16.3).
#[test]
fn hops_are_counted_on_where_the_dialler_says_so() {
    for (given, said) in [(None, "70"), (Some("3"), "3")] {
        let mut station = Station::new();
        let headers = given.map(|hops| (HeaderName::MaxForwards, Text::from_static(hops))).into_iter().collect();
        station.endpoint.dial(Dial { headers, ..dial() }, station.now).unwrap();
        station.drain();
        let invite = station.expect_request("INVITE");
        assert_eq!(invite.text.matches("Max-Forwards").count(), 1);
        assert_eq!(invite.header("Max-Forwards"), Some(said));
        station.recv(CARRIER, response_to(&invite, "486 Busy Here", "b1", &[], ""));
        assert_eq!(station.expect_request("ACK").text.matches("Max-Forwards").count(), 1);
    }
}

#[test]
fn a_connection_that_cannot_be_made_fails_the_call() {
    let mut station = Station::new();
    let next_hop = Some(NextHop::tls("198.51.100.7:5061".parse().unwrap(), "sbc.carrier.example"));
    station.endpoint.dial(Dial { next_hop, ..dial() }, station.now).unwrap();
    station.drain();
    station.expect_silence();
    let (connection, hop) = station.connects.pop_front().unwrap();
    assert_eq!(hop.server_name.as_deref(), Some("sbc.carrier.example"));
    station.input(Input::Disconnected { connection });
    assert_eq!(station.ended().reason, EndReason::Transport);
    station.expect_empty();
}

#[test]
fn one_connection_serves_one_name_only() {
    let mut station = Station::new();
    let to = |name: &str| NextHop::tls("198.51.100.7:5061".parse().unwrap(), name);
    for name in ["a.example", "b.example", "a.example"] {
        station.endpoint.dial(Dial { next_hop: Some(to(name)), ..dial() }, station.now).unwrap();
    }
    station.drain();
    let names: Vec<_> = station.connects.iter().map(|(_, hop)| hop.server_name.clone().unwrap()).collect();
    assert_eq!(names.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["a.example", "b.example"]);
    let (first, _) = station.connects.pop_front().unwrap();
    station.input(Input::Connected { connection: first, tls: Some(crate::connections::tls_facts(&["a.example"])) });
    assert_eq!(station.all_sent().len(), 2, "what waited goes out");
}
