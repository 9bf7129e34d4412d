//! Two endpoints that do anything at any time over a bad network, and a peer that says anything at all: in the end both
//! agree that it is over, and nothing is left.

use std::time::Duration;

use sip_core::endpoint::{Body, CallKey, Cause, Command, EndReason, Event, Reject};
use sip_core::wire::StatusCode;

use crate::pair::{Pair, Random, Weather, Who};
use crate::script::{Message, established, response_to};
use crate::station::{CARRIER, OTHER, Station, rules};

#[test]
fn a_call_in_fine_weather() {
    let mut pair = Pair::new(1, Weather::FINE);
    let (ours, _) = pair.established();
    // Half an hour and more: both sides' session timers run.
    pair.pass(Duration::from_mins(100));
    assert!(pair.caller.take_events().is_empty() && pair.callee.take_events().is_empty());
    pair.command(Who::Caller, ours, Command::Hangup { reason: Some(Cause::Q850(16)) });
    pair.pass(Duration::from_secs(64));
    let (_, Event::Ended(ended)) = pair.callee.take_events().pop().unwrap() else { panic!("no end") };
    assert_eq!((ended.reason, ended.remote_reason.unwrap().as_str()), (EndReason::Bye, "Q.850;cause=16"));
    pair.expect_empty("fine");
}

#[test]
fn both_change_the_session_at_once_and_both_get_their_way() {
    for seed in 0..50 {
        let mut pair = Pair::new(seed, Weather { delay: 5..60, ..Weather::FINE });
        let (ours, theirs) = pair.established();
        pair.command(Who::Caller, ours, Command::Reinvite { sdp: Body::from(b"v=0 a".to_vec()) });
        pair.command(Who::Callee, theirs, Command::Reinvite { sdp: Body::from(b"v=0 b".to_vec()) });
        let (mut done, mut asked) = (0, 0);
        for _ in 0..2_000 {
            pair.pass(Duration::from_millis(10));
            for (who, key) in [(Who::Caller, ours), (Who::Callee, theirs)] {
                for (_, event) in pair.side(who).take_events() {
                    match event {
                        Event::Reinvite { .. } => {
                            asked += 1;
                            pair.command(who, key, Command::AnswerReinvite { sdp: Body::from(b"v=0 ok".to_vec()) });
                        }
                        Event::Reinvited { .. } => done += 1,
                        Event::Ack { .. } => {}
                        other => panic!("{seed}: {other:?}"),
                    }
                }
            }
        }
        assert_eq!((done, asked), (2, 2), "{seed}");
    }
}

#[test]
fn a_call_in_any_weather_is_answered_and_ends_at_both_sides() {
    let (mut answered, seeds) = (0_u64, 150);
    for seed in 0..seeds {
        let mut pair = Pair::new(seed, Weather { loss: 20, duplicate: 20, delay: 1..300 });
        let ours = pair.dial();
        let mut theirs = None;
        for _ in 0..400 {
            pair.pass(Duration::from_millis(100));
            for (key, event) in pair.callee.take_events() {
                if matches!(event, Event::Incoming(_)) {
                    assert_eq!(theirs.replace(key), None, "{seed}: one INVITE, one call");
                    pair.command(Who::Callee, key, Command::Answer { sdp: Body::from(b"v=0".to_vec()) });
                }
            }
        }
        let up = pair.caller.take_events().iter().any(|(_, event)| matches!(event, Event::Answered { .. }));
        answered += u64::from(up);
        pair.command(Who::Caller, ours, Command::Hangup { reason: None });
        pair.pass(Duration::from_mins(40));
        pair.expect_empty(&format!("seed {seed}"));
    }
    // Eight INVITEs at a loss of one in five: hardly one call in ten thousand is lost on its way.
    assert_eq!(answered, seeds);
}

#[test]
fn two_endpoints_that_do_anything_end_with_nothing_left() {
    for seed in 0..150 {
        let mut random = Random(seed ^ 0xabcd);
        let mut pair = Pair::new(seed, Weather { loss: 10, duplicate: 15, delay: 1..400 });
        let mut keys: [Vec<CallKey>; 2] = [Vec::new(), Vec::new()];
        let mut over: [Vec<CallKey>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..120 {
            if random.percent(8) {
                keys[0].push(pair.dial());
            }
            for (index, who) in [(0, Who::Caller), (1, Who::Callee)] {
                for (key, event) in pair.side(who).take_events() {
                    assert!(!over[index].contains(&key), "seed {seed}: {event:?} after the end");
                    match event {
                        Event::Incoming(_) => keys[index].push(key),
                        Event::Ended(_) => over[index].push(key),
                        _ => {}
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
        // Nobody does anything any more: the timers end it.
        pair.pass(Duration::from_mins(5));
        for who in [Who::Caller, Who::Callee] {
            pair.hang_up_all(who);
        }
        pair.pass(Duration::from_mins(10));
        pair.expect_empty(&format!("seed {seed}"));
    }
}

pub(crate) fn any_command(random: &mut Random) -> Command {
    let sdp = || Body::from(b"v=0 any".to_vec());
    match random.below(15) {
        0 | 1 => Command::Ring { status: StatusCode::RINGING, sdp: None },
        2..=4 => Command::Answer { sdp: sdp() },
        5 => Command::Reject(Reject::new(StatusCode::BUSY_HERE)),
        6 => Command::Hangup { reason: Some(Cause::Q850(16)) },
        7 => Command::Reinvite { sdp: sdp() },
        8 => Command::AnswerReinvite { sdp: sdp() },
        9 => {
            let target = Box::new("sip:bob@voice.example".parse().unwrap());
            Command::Refer { target, replaces: None, referred_by: None }
        }
        10 => Command::AcceptRefer,
        11 => Command::RejectRefer { status: StatusCode::DECLINE },
        12 => Command::NotifyRefer { status: if random.percent(50) { StatusCode::RINGING } else { StatusCode::OK } },
        13 => Command::Info { content_type: "application/dtmf-relay".into(), body: Body::from(b"Signal=1".to_vec()) },
        _ => Command::RejectReinvite { status: StatusCode::NOT_ACCEPTABLE_HERE },
    }
}

/// A peer that sends requests within a call in any order, from its own and from other addresses, with right and wrong
/// identifiers, and answers ours at random.
#[test]
fn a_peer_that_says_anything_within_a_call_breaks_nothing() {
    const METHODS: [&str; 11] =
        ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY", "BREW"];
    for seed in 0..100 {
        let mut random = Random(seed);
        let mut station =
            Station::with(rules().into_iter().map(|rule| rule.refer(true).replaces(true)).collect(), |_| {});
        let (key, ok) = established(&mut station);
        let mut cseq = 2;
        let mut forged = 0;
        let mut ended = false;
        for step in 0..200 {
            let method = *random.pick(&METHODS);
            // Half of all is forged: by another trunk, or with a wrong tag. No forged BYE ends the call.
            let is_forged = random.percent(50) || (method == "BYE" && step < 150);
            let mut message = Message::within(&ok, method, cseq);
            message.branch = format!("z9hG4bKr{}", random.below(150));
            if random.percent(40) && matches!(method, "INVITE" | "UPDATE") {
                message.body = format!("v=0 {step}");
            }
            match method {
                "REFER" => message.headers.push("Refer-To: <sip:+882990000@203.0.113.99>".into()),
                "NOTIFY" => {
                    let state = *random.pick(&["active;expires=5", "terminated;reason=timeout", "pending", ";"]);
                    message.headers.push("Event: refer".into());
                    message.headers.push(format!("Subscription-State: {state}"));
                    message.headers.push("Content-Type: message/sipfrag".into());
                    message.body = (*random.pick(&["SIP/2.0 180 Ringing", "SIP/2.0 200 OK", "SIP/2.0"])).into();
                }
                _ => {}
            }
            let mut from = CARRIER;
            if is_forged {
                forged += 1;
                match random.below(3) {
                    0 => from = OTHER,
                    1 => message.to_tag = "guess".into(),
                    _ => message.call_id = "guess".into(),
                }
            } else {
                cseq += u32::try_from(random.below(3)).unwrap();
            }
            station.recv(from, message.text());
            for sent in station.all_sent() {
                assert!(matches!(sent.to().to_string().as_str(), CARRIER | OTHER), "seed {seed}");
                if !sent.text.starts_with("SIP/2.0") && sent.method() != "ACK" && random.percent(70) {
                    let status = *random.pick(&["200 OK", "491 Request Pending", "500 No", "180 Ringing"]);
                    station.recv(CARRIER, response_to(&sent, status, "", &["Contact: <sip:alice@198.51.100.7>"], ""));
                }
            }
            if random.percent(20) {
                station.command(key, any_command_but_hangup(&mut random));
            }
            let wait = random.below(700);
            station.pass(Duration::from_millis(wait));
            let over = station.all_events().iter().any(|(_, event)| matches!(event, Event::Ended(_)));
            if over && step < 150 && !ended {
                // Only a true peer's answer (none in time, 481) may end it before.
                assert!(station.stats().calls == 0, "seed {seed}");
            }
            ended |= over;
        }
        assert!(forged > 50);
        station.hang_up(key);
        for _ in 0..40 {
            station.pass_secs(30);
            station.all_sent();
        }
        station.expect_empty();
    }
}

fn any_command_but_hangup(random: &mut Random) -> Command {
    loop {
        let command = any_command(random);
        if !matches!(command, Command::Hangup { .. }) {
            return command;
        }
    }
}
