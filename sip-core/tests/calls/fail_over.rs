//! Calls whose hop says nothing, says it too late, or takes nothing more (RFC 3263 4.3; [`sip_core::trunk::Outbound`]).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sip_core::admission::TrunkRule;
use sip_core::auth::Credentials;
use sip_core::endpoint::{DialError, EndReason, Event, Flow, Input, NextHop, Refusal};
use sip_core::limits;
use sip_core::trunk::HopState;

use crate::outbound::dial;
use crate::pair::Random;
use crate::script::response_to;
use crate::station::{Sent, Station};
use crate::trunks::{
    CONTACT, DAY, FAR, NEAR, cseq, granted, locate, located, outbound, place, registering, station, status,
    to_own_hops, udp,
};

/// A call that went on from the first hop, which said nothing, to the second. Gives both INVITEs.
fn moved_on(station: &mut Station) -> (Sent, Sent) {
    place(station).unwrap();
    station.pass_secs(7);
    let sent = station.all_sent();
    let to = |hop: &str| sent.iter().filter(|sent| sent.to() == hop.parse().unwrap()).cloned().collect::<Vec<_>>();
    let (near, far) = (to(NEAR), to(FAR));
    assert!(sent.iter().all(|sent| sent.method() == "INVITE"));
    (near[0].clone(), far[0].clone())
}

fn answer(station: &mut Station, invite: &Sent) {
    station.recv(FAR, response_to(invite, "200 OK", "far", &[CONTACT], "v=0"));
    assert!(matches!(station.event().1, Event::Answered { .. }));
    assert_eq!(station.expect_request("ACK").to(), FAR.parse().unwrap());
}

/// The answered call is hung up, and nothing is left of it or of the hop that was late.
fn finish(station: &mut Station) {
    station.expect_no_event();
    station.expect_silence();
    let calls = station.stats().calls;
    assert_eq!(calls, 1);
    station.endpoint.hang_up_all(station.now);
    station.drain();
    let bye = station.expect_request("BYE");
    assert_eq!(bye.to(), FAR.parse().unwrap());
    station.recv(FAR, response_to(&bye, "200 OK", "", &[], ""));
    station.ended();
    station.pass_secs(70);
    station.expect_silence();
    station.expect_empty();
    assert_eq!(status(station).calls, 0);
}

#[test]
fn a_hop_that_says_nothing_for_six_seconds_is_left() {
    let mut station = located(outbound(), &[NEAR, FAR]);
    place(&mut station).unwrap();
    station.pass(Duration::from_millis(5_999));
    assert!(station.all_sent().iter().all(|sent| sent.to() == NEAR.parse().unwrap()));
    station.pass(Duration::from_millis(1));
    let second = station.expect_request("INVITE");
    assert_eq!((second.to(), second.body()), (FAR.parse().unwrap(), "v=0 offer"));
    assert_eq!((status(&station).hops[0].state, station.refused(Refusal::FailedOver)), (HopState::Suspect, 1));
    station.recv(FAR, response_to(&second, "100 Trying", "", &[], ""));
    // The first one gets nothing more.
    station.pass_secs(30);
    station.expect_silence();
    answer(&mut station, &second);
    finish(&mut station);
}

#[test]
fn the_last_hop_has_until_timer_b() {
    for hops in [&[NEAR][..], &[NEAR, FAR][..]] {
        let mut station = located(outbound().hold_down(Duration::from_mins(10)), hops);
        place(&mut station).unwrap();
        let until = 32 + 6 * (hops.len() as u64 - 1);
        station.pass(Duration::from_millis(until * 1_000 - 1));
        station.expect_no_event();
        station.pass(Duration::from_millis(1));
        assert_eq!(station.ended().reason, EndReason::NoAnswer);
        assert!(status(&station).hops.iter().all(|hop| hop.state == HopState::Suspect), "each has failed once");
        station.pass_secs(33);
        station.expect_empty();
    }
}

#[test]
fn any_response_at_all_is_an_answer() {
    for answered in ["100 Trying", "180 Ringing"] {
        let mut station = located(outbound(), &[NEAR, FAR]);
        place(&mut station).unwrap();
        let invite = station.expect_request("INVITE");
        station.pass_secs(5);
        station.all_sent();
        station.recv(NEAR, response_to(&invite, answered, "n", &[], ""));
        station.pass_secs(60);
        station.expect_silence();
    }
}

#[test]
fn the_time_is_the_trunks_and_bounded() {
    for (asked, seconds) in [(3, 3), (0, 2), (31, 31), (600, 32)] {
        let mut station = located(outbound().fail_over_after(Duration::from_secs(asked)), &[NEAR, FAR]);
        place(&mut station).unwrap();
        station.pass_secs(70);
        let far = station.all_sent().into_iter().find(|sent| sent.to() == FAR.parse().unwrap()).unwrap();
        assert_eq!(far.after.as_secs(), seconds, "{asked}");
        station.pass_secs(33);
        station.expect_empty();
    }
    // A hop that the dialler named is the only one.
    let mut station = located(outbound(), &[NEAR, FAR]);
    let named = sip_core::endpoint::Dial { next_hop: Some(NextHop::udp(NEAR.parse().unwrap())), ..dial() };
    station.endpoint.dial(named, station.now).unwrap();
    station.pass_secs(33);
    assert!(station.all_sent().iter().all(|sent| sent.to() == NEAR.parse().unwrap()));
}

#[test]
fn who_rings_late_is_cancelled() {
    for late in ["100 Trying", "180 Ringing", "183 Session Progress"] {
        let mut station = located(outbound(), &[NEAR, FAR]);
        let (first, second) = moved_on(&mut station);
        let reliable = [CONTACT, "Require: 100rel", "RSeq: 1"];
        let extra = if late.starts_with("183") { &reliable[..] } else { &[] };
        station.recv(NEAR, response_to(&first, late, "near", extra, ""));
        let cancel = station.expect_request("CANCEL");
        assert_eq!((cancel.to(), cancel.branch()), (NEAR.parse().unwrap(), first.branch()));
        assert_eq!((cseq(&cancel), cancel.header("Call-ID")), (cseq(&first), first.header("Call-ID")));
        station.expect_no_event();
        // Once, whatever more it says.
        station.recv(NEAR, response_to(&cancel, "200 OK", "near", &[], ""));
        station.recv(NEAR, response_to(&first, late, "near", &[], ""));
        station.expect_silence();
        answer(&mut station, &second);
        station.recv(NEAR, response_to(&first, "487 Request Terminated", "near", &[], ""));
        let ack = station.expect_request("ACK");
        assert_eq!((ack.to(), ack.branch(), cseq(&ack)), (NEAR.parse().unwrap(), first.branch(), cseq(&first)));
        finish(&mut station);
    }
}

#[test]
fn who_answers_late_is_acknowledged_and_hung_up() {
    for cancelled in [false, true] {
        let mut station = located(outbound(), &[NEAR, FAR]);
        let (first, second) = moved_on(&mut station);
        if cancelled {
            station.recv(NEAR, response_to(&first, "180 Ringing", "near", &[], ""));
            station.expect_request("CANCEL");
        } else {
            answer(&mut station, &second);
        }
        let ok = response_to(&first, "200 OK", "near", &["Contact: <sip:bob@198.51.100.8:5070>"], "v=0 late");
        station.recv(NEAR, &ok);
        let ack = station.expect_request("ACK");
        assert_eq!((ack.to(), ack.to_tag(), cseq(&ack)), (NEAR.parse().unwrap(), "near", cseq(&first)));
        let bye = station.expect_request("BYE");
        assert_eq!((bye.to(), bye.to_tag(), cseq(&bye)), (NEAR.parse().unwrap(), "near", cseq(&first) + 1));
        station.recv(NEAR, response_to(&bye, "200 OK", "", &[], ""));
        // Its 2xx again: the ACK again, and nothing else.
        station.recv(NEAR, &ok);
        assert_eq!(station.expect_request("ACK").text, ack.text);
        if cancelled {
            answer(&mut station, &second);
            station.pass_secs(33);
            assert!(station.all_sent().iter().all(|sent| sent.method() == "CANCEL"));
        }
        finish(&mut station);
    }
}

#[test]
fn who_refuses_late_is_acknowledged_and_not_asked_again() {
    let credentials = Credentials::new("acme", "secret".to_owned()).unwrap();
    let challenge = "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256";
    for refusal in ["486 Busy Here", "503 Service Unavailable", "302 Moved Temporarily", "401 Unauthorized"] {
        let rule = TrunkRule::new("carrier-a").outbound(outbound()).credentials(credentials.clone()).redirects(3);
        let mut station = Station::with(vec![rule], |_| {});
        locate(&mut station, &udp(&[NEAR, FAR]), DAY);
        let (first, second) = moved_on(&mut station);
        station.recv(NEAR, response_to(&first, refusal, "near", &[challenge, CONTACT], ""));
        assert_eq!(station.expect_request("ACK").to(), NEAR.parse().unwrap());
        answer(&mut station, &second);
        finish(&mut station);
    }
}

#[test]
fn silence_after_a_challenge_is_silence_too() {
    let credentials = Credentials::new("acme", "secret".to_owned()).unwrap();
    let rule = TrunkRule::new("carrier-a").outbound(outbound()).credentials(credentials);
    let mut station = Station::with(vec![rule], |_| {});
    locate(&mut station, &udp(&[NEAR, FAR]), DAY);
    place(&mut station).unwrap();
    let invite = station.expect_request("INVITE");
    let challenge = "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256";
    station.recv(NEAR, response_to(&invite, "401 Unauthorized", "n", &[challenge], ""));
    station.expect_request("ACK");
    let again = station.expect_request("INVITE");
    station.pass_secs(6);
    let second = station.all_sent().pop().unwrap();
    assert_eq!((second.to(), cseq(&second)), (FAR.parse().unwrap(), cseq(&again) + 1));
    // What rings late has the name of the second INVITE.
    station.recv(NEAR, response_to(&again, "180 Ringing", "near", &[], ""));
    let cancel = station.expect_request("CANCEL");
    assert_eq!((cancel.branch(), cseq(&cancel)), (again.branch(), cseq(&again)));
    answer(&mut station, &second);
    station.recv(NEAR, response_to(&cancel, "200 OK", "near", &[], ""));
    station.recv(NEAR, response_to(&again, "487 Request Terminated", "near", &[], ""));
    station.expect_request("ACK");
    finish(&mut station);
}

#[test]
fn a_call_that_was_taken_back_in_silence_goes_nowhere_else() {
    let mut station = located(outbound(), &[NEAR, FAR]);
    let key = place(&mut station).unwrap();
    let invite = station.expect_request("INVITE");
    station.hang_up(key);
    station.pass_secs(10);
    assert!(station.all_sent().iter().all(|sent| sent.to() == NEAR.parse().unwrap()));
    station.recv(NEAR, response_to(&invite, "180 Ringing", "n", &[], ""));
    station.expect_request("CANCEL");
}

#[test]
fn an_invite_that_waits_for_its_connection_is_never_sent_once_it_is_given_up() {
    let mut station = station(outbound().fail_over_after(Duration::from_secs(3)));
    locate(&mut station, &[NextHop::tcp(NEAR.parse().unwrap()), NextHop::udp(FAR.parse().unwrap())], DAY);
    place(&mut station).unwrap();
    let (connection, _) = station.connects.pop_front().unwrap();
    station.pass_secs(3);
    let second = station.expect_request("INVITE");
    assert_eq!(second.to(), FAR.parse().unwrap());
    station.recv(FAR, response_to(&second, "100 Trying", "", &[], ""));
    station.input(Input::Connected { connection, tls: None });
    station.expect_silence();
    answer(&mut station, &second);
    finish(&mut station);
}

#[test]
fn a_connection_that_takes_nothing_more_is_passed_over() {
    let mut station = station(outbound());
    let hops = [NextHop::tcp(NEAR.parse().unwrap()), NextHop::tcp(FAR.parse().unwrap())];
    locate(&mut station, &hops, DAY);
    for _ in 0..limits::OPENING_QUEUE {
        place(&mut station).unwrap();
    }
    assert_eq!(station.connects.len(), 1);
    place(&mut station).unwrap();
    assert_eq!(station.connects[1].1, hops[1]);
    let (near, far) = (station.connects[0].0, station.connects[1].0);
    station.input(Input::Connected { connection: far, tls: None });
    let invite = station.expect_request("INVITE");
    assert_eq!((invite.flow, status(&station).calls), (Flow::Stream(far), 33));
    station.recv_on(far, response_to(&invite, "486 Busy Here", "f", &[], ""));
    station.expect_request("ACK");
    station.ended();
    // The first one is lost: all of its calls go on, and that counts once.
    station.input(Input::Disconnected { connection: near });
    assert_eq!(station.all_sent().len(), limits::OPENING_QUEUE);
    assert_eq!(status(&station).hops[0].state, HopState::Suspect);
    assert_eq!(status(&station).hops[1].state, HopState::Up);
    station.expect_no_event();
}

#[test]
fn where_no_hop_takes_a_call_it_is_refused_and_counts_for_nothing() {
    let mut station = station(outbound());
    locate(&mut station, &[NextHop::tcp(NEAR.parse().unwrap())], DAY);
    for _ in 0..limits::OPENING_QUEUE {
        place(&mut station).unwrap();
    }
    assert_eq!(place(&mut station), Err(DialError::Full));
    assert_eq!(status(&station).calls as usize, limits::OPENING_QUEUE);
    assert_eq!(status(&station).hops[0].state, HopState::Up, "it has not failed");
}

#[test]
fn a_lost_connection_counts_once_against_its_hop() {
    // Calls that wait for an answer, a registration and a ping, all over one connection.
    let mut station = station(registering().ping(Duration::from_secs(30)));
    locate(&mut station, &[NextHop::tcp(NEAR.parse().unwrap())], DAY);
    let (connection, _) = station.connects.pop_front().unwrap();
    station.input(Input::Connected { connection, tls: None });
    let register = station.expect_request("REGISTER");
    station.recv_on(connection, granted(&register, 3600));
    for _ in 0..3 {
        place(&mut station).unwrap();
    }
    station.pass_secs(1);
    assert!(station.all_sent().iter().any(|sent| sent.method() == "OPTIONS"));
    station.input(Input::Disconnected { connection });
    assert_eq!(status(&station).hops[0].state, HopState::Suspect);
    // Nor do those calls count again when timer B ends them, and the hop is asked again.
    let mut pinged = false;
    for _ in 0..40 {
        station.pass_secs(1);
        for (connection, _) in station.connects.drain(..).collect::<Vec<_>>() {
            station.input(Input::Connected { connection, tls: None });
        }
        for sent in station.all_sent() {
            let Flow::Stream(id) = sent.flow else { panic!("a datagram") };
            pinged |= sent.method() == "OPTIONS";
            let text = if sent.method() == "REGISTER" {
                granted(&sent, 3600)
            } else {
                response_to(&sent, "200 OK", "o", &[], "")
            };
            station.recv_on(id, text);
        }
    }
    assert!(pinged);
    assert_eq!(status(&station).hops[0].state, HopState::Up);
    let ended = station.all_events();
    assert_eq!(ended.len(), 3, "{ended:?}");
    // A second connection that is lost is a second failure.
    let mut station = self::station(outbound());
    locate(&mut station, &[NextHop::tcp(NEAR.parse().unwrap())], DAY);
    for expected in [HopState::Suspect, HopState::Down] {
        place(&mut station).unwrap();
        place(&mut station).unwrap();
        let (connection, _) = station.connects.pop_front().unwrap();
        station.input(Input::Disconnected { connection });
        assert_eq!(status(&station).hops[0].state, expected);
    }
}

/// Hops that answer early, late or never, in any order: each 2xx is acknowledged, each but the call's own is ended, and
/// nothing is left.
#[test]
fn however_late_whoever_answers_is_heard_out() {
    const HOPS: [&str; 3] = [NEAR, FAR, "198.51.100.9:5060"];
    for seed in 0..400 {
        let mut random = Random(seed);
        let after = Duration::from_secs(2 + random.below(10));
        let mut station = located(outbound().fail_over_after(after), &HOPS);
        // What the hops will say, and when.
        let mut plans: BTreeMap<u128, (Sent, &str)> = BTreeMap::new();
        let mut known: BTreeSet<String> = BTreeSet::new();
        let (mut answered, mut acked, mut ended) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (mut rang, mut final_said, mut cancelled) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut calls = Vec::new();
        for tick in 0..1_500_u128 {
            if tick < 300
                && random.percent(4)
                && let Ok(key) = station.endpoint.dial(to_own_hops(), station.now)
            {
                station.drain();
                calls.push(key);
            }
            if random.percent(2) && !calls.is_empty() {
                station.hang_up(*random.pick(&calls));
            }
            if tick == 800 {
                station.endpoint.hang_up_all(station.now);
                station.drain();
            }
            station.pass(Duration::from_millis(100));
            for sent in station.all_sent() {
                let to = sent.to().to_string();
                match sent.method() {
                    "INVITE" if known.insert(sent.branch().to_owned()) => {
                        let mut at = tick * 1_000 + known.len() as u128;
                        for status in ["100 Trying", "180 Ringing"] {
                            if random.percent(40) {
                                at += u128::from(random.below(120)) * 1_000;
                                plans.insert(at, (sent.clone(), status));
                            }
                        }
                        at += u128::from(random.below(120)) * 1_000;
                        let last = *random.pick(&["200 OK", "200 OK", "486 Busy Here", "503 Service Unavailable", ""]);
                        plans.insert(at, (sent, last));
                    }
                    "ACK" => {
                        acked.insert((to, sent.to_tag().to_owned()));
                    }
                    "BYE" => {
                        ended.insert((to.clone(), sent.to_tag().to_owned()));
                        station.recv(&to, response_to(&sent, "200 OK", "", &[], ""));
                    }
                    "CANCEL" => {
                        cancelled.insert(sent.branch().to_owned());
                        station.recv(&to, response_to(&sent, "200 OK", "", &[], ""));
                    }
                    _ => {}
                }
            }
            while let Some((at, _)) = plans.first_key_value()
                && *at <= tick * 1_000 + 999
            {
                let (_, (invite, said)) = plans.pop_first().unwrap();
                let (to, tag) = (invite.to().to_string(), format!("t{}", invite.branch().get(7..13).unwrap()));
                if said.is_empty() || final_said.contains(invite.branch()) {
                    continue;
                }
                // Whoever was cancelled may have answered all the same.
                let is_cancelled = cancelled.contains(invite.branch()) && random.percent(50);
                let said = if is_cancelled { "487 Request Terminated" } else { said };
                let known = if said.starts_with('1') { &mut rang } else { &mut final_said };
                known.insert(invite.branch().to_owned());
                let text = response_to(&invite, said, &tag, &[CONTACT], "v=0");
                let before = station.refused(Refusal::StrayResponse);
                station.recv(&to, &text);
                if said == "200 OK" && station.refused(Refusal::StrayResponse) == before {
                    answered.insert((to, tag));
                }
            }
            station.all_events();
        }
        assert!(answered.is_subset(&acked), "seed {seed}: a 2xx without an ACK");
        assert!(answered.is_subset(&ended), "seed {seed}: a 2xx without a BYE");
        station.pass_secs(200);
        station.all_sent();
        station.expect_empty();
        assert!(station.endpoint.is_quiet(), "seed {seed}");
        assert_eq!(status(&station).calls, 0, "seed {seed}");
        if seed == 0 {
            assert!(!answered.is_empty() && !cancelled.is_empty() && !rang.is_empty());
        }
    }
}
