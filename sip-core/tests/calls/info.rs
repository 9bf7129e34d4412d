//! INFO of ours, and the Reason of BYE and CANCEL in both directions (RFC 6086, RFC 3326).

use std::time::Duration;

use sip_core::endpoint::{Body, CallKey, Cause, Command, EndReason, Event};
use sip_core::info::{Dialled, DialledDigit};
use sip_core::limits;
use sip_core::wire::StatusCode;

use crate::script::{Message, established, response_to};
use crate::station::{CARRIER, Station};

fn dial_digit(station: &mut Station, call: CallKey, key: char) {
    let dialled = Dialled::new(DialledDigit::new(key).unwrap(), Duration::from_millis(160));
    let (content_type, body) = dialled.to_dtmf_relay();
    let command = Command::Info { content_type, body };
    assert!(!format!("{command:?}").contains("Signal"), "no digit in Debug: {command:?}");
    station.command(call, command);
}

#[track_caller]
fn answered(station: &mut Station) -> u16 {
    match station.event().1 {
        Event::InfoAnswered { status } => status.code(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn digits_go_out_one_after_the_other() {
    let mut station = Station::new();
    let (key, _) = established(&mut station);
    for digit in ['4', '2', '#'] {
        dial_digit(&mut station, key, digit);
    }
    for digit in ['4', '2', '#'] {
        let info = station.expect_request("INFO");
        station.expect_silence();
        assert_eq!(info.header("Content-Type"), Some("application/dtmf-relay"));
        assert_eq!(info.body(), format!("Signal={digit}\r\nDuration=160\r\n"));
        station.recv(CARRIER, response_to(&info, "200 OK", "", &[], ""));
        assert_eq!(answered(&mut station), 200);
    }
    station.expect_silence();
}

#[test]
fn an_info_that_is_refused_or_lost_is_told_and_the_next_one_goes() {
    let mut station = Station::new();
    let (key, _) = established(&mut station);
    dial_digit(&mut station, key, '1');
    dial_digit(&mut station, key, '2');
    dial_digit(&mut station, key, '3');
    let first = station.expect_request("INFO");
    station.recv(CARRIER, response_to(&first, "415 Unsupported Media Type", "", &[], ""));
    assert_eq!(answered(&mut station), 415);
    station.expect_request("INFO");
    station.pass_secs(33);
    assert_eq!(answered(&mut station), 408);
    let third = station.all_sent().pop().unwrap();
    station.recv(CARRIER, response_to(&third, "481 Call/Transaction Does Not Exist", "", &[], ""));
    assert_eq!(answered(&mut station), 481);
    assert_eq!(station.ended().reason, EndReason::DialogLost);
    station.pass_secs(40);
    station.all_sent();
    station.expect_empty();
}

#[test]
fn more_digits_than_the_peer_answers_are_not_kept() {
    let mut station = Station::new();
    let (key, _) = established(&mut station);
    for _ in 0..limits::INFO_QUEUE + 2 {
        dial_digit(&mut station, key, '5');
    }
    assert_eq!(station.all_sent().len(), 1);
    assert_eq!(answered(&mut station), 503);
    station.expect_no_event();
    station.hang_up(key);
    station.expect_request("BYE");
    station.ended();
    station.pass_secs(40);
    station.all_sent();
    station.expect_empty();
}

#[test]
fn a_call_that_is_not_up_sends_no_info() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().text());
    station.expect_status(100);
    let key = station.incoming();
    let info = Command::Info { content_type: "text/plain".into(), body: Body::from(b"x".to_vec()) };
    station.command(key, info);
    station.expect_silence();
}

#[test]
fn why_the_peer_ended_a_call() {
    for (lines, causes) in [
        (&["Reason: Q.850;cause=17;text=\"User busy\""][..], vec![Cause::Q850(17)]),
        (&["Reason: SIP;cause=486, Q.850 ; cause = 17"], vec![Cause::Sip(StatusCode::BUSY_HERE), Cause::Q850(17)]),
        (
            &["Reason: SIP;cause=200;text=\"a, b\"", "Reason: q.850;cause=26"],
            vec![Cause::Sip(StatusCode::OK), Cause::Q850(26)],
        ),
        (&["Reason: STIR;cause=436", "Reason: Q.850;cause=300", "Reason: SIP"], vec![]),
        (&["Reason: ;;;"], vec![]),
        (&[], vec![]),
    ] {
        let mut station = Station::new();
        let (_, ok) = established(&mut station);
        let bye = lines.iter().fold(Message::within(&ok, "BYE", 2), |message, line| message.header(line));
        station.recv(CARRIER, bye.text());
        let ended = station.ended();
        assert_eq!(ended.remote_causes(), causes, "{lines:?}");
    }
    // A CANCEL, too.
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().text());
    station.incoming();
    station.recv(
        CARRIER,
        Message::invite().cancel().header("Reason: SIP;cause=200;text=\"Call completed elsewhere\"").text(),
    );
    assert_eq!(station.ended().remote_causes(), [Cause::Sip(StatusCode::OK)]);
    // And a refusal (RFC 6432).
    let key = station.endpoint.dial(crate::outbound::dial(), station.now).unwrap();
    station.drain();
    let invite = station.all_sent().pop().unwrap();
    station.recv(CARRIER, response_to(&invite, "480 Temporarily Unavailable", "b", &["Reason: Q.850;cause=20"], ""));
    let (of, Event::Ended(ended)) = station.event() else { panic!("not over") };
    assert_eq!((of, ended.remote_causes()), (key, vec![Cause::Q850(20)]));
}

#[test]
fn why_we_ended_a_call() {
    let mut station = Station::new();
    let (key, _) = established(&mut station);
    station.command(key, Command::Hangup { reason: Some(Cause::Q850(16)) });
    assert_eq!(station.expect_request("BYE").header("Reason"), Some("Q.850;cause=16"));
}
