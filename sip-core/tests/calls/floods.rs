//! Floods: what they may cost, and that everybody else goes on (THREATS T31, T32, T33).

use std::time::Instant;

use sip_core::admission::Rate;
use sip_core::endpoint::Refusal;

use crate::script::Message;
use crate::station::{CARRIER, OTHER, STRANGER, Station, UDP, origin, rules};

#[test]
fn a_flood_of_strangers_leaves_nothing() {
    let mut station = Station::new();
    let text = Message::invite().text();
    for _ in 0..50_000 {
        station.recv(STRANGER, &text);
    }
    station.expect_silence();
    station.expect_empty();
    assert_eq!(station.refused(Refusal::UnknownSource), 50_000);
    station.recv(CARRIER, Message::invite().text());
    station.expect_status(100);
}

#[test]
fn a_trunk_over_its_rate_costs_no_memory_and_harms_no_other() {
    let mut rules = rules();
    rules[0] = rules[0].clone().rate(Rate { per_second: 10, burst: 10 });
    let mut station = Station::with(rules, |_| {});
    for call in 0..5_000 {
        station.recv(CARRIER, Message::numbered(call).text());
        if call % 500 == 0 {
            station.all_sent();
            station.recv(OTHER, Message::numbered(100_000 + call).text());
            station.expect_status(100);
        }
    }
    let stats = station.stats();
    assert_eq!((stats.calls, stats.transactions), (20, 20));
    assert_eq!(stats.refused(Refusal::TrunkRate), 5_000 - 10);
}

#[test]
fn requests_outside_of_dialogs_keep_no_state() {
    let mut station = Station::new();
    for (number, method) in ["OPTIONS", "REGISTER", "SUBSCRIBE", "MESSAGE", "BYE", "CANCEL", "BREW", "ACK", "UPDATE"]
        .into_iter()
        .cycle()
        .take(5_000)
        .enumerate()
    {
        station.recv(CARRIER, Message { method, body: String::new(), ..Message::numbered(number) }.text());
    }
    station.expect_empty();
    station.expect_no_event();
}

#[test]
fn the_tables_have_caps_and_say_503() {
    let mut station = Station::with(rules(), |config| {
        config.caps.calls = 50;
        config.caps.transactions = 200;
    });
    for call in 0..60 {
        station.recv(CARRIER, Message::numbered(call).text());
    }
    assert_eq!(station.stats().calls, 50);
    assert_eq!(station.refused(Refusal::DialogsFull), 10);
    let refused = station.all_sent().pop().unwrap();
    let wait: u32 = refused.header("Retry-After").unwrap().parse().unwrap();
    assert!((5..=15).contains(&wait));
    // Calls that nobody answers are gone after the last resort, and there is room again.
    station.pass_secs(181 + 64);
    station.all_sent();
    station.expect_empty();
}

#[test]
fn unanswered_calls_have_a_cap_of_their_own() {
    let mut station = Station::with(rules(), |config| config.caps.unanswered = 3);
    for call in 0..5 {
        station.recv(CARRIER, Message::numbered(call).text());
    }
    assert_eq!((station.stats().unanswered, station.refused(Refusal::UnansweredFull)), (3, 2));
    let (answered, refused) = (station.incoming(), station.incoming());
    station.answer(answered);
    station.hang_up(refused);
    assert_eq!(station.stats().unanswered, 1);
    station.recv(CARRIER, Message::numbered(6).text());
    assert_eq!(station.stats().unanswered, 2);
}

#[test]
fn transactions_have_a_cap_and_a_bye_still_ends_its_call() {
    let mut station = Station::with(rules(), |config| config.caps.transactions = 30);
    let (_, ok) = crate::script::established(&mut station);
    for cseq in 2..60 {
        station.recv(CARRIER, Message::within(&ok, "INFO", cseq).text());
    }
    assert_eq!(station.stats().transactions, 30);
    assert!(station.refused(Refusal::TransactionsFull) > 0);
    station.all_sent();
    station.recv(CARRIER, Message::within(&ok, "BYE", 60).text());
    station.ended();
    assert_eq!(station.stats().calls, 0);
}

#[test]
fn a_flood_within_a_dialog_is_slowed_and_its_bye_is_not() {
    let mut station = Station::new();
    let (_, ok) = crate::script::established(&mut station);
    for cseq in 2..2_000 {
        station.recv(CARRIER, Message::within(&ok, "OPTIONS", cseq).text());
    }
    assert_eq!(station.refused(Refusal::InDialogRate), 1_998 - 200);
    station.all_sent();
    station.recv(CARRIER, Message::within(&ok, "BYE", 2_000).text());
    station.expect_status(200);
}

#[test]
fn reject_storms_end_with_empty_tables() {
    let mut station = Station::new();
    for call in 0..2_000 {
        station.recv(CARRIER, Message::numbered(call).text());
        let key = station.incoming();
        station.hang_up(key);
        station.ended();
    }
    assert_eq!((station.stats().calls, station.stats().transactions), (0, 2_000));
    // Nobody sends an ACK: timer H ends each.
    station.pass_secs(33);
    station.all_sent();
    station.expect_empty();
}

/// What a dropped datagram, an OPTIONS and a refused call cost. A figure for people, and a bound that only a gross
/// mistake breaks: this is an unoptimised build.
#[test]
fn refusing_is_cheap() {
    let mut station = Station::new();
    let stranger = bytes::Bytes::from(Message::invite().text());
    let started = origin();
    for _ in 0..10_000 {
        let input = sip_core::endpoint::Input::Datagram {
            listener: UDP,
            remote: STRANGER.parse().unwrap(),
            bytes: stranger.clone(),
        };
        station.endpoint.handle_input(input, station.now);
    }
    let each = since(started) / 10_000;
    println_figure("stranger's datagram", each);
    assert!(each.as_micros() < 200, "{each:?}");
}

fn since(started: Instant) -> std::time::Duration {
    origin() - started
}

fn println_figure(what: &str, each: std::time::Duration) {
    // Shown by `cargo nextest run --no-capture`.
    std::io::Write::write_all(&mut std::io::stderr(), format!("{what}: {each:?}\n").as_bytes()).unwrap();
}
