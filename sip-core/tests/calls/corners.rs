//! Crossings, losses and odd bodies: the rules that are rarely needed.

use std::time::Duration;

use sip_core::endpoint::{EndReason, EndedBy, Event, Refusal};

use crate::outbound::{CONTACT, place};
use crate::script::{Message, OFFER, established, response_to};
use crate::station::{CARRIER, Station};

#[test]
fn a_cancel_that_crosses_the_200_ends_in_ack_and_bye() {
    let mut station = Station::new();
    let (key, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "180 Ringing", "b1", &[CONTACT], ""));
    station.event();
    station.hang_up(key);
    let cancel = station.expect_request("CANCEL");
    assert_eq!(station.ended().reason, EndReason::Cancelled);
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], "v=0"));
    station.expect_request("ACK");
    let bye = station.expect_request("BYE");
    assert_eq!(bye.to_tag(), "b1");
    station.recv(CARRIER, response_to(&cancel, "200 OK", "b1", &[], ""));
    station.recv(CARRIER, response_to(&bye, "200 OK", "", &[], ""));
    station.expect_no_event();
    station.pass_secs(40);
    station.expect_empty();
}

#[test]
fn a_lost_ack_is_sent_again_with_each_200() {
    let mut station = Station::new();
    let (_, invite) = place(&mut station);
    let ok = response_to(&invite, "200 OK", "b1", &[CONTACT], "v=0");
    station.recv(CARRIER, &ok);
    let ack = station.expect_request("ACK");
    for _ in 0..5 {
        station.pass_secs(4);
        station.recv(CARRIER, &ok);
        assert_eq!(station.expect_request("ACK").text, ack.text);
    }
    // RFC 6026 8.9: for as long as timer M runs, and not after it.
    station.pass_secs(20);
    station.recv(CARRIER, &ok);
    station.expect_silence();
    assert_eq!(station.refused(Refusal::StrayResponse), 1);
}

#[test]
fn an_ack_without_the_answer_that_we_waited_for_is_told_so() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().body("").text());
    station.expect_status(100);
    let key = station.incoming();
    station.answer(key);
    let ok = station.expect_status(200);
    station.recv(CARRIER, Message::ack(&ok, 1).text());
    assert!(matches!(station.event().1, Event::Ack { sdp: None }));
    station.hang_up(key);
    station.expect_request("BYE");
}

#[test]
fn a_bye_of_the_caller_before_its_ack_ends_the_call() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().text());
    station.expect_status(100);
    let key = station.incoming();
    station.answer(key);
    let ok = station.expect_status(200);
    station.recv(CARRIER, Message::within(&ok, "BYE", 2).text());
    station.expect_status(200);
    let ended = station.ended();
    assert_eq!((ended.by, ended.reason), (EndedBy::Remote, EndReason::Bye));
    // No more 200s, though no ACK ever came.
    station.pass_secs(40);
    station.expect_silence();
    station.expect_empty();
}

#[test]
fn a_late_answer_to_a_request_of_ours_is_dropped() {
    let mut station = Station::new();
    let (key, _) = established(&mut station);
    station.hang_up(key);
    let bye = station.expect_request("BYE");
    station.ended();
    // Timer F: nobody waits any more (RFC 4320 4.2).
    station.pass_secs(33);
    station.all_sent();
    station.recv(CARRIER, response_to(&bye, "200 OK", "", &[], ""));
    station.expect_silence();
    assert_eq!(station.refused(Refusal::StrayResponse), 1);
    station.expect_empty();
}

#[test]
fn a_408_or_481_within_the_call_ends_it() {
    for (status, is_bye) in [("408 Request Timeout", true), ("481 Gone", false)] {
        let mut station = Station::new();
        established(&mut station);
        station.pass_secs(900);
        let refresh = station.expect_request("UPDATE");
        station.recv(CARRIER, response_to(&refresh, status, "", &[], ""));
        assert_eq!(station.ended().reason, EndReason::DialogLost);
        assert_eq!(station.all_sent().iter().any(|sent| sent.method() == "BYE"), is_bye, "{status}");
    }
}

#[test]
fn an_offer_among_other_parts_is_found_and_a_required_one_that_is_not_known_is_415() {
    let parts = |handling: &str| {
        format!(
            "--b\r\nContent-Type: application/sdp\r\n\r\n{OFFER}\r\n--b\r\nContent-Type: application/isup\r\n\
             Content-Disposition: signal;handling={handling}\r\n\r\nisup\r\n--b--\r\n"
        )
    };
    let invite =
        |handling: &str| Message::invite().header("Content-Type: multipart/mixed;boundary=b").body(&parts(handling));
    let mut station = Station::new();
    station.recv(CARRIER, invite("optional").text());
    station.expect_status(100);
    let Event::Incoming(told) = station.event().1 else { panic!("no call") };
    assert_eq!(told.get().sdp().unwrap().as_bytes(), OFFER.as_bytes());

    let mut station = Station::new();
    station.recv(CARRIER, invite("required").text());
    assert_eq!(station.expect_status(415).header("Accept"), Some("application/sdp"));
    assert_eq!(station.refused(Refusal::MediaType), 1);
    station.expect_no_event();
}

#[test]
fn a_500_with_retry_after_to_our_reinvite_leaves_the_session() {
    let mut station = Station::new();
    let (key, _) = established(&mut station);
    let sdp = sip_core::endpoint::Body::from(b"v=0 change".to_vec());
    station.command(key, sip_core::endpoint::Command::Reinvite { sdp });
    let reinvite = station.expect_request("INVITE");
    station.recv(CARRIER, response_to(&reinvite, "500 Server Internal Error", "", &["Retry-After: 5"], ""));
    station.expect_request("ACK");
    assert!(matches!(station.event().1, Event::ReinviteFailed { .. }));
    station.pass(Duration::from_secs(30));
    station.expect_silence();
    assert_eq!(station.stats().calls, 1);
}

#[test]
fn an_info_waits_for_the_ack_of_our_200() {
    let mut station = Station::new();
    station.recv(CARRIER, Message::invite().text());
    station.expect_status(100);
    let key = station.incoming();
    station.answer(key);
    let ok = station.expect_status(200);
    let body = sip_core::endpoint::Body::from(b"Signal=1".to_vec());
    let content_type = sip_core::wire::Text::from_static("application/dtmf-relay");
    station.command(key, sip_core::endpoint::Command::Info { content_type, body });
    station.expect_silence();
    station.recv(CARRIER, Message::ack(&ok, 1).text());
    station.expect_request("INFO");
}
