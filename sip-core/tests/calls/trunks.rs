//! The life of a trunk that we call over: located, registered, watched, and failed over (RFC 3261 10, RFC 3263 4.3,
//! RFC 3608, RFC 5626 4.5).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sip_core::admission::{Rate, TrunkId, TrunkRule};
use sip_core::auth::Credentials;
use sip_core::endpoint::{CallKey, Dial, DialError, EndReason, Event, Flow, Input, NextHop, Refusal};
use sip_core::locate::{LocateError, Located, Share};
use sip_core::trunk::{
    DownReason, HopState, Outbound, Registration, RegistrationFailure, RegistrationState, TrunkChange, TrunkState,
    TrunkStatus,
};
use sip_core::wire::{StatusCode, Text};

use crate::outbound::dial;
use crate::pair::Random;
use crate::script::{Message, established, established_by, response_to};
use crate::station::{STRANGER, Sent, Station};

pub(crate) const NEAR: &str = "198.51.100.7:5060";
pub(crate) const FAR: &str = "198.51.100.8:5060";
pub(crate) const CONTACT: &str = "Contact: <sip:bob@198.51.100.7:5060>";
pub(crate) const DAY: u64 = 24 * 60 * 60;

pub(crate) fn outbound() -> Outbound {
    Outbound::new("sip:carrier.example".parse().unwrap())
}

pub(crate) fn registering() -> Outbound {
    outbound().registration(Registration::new(Text::from_static("acme")))
}

/// A trunk of no peers but those that its look-up finds.
pub(crate) fn station(outbound: Outbound) -> Station {
    let mut station = Station::with(vec![TrunkRule::new("carrier-a").outbound(outbound)], |_| {});
    station.drain();
    station
}

/// Answers the look-up that is asked for.
pub(crate) fn locate(station: &mut Station, hops: &[NextHop], seconds: u64) {
    station.drain();
    station.pass(Duration::ZERO);
    // One that took too long is asked again under another name.
    let (id, _) = station.locates.drain(..).next_back().expect("a look-up");
    let located = Located::in_order(hops.to_vec(), Duration::from_secs(seconds));
    station.input(Input::Located { id, result: Ok(located) });
}

pub(crate) fn udp(addresses: &[&str]) -> Vec<NextHop> {
    addresses.iter().map(|address| NextHop::udp(address.parse().unwrap())).collect()
}

pub(crate) fn located(outbound: Outbound, addresses: &[&str]) -> Station {
    let mut station = station(outbound);
    locate(&mut station, &udp(addresses), DAY);
    station.pass(Duration::ZERO);
    station
}

pub(crate) fn to_own_hops() -> Dial {
    Dial { next_hop: None, ..dial() }
}

pub(crate) fn place(station: &mut Station) -> Result<CallKey, DialError> {
    let placed = station.endpoint.dial(to_own_hops(), station.now);
    station.drain();
    placed
}

#[track_caller]
fn changes(station: &mut Station) -> Vec<TrunkChange> {
    station.trunk_events.drain(..).map(|event| event.change).collect()
}

pub(crate) fn status(station: &Station) -> TrunkStatus {
    station.endpoint.trunks(station.now).pop().unwrap()
}

pub(crate) fn cseq(sent: &Sent) -> u32 {
    sent.header("CSeq").unwrap().split(' ').next().unwrap().parse().unwrap()
}

/// The 200 of a REGISTER: our Contact with this expiry.
pub(crate) fn granted(register: &Sent, seconds: u64) -> String {
    let contact = format!("Contact: {};expires={seconds}", register.header("Contact").unwrap());
    response_to(register, "200 OK", "reg", &[&contact], "")
}

/// Answers all that is sent for some time, step by step.
fn live(station: &mut Station, seconds: u64, mut answer: impl FnMut(&mut Station, Sent)) {
    for _ in 0..seconds {
        station.pass_secs(1);
        for sent in station.all_sent() {
            answer(station, sent);
        }
    }
}

#[test]
fn a_registration_is_refreshed_for_days_with_one_call_id_and_a_rising_cseq() {
    let mut station = located(registering(), &[NEAR]);
    let first = station.expect_request("REGISTER");
    assert!(first.text.starts_with("REGISTER sip:carrier.example SIP/2.0\r\n"), "{}", first.text);
    assert_eq!(first.header("To"), Some("<sip:acme@carrier.example>"));
    assert_eq!(first.header("Contact"), Some("<sip:acme@192.0.2.10:5060>"));
    assert_eq!((first.header("Expires"), first.header("Supported")), (Some("3600"), Some("path")));
    station.recv(NEAR, granted(&first, 3600));
    let registered = TrunkChange::Registered { expires: Duration::from_hours(1) };
    assert_eq!(changes(&mut station), [TrunkChange::Located { hops: 1 }, TrunkChange::Up, registered]);
    assert_eq!(station.stats().registrations, 1);

    let (call_id, mut last, mut at) = (first.header("Call-ID").unwrap().to_owned(), cseq(&first), first.after);
    let mut refreshes = 0;
    for _ in 0..3 * DAY / 10 {
        if !station.locates.is_empty() {
            locate(&mut station, &udp(&[NEAR]), DAY);
        }
        station.pass_secs(10);
        for sent in station.all_sent() {
            assert_eq!((sent.method(), sent.header("Call-ID")), ("REGISTER", Some(call_id.as_str())));
            if cseq(&sent) == last {
                // Sent again: this registrar takes its time.
                continue;
            }
            assert_eq!(cseq(&sent), last + 1);
            // A minute early, nine tenths, and a tenth of that at random.
            let gap = sent.after.saturating_sub(at).as_secs();
            assert!((2900..=3260).contains(&gap), "{gap}");
            (last, at) = (cseq(&sent), sent.after);
            refreshes += 1;
            station.recv(NEAR, granted(&sent, 3600));
        }
        assert_eq!(station.stats().registrations, 1);
    }
    assert!(refreshes >= 70, "{refreshes}");
    assert_eq!(changes(&mut station), []);
}

#[test]
fn a_423_is_obeyed_within_bounds() {
    let mut station = located(registering(), &[NEAR]);
    let first = station.expect_request("REGISTER");
    station.recv(NEAR, response_to(&first, "423 Interval Too Brief", "r", &["Min-Expires: 7200"], ""));
    let second = station.expect_request("REGISTER");
    assert_eq!((second.header("Expires"), cseq(&second)), (Some("7200"), cseq(&first) + 1));
    station.recv(NEAR, granted(&second, 7200));
    assert_eq!(station.stats().registrations, 1);

    for greedy in ["Min-Expires: 4294967295", "Min-Expires: 3600", "Min-Expires: none", "Subject: none"] {
        let mut station = located(registering(), &[NEAR]);
        let first = station.expect_request("REGISTER");
        station.recv(NEAR, response_to(&first, "423 Interval Too Brief", "r", &[greedy], ""));
        let failed = TrunkChange::RegistrationFailed { why: RegistrationFailure::Interval };
        assert_eq!(changes(&mut station).last(), Some(&failed), "{greedy}");
        // A registrar that cannot be pleased is asked seldom.
        station.pass_secs(14 * 60);
        station.expect_silence();
    }
}

#[test]
fn a_challenge_is_answered_and_counts_on() {
    let credentials = Credentials::new("acme", "secret".to_owned()).unwrap();
    let rule = TrunkRule::new("carrier-a").outbound(registering()).credentials(credentials);
    let mut station = Station::with(vec![rule], |_| {});
    locate(&mut station, &udp(&[NEAR]), DAY);
    let first = station.expect_request("REGISTER");
    let challenge = "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256";
    station.recv(NEAR, response_to(&first, "401 Unauthorized", "r", &[challenge], ""));
    let second = station.expect_request("REGISTER");
    assert!(second.header("Authorization").unwrap().starts_with("Digest username=\"acme\""));
    assert_eq!((second.header("Call-ID"), cseq(&second)), (first.header("Call-ID"), cseq(&first) + 1));
    station.recv(NEAR, granted(&second, 600));
    assert_eq!(station.stats().registrations, 1);
    station.pass_secs(600 - 60);
    let refresh = station.expect_request("REGISTER");
    assert_eq!(cseq(&refresh), cseq(&second) + 1, "the answered challenge used a number");
    assert!(refresh.header("Authorization").is_some());
}

#[test]
fn what_the_registrar_grants_counts() {
    for (headers, seconds) in [
        (vec!["Contact: <sip:acme@192.0.2.10:5060>;expires=120".to_owned()], Some(120)),
        (vec!["Contact: <sip:acme@192.0.2.10>;expires=7, <sip:ACME@192.0.2.10:5060>;expires=9".into()], None),
        (vec!["Contact: <sip:other@192.0.2.9>;expires=7, <sip:acme@192.0.2.10:5060;ob>;expires=300".into()], Some(300)),
        (vec!["Contact: <sip:acme@203.0.113.99:1024>;expires=200".into()], Some(200)),
        (vec!["Contact: <sip:acme@192.0.2.10:5060>".into(), "Expires: 90".into()], Some(90)),
        (vec!["Expires: 90".into()], Some(90)),
        (vec![], Some(3600)),
        (vec!["Contact: <sip:acme@192.0.2.10:5060>;expires=0".into()], None),
        (vec!["Contact: <sip:acme@192.0.2.10:5060>;expires=4294967295".into()], Some(DAY)),
    ] {
        let mut station = located(registering(), &[NEAR]);
        let register = station.expect_request("REGISTER");
        let extra: Vec<&str> = headers.iter().map(String::as_str).collect();
        station.recv(NEAR, response_to(&register, "200 OK", "r", &extra, ""));
        let left = match status(&station).registration.unwrap() {
            RegistrationState::Registered { left } => Some(left.as_secs()),
            _ => None,
        };
        assert_eq!(left, seconds, "{headers:?}");
    }
}

#[test]
fn a_silent_registrar_is_asked_ever_more_seldom() {
    let mut station = located(registering(), &[NEAR]);
    let mut rounds = Vec::new();
    for _ in 0..12 {
        station.pass_secs(1800 + 60);
        rounds.extend(station.all_sent().iter().map(|sent| (cseq(sent), sent.after)));
    }
    rounds.dedup_by_key(|(cseq, _)| *cseq);
    let gaps: Vec<u64> = rounds.windows(2).map(|pair| pair[1].1.saturating_sub(pair[0].1).as_secs() - 32).collect();
    // RFC 5626 4.5: base time 30 s, doubling to 30 min, each wait at least half of that.
    for (index, gap) in gaps.iter().enumerate() {
        let bound = (30_u64 << index.min(10)).min(1800);
        assert!((bound / 2..=bound).contains(gap), "{index}: {gaps:?}");
    }
    assert!(gaps.len() >= 12);
}

#[test]
fn a_refusal_is_told_and_tried_again_seldom_and_retry_after_is_honoured() {
    for (answer, header, at_least, why) in [
        ("403 Forbidden", "Subject: no", 15 * 60, RegistrationFailure::Refused(StatusCode::FORBIDDEN)),
        ("404 Not Found", "Subject: no", 15 * 60, RegistrationFailure::Refused(StatusCode::NOT_FOUND)),
        ("401 Unauthorized", "Subject: no", 15 * 60, RegistrationFailure::Refused(StatusCode::UNAUTHORIZED)),
        ("503 Service Unavailable", "Retry-After: 1200 (later)", 1200, RegistrationFailure::Unreachable),
        ("503 Service Unavailable", "Retry-After: 999999", 3600, RegistrationFailure::Unreachable),
    ] {
        let mut station = located(registering(), &[NEAR]);
        let register = station.expect_request("REGISTER");
        station.recv(NEAR, response_to(&register, answer, "r", &[header], ""));
        let failed = TrunkChange::RegistrationFailed { why };
        assert_eq!(changes(&mut station).last(), Some(&failed), "{answer}");
        station.pass_secs(at_least - 1);
        station.expect_silence();
        station.pass_secs(3601);
        assert!(!station.all_sent().is_empty(), "{answer}");
    }
}

#[test]
fn the_next_registrar_is_asked_when_one_fails() {
    let mut station = located(registering(), &[NEAR, FAR]);
    let first = station.expect_request("REGISTER");
    assert_eq!(first.to(), NEAR.parse().unwrap());
    station.recv(NEAR, response_to(&first, "503 Service Unavailable", "r", &["Retry-After: 600"], ""));
    let second = station.expect_request("REGISTER");
    assert_eq!((second.to(), second.header("Call-ID")), (FAR.parse().unwrap(), first.header("Call-ID")));
    assert!(cseq(&second) > cseq(&first));
    station.recv(FAR, granted(&second, 600));
    // The refresh goes to the one that knows us.
    station.pass_secs(600 - 60);
    assert_eq!(station.expect_request("REGISTER").to(), FAR.parse().unwrap());
}

#[test]
fn a_lost_connection_is_registered_anew_and_calls_come_over_it() {
    let mut station = station(registering());
    locate(&mut station, &[NextHop::tcp(NEAR.parse().unwrap())], DAY);
    let (connection, _) = station.connects.pop_front().unwrap();
    station.input(Input::Connected { connection, tls: None });
    let register = station.expect_request("REGISTER");
    assert_eq!(register.flow, Flow::Stream(connection));
    station.recv_on(connection, granted(&register, 3600));
    // It is kept, though nothing comes for long.
    station.pass_secs(600);
    assert!(station.closed.is_empty());
    station.recv_on(connection, Message::invite().over("TCP").text());
    station.expect_status(100);
    let (call, Event::Incoming(invite)) = station.event() else { panic!("no call") };
    assert_eq!(invite.trunk(), &TrunkId::new("carrier-a"));
    station.hang_up(call);
    station.all_sent();

    station.trunk_events.clear();
    station.input(Input::Disconnected { connection });
    let failed = TrunkChange::RegistrationFailed { why: RegistrationFailure::ConnectionLost };
    assert_eq!((changes(&mut station), station.stats().registrations), (vec![failed], 0));
    station.pass_secs(3);
    let (again, _) = station.connects.pop_front().unwrap();
    station.input(Input::Connected { connection: again, tls: None });
    let anew = station.expect_request("REGISTER");
    assert_eq!(anew.header("Call-ID"), register.header("Call-ID"));
    station.recv_on(again, granted(&anew, 3600));
    assert_eq!(changes(&mut station), [TrunkChange::Registered { expires: Duration::from_hours(1) }]);
    // Lost again at once: that is a series of failures, and no reason to hurry.
    station.input(Input::Disconnected { connection: again });
    station.pass_secs(14);
    assert!(station.connects.is_empty());
}

#[test]
fn shutting_down_unregisters_and_waits_for_it() {
    let mut station = located(registering().ping(Duration::from_secs(10)), &[NEAR]);
    live(&mut station, 5, |station, sent| match sent.method() {
        "REGISTER" => station.recv(NEAR, granted(&sent, 3600)),
        _ => station.recv(NEAR, response_to(&sent, "200 OK", "o", &[], "")),
    });
    station.trunk_events.clear();
    station.endpoint.drain();
    station.drain();
    let last = station.expect_request("REGISTER");
    assert_eq!(last.header("Expires"), Some("0"));
    assert!(!station.endpoint.is_quiet());
    station.endpoint.hang_up_all(station.now);
    station.drain();
    station.expect_silence();
    station.recv(NEAR, response_to(&last, "200 OK", "r", &[], ""));
    assert!(station.endpoint.is_quiet());
    assert_eq!(changes(&mut station), [TrunkChange::Unregistered]);
    assert_eq!(status(&station).registration, Some(RegistrationState::Left));
    station.pass_secs(2 * DAY);
    station.expect_silence();
    station.expect_empty();
    assert_eq!((station.stats().registrations, station.stats().lookups), (0, 0));
}

#[test]
fn a_shutdown_amid_a_refresh_waits_its_turn_and_a_silent_registrar_does_not_hold_it_up() {
    let mut station = located(registering(), &[NEAR]);
    let first = station.expect_request("REGISTER");
    station.endpoint.hang_up_all(station.now);
    station.drain();
    station.expect_silence();
    assert!(!station.endpoint.is_quiet(), "RFC 3261 10.2: one REGISTER at a time");
    station.recv(NEAR, granted(&first, 3600));
    assert_eq!(station.expect_request("REGISTER").header("Expires"), Some("0"));
    station.pass_secs(33);
    assert!(station.endpoint.is_quiet());
    station.all_sent();
    station.expect_empty();
    // One that never stood is not taken back.
    let mut station = located(registering(), &[NEAR]);
    let first = station.expect_request("REGISTER");
    station.endpoint.hang_up_all(station.now);
    station.recv(NEAR, response_to(&first, "403 Forbidden", "r", &[], ""));
    station.expect_silence();
    assert!(station.endpoint.is_quiet());
}

#[test]
fn the_service_route_is_preloaded_and_one_out_of_bounds_is_not() {
    let many = (0..9).map(|n| format!("<sip:p{n}.example;lr>")).collect::<Vec<_>>().join(", ");
    let long = format!("<sip:{}.example;lr>", "p".repeat(1024));
    for (route, expected) in [
        ("<sip:edge.example;lr>, <sip:home.example;lr>", 2),
        ("<sip:strict.example>", 0),
        ("<tel:+1>", 0),
        ("<sip:broken", 0),
        (many.as_str(), 0),
        (long.as_str(), 0),
    ] {
        let mut station = located(registering(), &[NEAR]);
        let register = station.expect_request("REGISTER");
        let contact = format!("Contact: {};expires=600", register.header("Contact").unwrap());
        let service = format!("Service-Route: {route}");
        station.recv(NEAR, response_to(&register, "200 OK", "r", &[&contact, &service], ""));
        place(&mut station).unwrap();
        let invite = station.expect_request("INVITE");
        assert_eq!(invite.to(), NEAR.parse().unwrap(), "never where a route points (THREATS T44)");
        let routes: Vec<&str> = invite.text.split("\r\n").filter_map(|line| line.strip_prefix("Route: ")).collect();
        assert_eq!(routes.len(), expected, "{route}");
        assert!(expected == 0 || routes == ["<sip:edge.example;lr>", "<sip:home.example;lr>"]);
    }
}

#[test]
fn a_call_goes_on_to_the_next_hop_and_the_dialler_does_not_notice() {
    let mut station = located(outbound(), &[NEAR, FAR]);
    station.trunk_events.clear();
    let key = place(&mut station).unwrap();
    let first = station.expect_request("INVITE");
    assert_eq!(first.to(), NEAR.parse().unwrap());
    station.recv(NEAR, response_to(&first, "100 Trying", "", &[], ""));
    station.recv(NEAR, response_to(&first, "503 Service Unavailable", "n", &[], ""));
    let ack = station.expect_request("ACK");
    assert_eq!((ack.to(), ack.branch()), (NEAR.parse().unwrap(), first.branch()));
    let second = station.expect_request("INVITE");
    assert_eq!((second.to(), second.body()), (FAR.parse().unwrap(), first.body()));
    assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
    assert_eq!(second.header("From"), first.header("From"));
    assert_ne!(second.branch(), first.branch());
    assert_eq!(cseq(&second), cseq(&first) + 1);
    assert_eq!(status(&station).hops[0].state, HopState::Suspect);
    station.recv(FAR, response_to(&second, "200 OK", "f", &[CONTACT], "v=0"));
    assert!(matches!(station.event(), (same, Event::Answered { .. }) if same == key));
    assert_eq!(station.expect_request("ACK").to(), FAR.parse().unwrap());
    station.hang_up(key);
    let bye = station.expect_request("BYE");
    assert_eq!(bye.to(), FAR.parse().unwrap());
    station.recv(FAR, response_to(&bye, "200 OK", "", &[], ""));
    assert_eq!((station.ended().reason, station.refused(Refusal::FailedOver)), (EndReason::Bye, 1));
    station.pass_secs(40);
    station.expect_empty();
    assert_eq!(status(&station).calls, 0);
}

#[test]
fn the_weight_decides_for_each_call_anew() {
    // A server of two addresses, a heavy one, one of weight 0, and a stand-by.
    const OTHER: [&str; 3] = ["198.51.100.9:5060", "198.51.100.10:5060", "198.51.100.11:5060"];
    let hops = udp(&[NEAR, FAR, OTHER[0], OTHER[1], OTHER[2]]);
    let share = |rank, server, weight| Share { rank, server, weight };
    let shares = vec![share(1, 0, 25), share(1, 0, 25), share(1, 1, 75), share(1, 2, 0), share(2, 3, 9)];
    let mut station = station(outbound());
    station.pass(Duration::ZERO);
    let (id, _) = station.locates.pop_front().unwrap();
    let located = Located { hops, shares, valid_for: Duration::from_secs(DAY) };
    station.input(Input::Located { id, result: Ok(located) });
    let mut first = BTreeMap::<String, u32>::new();
    for _ in 0..400 {
        let call = place(&mut station).unwrap();
        let invite = station.expect_request("INVITE");
        *first.entry(invite.to().to_string()).or_default() += 1;
        station.hang_up(call);
        station.recv(&invite.to().to_string(), response_to(&invite, "486 Busy Here", "n", &[], ""));
        station.all_sent();
    }
    let of = |hop: &str| first.get(hop).copied().unwrap_or_default();
    assert!((70..=130).contains(&of(NEAR)), "{first:?}");
    assert!((260..=330).contains(&of(OTHER[0])), "{first:?}");
    assert!(of(OTHER[1]) < 20, "{first:?}");
    // Nor is the second address of a server a server, or the stand-by called while another is up.
    assert_eq!((of(FAR), of(OTHER[2])), (0, 0));
    // What fails is passed over: each hop once, the stand-by last.
    place(&mut station).unwrap();
    let mut order = Vec::new();
    for _ in 0..5 {
        let invite = station.all_sent().into_iter().find(|sent| sent.method() == "INVITE").unwrap();
        order.push(invite.to().to_string());
        station.recv(&invite.to().to_string(), response_to(&invite, "503 Service Unavailable", "n", &[], ""));
    }
    assert_eq!((order.last().unwrap().as_str(), order.iter().collect::<BTreeSet<_>>().len()), (OTHER[2], 5));
}

#[test]
fn other_refusals_than_503_are_the_callees() {
    for refusal in ["500 Server Internal Error", "486 Busy Here", "603 Decline", "408 Request Timeout"] {
        let mut station = located(outbound(), &[NEAR, FAR]);
        place(&mut station).unwrap();
        let invite = station.expect_request("INVITE");
        station.recv(NEAR, response_to(&invite, refusal, "n", &[], ""));
        station.expect_request("ACK");
        station.expect_silence();
        assert!(matches!(station.ended().reason, EndReason::Refused(_)));
    }
}

#[test]
fn a_call_that_was_taken_back_goes_nowhere_else() {
    let mut station = located(outbound(), &[NEAR, FAR]);
    let key = place(&mut station).unwrap();
    let invite = station.expect_request("INVITE");
    station.recv(NEAR, response_to(&invite, "180 Ringing", "n", &[], ""));
    station.hang_up(key);
    station.expect_request("CANCEL");
    station.recv(NEAR, response_to(&invite, "503 Service Unavailable", "n", &[], ""));
    station.expect_request("ACK");
    station.expect_silence();
}

#[test]
fn a_connection_that_cannot_be_made_or_is_lost_fails_over_at_once() {
    let mut station = station(outbound());
    let hops = [NextHop::tcp(NEAR.parse().unwrap()), NextHop::tcp(FAR.parse().unwrap())];
    locate(&mut station, &hops, DAY);
    place(&mut station).unwrap();
    let (refused, _) = station.connects.pop_front().unwrap();
    station.input(Input::Disconnected { connection: refused });
    let (second, hop) = station.connects.pop_front().unwrap();
    assert_eq!(hop, hops[1]);
    station.input(Input::Connected { connection: second, tls: None });
    station.expect_request("INVITE");
    // Lost before any answer: both hops have failed now, and the dialler is told at once.
    station.input(Input::Disconnected { connection: second });
    assert_eq!(station.ended().reason, EndReason::Transport);
    station.pass_secs(33);
    station.expect_empty();
}

#[test]
fn a_trunk_without_a_hop_refuses_at_once_and_counts_it() {
    let mut station = station(outbound());
    assert_eq!(place(&mut station), Err(DialError::Down));
    station.pass(Duration::ZERO);
    let (id, _) = station.locates.pop_front().unwrap();
    station.input(Input::Located { id, result: Err(LocateError::NoSuchName) });
    assert_eq!(changes(&mut station), [TrunkChange::Down { why: DownReason::LookupFailed }]);
    assert_eq!((place(&mut station), station.refused(Refusal::TrunkDown)), (Err(DialError::Down), 2));
    assert_eq!(status(&station).calls_today, 0);
    // Looked up again, ever more seldom, and never two at a time.
    let mut lookups = 0;
    for _ in 0..3600 {
        station.pass_secs(1);
        assert!(station.locates.len() <= 1);
        for (id, _) in station.locates.drain(..).collect::<Vec<_>>() {
            lookups += 1;
            assert_eq!(station.stats().lookups, 1);
            station.input(Input::Located { id, result: Err(LocateError::Unanswered) });
        }
    }
    assert!((12..=40).contains(&lookups), "{lookups}");
    assert_eq!(station.stats().lookups, 0);
}

#[test]
fn hops_outlive_failed_look_ups_for_a_bounded_time() {
    let mut station = station(outbound());
    locate(&mut station, &udp(&[NEAR]), 60);
    station.trunk_events.clear();
    let mut down_after = None;
    for minute in 0..26 * 60_u64 {
        station.pass_secs(60);
        for (id, _) in station.locates.drain(..).collect::<Vec<_>>() {
            station.input(Input::Located { id, result: Err(LocateError::Timeout) });
        }
        if !changes(&mut station).is_empty() {
            down_after = Some(minute);
        }
    }
    assert_eq!(down_after, Some(24 * 60));
    assert_eq!(place(&mut station), Err(DialError::Down));
    // The address is no peer any more.
    station.recv(NEAR, Message::invite().text());
    station.expect_silence();
}

#[test]
fn a_located_hop_is_a_peer_while_it_is_one_and_no_other() {
    let mut station = located(outbound(), &[NEAR]);
    station.recv(FAR, Message::invite().text());
    station.recv(STRANGER, Message::invite().text());
    station.expect_silence();
    station.recv(NEAR, Message::invite().text());
    station.expect_status(100);
    let (_, Event::Incoming(invite)) = station.event() else { panic!("no call") };
    assert_eq!(invite.trunk().as_str(), "carrier-a");
    // Not over another transport than the hop's.
    assert_eq!(station.endpoint.accept(crate::station::TCP, NEAR.parse().unwrap(), station.now), None);
    // The name leads elsewhere now.
    station.pass_secs(DAY - 60);
    locate(&mut station, &udp(&[FAR]), DAY);
    station.all_sent();
    station.recv(NEAR, Message::numbered(1).text());
    station.expect_silence();
    station.recv(FAR, Message::numbered(2).text());
    station.expect_status(100);
}

/// The name leads to the second hop alone now.
fn move_name(station: &mut Station, far: NextHop) {
    station.pass_secs(60);
    locate(station, &[far], DAY);
    station.expect_silence();
}

fn udp_hop(address: &str) -> NextHop {
    NextHop::udp(address.parse().unwrap())
}

fn tcp_hop(address: &str) -> NextHop {
    NextHop::tcp(address.parse().unwrap())
}

#[test]
fn a_hop_that_leaves_stays_a_peer_of_the_calls_that_are_up_over_it() {
    let mut station = station(outbound());
    locate(&mut station, &[udp_hop(NEAR)], 60);
    let (first, second) = (Message::numbered(1), Message::numbered(2));
    let (_, ok) = established_by(&mut station, &first);
    let (other, _) = established_by(&mut station, &second);
    move_name(&mut station, udp_hop(FAR));
    // The peer's BYE is heard, and once more where our answer was lost.
    let bye = Message { call_id: first.call_id, from_tag: first.from_tag, ..Message::within(&ok, "BYE", 2) };
    station.recv(NEAR, bye.text());
    station.expect_status(200);
    station.ended();
    station.recv(NEAR, bye.text());
    station.expect_status(200);
    // No new call comes from there or goes there, while one is up.
    station.recv(NEAR, Message::numbered(3).text());
    station.expect_silence();
    let there = Dial { next_hop: Some(udp_hop(NEAR)), ..dial() };
    assert_eq!(station.endpoint.dial(there, station.now), Err(DialError::Trunk));
    let unknown = station.refused(Refusal::UnknownSource);
    // Our BYE is answered, and then the hop is nobody's.
    station.pass_secs(60);
    station.hang_up(other);
    let bye = station.expect_request("BYE");
    station.recv(NEAR, response_to(&bye, "200 OK", "", &[], ""));
    station.ended();
    station.pass_secs(31);
    station.expect_silence();
    assert_eq!(station.refused(Refusal::UnknownSource), unknown);
    station.pass_secs(2);
    station.recv(NEAR, bye_of_nobody());
    station.expect_silence();
    assert_eq!(station.refused(Refusal::UnknownSource), unknown + 1);
}

fn bye_of_nobody() -> String {
    Message { method: "BYE", to_tag: "none".into(), body: String::new(), ..Message::invite() }.text()
}

#[test]
fn a_hop_that_leaves_is_a_peer_for_a_day_at_most_and_of_no_call_for_a_moment() {
    for (seconds, is_up, is_peer) in
        [(30, false, true), (33, false, false), (3600, true, true), (DAY - 1, true, true), (DAY + 1, true, false)]
    {
        // A call that needs no refresh for days.
        let mut station = Station::with(vec![TrunkRule::new("carrier-a").outbound(outbound())], |config| {
            config.session.interval = Duration::from_secs(4 * DAY);
        });
        station.drain();
        locate(&mut station, &[udp_hop(NEAR)], 60);
        if is_up {
            established(&mut station);
        }
        move_name(&mut station, udp_hop(FAR));
        station.pass_secs(seconds);
        station.all_sent();
        station.recv(NEAR, bye_of_nobody());
        assert_eq!(!station.all_sent().is_empty(), is_peer, "{seconds}");
    }
}

#[test]
fn a_reload_that_changes_a_trunk_leaves_its_calls_their_peer() {
    let mut station = located(outbound(), &[NEAR]);
    let (_, ok) = established(&mut station);
    let rule = TrunkRule::new("carrier-a").outbound(outbound().hold_down(Duration::from_mins(9)));
    let changed = sip_core::admission::Gate::new(vec![rule], station.now).unwrap();
    station.endpoint.replace_gate(changed);
    station.drain();
    // Before the new life knows a hop.
    station.recv(NEAR, Message::within(&ok, "BYE", 2).text());
    station.expect_status(200);
    station.ended();
}

#[test]
fn a_connection_that_a_hop_opened_lives_on_with_its_calls_when_the_hop_leaves() {
    let mut station = station(outbound());
    locate(&mut station, &[tcp_hop(NEAR)], 60);
    let connection = station.connect(crate::station::TCP, NEAR, None);
    let invite = Message::invite().over("TCP");
    station.recv_on(connection, invite.text());
    station.expect_status(100);
    let key = station.incoming();
    station.answer(key);
    let ok = station.expect_status(200);
    station.recv_on(connection, Message::ack(&ok, 1).over("TCP").text());
    station.event();
    move_name(&mut station, tcp_hop(FAR));
    station.recv_on(connection, Message::within(&ok, "BYE", 2).over("TCP").text());
    assert!(station.closed.is_empty());
    station.expect_status(200);
    station.ended();
}

#[test]
fn a_peer_that_a_rule_names_stays_whose_it_is() {
    let rules = vec![
        TrunkRule::new("thief").outbound(Outbound::new("sip:evil.example".parse().unwrap())),
        TrunkRule::new("carrier-a").peer("198.51.100.7".parse().unwrap()),
    ];
    let mut station = Station::with(rules, |_| {});
    locate(&mut station, &udp(&[NEAR, "0.0.0.0:5060", "224.0.0.1:5060"]), DAY);
    station.recv(NEAR, Message::invite().text());
    station.expect_status(100);
    let (_, Event::Incoming(invite)) = station.event() else { panic!("no call") };
    assert_eq!(invite.trunk().as_str(), "carrier-a");
}

#[test]
fn over_tls_a_located_address_needs_the_name_too() {
    let outbound = Outbound::new("sips:sbc.carrier.example".parse().unwrap());
    let facts = crate::connections::tls_facts;
    for (names, is_peer) in [(&["SBC.carrier.example"][..], true), (&[][..], false), (&["other.example"][..], false)] {
        let mut station = station(outbound.clone());
        locate(&mut station, &[NextHop::tls(NEAR.parse().unwrap(), "sbc.carrier.example")], DAY);
        let connection = station.connect(crate::station::TLS, NEAR, Some(facts(names)));
        assert_eq!(station.closed.contains(&connection), !is_peer, "{names:?}");
    }
}

#[test]
fn a_hop_that_answers_no_ping_goes_down_and_comes_back_after_the_hold_down() {
    let watched = outbound().ping(Duration::from_secs(30)).hold_down(Duration::from_mins(2));
    let mut station = located(watched, &[NEAR]);
    live(&mut station, 40, |station, sent| {
        assert_eq!(sent.method(), "OPTIONS");
        // A refusal is an answer.
        station.recv(NEAR, response_to(&sent, "404 Not Found", "o", &[], ""));
    });
    assert_eq!(status(&station).hops[0].round_trip.map(|time| time.as_secs()), Some(0).or(Some(1)));
    station.trunk_events.clear();
    // Silence: two pings of 32 s each, and five seconds between them.
    live(&mut station, 110, |_, _| {});
    assert_eq!(changes(&mut station), [TrunkChange::Down { why: DownReason::Unreachable }]);
    assert_eq!(place(&mut station), Err(DialError::Down));
    assert_eq!(status(&station).state, TrunkState::Down { why: DownReason::Unreachable });
    // While it is down it is asked seldom.
    let mut pings = BTreeSet::new();
    live(&mut station, 3600, |_, sent| {
        pings.insert(sent.header("Call-ID").map(str::to_owned));
    });
    assert!((10..=22).contains(&pings.len()), "{}", pings.len());
    // It comes back, and must stay.
    let mut up_after = None;
    let mut answered = None;
    for second in 0..1200_u64 {
        live(&mut station, 1, |station, sent| {
            answered.get_or_insert(second);
            station.recv(NEAR, response_to(&sent, "200 OK", "o", &[], ""));
        });
        if changes(&mut station) == [TrunkChange::Up] {
            up_after = Some(second);
            break;
        }
        if answered.is_some() {
            assert_eq!(status(&station).hops[0].state, HopState::Holding);
        }
    }
    let held = up_after.unwrap() - answered.unwrap();
    assert!((120..=125).contains(&held), "{held}");
}

#[test]
fn a_flapping_hop_is_not_used() {
    let watched = outbound().ping(Duration::from_secs(10)).hold_down(Duration::from_mins(5));
    let mut station = located(watched, &[NEAR]);
    live(&mut station, 120, |_, _| {});
    station.trunk_events.clear();
    // A minute there, two minutes not, for a day.
    for _ in 0..200 {
        live(&mut station, 60, |station, sent| station.recv(NEAR, response_to(&sent, "200 OK", "o", &[], "")));
        live(&mut station, 120, |_, _| {});
        assert_eq!(place(&mut station), Err(DialError::Down));
    }
    assert_eq!(changes(&mut station), []);
}

#[test]
fn only_some_answers_to_options_show_life() {
    for (answer, is_alive) in [
        ("200 OK", true),
        ("405 Method Not Allowed", true),
        ("401 Unauthorized", true),
        ("500 Server Internal Error", true),
        ("501 Not Implemented", true),
        ("408 Request Timeout", false),
        ("502 Bad Gateway", false),
        ("503 Service Unavailable", false),
        ("504 Server Time-out", false),
    ] {
        let mut station = located(outbound().ping(Duration::from_secs(10)), &[NEAR]);
        live(&mut station, 60, |station, sent| station.recv(NEAR, response_to(&sent, answer, "o", &[], "")));
        assert_eq!(status(&station).state == TrunkState::Up, is_alive, "{answer}");
    }
}

#[test]
fn without_pings_calls_tell_how_a_hop_is() {
    let mut station = located(outbound().hold_down(Duration::from_mins(1)), &[NEAR]);
    for expected in [HopState::Suspect, HopState::Down] {
        place(&mut station).unwrap();
        // Nobody answers: timer B.
        station.pass_secs(33);
        station.all_sent();
        assert_eq!(status(&station).hops[0].state, expected);
    }
    assert_eq!(place(&mut station), Err(DialError::Down));
    // After a while one call may try.
    station.pass_secs(60);
    place(&mut station).unwrap();
    let invite = station.expect_request("INVITE");
    station.recv(NEAR, response_to(&invite, "180 Ringing", "n", &[], ""));
    assert_eq!(status(&station).hops[0].state, HopState::Up);
}

/// A call to `user` over the trunk's only hop, which answers it so.
fn call_answered(station: &mut Station, user: &'static str, answer: &str) {
    let target = format!("sip:{user}@carrier.example").parse().unwrap();
    station.endpoint.dial(Dial { target, ..to_own_hops() }, station.now).unwrap();
    station.drain();
    let sent = station.all_sent();
    let invite = sent.iter().find(|sent| sent.method() == "INVITE").unwrap();
    station.recv(NEAR, response_to(invite, answer, "n", &["Retry-After: 600"], ""));
}

const BUSY: &str = "503 Service Unavailable";

#[test]
fn no_503_takes_a_hop_down_that_answers_pings() {
    let mut station = located(outbound().ping(Duration::from_secs(30)), &[NEAR]);
    let mut pings = 0;
    let mut answer_pings = |station: &mut Station| {
        live(station, 1, |station, sent| {
            if sent.method() == "OPTIONS" {
                pings += 1;
                station.recv(NEAR, response_to(&sent, "200 OK", "o", &[], ""));
            }
        });
    };
    answer_pings(&mut station);
    for _ in 0..30 {
        for user in ["bob", "carol", "dave", "erin", "frank"] {
            call_answered(&mut station, user, BUSY);
            assert_eq!(status(&station).hops[0].state, HopState::Suspect);
        }
        answer_pings(&mut station);
    }
    // However often it is suspected, it is asked: every five seconds.
    assert!((5..=8).contains(&pings), "{pings}");
    station.trunk_events.clear();
    // Silence takes it down as ever.
    live(&mut station, 110, |_, _| {});
    assert_eq!(changes(&mut station), [TrunkChange::Down { why: DownReason::Unreachable }]);
}

#[test]
fn without_pings_503_takes_a_hop_down_only_for_many_callees_in_a_row() {
    let fresh = || located(outbound().hold_down(Duration::from_mins(1)), &[NEAR]);
    let state = |station: &Station| status(station).hops[0].state;
    // One callee, however often.
    let mut station = fresh();
    for _ in 0..20 {
        call_answered(&mut station, "bob", BUSY);
        assert_eq!(state(&station), HopState::Suspect);
    }
    // Several of them.
    for (user, expected) in
        [("carol", HopState::Suspect), ("dave", HopState::Suspect), ("erin", HopState::Suspect), ("f", HopState::Down)]
    {
        call_answered(&mut station, user, BUSY);
        assert_eq!(state(&station), expected, "{user}");
    }
    // Others get through in between, or the suspicion is over.
    for rest in [false, true] {
        let mut station = fresh();
        for user in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
            call_answered(&mut station, user, BUSY);
            assert_eq!(state(&station), HopState::Suspect, "{user}");
            if rest {
                station.pass_secs(61);
            } else {
                call_answered(&mut station, "z", "486 Busy Here");
            }
            assert_eq!(state(&station), HopState::Up, "{user}");
        }
    }
}

#[test]
fn each_limit_of_calls_placed_has_its_own_refusal() {
    let limited = outbound().rate(Rate { per_second: 1, burst: 2 }).max_calls(3).calls_per_day(5);
    let mut station = located(limited, &[NEAR]);
    let busy = |station: &mut Station| {
        let invite = station.expect_request("INVITE");
        station.recv(NEAR, response_to(&invite, "486 Busy Here", "n", &[], ""));
        station.all_sent();
    };
    place(&mut station).unwrap();
    place(&mut station).unwrap();
    assert_eq!(place(&mut station), Err(DialError::Rate));
    station.pass(Duration::from_millis(400));
    station.pass(Duration::from_millis(600));
    station.all_sent();
    place(&mut station).unwrap();
    station.pass_secs(1);
    assert_eq!(place(&mut station), Err(DialError::Concurrency));
    assert_eq!((status(&station).calls, status(&station).calls_today), (3, 3));
    station.pass_secs(40);
    station.all_sent();
    assert_eq!(status(&station).calls, 0);
    station.pass_secs(300);
    for _ in 0..2 {
        place(&mut station).unwrap();
        busy(&mut station);
        station.pass_secs(40);
    }
    assert_eq!(place(&mut station), Err(DialError::Daily));
    // A call that names its hop is one of the trunk's all the same.
    let named = Dial { next_hop: Some(NextHop::udp(NEAR.parse().unwrap())), ..dial() };
    assert_eq!(station.endpoint.dial(named, station.now), Err(DialError::Daily));
    for (reason, count) in
        [(Refusal::OutboundRate, 1), (Refusal::OutboundCalls, 1), (Refusal::OutboundDaily, 2), (Refusal::TrunkDown, 0)]
    {
        assert_eq!(station.refused(reason), count, "{}", reason.name());
    }
    station.pass_secs(25 * 60 * 60);
    place(&mut station).unwrap();
}

#[test]
fn a_reload_keeps_what_did_not_change() {
    let mut station = located(registering().calls_per_day(1), &[NEAR]);
    let register = station.expect_request("REGISTER");
    station.recv(NEAR, granted(&register, 3600));
    place(&mut station).unwrap();
    let rule = |outbound| vec![TrunkRule::new("carrier-a").outbound(outbound)];
    let gate = |rules| sip_core::admission::Gate::new(rules, station.now).unwrap();
    let (same, other) = (gate(rule(registering().calls_per_day(1))), gate(rule(outbound().calls_per_day(1))));
    station.endpoint.replace_gate(same);
    station.drain();
    station.all_sent();
    assert_eq!((place(&mut station), station.stats().registrations), (Err(DialError::Daily), 1));
    // Another trunk under the same name: the registration is taken back, what was counted stays.
    station.endpoint.replace_gate(other);
    station.drain();
    let gone = station.expect_request("REGISTER");
    assert_eq!((gone.header("Expires"), station.stats().registrations), (Some("0"), 0));
    locate(&mut station, &udp(&[NEAR]), DAY);
    assert_eq!(place(&mut station), Err(DialError::Daily));
    station.endpoint.replace_gate(gate_of_none(&station));
    station.drain();
    assert!(station.endpoint.trunks(station.now).is_empty());
    station.pass_secs(2 * DAY);
    station.all_sent();
    station.expect_empty();
}

fn gate_of_none(station: &Station) -> sip_core::admission::Gate {
    sip_core::admission::Gate::new(vec![], station.now).unwrap()
}

/// Hops that answer anything or nothing, look-ups that find anything or nothing, connections that come and go: in the end
/// nothing is left, and meanwhile no hop that is down is called.
#[test]
fn in_any_weather_a_trunk_leaves_nothing_behind() {
    const ANSWERS: [&str; 7] = [
        "200 OK",
        "100 Trying",
        "503 Service Unavailable",
        "423 Interval Too Brief",
        "403 Forbidden",
        "486 Busy Here",
        "500 Server Internal Error",
    ];
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut station = station(registering().ping(Duration::from_secs(20)).hold_down(Duration::from_secs(30)));
        let hops = [
            NextHop::udp(NEAR.parse().unwrap()),
            NextHop::udp(FAR.parse().unwrap()),
            NextHop::tcp(NEAR.parse().unwrap()),
            NextHop::tcp(FAR.parse().unwrap()),
        ];
        let mut calls = Vec::new();
        let mut connections = Vec::new();
        for _ in 0..400 {
            let wait = random.below(20_000);
            station.pass(Duration::from_millis(wait));
            for (id, _) in station.locates.drain(..).collect::<Vec<_>>() {
                let found: Vec<NextHop> = hops.iter().filter(|_| random.percent(60)).cloned().collect();
                let valid_for = Duration::from_secs(random.below(600));
                let result = if random.percent(70) {
                    Ok(Located::in_order(found, valid_for))
                } else {
                    Err(LocateError::Timeout)
                };
                if random.percent(90) {
                    station.input(Input::Located { id, result });
                }
            }
            for (connection, _) in station.connects.drain(..).collect::<Vec<_>>() {
                if random.percent(70) {
                    connections.push(connection);
                    station.input(Input::Connected { connection, tls: None });
                } else {
                    station.input(Input::Disconnected { connection });
                }
            }
            if random.percent(10) && !connections.is_empty() {
                let connection = *random.pick(&connections);
                station.input(Input::Disconnected { connection });
            }
            if random.percent(30)
                && let Ok(key) = place(&mut station)
            {
                calls.push(key);
            }
            if random.percent(20) && !calls.is_empty() {
                let key = *random.pick(&calls);
                station.hang_up(key);
            }
            for sent in station.all_sent() {
                if sent.text.starts_with("SIP/2.0") || sent.method() == "ACK" || random.percent(40) {
                    continue;
                }
                let answer = *random.pick(&ANSWERS);
                let expires = format!("Expires: {}", random.below(400));
                let text = response_to(&sent, answer, "t", &[CONTACT, &expires, "Min-Expires: 5000"], "");
                match sent.flow {
                    Flow::Datagram { remote, .. } => station.recv(&remote.to_string(), text),
                    Flow::Stream(id) => station.recv_on(id, text),
                }
            }
            station.all_events();
            changes(&mut station);
            let stats = station.stats();
            assert!(stats.lookups <= 1 && stats.registrations <= 1, "seed {seed}");
            let now = status(&station);
            let usable = now.hops.iter().any(|hop| matches!(hop.state, HopState::Up | HopState::Suspect));
            assert_eq!(now.state == TrunkState::Up, usable, "seed {seed}");
        }
        station.endpoint.hang_up_all(station.now);
        station.drain();
        for _ in 0..60 {
            for (connection, _) in station.connects.drain(..).collect::<Vec<_>>() {
                station.input(Input::Disconnected { connection });
            }
            station.pass_secs(30);
            station.all_sent();
            station.all_events();
        }
        assert!(station.endpoint.is_quiet(), "seed {seed}");
        station.expect_empty();
        let stats = station.stats();
        assert_eq!((stats.registrations, stats.lookups, status(&station).calls), (0, 0, 0), "seed {seed}");
    }
}

/// Two accounts with one carrier: what its host says in a call is of that call, whichever trunk the host counts for.
#[test]
fn trunks_may_lead_to_the_same_host() {
    let rules = ["carrier-a", "carrier-b"].map(|name| TrunkRule::new(name).outbound(outbound()));
    let mut station = Station::with(rules.into(), |_| {});
    station.drain();
    station.pass(Duration::ZERO);
    for (id, _) in std::mem::take(&mut station.locates) {
        let located = Located::in_order(udp(&[NEAR]), Duration::from_secs(DAY));
        station.input(Input::Located { id, result: Ok(located) });
    }
    for (number, trunk) in ["carrier-a", "carrier-b"].into_iter().enumerate() {
        station.endpoint.dial(Dial { trunk: TrunkId::new(trunk), ..to_own_hops() }, station.now).unwrap();
        station.drain();
        let invite = station.expect_request("INVITE");
        station.recv(NEAR, response_to(&invite, "200 OK", "b1", &[CONTACT], "v=0"));
        station.expect_request("ACK");
        station.event();
        let bye = format!(
            "BYE sip:strongline@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKbye{number}\r\n\
             From: {};tag=b1\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
            invite.header("To").unwrap(),
            invite.header("From").unwrap(),
            invite.header("Call-ID").unwrap(),
        );
        station.recv(NEAR, &bye);
        station.expect_status(200);
        assert_eq!(station.ended().reason, EndReason::Bye, "{trunk}");
    }
}
