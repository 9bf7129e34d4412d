//! The hostile messages of the archive, end to end through the endpoint. Each has one documented reaction.

use std::collections::BTreeSet;

use sip_core::endpoint::{Event, Refusal};

use crate::connections::tls_facts;
use crate::script::{Message, established};
use crate::station::{Sent, Station, TCP, TLS, rules};
use sip_core::admission::TrunkRule;

/// The address that the messages claim to come from: a trunk here, so that they get past the first gate.
const ATTACKER: &str = "192.0.2.66:5060";
/// The address that they want to hit.
const VICTIM: &str = "203.0.113.9";

fn message(name: &str) -> Vec<u8> {
    let path = format!("{}/../tests/data/hostile/sip/{name}.dat", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

fn all() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/hostile/sip");
    let names = std::fs::read_dir(folder).unwrap();
    names.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn station() -> Station {
    let mut rules = rules();
    rules.push(TrunkRule::new("attacker").peer("192.0.2.66".parse().unwrap()));
    Station::with(rules, |_| {})
}

/// The status of the answer to a datagram; `None` for silence.
fn reaction(name: &str) -> Option<u16> {
    let mut station = station();
    station.recv(ATTACKER, message(name));
    let first = station.all_sent().first().map(Sent::status);
    if first != Some(100) {
        station.expect_no_event();
        station.expect_empty();
    }
    first
}

#[test]
fn the_control_gets_through() {
    assert_eq!(reaction("000_baseline_good_invite"), Some(100));
}

#[test]
fn messages_about_the_endpoint_get_their_one_reaction() {
    for (name, status) in [
        ("cancel_other_source", 481),
        ("replaces_callid_only", 481),
        ("register_open", 405),
        ("dup_to_from_via", 400),
        ("ctl_before_colon_00", 400),
        ("ctl_before_colon_0b", 400),
        ("ctl_before_colon_a0", 400),
        ("route_1000", 400),
        ("cseq_long_method", 400),
        ("params_5000", 400),
        ("fold_10000", 400),
        ("multipart_unclosed", 400),
        ("cl_2p64_plus_1", 400),
        ("cl_plus_sign", 400),
        ("cl_two_numbers", 400),
        ("cl_dup_same", 400),
        ("cl_compact_conflict", 400),
        ("cl_huge_digits", 400),
    ] {
        assert_eq!(reaction(name), Some(status), "{name}");
    }
    // Too long for a datagram.
    assert_eq!(reaction("multipart_parts_5000"), None);
    let mut stream = station();
    let connection = stream.connect(TCP, ATTACKER, None);
    stream.recv_on(connection, message("multipart_parts_5000"));
    stream.expect_status(413);
    // Bare line feeds are not SIP: dropped, over every transport.
    assert_eq!(reaction("bare_lf"), None);
    // An answer that cannot be given is silence, and never a call.
    assert!(matches!(reaction("hdr_one_60k"), Some(400 | 513) | None));
    assert!(matches!(reaction("auth_bare"), Some(400 | 401 | 405)));
}

#[test]
fn nothing_hostile_is_ever_answered_elsewhere_or_calls_anybody() {
    for name in all() {
        let mut station = station();
        station.recv(ATTACKER, message(&name));
        for sent in station.all_sent() {
            assert_eq!(sent.to().ip().to_string(), "192.0.2.66", "{name}");
            assert!(sent.text.starts_with("SIP/2.0 "), "{name}: an inbound message makes no request");
        }
        assert!(station.connects.is_empty(), "{name}");
        // From nobody's address: not a word.
        let mut closed = Station::new();
        closed.recv(ATTACKER, message(&name));
        closed.expect_silence();
        closed.expect_no_event();
        assert_eq!(closed.refused(Refusal::UnknownSource), 1, "{name}");
    }
}

#[test]
fn a_via_that_names_a_victim_gets_received_and_no_packet() {
    let mut station = station();
    station.recv(ATTACKER, message("via_sentby_victim"));
    let trying = station.expect_status(100);
    assert_eq!(trying.to(), ATTACKER.parse().unwrap());
    assert!(trying.header("Via").unwrap().contains("received=192.0.2.66"), "{}", trying.text);
    let key = station.incoming();
    station.answer(key);
    station.pass_secs(40);
    assert!(station.all_sent().iter().all(|sent| sent.to().ip().to_string() != VICTIM));
}

#[test]
fn a_contact_or_route_inside_our_network_gets_no_packet() {
    let record = Message::invite().header("Record-Route: <sip:127.0.0.1:22;transport=tcp;lr>").text();
    for text in [message("contact_internal"), record.into_bytes()] {
        let mut station = station();
        station.recv(ATTACKER, text);
        let key = station.incoming();
        station.answer(key);
        station.pass_secs(33);
        station.ended();
        // The 2xx, again and again, then our BYE, again and again: all to the source.
        let sent = station.all_sent();
        assert!(sent.iter().any(|sent| sent.method() == "BYE"));
        assert!(sent.iter().all(|sent| sent.to() == ATTACKER.parse().unwrap()));
        assert!(station.connects.is_empty());
    }
}

#[test]
fn identity_is_not_fetched_and_a_tel_or_prefixed_number_is_only_told() {
    for name in ["identity_x5u_internal", "toll_prefixed", "toll_tel"] {
        let mut station = station();
        station.recv(ATTACKER, message(name));
        station.expect_status(100);
        station.incoming();
        assert!(station.connects.is_empty() && station.all_sent().is_empty(), "{name}");
    }
}

#[test]
fn a_folded_line_is_part_of_its_header_and_gives_no_identity() {
    let mut station = station();
    station.recv(ATTACKER, message("obs_fold_smuggle"));
    match station.all_sent().first().map(Sent::status) {
        Some(100) => {
            let (_, Event::Incoming(invite)) = station.event() else { panic!("no call") };
            assert!(invite.get().request().asserted_identities().unwrap().is_empty());
        }
        other => assert_eq!(other, Some(400)),
    }
}

#[test]
fn injection_into_from_never_reaches_debug_or_our_headers_as_a_line() {
    for name in all().into_iter().filter(|name| name.starts_with("inj_") || name.starts_with("path_")) {
        let mut station = station();
        station.recv(ATTACKER, message(&name));
        if station.all_sent().first().map(Sent::status) != Some(100) {
            continue;
        }
        let (key, event) = station.event();
        let shown = format!("{event:?}");
        assert!(!shown.contains("jndi") && !shown.contains("../") && !shown.contains('\u{1b}'), "{name}: {shown}");
        station.answer(key);
        for sent in station.all_sent() {
            assert!(sent.text.split("\r\n").all(|line| !line.starts_with("X-")), "{name}");
        }
    }
}

#[test]
fn registered_or_not_the_answer_is_the_same() {
    let answer = |user: &str| {
        let mut station = station();
        let text = String::from_utf8(message("register_open")).unwrap().replace("sip:100@", &format!("sip:{user}@"));
        station.recv(ATTACKER, text);
        station.expect_status(405).text.replace(user, "")
    };
    assert_eq!(answer("alice"), answer("nobody"));
}

#[test]
fn a_lying_content_length_closes_a_stream_and_its_tail_is_no_message() {
    for name in
        ["cl_2p64_plus_1", "cl_plus_sign", "cl_two_numbers", "cl_dup_same", "cl_compact_conflict", "cl_huge_digits"]
    {
        let mut station = station();
        let connection = station.connect(TCP, ATTACKER, None);
        station.recv_on(connection, message(name));
        assert_eq!(station.all_sent().iter().map(Sent::status).collect::<Vec<_>>(), [400], "{name}");
        assert_eq!(station.closed, [connection], "{name}");
        station.expect_no_event();
        station.recv_on(connection, Message::invite().over("TCP").text());
        station.expect_silence();
    }
}

#[test]
fn the_right_identifiers_from_a_wrong_source_leave_the_call_alone() {
    let mut station = station();
    let (_, ok) = established(&mut station);
    for (count, method) in ["BYE", "INVITE", "UPDATE", "INFO"].into_iter().enumerate() {
        station.recv(ATTACKER, Message::within(&ok, method, 2).text());
        station.expect_status(481);
        // Over TLS too: a better transport does not make it the dialog's peer.
        let connection = station.connect(TLS, ATTACKER, Some(tls_facts(&[])));
        station.recv_on(connection, Message::within(&ok, method, 2).over("TLS").text());
        station.expect_status(481);
        assert_eq!(station.refused(Refusal::ForeignSource), 2 * (count as u64 + 1));
    }
    station.recv(ATTACKER, Message::ack(&ok, 1).text());
    station.expect_no_event();
    assert_eq!(station.stats().calls, 1);
}
