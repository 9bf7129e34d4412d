//! Session timers (RFC 4028), both roles, over half an hour of virtual time.

use std::time::Duration;

use sip_core::dialog::{Party, SessionPolicy};
use sip_core::endpoint::{CallKey, Command, EndReason, Event, Refusal};

use crate::outbound::place;
use crate::pair::{Pair, Who};
use crate::script::{Message, established_by, response_to};
use crate::station::{CARRIER, Station, rules};

fn with_timer(value: &str) -> Message {
    Message::invite().header("Supported: timer").header(&format!("Session-Expires: {value}"))
}

#[test]
fn we_refresh_by_update_at_half_of_the_interval() {
    let mut station = Station::new();
    let (_, ok) = established_by(&mut station, &with_timer("1800;refresher=uas"));
    assert_eq!(ok.header("Session-Expires"), Some("1800;refresher=uas"));
    assert_eq!(ok.header("Require"), None);
    for round in 1..=4 {
        station.pass_secs(900);
        let update = station.expect_request("UPDATE");
        assert_eq!(update.after.as_secs(), 900 * round);
        assert_eq!(update.header("Session-Expires"), Some("1800;refresher=uac"));
        assert_eq!(update.body(), "");
        station.recv(CARRIER, response_to(&update, "200 OK", "", &["Session-Expires: 1800;refresher=uac"], ""));
    }
    station.expect_no_event();
}

#[test]
fn a_peer_that_takes_no_update_is_refreshed_by_reinvite_with_our_last_description() {
    let mut station = Station::new();
    let mut invite = with_timer("1800;refresher=uas");
    invite.headers.retain(|line| !line.starts_with("Allow"));
    established_by(&mut station, &invite);
    station.pass_secs(900);
    let reinvite = station.expect_request("INVITE");
    assert_eq!(reinvite.body(), "v=0 answer");
    station.recv(CARRIER, response_to(&reinvite, "200 OK", "", &["Contact: <sip:alice@198.51.100.7>"], "v=0 theirs"));
    station.expect_request("ACK");
    assert!(matches!(station.event().1, Event::Reinvited { .. }));
    // A 2xx without Session-Expires: we go on refreshing all the same.
    station.pass_secs(901);
    station.expect_request("INVITE");
}

#[test]
fn a_peer_that_knows_no_session_timers_is_guarded_too() {
    let mut station = Station::new();
    let (_, ok) = established_by(&mut station, &Message::invite());
    assert_eq!(ok.header("Session-Expires"), Some("1800;refresher=uas"));
    assert_eq!(ok.header("Require"), None);
    station.pass_secs(900);
    station.expect_request("UPDATE");
    // No answer at all: after timer F the call is over, with a BYE (RFC 4028 10).
    station.pass_secs(32);
    assert_eq!(station.ended().reason, EndReason::DialogLost);
    assert_eq!(station.all_sent().pop().unwrap().method(), "BYE");
}

#[test]
fn a_peer_that_refreshes_keeps_the_call_and_one_that_does_not_loses_it() {
    let mut station = Station::new();
    let (_, ok) = established_by(&mut station, &with_timer("1800;refresher=uac"));
    assert_eq!((ok.header("Session-Expires"), ok.header("Require")), (Some("1800;refresher=uac"), Some("timer")));
    for cseq in 2..5 {
        station.pass_secs(1700);
        let refresh = Message::within(&ok, "UPDATE", cseq)
            .header("Supported: timer")
            .header("Session-Expires: 1800;refresher=uac");
        station.recv(CARRIER, refresh.text());
        station.expect_status(200);
        station.expect_no_event();
    }
    // 32 s before the end of the interval (RFC 4028 10).
    station.pass_secs(1767);
    station.expect_silence();
    station.pass_secs(1);
    let bye = station.expect_request("BYE");
    assert_eq!(bye.header("Reason"), Some("SIP;cause=408"));
    assert_eq!(station.ended().reason, EndReason::SessionExpired);
    station.recv(CARRIER, response_to(&bye, "200 OK", "", &[], ""));
    station.pass_secs(6);
    station.expect_empty();
}

#[test]
fn an_interval_below_ours_is_422_with_min_se() {
    let mut station = Station::new();
    station.recv(CARRIER, with_timer("60").text());
    assert_eq!(station.expect_status(422).header("Min-SE"), Some("90"));
    assert_eq!(station.refused(Refusal::SessionInterval), 1);
    station.expect_no_event();
    station.expect_empty();
}

#[test]
fn the_callers_min_se_raises_the_interval() {
    let mut station = Station::new();
    let invite = Message::invite().header("Supported: timer").header("Min-SE: 3600");
    let (_, ok) = established_by(&mut station, &invite);
    assert_eq!(ok.header("Session-Expires"), Some("3600;refresher=uas"));
}

#[test]
fn a_422_to_our_refresh_raises_the_interval() {
    let mut station = Station::new();
    established_by(&mut station, &with_timer("1800;refresher=uas"));
    station.pass_secs(900);
    let update = station.expect_request("UPDATE");
    station.recv(CARRIER, response_to(&update, "422 Session Interval Too Small", "", &["Min-SE: 2400"], ""));
    station.pass_secs(0);
    let again = station.expect_request("UPDATE");
    assert_eq!(again.header("Session-Expires"), Some("2400;refresher=uac"));
}

#[test]
fn a_405_to_our_update_turns_to_reinvite() {
    let mut station = Station::new();
    established_by(&mut station, &with_timer("1800;refresher=uas"));
    station.pass_secs(900);
    let update = station.expect_request("UPDATE");
    station.recv(CARRIER, response_to(&update, "405 Method Not Allowed", "", &[], ""));
    station.pass_secs(0);
    station.expect_request("INVITE");
}

#[test]
fn a_refresh_that_is_refused_for_now_is_tried_again_when_the_peer_says() {
    for (refusal, header, seconds) in [
        ("500 Server Internal Error", "Retry-After: 7", 7),
        ("503 Service Unavailable", "Retry-After: 30 (busy)", 30),
        ("500 Server Internal Error", "Retry-After: 0", 1),
        ("500 Server Internal Error", "Retry-After: 99999", 120),
        ("500 Server Internal Error", "Retry-After: soon", 10),
        ("500 Server Internal Error", "Subject: none", 10),
        ("403 Forbidden", "Retry-After: 60", 10),
    ] {
        let mut station = Station::new();
        established_by(&mut station, &with_timer("1800;refresher=uas"));
        station.pass_secs(900);
        let update = station.expect_request("UPDATE");
        station.recv(CARRIER, response_to(&update, refusal, "", &[header], ""));
        station.pass_secs(seconds - 1);
        station.expect_silence();
        station.pass_secs(1);
        let again = station.expect_request("UPDATE");
        let extra = ["Session-Expires: 1800;refresher=uac", "Require: timer"];
        station.recv(CARRIER, response_to(&again, "200 OK", "", &extra, ""));
        station.expect_no_event();
        station.pass_secs(899);
        station.expect_silence();
        station.pass_secs(1);
        station.expect_request("UPDATE");
    }
}

#[test]
fn a_peer_that_never_takes_a_refresh_is_asked_in_time_and_seldom() {
    for retry_after in ["Retry-After: 0", "Retry-After: 3600"] {
        let mut station = Station::new();
        established_by(&mut station, &with_timer("240;refresher=uas"));
        let mut asked = Vec::new();
        for _ in 0..240 {
            station.pass_secs(1);
            for sent in station.all_sent() {
                if sent.method() == "UPDATE" {
                    asked.push(sent.after.as_secs());
                    station.recv(CARRIER, response_to(&sent, "500 Later", "", &[retry_after], ""));
                }
            }
        }
        // The session ends at 208 s: once more shortly before that, and never without a pause.
        assert!(asked.len() < 20 && asked[1..].iter().any(|at| (190..208).contains(at)), "{asked:?}");
        assert_eq!(station.ended().reason, EndReason::SessionExpired);
    }
}

#[test]
fn a_481_to_our_refresh_ends_the_call() {
    let mut station = Station::new();
    established_by(&mut station, &with_timer("1800;refresher=uas"));
    station.pass_secs(900);
    let update = station.expect_request("UPDATE");
    station.recv(CARRIER, response_to(&update, "481 Gone", "", &[], ""));
    assert_eq!(station.ended().reason, EndReason::DialogLost);
    station.expect_silence();
    assert_eq!(station.stats().calls, 0);
}

/// Half an hour of talk, and the call still up: a refresh every 300 s.
const ROUNDS: u64 = 6;

/// The pair's session interval is 600 s; `who` says who shall refresh, at both sides.
fn talk(caller: Option<Party>, callee: Option<Party>) -> (Pair, CallKey) {
    let session =
        |refresher| SessionPolicy { interval: Duration::from_mins(10), refresher, ..SessionPolicy::default() };
    let mut pair = Pair::with_sessions(session(caller), session(callee));
    let (ours, _) = pair.established();
    let before = pair.sent();
    pair.pass(Duration::from_mins(30));
    assert!(pair.caller.take_events().is_empty() && pair.callee.take_events().is_empty());
    assert_eq!((pair.caller.endpoint.stats().calls, pair.callee.endpoint.stats().calls), (1, 1));
    let after = pair.sent();
    let refreshed = (after.0 - before.0, after.1 - before.1);
    // Each refresh is an UPDATE of one side and a 200 of the other.
    assert_eq!(refreshed, (ROUNDS, ROUNDS));
    (pair, ours)
}

fn ends(mut pair: Pair, ours: CallKey) {
    pair.command(Who::Caller, ours, Command::Hangup { reason: None });
    pair.pass(Duration::from_secs(64));
    pair.expect_empty("after half an hour");
}

#[test]
fn half_an_hour_that_the_caller_refreshes_as_it_wishes() {
    let (pair, ours) = talk(Some(Party::Us), None);
    ends(pair, ours);
}

#[test]
fn half_an_hour_that_the_caller_leaves_to_the_callee() {
    let (pair, ours) = talk(Some(Party::Peer), None);
    ends(pair, ours);
}

#[test]
fn half_an_hour_that_the_callee_takes_up_by_itself() {
    let (pair, ours) = talk(None, Some(Party::Us));
    ends(pair, ours);
}

#[test]
fn half_an_hour_that_the_callee_leaves_to_the_caller() {
    let (pair, ours) = talk(None, Some(Party::Peer));
    ends(pair, ours);
}

#[test]
fn a_422_does_not_prolong_the_session() {
    let mut station = Station::new();
    established_by(&mut station, &with_timer("1800;refresher=uas"));
    station.pass_secs(900);
    for _ in 0..200 {
        for sent in station.all_sent().into_iter().filter(|sent| sent.method() == "UPDATE") {
            station.recv(CARRIER, response_to(&sent, "422 Session Interval Too Small", "", &["Min-SE: 2400"], ""));
        }
        station.pass_secs(5);
    }
    assert_eq!(station.ended().reason, EndReason::SessionExpired);
}

#[test]
fn a_refresh_by_the_other_side_takes_the_role_over() {
    let mut station = Station::new();
    let (_, ok) = established_by(&mut station, &with_timer("1800;refresher=uas"));
    station.pass_secs(600);
    let refresh =
        Message::within(&ok, "UPDATE", 2).header("Supported: timer").header("Session-Expires: 1800;refresher=uac");
    station.recv(CARRIER, refresh.text());
    let ok = station.expect_status(200);
    assert_eq!((ok.header("Session-Expires"), ok.header("Require")), (Some("1800;refresher=uac"), Some("timer")));
    // We refresh no more, and end the call 32 s before the end of the interval.
    station.pass_secs(1767);
    station.expect_silence();
    station.pass_secs(1);
    station.expect_request("BYE");
}

#[test]
fn a_short_interval_ends_a_third_before_its_end() {
    let mut station = Station::new();
    established_by(&mut station, &with_timer("90;refresher=uac"));
    station.pass_secs(59);
    station.expect_silence();
    station.pass_secs(1);
    station.expect_request("BYE");
}

#[test]
fn our_wish_for_a_refresher_is_in_our_invite() {
    for (refresher, header) in
        [(None, "1800"), (Some(Party::Us), "1800;refresher=uac"), (Some(Party::Peer), "1800;refresher=uas")]
    {
        let mut station = Station::with(rules(), |config| config.session.refresher = refresher);
        let (_, invite) = place(&mut station);
        assert_eq!(invite.header("Session-Expires"), Some(header));
    }
}
