//! Digest authentication, both ways (RFC 3261 22, RFC 7616, RFC 8760; THREATS T34 to T37).

use std::time::Duration;

use bytes::Bytes;
use sip_core::admission::{Rel100, TrunkRule};
use sip_core::auth::{Algorithm, Algorithms, Asker, Credentials, Keyring, Realm};
use sip_core::endpoint::{Body, CallKey, Command, EndReason, Event, NextHop, Refusal};
use sip_core::limits;
use sip_core::locate::Located;
use sip_core::trunk::{Outbound, Registration, TrunkChange, TrunkEvent};
use sip_core::wire::{HeaderName, Headers, Method, Request, StatusCode, Uri};

use crate::connections::tls_facts;
use crate::outbound::{CONTACT, dial, place};
use crate::pair::{Pair, Random, Weather, Who};
use crate::random_peer::any_command;
use crate::script::{Message, established, response_to};
use crate::station::{CARRIER, Sent, Station, TCP, TLS};

/// Another host of the trunk's network.
const NEIGHBOUR: &str = "198.51.100.99:5060";

fn alice() -> Credentials {
    Credentials::new("alice", "s3cr3t").unwrap()
}

/// A station whose `carrier-a` knows us as these.
fn station(credentials: Credentials) -> Station {
    let rule = TrunkRule::new("carrier-a").peer("198.51.100.0/24".parse().unwrap()).credentials(credentials);
    Station::with(vec![rule], |_| {})
}

fn digest(realm: &str, nonce: &str, more: &str) -> String {
    format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"auth\", algorithm=SHA-256{more}")
}

/// The carrier asks who we are.
fn challenge(station: &mut Station, request: &Sent, asker: Asker, value: &str) {
    let status = match asker {
        Asker::Server => "401 Unauthorized",
        Asker::Proxy => "407 Proxy Authentication Required",
    };
    let line = format!("{}: {value}", asker.challenge());
    station.recv(CARRIER, response_to(request, status, "c1", &[&line], ""));
}

fn param<'a>(value: &'a str, name: &str) -> &'a str {
    let (_, rest) = value.split_once(&format!(" {name}=")).unwrap_or_else(|| panic!("no {name}: {value}"));
    rest.split(',').next().unwrap().trim_matches('"')
}

fn cseq(message: &Sent) -> u32 {
    message.header("CSeq").unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[track_caller]
fn expect_no_credentials(message: &Sent) {
    assert!(message.header("Authorization").is_none(), "{}", message.text);
    assert!(message.header("Proxy-Authorization").is_none(), "{}", message.text);
}

/// A call of ours that the carrier challenged once and answered. Gives the INVITE that was answered.
fn challenged_call(station: &mut Station) -> (CallKey, Sent) {
    let (key, invite) = place(station);
    challenge(station, &invite, Asker::Server, &digest("carrier.example", "n1", ""));
    station.expect_request("ACK");
    let again = station.expect_request("INVITE");
    station.recv(CARRIER, response_to(&again, "200 OK", "b1", &[CONTACT], "v=0 theirs"));
    station.expect_request("ACK");
    assert!(matches!(station.event().1, Event::Answered { .. }));
    (key, again)
}

#[test]
fn a_challenged_call_goes_on_and_nobody_notices() {
    for asker in Asker::ALL {
        let mut station = station(alice());
        let (key, invite) = place(&mut station);
        expect_no_credentials(&invite);
        station.recv(CARRIER, response_to(&invite, "100 Trying", "", &[], ""));
        challenge(&mut station, &invite, asker, &digest("carrier.example", "n1", ", opaque=\"o\""));
        let ack = station.expect_request("ACK");
        assert_eq!((ack.branch(), cseq(&ack)), (invite.branch(), cseq(&invite)));
        expect_no_credentials(&ack);
        let again = station.expect_request("INVITE");
        assert_eq!(cseq(&again), cseq(&invite) + 1);
        assert_ne!(again.branch(), invite.branch());
        for name in ["From", "To", "Call-ID", "Contact"] {
            assert_eq!(again.header(name), invite.header(name), "{name}");
        }
        assert_eq!(again.body(), invite.body());
        let name = asker.answer().to_string();
        let value = again.header(&name).unwrap().to_owned();
        let expected = [
            ("realm", "carrier.example"),
            ("nonce", "n1"),
            ("uri", "sip:bob@carrier.example"),
            ("algorithm", "SHA-256"),
            ("qop", "auth"),
            ("nc", "00000001"),
            ("opaque", "o"),
        ];
        for (name, expected) in expected {
            assert_eq!(param(&value, name), expected);
        }
        assert!(param(&value, "cnonce").len() >= 16 && param(&value, "response").len() == 64);
        station.expect_no_event();

        // The 401 once more: its ACK once more, and no third INVITE.
        challenge(&mut station, &invite, asker, &digest("carrier.example", "n1", ""));
        assert_eq!(station.expect_request("ACK").text, ack.text);
        station.expect_silence();

        station.recv(CARRIER, response_to(&again, "200 OK", "b1", &[CONTACT], "v=0 theirs"));
        assert!(matches!(station.event().1, Event::Answered { .. }));
        // RFC 3261 22.1: the ACK has what the INVITE had.
        let ack = station.expect_request("ACK");
        assert_eq!((ack.header(&name), cseq(&ack)), (Some(value.as_str()), cseq(&again)));
        // The next request does not wait to be asked.
        station.hang_up(key);
        let bye = station.expect_request("BYE");
        let proof = bye.header(&name).unwrap();
        assert_eq!((param(proof, "nonce"), param(proof, "nc")), ("n1", "00000002"));
        assert_eq!((param(proof, "uri"), cseq(&bye)), ("sip:bob@198.51.100.7:5060", cseq(&again) + 1));
        assert_ne!(param(proof, "cnonce"), param(&value, "cnonce"));
        station.recv(CARRIER, response_to(&bye, "200 OK", "", &[], ""));
        assert_eq!(station.ended().reason, EndReason::Bye);
        station.pass_secs(40);
        station.expect_silence();
        station.expect_empty();
    }
}

#[test]
fn the_ack_of_a_refusal_has_the_credentials_of_its_invite() {
    let mut station = station(alice());
    let (_, invite) = place(&mut station);
    challenge(&mut station, &invite, Asker::Server, &digest("carrier.example", "n1", ""));
    station.expect_request("ACK");
    let again = station.expect_request("INVITE");
    station.recv(CARRIER, response_to(&again, "486 Busy Here", "b1", &[], ""));
    let ack = station.expect_request("ACK");
    assert_eq!(ack.header("Authorization"), again.header("Authorization"));
    assert_eq!(station.ended().reason, EndReason::Refused(StatusCode::BUSY_HERE));
}

#[test]
fn each_request_within_a_call_answers_its_challenge_in_order() {
    let mut station = station(alice());
    let (key, invite) = challenged_call(&mut station);
    let mut last = cseq(&invite);
    let mut asked_again = |station: &mut Station, method: &str, nonce: &str| {
        let first = station.expect_request(method);
        assert_eq!(cseq(&first), last + 1);
        challenge(station, &first, Asker::Server, &digest("carrier.example", nonce, ""));
        if method == "INVITE" {
            let ack = station.expect_request("ACK");
            assert_eq!(ack.header("Authorization"), first.header("Authorization"));
        }
        let again = station.expect_request(method);
        assert_eq!((cseq(&again), again.body()), (last + 2, first.body()));
        let proof = again.header("Authorization").unwrap();
        assert_eq!((param(proof, "nonce"), param(proof, "nc")), (nonce, "00000001"));
        last += 2;
        again
    };
    // A re-INVITE.
    station.command(key, Command::Reinvite { sdp: Body::from(b"v=0 more".to_vec()) });
    let again = asked_again(&mut station, "INVITE", "n2");
    station.recv(CARRIER, response_to(&again, "200 OK", "", &[CONTACT, "Allow: UPDATE"], "v=0 theirs"));
    let ack = station.expect_request("ACK");
    assert_eq!((ack.header("Authorization"), cseq(&ack)), (again.header("Authorization"), cseq(&again)));
    assert!(matches!(station.event().1, Event::Reinvited { .. }));
    // The session refresh, by UPDATE.
    station.pass_secs(900);
    let again = asked_again(&mut station, "UPDATE", "n3");
    station.recv(CARRIER, response_to(&again, "200 OK", "", &["Session-Expires: 1800;refresher=uac"], ""));
    station.expect_no_event();
    // And one that did not go out while another was under way.
    station.pass_secs(900);
    let again = asked_again(&mut station, "UPDATE", "n4");
    station.recv(CARRIER, response_to(&again, "200 OK", "", &["Session-Expires: 1800;refresher=uac"], ""));
    // What goes on beside the session.
    let info = Command::Info { content_type: "application/dtmf-relay".into(), body: Body::from(b"Signal=1".to_vec()) };
    station.command(key, info);
    let again = asked_again(&mut station, "INFO", "n5");
    station.recv(CARRIER, response_to(&again, "200 OK", "", &[], ""));
    assert!(matches!(station.event().1, Event::InfoAnswered { status: StatusCode::OK }));
    let target = Box::new("sip:+14155550100@carrier.example".parse().unwrap());
    station.command(key, Command::Refer { target, replaces: None, referred_by: None });
    let again = asked_again(&mut station, "REFER", "n6");
    station.recv(CARRIER, response_to(&again, "202 Accepted", "", &[], ""));
    assert!(matches!(station.event().1, Event::ReferAccepted));
    // Its subscription goes by the number of the REFER that was accepted (RFC 3515 2.4.6).
    let tags = (again.header("From").unwrap(), again.header("To").unwrap());
    let notify = format!(
        "NOTIFY sip:call@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKnotify\r\nFrom: {}\r\n\
         To: {}\r\nCall-ID: {}\r\nCSeq: 1 NOTIFY\r\nContact: <sip:bob@198.51.100.7>\r\nEvent: refer;id={}\r\n\
         Subscription-State: terminated\r\nContent-Type: message/sipfrag\r\nContent-Length: 14\r\n\r\nSIP/2.0 200 OK",
        tags.1,
        tags.0,
        again.header("Call-ID").unwrap(),
        cseq(&again)
    );
    station.recv(CARRIER, notify);
    station.expect_status(200);
    assert!(matches!(station.event().1, Event::ReferProgress { status: StatusCode::OK, is_final: true }));
    // BYE, though the call is gone by then.
    station.hang_up(key);
    let again = asked_again(&mut station, "BYE", "n7");
    station.recv(CARRIER, response_to(&again, "200 OK", "", &[], ""));
    assert_eq!(station.ended().reason, EndReason::Bye);
    station.pass_secs(40);
    station.expect_silence();
    station.expect_empty();
}

/// Asks an INVITE of ours a thousand times: how many INVITEs there were.
fn invites_under_fire(station: &mut Station, more: &str) -> usize {
    let (_, mut invite) = place(station);
    let mut invites = 1;
    for number in 0..1_000 {
        challenge(station, &invite, Asker::Server, &digest("carrier.example", &format!("n{number}"), more));
        for sent in station.all_sent() {
            if sent.method() == "INVITE" {
                invites += 1;
                invite = sent;
            }
        }
    }
    assert_eq!(station.ended().reason, EndReason::Refused(StatusCode::UNAUTHORIZED));
    assert_eq!(station.refused(Refusal::ChallengeRepeated), 1);
    station.pass_secs(40);
    station.expect_empty();
    invites
}

#[test]
fn a_carrier_that_asks_a_thousand_times_gets_two_answers() {
    assert_eq!(invites_under_fire(&mut station(alice()), ", stale=true"), 1 + usize::from(limits::AUTH_TRIES));
    // Without `stale` the password itself was refused: once is enough (RFC 3261 22.1).
    assert_eq!(invites_under_fire(&mut station(alice()), ""), 2);
}

#[test]
fn a_proxy_and_a_server_may_both_ask() {
    let mut station = station(alice());
    let (_, invite) = place(&mut station);
    challenge(&mut station, &invite, Asker::Proxy, &digest("carrier.example", "n1", ""));
    station.expect_request("ACK");
    let second = station.expect_request("INVITE");
    challenge(&mut station, &second, Asker::Server, &digest("carrier.example", "n2", ""));
    station.expect_request("ACK");
    let third = station.expect_request("INVITE");
    let proofs = (third.header("Proxy-Authorization").unwrap(), third.header("Authorization").unwrap());
    assert_eq!((param(proofs.0, "nonce"), param(proofs.0, "nc")), ("n1", "00000002"));
    assert_eq!((param(proofs.1, "nonce"), param(proofs.1, "nc")), ("n2", "00000001"));
}

#[test]
fn a_trunk_without_credentials_is_told_nothing() {
    let mut station = Station::new();
    let (_, invite) = place(&mut station);
    challenge(&mut station, &invite, Asker::Server, &digest("carrier.example", "n1", ""));
    station.expect_request("ACK");
    station.expect_silence();
    assert_eq!(station.ended().reason, EndReason::Refused(StatusCode::UNAUTHORIZED));
}

#[test]
fn another_realm_gets_no_credentials() {
    // The operator said which.
    let mut fixed = station(alice().realm("carrier.example").unwrap());
    let (_, invite) = place(&mut fixed);
    challenge(&mut fixed, &invite, Asker::Server, &digest("evil.example", "n1", ""));
    fixed.expect_request("ACK");
    fixed.expect_silence();
    assert_eq!(fixed.ended().reason, EndReason::Refused(StatusCode::UNAUTHORIZED));
    assert_eq!(fixed.refused(Refusal::ChallengeForeign), 1);
    // Nobody said which: the first one stays.
    let mut pinned = station(alice());
    let (key, _) = challenged_call(&mut pinned);
    for asker in Asker::ALL {
        pinned.command(key, Command::Reinvite { sdp: Body::from(b"v=0 more".to_vec()) });
        let reinvite = pinned.expect_request("INVITE");
        challenge(&mut pinned, &reinvite, asker, &digest("evil.example", "n2", ""));
        pinned.expect_request("ACK");
        pinned.expect_silence();
        assert!(matches!(pinned.event().1, Event::ReinviteFailed { .. }));
    }
    assert_eq!(pinned.refused(Refusal::ChallengeForeign), 2);
}

#[test]
fn algorithms_that_are_not_listed_are_not_used() {
    let md5 = "Digest realm=\"carrier.example\", nonce=\"n1\", qop=\"auth\"";
    let mut strong = station(alice());
    let (_, invite) = place(&mut strong);
    challenge(&mut strong, &invite, Asker::Server, md5);
    strong.expect_request("ACK");
    strong.expect_silence();
    assert_eq!(strong.refused(Refusal::ChallengeUnusable), 1);

    let mut weak = station(alice().algorithms(Algorithms::STRONG.with(Algorithm::Md5)));
    let (_, invite) = place(&mut weak);
    challenge(&mut weak, &invite, Asker::Server, md5);
    weak.expect_request("ACK");
    let again = weak.expect_request("INVITE");
    let proof = again.header("Authorization").unwrap();
    assert_eq!((param(proof, "algorithm"), param(proof, "response").len()), ("MD5", 32));
    // The strongest of several, whatever their order.
    let (_, invite) = place(&mut weak);
    let both = format!("{md5}, {}", digest("carrier.example", "n2", ""));
    challenge(&mut weak, &invite, Asker::Server, &both);
    weak.expect_request("ACK");
    let again = weak.expect_request("INVITE");
    assert_eq!(param(again.header("Authorization").unwrap(), "algorithm"), "SHA-256");
}

/// THREATS T35 (CVE-2021-41158): a peer that called us asks for the trunk's password, and knows its realm.
#[test]
fn a_peer_that_called_us_is_told_nothing() {
    for realm in [None, Some("carrier.example")] {
        let credentials = realm.map_or_else(alice, |realm| alice().realm(realm).unwrap());
        let mut station = station(credentials);
        // The trunk has proved itself before, elsewhere in its network.
        challenged_call(&mut station);
        let (key, ok) = {
            let invite = Message { via: "SIP/2.0/UDP 198.51.100.99:5060".into(), ..Message::invite() };
            station.recv(NEIGHBOUR, invite.text());
            station.expect_status(100);
            let key = station.incoming();
            station.answer(key);
            let ok = station.expect_status(200);
            station.recv(NEIGHBOUR, Message::ack(&ok, 1).text());
            station.event();
            (key, ok)
        };
        assert_eq!(ok.to(), NEIGHBOUR.parse().unwrap());
        let ask = |station: &mut Station, request: &Sent, asker: Asker| {
            expect_no_credentials(request);
            let status = if asker == Asker::Server { "401 Unauthorized" } else { "407 Proxy Authentication Required" };
            let line = format!("{}: {}", asker.challenge(), digest("carrier.example", "evil", ""));
            station.recv(NEIGHBOUR, response_to(request, status, "x", &[&line], ""));
            for sent in station.all_sent() {
                assert_eq!(sent.method(), "ACK", "{}", sent.text);
                expect_no_credentials(&sent);
            }
        };
        for asker in Asker::ALL {
            station.command(key, Command::Reinvite { sdp: Body::from(b"v=0 more".to_vec()) });
            let reinvite = station.expect_request("INVITE");
            ask(&mut station, &reinvite, asker);
        }
        station.pass_secs(900);
        let updates = station.all_sent();
        let update = updates.iter().find(|sent| sent.to() == NEIGHBOUR.parse().unwrap()).unwrap();
        assert_eq!(update.method(), "UPDATE");
        ask(&mut station, update, Asker::Proxy);
        station.hang_up(key);
        let bye = station.expect_request("BYE");
        ask(&mut station, &bye, Asker::Server);
        assert_eq!(station.refused(Refusal::ChallengeForeign), 4);
    }
}

#[test]
fn a_challenge_from_a_neighbour_of_the_next_hop_is_not_answered() {
    let mut station = station(alice());
    let (_, invite) = place(&mut station);
    let line = format!("WWW-Authenticate: {}", digest("carrier.example", "n1", ""));
    station.recv(NEIGHBOUR, response_to(&invite, "401 Unauthorized", "x", &[&line], ""));
    expect_no_credentials(&station.expect_request("ACK"));
    station.expect_silence();
    assert_eq!(station.refused(Refusal::ChallengeForeign), 1);
}

/// A peer of the trunk's network makes us connect to where it wants: its Via says the port. That is no next hop of ours.
#[test]
fn a_connection_that_a_peer_made_us_open_is_told_nothing() {
    let mut station = station(alice());
    let inbound = station.connect(TCP, "198.51.100.99:40000", None);
    let invite = Message { via: "SIP/2.0/TCP 198.51.100.99:6666".into(), ..Message::invite() };
    station.recv_on(inbound, invite.text());
    station.expect_status(100);
    let key = station.incoming();
    station.input(sip_core::endpoint::Input::Disconnected { connection: inbound });
    station.answer(key);
    let (rogue, hop) = station.connects.pop_front().expect("the answer goes back by a connection of ours");
    assert_eq!(hop, NextHop::tcp("198.51.100.99:6666".parse().unwrap()));
    station.input(sip_core::endpoint::Input::Connected { connection: rogue, tls: None });
    let ok = station.expect_status(200);
    station.recv_on(rogue, Message::ack(&ok, 1).over("TCP").text());
    station.all_sent();
    station.hang_up(key);
    let bye = station.expect_request("BYE");
    assert_eq!(bye.flow, sip_core::endpoint::Flow::Stream(rogue));
    let line = format!("WWW-Authenticate: {}", digest("carrier.example", "n1", ""));
    station.recv_on(rogue, response_to(&bye, "401 Unauthorized", "", &[&line], ""));
    station.expect_silence();
    assert_eq!(station.refused(Refusal::ChallengeForeign), 1);
}

#[test]
fn over_a_connection_of_ours_a_challenge_is_answered_too() {
    let mut station = station(alice());
    let next_hop = Some(NextHop::tcp(CARRIER.parse().unwrap()));
    let key = station.endpoint.dial(sip_core::endpoint::Dial { next_hop, ..dial() }, station.now).unwrap();
    station.drain();
    let (connection, _) = station.connects.pop_front().unwrap();
    station.input(sip_core::endpoint::Input::Connected { connection, tls: None });
    let invite = station.expect_request("INVITE");
    let line = format!("WWW-Authenticate: {}", digest("carrier.example", "n1", ""));
    station.recv_on(connection, response_to(&invite, "401 Unauthorized", "c1", &[&line], ""));
    station.expect_request("ACK");
    let again = station.expect_request("INVITE");
    assert!(again.header("Authorization").is_some());
    station.recv_on(connection, response_to(&again, "200 OK", "b1", &[CONTACT], "v=0 theirs"));
    assert!(station.expect_request("ACK").header("Authorization").is_some());
    assert!(matches!(station.event().1, Event::Answered { .. }));
    station.hang_up(key);
    let bye = station.expect_request("BYE");
    let line = format!("WWW-Authenticate: {}", digest("carrier.example", "n2", ", stale=true"));
    station.recv_on(connection, response_to(&bye, "401 Unauthorized", "", &[&line], ""));
    let again = station.expect_request("BYE");
    assert_eq!(param(again.header("Authorization").unwrap(), "nonce"), "n2");
    station.recv_on(connection, response_to(&again, "200 OK", "", &[], ""));
    station.ended();
    station.pass_secs(40);
    station.expect_empty();
}

/// RFC 3261 10.2, 11.1: what a trunk asks of its carrier outside of calls.
#[test]
fn registrations_and_pings_answer_their_challenges() {
    let registration = Registration::new("alice".into());
    let outbound = Outbound::new("sip:carrier.example".parse().unwrap()).registration(registration);
    let outbound = outbound.ping(Duration::from_secs(30));
    let rule = TrunkRule::new("carrier-a").peer("198.51.100.0/24".parse().unwrap()).credentials(alice());
    let mut station = Station::with(vec![rule.outbound(outbound)], |_| {});
    station.drain();
    station.pass_secs(1);
    let (id, _) = station.locates.pop_front().expect("the carrier is looked for");
    let hops = vec![NextHop::udp(CARRIER.parse().unwrap())];
    let located = Located::in_order(hops, Duration::from_hours(24));
    station.input(sip_core::endpoint::Input::Located { id, result: Ok(located) });
    let next = |station: &mut Station, method: &str| {
        for _ in 0..4_000 {
            let found = station.all_sent().into_iter().find(|sent| sent.method() == method);
            if let Some(found) = found {
                return found;
            }
            station.pass_secs(1);
        }
        panic!("no {method}");
    };
    let register = next(&mut station, "REGISTER");
    expect_no_credentials(&register);
    station.trunk_events.clear();
    challenge(&mut station, &register, Asker::Server, &digest("carrier.example", "n1", ""));
    let again = next(&mut station, "REGISTER");
    assert_eq!(cseq(&again), cseq(&register) + 1);
    for name in ["Call-ID", "From", "To", "Contact", "Expires"] {
        assert_eq!(again.header(name), register.header(name), "{name}");
    }
    let proof = again.header("Authorization").unwrap();
    assert_eq!((param(proof, "uri"), param(proof, "nc")), ("sip:carrier.example", "00000001"));
    let bound = format!("Contact: {};expires=600", register.header("Contact").unwrap());
    station.recv(CARRIER, response_to(&again, "200 OK", "r", &[&bound], ""));
    let registered = |event: &TrunkEvent| matches!(event.change, TrunkChange::Registered { .. });
    assert_eq!(station.trunk_events.iter().filter(|event| registered(event)).count(), 1);
    let failed = |event: &TrunkEvent| matches!(event.change, TrunkChange::RegistrationFailed { .. });
    assert!(!station.trunk_events.iter().any(failed), "{:?}", station.trunk_events);
    // The refresh does not wait to be asked, with the next number and the next count.
    let refresh = next(&mut station, "REGISTER");
    assert_eq!((refresh.header("Call-ID"), cseq(&refresh)), (register.header("Call-ID"), cseq(&again) + 1));
    assert_eq!(param(refresh.header("Authorization").unwrap(), "nonce"), "n1");
    station.recv(CARRIER, response_to(&refresh, "200 OK", "r", &[&bound], ""));
    // What else goes there may be handed on to others: they are not shown the registrar's proof.
    let ping = next(&mut station, "OPTIONS");
    expect_no_credentials(&ping);
    challenge(&mut station, &ping, Asker::Server, &digest("carrier.example", "n2", ""));
    let again = next(&mut station, "OPTIONS");
    assert_eq!((again.header("Call-ID"), cseq(&again)), (ping.header("Call-ID"), cseq(&ping) + 1));
    assert_eq!(param(again.header("Authorization").unwrap(), "nonce"), "n2");
    station.recv(CARRIER, response_to(&again, "200 OK", "o", &[], ""));
    // A call knows the way as well.
    let (_, invite) = place(&mut station);
    let proof = invite.header("Authorization").unwrap();
    assert_eq!((param(proof, "nonce"), param(proof, "nc")), ("n2", "00000002"));
}

/// RFC 3262: a PRACK is a request like any other.
#[test]
fn a_prack_answers_its_challenge_and_an_invite_may_be_challenged_late() {
    let rule = TrunkRule::new("carrier-a").peer("198.51.100.0/24".parse().unwrap()).credentials(alice());
    let mut station = Station::with(vec![rule.rel100(Rel100::Supported)], |_| {});
    let (key, invite) = place(&mut station);
    let reliable = ["Require: 100rel", "RSeq: 7", CONTACT];
    station.recv(CARRIER, response_to(&invite, "183 Session Progress", "b1", &reliable, "v=0 early"));
    assert!(matches!(station.event().1, Event::Progress { .. }));
    let prack = station.expect_request("PRACK");
    challenge(&mut station, &prack, Asker::Proxy, &digest("carrier.example", "n1", ""));
    let again = station.expect_request("PRACK");
    assert_eq!((cseq(&again), again.header("RAck")), (cseq(&prack) + 1, prack.header("RAck")));
    assert_eq!(param(again.header("Proxy-Authorization").unwrap(), "nc"), "00000001");
    station.recv(CARRIER, response_to(&again, "200 OK", "", &[], ""));
    // Only now the callee wants to know: the INVITE goes out with a number that no PRACK has used.
    challenge(&mut station, &invite, Asker::Server, &digest("carrier.example", "n2", ""));
    station.expect_request("ACK");
    let second = station.expect_request("INVITE");
    assert_eq!(cseq(&second), cseq(&again) + 1);
    station.recv(CARRIER, response_to(&second, "183 Session Progress", "b2", &reliable, "v=0 early"));
    assert!(matches!(station.event().1, Event::Progress { .. }));
    let prack = station.expect_request("PRACK");
    assert_eq!(prack.header("RAck").unwrap(), format!("7 {} INVITE", cseq(&second)));
    assert!(prack.header("Authorization").is_some());
    station.recv(CARRIER, response_to(&prack, "200 OK", "", &[], ""));
    station.recv(CARRIER, response_to(&second, "200 OK", "b2", &[CONTACT], ""));
    assert!(matches!(station.event().1, Event::Answered { .. }));
    let ack = station.expect_request("ACK");
    assert_eq!((ack.header("Authorization"), cseq(&ack)), (second.header("Authorization"), cseq(&second)));
    station.hang_up(key);
    let bye = station.expect_request("BYE");
    assert_eq!(cseq(&bye), cseq(&prack) + 1);
    station.recv(CARRIER, response_to(&bye, "200 OK", "", &[], ""));
    station.ended();
    station.pass_secs(40);
    station.expect_silence();
    station.expect_empty();
}

/// RFC 3515: we tell the peer how a call fares that it asked for, and it wants to know who tells.
#[test]
fn a_notify_answers_its_challenge() {
    let rule = TrunkRule::new("carrier-a").peer("198.51.100.0/24".parse().unwrap()).credentials(alice()).refer(true);
    let mut station = Station::with(vec![rule], |_| {});
    // The peer's address is the trunk's own next hop: a call of ours went there and proved who we are.
    let (first, _) = challenged_call(&mut station);
    station.hang_up(first);
    station.all_sent();
    station.ended();
    let (key, ok) = established(&mut station);
    station.recv(CARRIER, Message::within(&ok, "REFER", 2).header("Refer-To: <sip:100@carrier.example>").text());
    assert!(matches!(station.event().1, Event::Refer(_)));
    station.command(key, Command::AcceptRefer);
    station.expect_status(202);
    let notify = station.expect_request("NOTIFY");
    assert_eq!(param(notify.header("Authorization").unwrap(), "nonce"), "n1");
    challenge(&mut station, &notify, Asker::Server, &digest("carrier.example", "n2", ", stale=true"));
    let again = station.expect_request("NOTIFY");
    assert_eq!((cseq(&again), again.body()), (cseq(&notify) + 1, notify.body()));
    assert_eq!(param(again.header("Authorization").unwrap(), "nonce"), "n2");
    station.recv(CARRIER, response_to(&again, "200 OK", "", &[], ""));
    station.command(key, Command::NotifyRefer { status: StatusCode::OK });
    let last = station.expect_request("NOTIFY");
    assert_eq!((cseq(&last), param(last.header("Authorization").unwrap(), "nc")), (cseq(&again) + 1, "00000002"));
}

/// RFC 5923: a connection that the peer opened is as good as its certificate's name.
#[test]
fn over_a_connection_of_the_peer_a_challenge_is_answered_where_it_shows_the_next_hops_name() {
    for (shown, answers) in [("sbc.example", true), ("other.example", false)] {
        let rule = TrunkRule::new("carrier-a").peer("sips:sbc.example".parse().unwrap());
        let rule = rule.peer("sips:other.example".parse().unwrap()).credentials(alice());
        let mut station = Station::with(vec![rule], |_| {});
        let inbound = station.connect(TLS, "198.51.100.7:40000", Some(tls_facts(&[shown])));
        let options = Message { method: "OPTIONS", body: String::new(), ..Message::invite() }.over("TLS");
        station.recv_on(inbound, options.text().replace(":5060;branch=", ":5061;alias;branch="));
        station.expect_status(200);
        let next_hop = Some(NextHop::tls("198.51.100.7:5061".parse().unwrap(), "sbc.example"));
        station.endpoint.dial(sip_core::endpoint::Dial { next_hop, ..dial() }, station.now).unwrap();
        station.drain();
        assert_eq!(station.connects.is_empty(), answers, "another name is another connection");
        if answers {
            let invite = station.expect_request("INVITE");
            let line = format!("WWW-Authenticate: {}", digest("carrier.example", "n1", ""));
            station.recv_on(inbound, response_to(&invite, "401 Unauthorized", "c1", &[&line], ""));
            station.expect_request("ACK");
            assert!(station.expect_request("INVITE").header("Authorization").is_some());
        }
        // A call that came over it is answered to nobody.
        station.recv_on(inbound, Message::numbered(5).over("TLS").text());
        let key = station.incoming();
        station.answer(key);
        let ok = station.all_sent().pop().unwrap();
        let ack = Message { call_id: "call-n5@carrier".into(), from_tag: "from-n5".into(), ..Message::ack(&ok, 1) };
        station.recv_on(inbound, ack.over("TLS").text());
        station.hang_up(key);
        let bye = station.expect_request("BYE");
        let line = format!("WWW-Authenticate: {}", digest("carrier.example", "n2", ""));
        station.recv_on(inbound, response_to(&bye, "401 Unauthorized", "", &[&line], ""));
        station.expect_silence();
        assert_eq!(station.refused(Refusal::ChallengeForeign), 1);
    }
}

#[test]
fn a_call_that_is_taken_back_is_not_placed_again() {
    let mut station = station(alice());
    // Before any answer: the CANCEL waits, and the challenge ends it all.
    let (key, invite) = place(&mut station);
    station.hang_up(key);
    station.expect_silence();
    challenge(&mut station, &invite, Asker::Server, &digest("carrier.example", "n1", ""));
    station.expect_request("ACK");
    station.expect_silence();
    assert_eq!(station.ended().reason, EndReason::Cancelled);
    // The CANCEL and the challenge cross.
    let (key, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "100 Trying", "", &[], ""));
    station.hang_up(key);
    let cancel = station.expect_request("CANCEL");
    challenge(&mut station, &invite, Asker::Server, &digest("carrier.example", "n1", ""));
    station.expect_request("ACK");
    station.recv(CARRIER, response_to(&cancel, "481 Call/Transaction Does Not Exist", "x", &[], ""));
    station.expect_silence();
    assert_eq!(station.ended().reason, EndReason::Cancelled);
    station.pass_secs(40);
    station.expect_empty();
}

#[test]
fn a_call_that_is_taken_back_while_it_goes_out_again_is_cancelled_by_its_new_name() {
    let mut station = station(alice());
    let (key, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "100 Trying", "", &[], ""));
    challenge(&mut station, &invite, Asker::Server, &digest("carrier.example", "n1", ""));
    station.expect_request("ACK");
    let again = station.expect_request("INVITE");
    // No answer to the second INVITE yet: the CANCEL waits for one (RFC 3261 9.1).
    station.hang_up(key);
    station.expect_silence();
    assert_eq!(station.ended().reason, EndReason::Cancelled);
    station.recv(CARRIER, response_to(&again, "100 Trying", "", &[], ""));
    let cancel = station.expect_request("CANCEL");
    assert_eq!((cancel.branch(), cseq(&cancel)), (again.branch(), cseq(&again)));
    // RFC 3261 22.1: a CANCEL proves nothing, and is not asked.
    expect_no_credentials(&cancel);
    challenge(&mut station, &cancel, Asker::Server, &digest("carrier.example", "n2", ""));
    station.expect_silence();
    station.recv(CARRIER, response_to(&again, "487 Request Terminated", "b1", &[], ""));
    station.expect_request("ACK");
    station.pass_secs(40);
    station.expect_silence();
    station.expect_empty();
}

#[test]
fn new_rules_forget_what_was_asked() {
    let mut station = station(alice());
    let (key, _) = challenged_call(&mut station);
    let other = Credentials::new("carol", "other").unwrap();
    let rule = TrunkRule::new("carrier-a").peer("198.51.100.0/24".parse().unwrap()).credentials(other);
    station.endpoint.replace_gate(sip_core::admission::Gate::new(vec![rule], station.now).unwrap());
    station.hang_up(key);
    let bye = station.expect_request("BYE");
    expect_no_credentials(&bye);
    challenge(&mut station, &bye, Asker::Server, &digest("elsewhere.example", "n1", ""));
    let again = station.expect_request("BYE");
    let proof = again.header("Authorization").unwrap();
    assert_eq!((param(&format!(" {proof}"), "username"), param(proof, "realm")), ("carol", "elsewhere.example"));
}

fn realm() -> Realm {
    Realm::new("us.example").unwrap().user("alice", "s3cr3t").unwrap().user("bob", "other").unwrap()
}

/// A station that asks `carrier-a` who it is.
fn guarded() -> Station {
    let rule = TrunkRule::new("carrier-a").peer("198.51.100.0/24".parse().unwrap()).challenge(realm());
    Station::with(vec![rule], |_| {})
}

/// A carrier that answers the 401 in `asked`.
struct Carrier {
    keyring: Keyring<()>,
    credentials: Credentials,
}

impl Carrier {
    fn new(user: &str, password: &str) -> Self {
        Self { keyring: Keyring::new(), credentials: Credentials::new(user, password).unwrap() }
    }

    fn learn(&mut self, asked: &Sent) {
        let mut headers = Headers::new();
        for line in asked.text.split("\r\n").filter_map(|line| line.strip_prefix("WWW-Authenticate: ")) {
            headers.push(HeaderName::WwwAuthenticate, line.to_owned());
        }
        self.keyring.accept(&(), &self.credentials, Asker::Server, &headers, false).unwrap();
    }

    /// The request with the carrier's proof, as a new transaction.
    fn sign(&mut self, message: &Message, number: u32) -> Message {
        let method = if message.method == "INVITE" { Method::Invite } else { Method::Register };
        let request = Request::new(method, Uri::parse(&Bytes::from(message.uri.clone())).unwrap());
        let (_, value) = self.keyring.authorize(&(), &request, || format!("c{number}")).pop().unwrap();
        let value = String::from_utf8(value.to_vec()).unwrap();
        let branch = format!("{}-{number}", message.branch);
        let signed = Message { branch, cseq: message.cseq + number, ..message.clone() };
        signed.header(&format!("Authorization: {value}"))
    }
}

#[test]
fn a_trunk_that_is_asked_must_prove_itself_to_call() {
    let mut station = guarded();
    let invite = Message::invite();
    station.recv(CARRIER, invite.text());
    let asked = station.expect_status(401);
    let lines: Vec<&str> =
        asked.text.split("\r\n").filter_map(|line| line.strip_prefix("WWW-Authenticate: ")).collect();
    assert_eq!(lines.iter().map(|line| param(line, "algorithm")).collect::<Vec<_>>(), ["SHA-512-256", "SHA-256"]);
    assert!(!asked.text.contains("stale"));
    assert!(!asked.to_tag().is_empty());
    station.recv(CARRIER, invite.ack_refusal(&asked).text());
    station.expect_silence();
    station.expect_no_event();
    station.expect_empty();
    assert_eq!(station.refused(Refusal::Challenged), 1);

    let mut carrier = Carrier::new("alice", "s3cr3t");
    carrier.learn(&asked);
    station.recv(CARRIER, carrier.sign(&invite, 1).text());
    station.expect_status(100);
    let key = station.incoming();
    station.answer(key);
    let ok = station.expect_status(200);
    station.recv(CARRIER, Message::ack(&ok, 2).text());
    assert!(matches!(station.event().1, Event::Ack { .. }));
    // What follows rides on the dialog.
    station.recv(CARRIER, Message::within(&ok, "INFO", 3).text());
    station.expect_status(200);
    station.recv(CARRIER, Message::within(&ok, "BYE", 4).text());
    station.expect_status(200);
    assert_eq!(station.ended().reason, EndReason::Bye);
}

#[test]
fn a_proof_is_good_once_and_for_a_minute() {
    let mut station = guarded();
    let stale = |asked: &Sent| asked.text.contains("stale=true");
    station.recv(CARRIER, Message::numbered(1).text());
    let asked = station.expect_status(401);
    let mut carrier = Carrier::new("alice", "s3cr3t");
    carrier.learn(&asked);
    let (first, second) = (carrier.sign(&Message::numbered(1), 1), carrier.sign(&Message::numbered(2), 1));
    station.recv(CARRIER, second.text());
    station.expect_status(100);
    // Overtaken: its count does not rise.
    station.recv(CARRIER, first.text());
    assert!(stale(&station.expect_status(401)));
    // The same proof in another call (THREATS T37).
    let replay = Message { headers: second.headers, ..Message::numbered(3) };
    station.recv(CARRIER, replay.text());
    assert!(stale(&station.expect_status(401)));
    // From another address.
    station.recv(NEIGHBOUR, carrier.sign(&Message::numbered(4), 1).text());
    assert!(stale(&station.expect_status(401)));
    // Too late.
    station.pass(limits::AUTH_NONCE_LIFE + Duration::from_millis(1));
    station.all_sent();
    station.recv(CARRIER, carrier.sign(&Message::numbered(5), 1).text());
    let asked = station.expect_status(401);
    assert!(stale(&asked));
    assert_eq!(station.refused(Refusal::StaleNonce), 4);
    carrier.learn(&asked);
    station.recv(CARRIER, carrier.sign(&Message::numbered(5), 2).text());
    station.expect_status(100);
    assert_eq!(station.stats().admitted, 2);
}

#[test]
fn a_user_that_exists_and_one_that_does_not_hear_the_same() {
    let answer = |user: &str, password: &str| {
        let mut station = guarded();
        station.recv(CARRIER, Message::invite().text());
        let asked = station.expect_status(401);
        let mut carrier = Carrier::new(user, password);
        carrier.learn(&asked);
        station.recv(CARRIER, carrier.sign(&Message::invite(), 1).text());
        let refused = station.expect_status(401);
        assert_eq!(station.refused(Refusal::BadCredentials), 1);
        station.expect_empty();
        refused.text
    };
    assert_eq!(answer("alice", "wrong"), answer("mallory", "wrong"));
    assert!(!answer("alice", "wrong").contains("stale"));
}

#[test]
fn what_stands_alone_is_asked_but_for_options() {
    let mut station = guarded();
    for method in ["REGISTER", "MESSAGE", "SUBSCRIBE", "REFER", "BREW", "NOTIFY"] {
        station.recv(CARRIER, Message { method, body: String::new(), ..Message::invite() }.text());
        station.expect_status(401);
    }
    station.recv(CARRIER, Message { method: "OPTIONS", body: String::new(), ..Message::invite() }.text());
    station.expect_status(200);
    // A proof opens no more than there is.
    let register = Message { method: "REGISTER", body: String::new(), ..Message::invite() };
    station.recv(CARRIER, register.text());
    let mut carrier = Carrier::new("bob", "other");
    carrier.learn(&station.expect_status(401));
    station.recv(CARRIER, carrier.sign(&register, 1).text());
    station.expect_status(405);
    // To a dialog that does not exist: as ever.
    let stray = Message { method: "BYE", to_tag: "x".into(), body: String::new(), ..Message::invite() };
    station.recv(CARRIER, stray.text());
    station.expect_status(481);
}

#[test]
fn a_flood_of_requests_without_proof_keeps_nothing() {
    let mut station = guarded();
    for number in 0..2_000 {
        let garbage = format!("Authorization: Digest username=\"{number}\", realm=\"us.example\"");
        station.recv(CARRIER, Message::numbered(number).header(&garbage).text());
        station.expect_status(401);
    }
    station.expect_empty();
    station.expect_no_event();
    assert_eq!(station.refused(Refusal::Challenged), 2_000);
}

#[test]
fn calls_between_two_that_ask_each_other_stand_all_weather() {
    let seeds = 60;
    let mut answered = 0;
    for seed in 0..seeds {
        let weather = Weather { loss: 20, duplicate: 20, delay: 1..300 };
        let caller = |rule: TrunkRule| rule.credentials(alice());
        let callee = |rule: TrunkRule| rule.challenge(realm()).credentials(alice());
        let mut pair = Pair::with(seed, weather, caller, callee);
        let ours = pair.dial();
        for _ in 0..200 {
            pair.pass(Duration::from_millis(200));
            for (key, event) in pair.callee.take_events() {
                if matches!(event, Event::Incoming(_)) {
                    pair.command(Who::Callee, key, Command::Answer { sdp: Body::from(b"v=0 answer".to_vec()) });
                }
            }
        }
        let events = pair.caller.take_events();
        answered += u64::from(events.iter().any(|(_, event)| matches!(event, Event::Answered { .. })));
        pair.command(Who::Caller, ours, Command::Hangup { reason: None });
        pair.pass(Duration::from_mins(40));
        pair.expect_empty(&format!("seed {seed}"));
        assert!(pair.callee.endpoint.stats().refused(Refusal::Challenged) > 0);
    }
    assert_eq!(answered, seeds);
}

/// A proxy asks at any time for any request of ours, and everybody does what he likes.
#[test]
fn challenges_at_any_time_break_nothing() {
    let (mut answered, mut asked) = (0, 0);
    for seed in 0..80 {
        let is_fine = seed % 2 == 0;
        let rough = Weather { loss: 10, duplicate: 15, delay: 1..400 };
        let weather = if is_fine { Weather::FINE } else { rough };
        let with = |rule: TrunkRule| rule.refer(true).credentials(alice()).rel100(Rel100::Supported);
        let mut pair = Pair::with(seed, weather, with, with);
        pair.toll.percent = 25;
        let mut random = Random(seed ^ 0x70_11);
        let mut keys: [Vec<CallKey>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..120 {
            if random.percent(8) {
                keys[0].push(pair.dial());
            }
            for (index, who) in [(0, Who::Caller), (1, Who::Callee)] {
                for (key, event) in pair.side(who).take_events() {
                    answered += u64::from(matches!(event, Event::Answered { .. }));
                    if matches!(event, Event::Incoming(_)) {
                        keys[index].push(key);
                    }
                }
                if !keys[index].is_empty() {
                    let key = *random.pick(&keys[index]);
                    pair.command(who, key, any_command(&mut random));
                }
            }
            let wait = random.below(1_500);
            pair.pass(Duration::from_millis(wait));
        }
        pair.pass(Duration::from_mins(5));
        for who in [Who::Caller, Who::Callee] {
            pair.hang_up_all(who);
        }
        pair.pass(Duration::from_mins(10));
        pair.expect_empty(&format!("seed {seed}"));
        asked += pair.toll.asked;
        let stats = pair.callee.endpoint.stats();
        if is_fine {
            // Nothing overtakes anything here: each number is higher than the one before, and each ACK finds its INVITE but
            // that of a re-INVITE to a call that is gone.
            assert_eq!(stats.refused(Refusal::CSeqOrder), 0, "seed {seed}: {stats:?}");
            assert!(stats.refused(Refusal::StrayAck) <= stats.refused(Refusal::NoDialog), "seed {seed}: {stats:?}");
        }
    }
    assert!(answered > 100 && asked > 300, "{answered} {asked}");
}

#[test]
fn one_nonce_serves_for_many_calls() {
    let caller = |rule: TrunkRule| rule.credentials(alice());
    let mut pair = Pair::with(1, Weather::FINE, caller, |rule| rule.challenge(realm()));
    for _ in 0..20 {
        let (ours, _) = pair.established();
        pair.command(Who::Caller, ours, Command::Hangup { reason: None });
        pair.pass(Duration::from_millis(100));
    }
    let stats = pair.callee.endpoint.stats();
    assert_eq!((stats.admitted, stats.refused(Refusal::Challenged)), (20, 1));
    // A minute later the nonce is old: asked once more, and the call comes all the same.
    pair.pass(Duration::from_mins(2));
    pair.established();
    let stats = pair.callee.endpoint.stats();
    assert_eq!((stats.admitted, stats.refused(Refusal::StaleNonce)), (21, 1));
}

#[test]
fn a_call_that_came_before_is_not_asked() {
    // Without a challenge in the rule nothing changes, whatever credentials a peer shows.
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().header("Authorization: Digest username=\"x\"").text());
    station.expect_status(100);
    station.incoming();
    let (_, ok) = established(&mut Station::new());
    assert!(ok.header("WWW-Authenticate").is_none());
}
