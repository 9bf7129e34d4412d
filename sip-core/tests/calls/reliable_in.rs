//! Reliable provisional responses to calls that come in (RFC 3262 3, 5).

use std::time::Duration;

use sip_core::admission::Rel100;
use sip_core::endpoint::{Body, CallKey, Command, EndReason, EndedBy, Event, Refusal};
use sip_core::wire::StatusCode;

use crate::script::Message;
use crate::station::{CARRIER, Sent, Station, rules};

pub(crate) fn station(policy: Rel100) -> Station {
    let rules = rules().into_iter().map(|rule| rule.rel100(policy)).collect();
    Station::with(rules, |_| {})
}

pub(crate) fn called_with(station: &mut Station, invite: &Message) -> CallKey {
    station.recv(CARRIER, invite.text());
    station.expect_status(100);
    station.incoming()
}

pub(crate) fn capable() -> Message {
    Message::invite().header("Supported: 100rel")
}

pub(crate) fn progress(station: &mut Station, key: CallKey, sdp: Option<&str>) {
    let sdp = sdp.map(|sdp| Body::from(sdp.as_bytes().to_vec()));
    station.command(key, Command::Ring { status: StatusCode::SESSION_PROGRESS, sdp });
}

pub(crate) fn prack(response: &Sent, cseq: u32) -> Message {
    Message { contact: None, ..Message::within(response, "PRACK", cseq) }
        .header(&format!("RAck: {} 1 INVITE", response.header("RSeq").unwrap()))
}

#[test]
fn a_reliable_183_is_sent_again_until_its_prack() {
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable());
    progress(&mut station, key, Some("v=0 early"));
    let first = station.expect_status(183);
    assert_eq!((first.header("Require"), first.body()), (Some("100rel"), "v=0 early"));
    assert!(first.header("Allow").unwrap().contains("UPDATE") && first.header("Contact").is_some());
    let rseq: u32 = first.header("RSeq").unwrap().parse().unwrap();
    assert!((1..1 << 31).contains(&rseq));
    station.pass(Duration::from_millis(3500));
    let times: Vec<u128> = station.all_sent().iter().map(|sent| sent.after.as_millis()).collect();
    assert_eq!(times, [500, 1500, 3500]);
    station.recv(CARRIER, prack(&first, 2).text());
    let ok = station.expect_status(200);
    assert_eq!(ok.header("CSeq"), Some("2 PRACK"));
    // The PRACK again: the same answer, from its transaction.
    station.recv(CARRIER, prack(&first, 2).text());
    assert_eq!(station.expect_status(200).text, ok.text);
    station.pass_secs(30);
    station.expect_silence();
    // The answer was given: the 200 does not repeat it.
    station.answer(key);
    assert_eq!(station.expect_status(200).body(), "");
    station.recv(CARRIER, Message::ack(&first, 1).text());
    assert!(matches!(station.event().1, Event::Ack { sdp: None }));
}

#[test]
fn gaps_double_without_a_bound_and_64_t1_without_a_prack_is_504() {
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable());
    progress(&mut station, key, None);
    station.expect_status(183);
    station.pass_secs(32);
    let sent = station.all_sent();
    let times: Vec<u128> = sent.iter().map(|sent| sent.after.as_millis()).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 15500, 31500, 32000]);
    assert_eq!(sent.last().unwrap().status(), 504);
    let ended = station.ended();
    assert_eq!((ended.by, ended.reason), (EndedBy::Failure, EndReason::PrackTimeout));
    assert_eq!(station.refused(Refusal::PrackTimeout), 1);
    station.recv(CARRIER, Message::invite().ack_refusal(sent.last().unwrap()).text());
    station.pass_secs(6);
    station.expect_empty();
}

#[test]
fn one_waits_at_a_time_and_the_next_takes_its_turn() {
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable());
    station.ring(key);
    let ringing = station.expect_status(180);
    progress(&mut station, key, Some("v=0 early"));
    for _ in 0..20 {
        station.ring(key);
    }
    station.expect_silence();
    station.recv(CARRIER, prack(&ringing, 2).text());
    station.expect_status(200);
    let next = station.expect_status(183);
    let number = |sent: &Sent| sent.header("RSeq").unwrap().parse::<u32>().unwrap();
    assert_eq!((number(&next), next.body()), (number(&ringing) + 1, "v=0 early"));
    // What waits is bounded: three more of the twenty.
    let mut last = next;
    for cseq in 3..6 {
        station.recv(CARRIER, prack(&last, cseq).text());
        station.expect_status(200);
        last = station.expect_status(180);
    }
    station.recv(CARRIER, prack(&last, 6).text());
    station.expect_status(200);
    station.expect_silence();
}

#[test]
fn a_prack_that_matches_nothing_is_481() {
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable());
    progress(&mut station, key, None);
    let sent = station.expect_status(183);
    let rseq = sent.header("RSeq").unwrap().parse::<u32>().unwrap();
    let mut cseq = 2;
    for rack in [format!("{} 1 INVITE", rseq + 1), format!("{rseq} 2 INVITE"), format!("{rseq} 1 UPDATE")] {
        let message = Message::within(&sent, "PRACK", cseq).header(&format!("RAck: {rack}"));
        station.recv(CARRIER, message.text());
        station.expect_status(481);
        cseq += 1;
    }
    assert_eq!(station.refused(Refusal::StrayPrack), 3);
    for bad in ["RAck: x", "X-None: 1"] {
        station.recv(CARRIER, Message::within(&sent, "PRACK", cseq).header(bad).text());
        station.expect_status(400);
        cseq += 1;
    }
    station.recv(CARRIER, prack(&sent, cseq).text());
    station.expect_status(200);
    // The same response is acknowledged once.
    station.recv(CARRIER, prack(&sent, cseq + 1).text());
    station.expect_status(481);
}

#[test]
fn the_200_waits_for_the_prack_of_a_response_with_a_description() {
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable());
    progress(&mut station, key, Some("v=0 early"));
    let sent = station.expect_status(183);
    station.answer(key);
    station.answer(key);
    station.ring(key);
    station.expect_silence();
    station.recv(CARRIER, prack(&sent, 2).text());
    assert_eq!(station.expect_status(200).header("CSeq"), Some("2 PRACK"));
    assert_eq!(station.expect_status(200).header("CSeq"), Some("1 INVITE"));
    station.expect_silence();
}

#[test]
fn the_200_overtakes_a_response_without_one_and_its_prack_is_answered() {
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable());
    station.ring(key);
    let ringing = station.expect_status(180);
    station.answer(key);
    assert_eq!(station.expect_status(200).body(), "v=0 answer");
    station.recv(CARRIER, prack(&ringing, 2).text());
    assert_eq!(station.expect_status(200).header("CSeq"), Some("2 PRACK"));
    station.recv(CARRIER, prack(&ringing, 3).text());
    station.expect_status(481);
    station.expect_no_event();
    assert_eq!(station.stats().calls, 1);
}

#[test]
fn a_refusal_waits_for_nothing() {
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable());
    progress(&mut station, key, Some("v=0 early"));
    let sent = station.expect_status(183);
    station.command(key, Command::Hangup { reason: None });
    station.expect_status(480);
    station.recv(CARRIER, prack(&sent, 2).text());
    station.expect_status(481);
}

#[test]
fn the_policy_decides_where_the_caller_leaves_it_open() {
    for (policy, header, status, reliable) in [
        (Rel100::Off, "Supported: 100rel", 180, false),
        (Rel100::Off, "Require: 100rel", 180, true),
        (Rel100::Supported, "Supported: timer", 180, false),
        (Rel100::Supported, "Supported: 100rel", 180, true),
        (Rel100::Required, "Supported: 100rel", 180, true),
        (Rel100::Required, "Supported: timer", 421, false),
    ] {
        let mut station = station(policy);
        station.recv(CARRIER, Message::invite().header(header).text());
        if status == 421 {
            assert_eq!(station.expect_status(421).header("Require"), Some("100rel"));
            assert_eq!(station.refused(Refusal::ExtensionRequired), 1);
            continue;
        }
        station.expect_status(100);
        let key = station.incoming();
        station.ring(key);
        assert_eq!(station.expect_status(180).header("RSeq").is_some(), reliable, "{policy:?} {header}");
    }
}

#[test]
fn our_early_offer_is_answered_in_the_prack() {
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable().body(""));
    progress(&mut station, key, Some("v=0 our offer"));
    let sent = station.expect_status(183);
    assert_eq!(sent.body(), "v=0 our offer");
    // A PRACK without the answer acknowledges nothing.
    station.recv(CARRIER, prack(&sent, 2).text());
    station.expect_status(400);
    station.recv(CARRIER, prack(&sent, 3).body("v=0 their answer").text());
    station.expect_status(200);
    let Event::EarlyAnswer { sdp } = station.event().1 else { panic!("no answer") };
    assert_eq!(sdp.as_bytes(), b"v=0 their answer");
    station.answer(key);
    let ok = station.expect_status(200);
    assert_eq!(ok.body(), "");
    station.recv(CARRIER, Message::ack(&ok, 1).text());
    assert!(matches!(station.event().1, Event::Ack { sdp: None }));
}

/// RFC 3261 13.2.1, RFC 3262 5: the first reliable response to an INVITE without an offer must carry ours.
#[test]
fn no_reliable_response_without_our_offer_where_the_invite_had_none() {
    // The caller can do without: it rings unreliably.
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable().body(""));
    station.ring(key);
    let ringing = station.expect_status(180);
    assert_eq!((ringing.header("RSeq"), ringing.header("Require"), ringing.body()), (None, None, ""));
    station.pass_secs(59);
    station.expect_silence();
    // With the offer it is reliable, and so is all that comes after that.
    progress(&mut station, key, Some("v=0 our offer"));
    let early = station.expect_status(183);
    assert_eq!((early.header("RSeq").is_some(), early.body()), (true, "v=0 our offer"));
    station.recv(CARRIER, prack(&early, 2).body("v=0 their answer").text());
    station.expect_status(200);
    assert!(matches!(station.event().1, Event::EarlyAnswer { .. }));
    station.ring(key);
    assert!(station.expect_status(180).header("RSeq").is_some());

    // The caller cannot: it hears nothing before the offer.
    for policy in [Rel100::Off, Rel100::Supported, Rel100::Required] {
        let mut station = self::station(policy);
        let key = called_with(&mut station, &Message::invite().header("Require: 100rel").body(""));
        station.ring(key);
        progress(&mut station, key, None);
        station.pass_secs(170);
        station.expect_silence();
        progress(&mut station, key, Some("v=0 our offer"));
        assert!(station.expect_status(183).header("RSeq").is_some());
    }
    // Nor is one needed for the answer, which is our offer then.
    let mut station = self::station(Rel100::Supported);
    let key = called_with(&mut station, &Message::invite().header("Require: 100rel").body(""));
    station.ring(key);
    station.answer(key);
    assert_eq!(station.expect_status(200).body(), "v=0 answer");
}

#[test]
fn an_offer_of_ours_never_goes_into_a_response_that_may_be_lost() {
    let mut station = station(Rel100::Off);
    let key = called_with(&mut station, &capable().body(""));
    progress(&mut station, key, Some("v=0 our offer"));
    assert_eq!(station.expect_status(183).body(), "");
}

#[test]
fn ringing_for_long_is_said_again_reliably() {
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable());
    station.ring(key);
    let ringing = station.expect_status(180);
    station.recv(CARRIER, prack(&ringing, 2).text());
    station.expect_status(200);
    station.pass_secs(149);
    station.expect_silence();
    station.pass_secs(1);
    assert!(station.sent().header("RSeq").is_some());
}

#[test]
fn a_cancel_ends_a_call_whose_183_waits() {
    let mut station = station(Rel100::Supported);
    let key = called_with(&mut station, &capable());
    progress(&mut station, key, Some("v=0 early"));
    station.expect_status(183);
    station.answer(key);
    station.recv(CARRIER, capable().cancel().text());
    station.expect_status(200);
    let refused = station.expect_status(487);
    assert_eq!(station.ended().reason, EndReason::Cancelled);
    station.recv(CARRIER, capable().ack_refusal(&refused).text());
    station.pass_secs(40);
    station.expect_silence();
    station.expect_empty();
}
