//! Call transfer (RFC 3515, RFC 3891, RFC 3892, RFC 7647), in both roles.

use sip_core::admission::TrunkRule;
use sip_core::auth::Credentials;
use sip_core::endpoint::{CallKey, Command, EndReason, EndedBy, Event, Referral, Refusal};
use sip_core::wire::{StatusCode, Uri};

use crate::outbound::{CONTACT, place};
use crate::pair::{Pair, Weather, Who};
use crate::script::{Message, established, established_by, response_to};
use crate::station::{CARRIER, OTHER, Sent, Station, rules};

fn refer(station: &mut Station, call: CallKey, target: &str, replaces: Option<CallKey>) {
    let target: Uri = target.parse().unwrap();
    station.command(call, Command::Refer { target: Box::new(target), replaces, referred_by: None });
}

/// A NOTIFY of the peer for the REFER with this CSeq number.
fn notify(ok: &Sent, cseq: u32, refer: &Sent, state: &str, fragment: &str) -> String {
    let id = refer.header("CSeq").unwrap().split(' ').next().unwrap();
    Message::within(ok, "NOTIFY", cseq)
        .header(&format!("Event: refer;id={id}"))
        .header(&format!("Subscription-State: {state}"))
        .header("Content-Type: message/sipfrag;version=2.0")
        .body(fragment)
        .text()
}

#[track_caller]
fn progress(station: &mut Station) -> (u16, bool) {
    match station.event().1 {
        Event::ReferProgress { status, is_final } => (status.code(), is_final),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn failed(station: &mut Station) -> u16 {
    match station.event().1 {
        Event::ReferFailed { status } => status.code(),
        other => panic!("{other:?}"),
    }
}

/// A call with a REFER of ours that was accepted.
fn referred(station: &mut Station) -> (CallKey, Sent, Sent) {
    let (key, ok) = established(station);
    refer(station, key, "sip:+14155550100@carrier.example", None);
    let sent = station.expect_request("REFER");
    station.recv(CARRIER, response_to(&sent, "202 Accepted", "", &[], ""));
    assert!(matches!(station.event().1, Event::ReferAccepted));
    (key, ok, sent)
}

#[test]
fn a_blind_transfer() {
    let mut station = Station::new();
    let (key, ok) = established(&mut station);
    let by = Box::new("sip:us@strongline.example".parse().unwrap());
    let target = Box::new("sip:+14155550100@carrier.example;user=phone?Subject=no".parse().unwrap());
    station.command(key, Command::Refer { target, replaces: None, referred_by: Some(by) });
    let sent = station.expect_request("REFER");
    assert_eq!(sent.header("Refer-To"), Some("<sip:+14155550100@carrier.example;user=phone>"));
    assert_eq!(sent.header("Referred-By"), Some("<sip:us@strongline.example>"));
    assert!(sent.header("Contact").is_some() && sent.to() == CARRIER.parse().unwrap());
    station.recv(CARRIER, response_to(&sent, "202 Accepted", "", &[], ""));
    assert!(matches!(station.event().1, Event::ReferAccepted));
    for (cseq, fragment) in [(2, "SIP/2.0 100 Trying"), (3, "SIP/2.0 180 Ringing\r\n"), (4, "SIP/2.0 180 Ringing\r\n")]
    {
        station.recv(CARRIER, notify(&ok, cseq, &sent, "active;expires=60", fragment));
        station.expect_status(200);
    }
    assert_eq!((progress(&mut station), progress(&mut station)), ((100, false), (180, false)));
    station.expect_no_event();
    station.recv(CARRIER, notify(&ok, 5, &sent, "terminated;reason=noresource", "SIP/2.0 200 OK\r\n"));
    station.expect_status(200);
    assert_eq!(progress(&mut station), (200, true));
    // The subscription is gone with its last word.
    station.recv(CARRIER, notify(&ok, 6, &sent, "active", "SIP/2.0 200 OK\r\n"));
    station.expect_status(481);
    station.recv(CARRIER, Message::within(&ok, "BYE", 7).text());
    station.expect_status(200);
    let ended = station.ended();
    assert_eq!((ended.by, ended.reason), (EndedBy::Remote, EndReason::Bye));
    station.pass_secs(40);
    station.expect_silence();
    station.expect_empty();
}

#[test]
fn an_attended_transfer_names_the_other_call_from_the_targets_side() {
    let mut station = Station::new();
    let (first, _) = established(&mut station);
    let other = Message::numbered(2);
    let (second, ok) = established_by(&mut station, &other);
    refer(&mut station, first, "sip:bob@carrier.example", Some(second));
    let sent = station.expect_request("REFER");
    let expected =
        format!("<sip:bob@carrier.example?Replaces=call-n2%40carrier%3Bto-tag%3Dfrom-n2%3Bfrom-tag%3D{}>", ok.to_tag());
    assert_eq!(sent.header("Refer-To"), Some(expected.as_str()));
}

#[test]
fn what_cannot_be_referred_to_fails_at_once() {
    let mut station = Station::new();
    let (key, _) = established(&mut station);
    let (other, ok) = established_by(&mut station, &Message::numbered(2));
    refer(&mut station, key, "mailto:bob@example.com", None);
    assert_eq!(failed(&mut station), 416);
    refer(&mut station, key, "tel:+14155550100", Some(other));
    assert_eq!(failed(&mut station), 416);
    let mut bye = Message::within(&ok, "BYE", 2);
    (bye.call_id, bye.from_tag) = ("call-n2@carrier".into(), "from-n2".into());
    station.recv(CARRIER, bye.text());
    station.expect_status(200);
    station.ended();
    refer(&mut station, key, "sip:bob@example.com", Some(other));
    assert_eq!(failed(&mut station), 481);
    refer(&mut station, key, "tel:+14155550100", None);
    assert_eq!(station.expect_request("REFER").header("Refer-To"), Some("<tel:+14155550100>"));
    refer(&mut station, key, "tel:+14155550101", None);
    assert_eq!(failed(&mut station), 491);
    station.expect_silence();
}

#[test]
fn a_refused_refer_leaves_the_call_and_another_can_follow() {
    let mut station = Station::new();
    let (key, _) = established(&mut station);
    for status in ["403 Forbidden", "603 Decline", "405 Method Not Allowed", "501 Not Implemented"] {
        refer(&mut station, key, "sip:bob@example.com", None);
        let sent = station.expect_request("REFER");
        station.recv(CARRIER, response_to(&sent, status, "", &[], ""));
        assert_eq!(failed(&mut station).to_string(), status[..3]);
    }
    // No answer at all.
    refer(&mut station, key, "sip:bob@example.com", None);
    station.pass_secs(33);
    assert_eq!(failed(&mut station), 408);
    assert_eq!(station.stats().calls, 1);
    // The peer does not know the call any more.
    station.all_sent();
    refer(&mut station, key, "sip:bob@example.com", None);
    let sent = station.expect_request("REFER");
    station.recv(CARRIER, response_to(&sent, "481 Call/Transaction Does Not Exist", "", &[], ""));
    assert_eq!(failed(&mut station), 481);
    assert_eq!(station.ended().reason, EndReason::DialogLost);
    station.pass_secs(40);
    station.expect_empty();
}

#[test]
fn a_notify_before_the_202() {
    let mut station = Station::new();
    let (key, ok) = established(&mut station);
    refer(&mut station, key, "sip:bob@example.com", None);
    let sent = station.expect_request("REFER");
    station.recv(CARRIER, notify(&ok, 2, &sent, "active;expires=60", "SIP/2.0 100 Trying\r\n"));
    station.expect_status(200);
    assert!(matches!(station.event().1, Event::ReferAccepted));
    assert_eq!(progress(&mut station), (100, false));
    station.recv(CARRIER, response_to(&sent, "202 Accepted", "", &[], ""));
    station.expect_no_event();
    // The last word without the state that closes the subscription, and then closed with the same words.
    station.recv(CARRIER, notify(&ok, 3, &sent, "active;expires=60", "SIP/2.0 486 Busy Here\r\n"));
    station.expect_status(200);
    assert_eq!(progress(&mut station), (486, true));
    station.recv(CARRIER, notify(&ok, 4, &sent, "terminated;reason=noresource", "SIP/2.0 486 Busy Here\r\n"));
    station.expect_status(200);
    station.expect_no_event();
}

/// A challenge gives the REFER another CSeq number, and so the subscription another name (RFC 3515 2.4.6).
#[test]
fn a_refer_that_was_challenged_is_named_as_it_went_out_last() {
    let rule = TrunkRule::new("carrier-a").peer("198.51.100.0/24".parse().unwrap());
    let rule = rule.credentials(Credentials::new("alice", "s3cr3t").unwrap());
    let mut station = Station::with(vec![rule], |_| {});
    let (key, invite) = place(&mut station);
    station.recv(CARRIER, response_to(&invite, "200 OK", "b1", &[CONTACT], "v=0"));
    station.expect_request("ACK");
    station.event();
    refer(&mut station, key, "sip:bob@example.com", None);
    let first = station.expect_request("REFER");
    let challenge = "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256";
    station.recv(CARRIER, response_to(&first, "401 Unauthorized", "", &[challenge], ""));
    let again = station.expect_request("REFER");
    let number = |sent: &Sent| sent.header("CSeq").unwrap().split(' ').next().unwrap().parse::<u32>().unwrap();
    assert_eq!(number(&again), number(&first) + 1);
    let notify = |cseq: u32, id: u32| {
        format!(
            "NOTIFY sip:strongline@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKn{cseq}\r\n\
             From: {};tag=b1\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} NOTIFY\r\nEvent: refer;id={id}\r\n\
             Subscription-State: active;expires=60\r\nContent-Type: message/sipfrag\r\nContent-Length: 20\r\n\r\n\
             SIP/2.0 180 Ringing\n",
            invite.header("To").unwrap(),
            invite.header("From").unwrap(),
            invite.header("Call-ID").unwrap(),
        )
    };
    // Before the 202, and after it.
    station.recv(CARRIER, notify(1, number(&again)));
    station.expect_status(200);
    assert!(matches!(station.event().1, Event::ReferAccepted));
    assert_eq!(progress(&mut station), (180, false));
    station.recv(CARRIER, response_to(&again, "202 Accepted", "", &[], ""));
    station.recv(CARRIER, notify(2, number(&again)));
    station.expect_status(200);
    for other in [number(&first), number(&again) + 1] {
        station.recv(CARRIER, notify(other + 10, other));
        station.expect_status(481);
    }
}

#[test]
fn a_peer_that_tells_nothing_or_stops_telling() {
    // RFC 4488: no subscription is made.
    let mut station = Station::new();
    let (key, _) = established(&mut station);
    refer(&mut station, key, "sip:bob@example.com", None);
    let sent = station.expect_request("REFER");
    station.recv(CARRIER, response_to(&sent, "200 OK", "", &["Refer-Sub: false"], ""));
    assert!(matches!(station.event().1, Event::ReferAccepted));
    assert_eq!(progress(&mut station), (202, true));

    // A 202, and silence: timer N (RFC 6665 4.1.2.4).
    let mut station = Station::new();
    referred(&mut station);
    station.pass_secs(31);
    station.expect_no_event();
    station.pass_secs(2);
    assert_eq!(failed(&mut station), 408);

    // The subscription runs out.
    let mut station = Station::new();
    let (_, ok, sent) = referred(&mut station);
    station.recv(CARRIER, notify(&ok, 2, &sent, "active;expires=60", "SIP/2.0 180 Ringing\r\n"));
    station.event();
    station.pass_secs(59);
    station.expect_no_event();
    station.pass_secs(2);
    assert_eq!(failed(&mut station), 408);

    // However long the peer says it lasts.
    let mut station = Station::new();
    let (_, ok, sent) = referred(&mut station);
    station.recv(CARRIER, notify(&ok, 2, &sent, "active;expires=4294967295", "SIP/2.0 180 Ringing\r\n"));
    station.event();
    station.pass_secs(181);
    assert_eq!(failed(&mut station), 408);

    // It is closed without an outcome.
    let mut station = Station::new();
    let (_, ok, sent) = referred(&mut station);
    station.recv(CARRIER, notify(&ok, 2, &sent, "terminated;reason=giveup", "SIP/2.0 100 Trying\r\n"));
    assert_eq!(failed(&mut station), 408);
}

#[test]
fn a_notify_that_is_not_ours_or_not_readable_is_refused() {
    let mut station = Station::new();
    let (_, ok, sent) = referred(&mut station);
    let plain = |cseq| Message::within(&ok, "NOTIFY", cseq).header("Subscription-State: active");
    let fragment = "SIP/2.0 200 OK\r\n";
    let typed = |cseq| plain(cseq).header("Event: refer").header("Content-Type: message/sipfrag");
    for (message, status) in [
        (plain(2).text(), 489),
        (plain(3).header("Event: presence").text(), 489),
        (plain(4).header("Event: refer;id=1").text(), 481),
        (plain(5).header("Event: refer").header("Content-Type: text/plain").body(fragment).text(), 415),
        (typed(6).body("INVITE sip:x@y SIP/2.0\r\n").text(), 400),
        (typed(7).body("SIP/2.0 2000 OK\r\n").text(), 400),
        (Message::within(&ok, "NOTIFY", 8).header("Event: refer").header("Subscription-State: ;x").text(), 400),
    ] {
        station.recv(CARRIER, &message);
        let first = station.expect_status(status);
        // Again, and answered in the same words.
        station.recv(CARRIER, &message);
        assert_eq!(station.sent().text, first.text);
    }
    station.expect_no_event();
    assert_eq!((station.refused(Refusal::NoSubscription), station.refused(Refusal::NotifyMalformed)), (3, 4));
    // From elsewhere, with all the right names.
    station.recv(OTHER, notify(&ok, 9, &sent, "active", fragment));
    station.expect_status(481);
    // Without an id, and without a Subscription-State, as some send it.
    let old = Message::within(&ok, "NOTIFY", 10).header("Event: refer").header("Content-Type: message/sipfrag");
    station.recv(CARRIER, old.body(fragment).text());
    station.expect_status(200);
    assert_eq!(progress(&mut station), (200, true));
    // A call without a REFER has no subscription.
    let mut station = Station::new();
    let (_, ok) = established(&mut station);
    station.recv(CARRIER, Message::within(&ok, "NOTIFY", 2).header("Event: refer").text());
    station.expect_status(481);
}

#[test]
fn a_flood_of_news_reaches_the_tu_in_part_only() {
    let mut station = Station::new();
    let (_, ok, sent) = referred(&mut station);
    for round in 0..100 {
        let fragment = if round % 2 == 0 { "SIP/2.0 180 Ringing\r\n" } else { "SIP/2.0 183 Session Progress\r\n" };
        station.recv(CARRIER, notify(&ok, 2 + round, &sent, "active;expires=60", fragment));
    }
    assert_eq!(station.all_events().len(), 32);
    station.recv(CARRIER, notify(&ok, 200, &sent, "terminated", "SIP/2.0 200 OK\r\n"));
    assert_eq!(progress(&mut station), (200, true));
}

// The peer asks.

fn open() -> Station {
    let mut rules = rules();
    for rule in &mut rules {
        *rule = std::mem::replace(rule, TrunkRule::new("")).refer(true);
    }
    Station::with(rules, |_| {})
}

fn asks(ok: &Sent, cseq: u32, target: &str) -> Message {
    Message::within(ok, "REFER", cseq).header(&format!("Refer-To: {target}"))
}

/// A REFER that the TU hears of.
#[track_caller]
fn asked(station: &mut Station, ok: &Sent, cseq: u32, target: &str) -> Referral {
    station.recv(CARRIER, asks(ok, cseq, target).text());
    match station.event().1 {
        Event::Refer(referral) => *referral,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_peer_transfers_us() {
    let mut station = open();
    let (key, ok) = established(&mut station);
    let message = asks(&ok, 2, "\"Bob\" <sip:+14155550100@x.example;method=INVITE?Subject=hi&Require=replaces>")
        .header("Referred-By: \"Alice\" <sip:alice@carrier.example>");
    station.recv(CARRIER, message.text());
    let Event::Refer(referral) = station.event().1 else { panic!("no referral") };
    assert_eq!(referral.target.to_text(), "sip:+14155550100@x.example");
    assert_eq!(referral.referred_by.unwrap().uri.to_text(), "sip:alice@carrier.example");
    assert!(referral.replaces.is_none() && referral.replaced.is_none());
    station.expect_silence();
    station.command(key, Command::AcceptRefer);
    let accepted = station.expect_status(202);
    assert!(accepted.header("Contact").is_some());
    let first = station.expect_request("NOTIFY");
    assert_eq!((first.header("Event"), first.body()), (Some("refer;id=2"), "SIP/2.0 100 Trying\r\n"));
    assert_eq!(first.header("Subscription-State"), Some("active;expires=180"));
    assert_eq!(first.header("Content-Type"), Some("message/sipfrag;version=2.0"));
    assert!(first.header("Contact").is_some());
    assert_eq!(station.stats().subscriptions, 1);
    // The next one waits for the answer to this one, and only the latest is told.
    station.command(key, Command::NotifyRefer { status: StatusCode::RINGING });
    station.command(key, Command::NotifyRefer { status: StatusCode::SESSION_PROGRESS });
    station.expect_silence();
    station.recv(CARRIER, response_to(&first, "200 OK", "", &[], ""));
    let second = station.expect_request("NOTIFY");
    assert_eq!(second.body(), "SIP/2.0 183 Session Progress\r\n");
    station.command(key, Command::NotifyRefer { status: StatusCode::OK });
    station.command(key, Command::NotifyRefer { status: StatusCode::RINGING });
    station.recv(CARRIER, response_to(&second, "200 OK", "", &[], ""));
    let last = station.expect_request("NOTIFY");
    assert_eq!(last.header("Subscription-State"), Some("terminated;reason=noresource"));
    assert_eq!(last.body(), "SIP/2.0 200 OK\r\n");
    station.recv(CARRIER, response_to(&last, "200 OK", "", &[], ""));
    assert_eq!(station.stats().subscriptions, 0);
    station.command(key, Command::NotifyRefer { status: StatusCode::OK });
    station.expect_silence();
    station.hang_up(key);
    station.expect_request("BYE");
}

#[test]
fn the_last_word_goes_out_before_our_bye() {
    let mut station = open();
    let (key, ok) = established(&mut station);
    asked(&mut station, &ok, 2, "<sip:bob@x.example>");
    station.command(key, Command::AcceptRefer);
    station.expect_status(202);
    station.expect_request("NOTIFY");
    station.command(key, Command::NotifyRefer { status: StatusCode::BUSY_HERE });
    station.hang_up(key);
    let (last, bye) = (station.expect_request("NOTIFY"), station.expect_request("BYE"));
    assert_eq!(last.body(), "SIP/2.0 486 Busy Here\r\n");
    for request in [last, bye] {
        station.recv(CARRIER, response_to(&request, "200 OK", "", &[], ""));
    }
    station.ended();
    station.pass_secs(40);
    station.expect_empty();
}

#[test]
fn a_refer_that_wants_no_news_gets_none() {
    let mut station = open();
    let (key, ok) = established(&mut station);
    let message = asks(&ok, 2, "<sip:bob@x.example>").header("Refer-Sub: false").header("Require: norefersub");
    station.recv(CARRIER, message.text());
    station.event();
    station.command(key, Command::AcceptRefer);
    assert_eq!(station.expect_status(202).header("Refer-Sub"), Some("false"));
    station.command(key, Command::NotifyRefer { status: StatusCode::OK });
    station.expect_silence();
}

#[test]
fn the_tu_refuses_or_forgets() {
    let mut station = open();
    let (key, ok) = established(&mut station);
    asked(&mut station, &ok, 2, "<sip:bob@x.example>");
    station.command(key, Command::RejectRefer { status: StatusCode::DECLINE });
    station.expect_status(603);
    asked(&mut station, &ok, 3, "<sip:bob@x.example>");
    station.pass_secs(21);
    station.expect_status(100);
    station.expect_status(500);
    assert_eq!(station.refused(Refusal::LastResort), 1);
    // Too late.
    station.command(key, Command::AcceptRefer);
    station.expect_silence();
    asked(&mut station, &ok, 4, "<sip:bob@x.example>");
    station.command(key, Command::AcceptRefer);
    station.expect_status(202);
    let first = station.expect_request("NOTIFY");
    station.recv(CARRIER, response_to(&first, "200 OK", "", &[], ""));
    station.pass_secs(181);
    let last = station.expect_request("NOTIFY");
    assert_eq!(
        (last.header("Subscription-State"), last.body()),
        (Some("terminated;reason=timeout"), "SIP/2.0 408 Request Timeout\r\n")
    );
    assert_eq!(station.refused(Refusal::LastResort), 2);
}

#[test]
fn a_peer_that_does_not_want_our_notify_gets_no_more() {
    for status in ["481 Subscription Does Not Exist", "489 Bad Event"] {
        let mut station = open();
        let (key, ok) = established(&mut station);
        asked(&mut station, &ok, 2, "<sip:bob@x.example>");
        station.command(key, Command::AcceptRefer);
        station.expect_status(202);
        let first = station.expect_request("NOTIFY");
        station.recv(CARRIER, response_to(&first, status, "", &[], ""));
        station.command(key, Command::NotifyRefer { status: StatusCode::OK });
        station.expect_silence();
        assert_eq!(station.stats().calls, 1, "the call stays");
    }
}

#[test]
fn a_bye_while_the_tu_thinks_answers_the_refer_too() {
    let mut station = open();
    let (_, ok) = established(&mut station);
    asked(&mut station, &ok, 2, "<sip:bob@x.example>");
    station.recv(CARRIER, Message::within(&ok, "BYE", 3).text());
    let statuses: Vec<u16> = station.all_sent().iter().map(Sent::status).collect();
    assert_eq!(statuses, [200, 487]);
    station.ended();
    station.pass_secs(40);
    station.expect_empty();
}

#[test]
fn where_both_calls_are_with_us_the_other_one_is_named() {
    let mut station = open();
    let (_, first) = established(&mut station);
    let (other, ok) = established_by(&mut station, &Message::numbered(2));
    let replaces = |to: &str, from: &str| {
        format!("<sip:100@192.0.2.10?Replaces=call-n2%40carrier%3Bto-tag%3D{to}%3Bfrom-tag%3D{from}>")
    };
    let referral = asked(&mut station, &first, 2, &replaces(ok.to_tag(), "from-n2"));
    assert_eq!(referral.replaced, Some(other));
    assert!(!format!("{referral:?}").contains("from-n2"));
    // One that is over for us is no call to meet.
    station.recv(CARRIER, Message::numbered(4).text());
    let leaving = station.incoming();
    station.answer(leaving);
    let late = station.all_sent().pop().unwrap();
    station.hang_up(leaving);
    station.ended();
    let (_, fifth) = established_by(&mut station, &Message::numbered(5));
    let target = replaces(late.to_tag(), "from-n4").replace("call-n2", "call-n4");
    let mut message = Message { branch: "z9hG4bKr5".into(), ..asks(&fifth, 2, &target) };
    (message.call_id, message.from_tag) = ("call-n5@carrier".into(), "from-n5".into());
    station.recv(CARRIER, message.text());
    let Event::Refer(referral) = station.event().1 else { panic!("no referral") };
    assert!(referral.replaces.is_some() && referral.replaced.is_none());
    // A dialog that is not ours is told on, and named as nobody's.
    let (key, first) = established_by(&mut station, &Message::numbered(3));
    let mut message = asks(&first, 3, &replaces("guess", "from-n2"));
    (message.call_id, message.from_tag) = ("call-n3@carrier".into(), "from-n3".into());
    station.recv(CARRIER, message.text());
    let (of, Event::Refer(referral)) = station.event() else { panic!("no referral") };
    assert_eq!((of, referral.replaced), (key, None));
    assert_eq!(referral.replaces.unwrap().to_tag, "guess");
}

// Toll fraud (THREATS T38, T39).

#[test]
fn without_the_rule_a_refer_is_403_and_the_tu_hears_nothing() {
    let mut station = Station::new();
    let (_, ok) = established(&mut station);
    station.recv(CARRIER, asks(&ok, 2, "<sip:+882990000@x.example>").text());
    station.expect_status(403);
    assert_eq!(station.refused(Refusal::ReferForbidden), 1);
    station.expect_no_event();
    assert!(!ok.header("Allow").unwrap().contains("REFER"));
}

#[test]
fn outside_of_a_dialog_or_from_elsewhere_a_refer_is_refused() {
    let mut station = open();
    let message =
        Message { to_tag: String::new(), ..asks(&established(&mut station).1, 9, "<sip:+882990000@x.example>") };
    for from in [CARRIER, OTHER] {
        station.recv(from, Message { branch: format!("z9hG4bK{}", from.len()), ..message.clone() }.text());
        station.expect_status(403);
    }
    assert_eq!(station.refused(Refusal::ReferOutside), 2);
    let (_, ok) = established_by(&mut station, &Message::numbered(2));
    assert!(ok.header("Allow").unwrap().ends_with(", REFER"));
    let mut foreign = asks(&ok, 2, "<sip:+882990000@x.example>");
    (foreign.call_id, foreign.from_tag) = ("call-n2@carrier".into(), "from-n2".into());
    station.recv(OTHER, foreign.text());
    station.expect_status(481);
    station.expect_no_event();
}

#[test]
fn a_refer_to_anything_but_a_call_is_refused() {
    for (target, status) in [
        ("<sip:bob@x.example;method=BYE>", 403),
        ("<sip:bob@x.example;method=invite>", 403),
        ("<sips:bob@x.example;method=REGISTER>", 403),
        ("<http://169.254.169.254/latest/meta-data>", 416),
        ("<mailto:bob@x.example>", 416),
        ("<sip:bob@x.example>, <sip:eve@x.example>", 400),
        ("<sip:bob@x.example?Replaces=a>", 400),
        ("<sip:bob@x.example?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2&replaces=b%3Bto-tag%3D1%3Bfrom-tag%3D2>", 400),
        ("<sip:bob@x.example?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2%0D%0AX: y>", 400),
        ("", 400),
    ] {
        let mut station = open();
        let (_, ok) = established(&mut station);
        station.recv(CARRIER, asks(&ok, 2, target).text());
        station.expect_status(status);
        station.expect_no_event();
        assert_eq!(station.refused(Refusal::ReferTarget), 1, "{target}");
    }
    let mut station = open();
    let (_, ok) = established(&mut station);
    station.recv(CARRIER, Message::within(&ok, "REFER", 2).text());
    station.expect_status(400);
}

#[test]
fn one_refer_at_a_time_and_few_a_minute() {
    let mut station = open();
    let (key, ok) = established(&mut station);
    asked(&mut station, &ok, 2, "<sip:bob@x.example>");
    station.recv(CARRIER, asks(&ok, 3, "<sip:eve@x.example>").text());
    station.expect_status(491);
    station.command(key, Command::AcceptRefer);
    station.expect_status(202);
    station.expect_request("NOTIFY");
    station.recv(CARRIER, asks(&ok, 4, "<sip:eve@x.example>").text());
    station.expect_status(491);
    station.recv(CARRIER, asks(&ok, 5, "<sip:eve@x.example>").text());
    assert!(station.expect_status(500).header("Retry-After").is_some());
    assert_eq!((station.refused(Refusal::ReferPending), station.refused(Refusal::ReferRate)), (2, 1));
    station.expect_no_event();
}

#[test]
fn no_refer_calls_anybody_by_itself() {
    let mut station = open();
    let (key, ok) = established(&mut station);
    for (cseq, accepts) in [(2, true), (3, false)] {
        asked(&mut station, &ok, cseq, "<sip:+882990000@203.0.113.99>");
        station.command(
            key,
            if accepts { Command::AcceptRefer } else { Command::RejectRefer { status: StatusCode::DECLINE } },
        );
        station.command(key, Command::NotifyRefer { status: StatusCode::OK });
        station.pass_secs(60);
    }
    station.pass_secs(300);
    let sent = station.all_sent();
    assert!(sent.iter().all(|sent| sent.to() == CARRIER.parse().unwrap() && sent.method() != "INVITE"));
    assert!(station.connects.is_empty());
}

#[test]
fn two_of_us_over_a_network_that_loses() {
    for seed in 0..20 {
        let mut pair = Pair::new(seed, Weather::FINE);
        let (ours, theirs) = pair.established();
        pair.weather = Weather { loss: 20, duplicate: 10, delay: 5..120 };
        let target: Uri = "sip:carol@voice.example".parse().unwrap();
        let ask = Command::Refer { target: Box::new(target), replaces: None, referred_by: None };
        pair.command(Who::Caller, ours, ask);
        let mut heard = Vec::new();
        for _ in 0..400 {
            pair.pass(std::time::Duration::from_millis(250));
            for (_, event) in pair.callee.take_events() {
                if matches!(event, Event::Refer(_)) {
                    pair.command(Who::Callee, theirs, Command::AcceptRefer);
                    pair.command(Who::Callee, theirs, Command::NotifyRefer { status: StatusCode::RINGING });
                    pair.command(Who::Callee, theirs, Command::NotifyRefer { status: StatusCode::OK });
                }
            }
            heard.extend(pair.caller.take_events().into_iter().map(|(_, event)| event));
        }
        let outcomes = heard
            .iter()
            .filter(|event| matches!(event, Event::ReferProgress { is_final: true, .. } | Event::ReferFailed { .. }));
        assert_eq!(outcomes.count(), 1, "{seed}: {heard:?}");
        pair.hang_up_all(Who::Caller);
        pair.pass(std::time::Duration::from_mins(2));
        pair.expect_empty("after a transfer");
    }
}
