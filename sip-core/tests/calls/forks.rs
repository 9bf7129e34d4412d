//! A call of ours that a proxy forks (RFC 3261 12.1, 13.2.2.4).

use sip_core::endpoint::{Event, Fork, Refusal};

use crate::outbound::{CONTACT, place};
use crate::script::response_to;
use crate::station::{CARRIER, Station};

#[test]
fn each_callee_has_a_number_of_its_own() {
    let mut station = Station::new();
    let (_, invite) = place(&mut station);
    for (tag, number) in [("b1", 0), ("b2", 1), ("b1", 0)] {
        station.recv(CARRIER, response_to(&invite, "183 Session Progress", tag, &[CONTACT], "v=0 early"));
        let Event::Progress { sdp: Some(_), fork, .. } = station.event().1 else { panic!("no progress") };
        assert_eq!(fork, Fork(number));
    }
    station.recv(CARRIER, response_to(&invite, "200 OK", "b2", &[CONTACT], "v=0 theirs"));
    assert_eq!(station.expect_request("ACK").to_tag(), "b2");
    let Event::Answered { sdp: Some(_), fork: Fork(1), .. } = station.event().1 else {
        panic!("no answer of the second")
    };
    // RFC 3261 13.2.2.4: the others are over; what they say late is not heard.
    station.recv(CARRIER, response_to(&invite, "180 Ringing", "b1", &[CONTACT], ""));
    station.expect_no_event();
    station.expect_silence();
}

#[test]
fn a_callee_that_was_never_heard_of_can_answer() {
    let mut station = Station::new();
    let (_, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "180 Ringing", "b1", &[CONTACT], ""));
    station.event();
    station.recv(CARRIER, response_to(&invite, "200 OK", "b9", &[CONTACT], "v=0 theirs"));
    assert!(matches!(station.event().1, Event::Answered { fork: Fork(1), .. }));
}

#[test]
fn callees_without_end_are_not_followed() {
    let mut station = Station::new();
    let (_, invite) = place(&mut station);
    for number in 0..100 {
        station.recv(CARRIER, response_to(&invite, "180 Ringing", &format!("b{number}"), &[CONTACT], ""));
    }
    assert_eq!(station.all_events().len(), 8);
    assert_eq!(station.refused(Refusal::StrayResponse), 92);
}
