//! What a re-INVITE changes, and what it must not.

use std::time::Duration;

use media_engine::{
    buf::Pool,
    codec::Codec,
    rtp::{PayloadType, Seq},
    session::{Direction, Event, Keys, Reconfigure, ReconfigureError, Refusal, Session, SessionConfig},
    srtp::{self, Inbound, Outbound},
};

use crate::{
    harness::{CALLER, Call, SERVER, address, config, key, plain, secure},
    network::Conditions,
    signal,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn heard_well(call: &Call, audio: &[i16], from: Duration) -> bool {
    let delays = call.delays(audio, from);
    !delays.is_empty() && delays.iter().all(|delay| delay.likeness > 0.9)
}

/// The sequence number wraps before the re-INVITE and the rollover counter with it: with the same key both ends must keep
/// it, or no packet would be authentic any more.
#[test]
fn the_same_key_keeps_its_rollover_counter() {
    let audio = signal::noise(8_000 * 6, 1);
    let caller = SessionConfig { seq: Seq::new(65_500), ..config(secure(1, 2), SERVER, 11) };
    let mut call = Call::with(Conditions::default(), 1, caller, config(secure(2, 1), CALLER, 22));
    call.run(&audio, ms(3_000));
    let now = call.at(call.now);
    for session in [&mut call.caller, &mut call.server] {
        let hold = Reconfigure { direction: Some(Direction::Inactive), ..Reconfigure::default() };
        session.reconfigure(hold, now).unwrap();
        let resume = Reconfigure { direction: Some(Direction::SendRecv), ..Reconfigure::default() };
        session.reconfigure(resume, now).unwrap();
    }
    call.run(&audio, ms(6_000));
    assert!(heard_well(&call, &audio, ms(3_500)));
    assert_eq!(call.server.stats().refused_total(), 0);
    assert!(call.server.is_secure());
}

#[test]
fn a_new_key_replaces_the_old_one() {
    let audio = signal::noise(8_000 * 6, 1);
    let mut call = Call::new(Conditions::default(), 1);
    call.run(&audio, ms(3_000));
    let now = call.at(call.now);
    let keys = |own, peer| Keys::New { rx: Inbound::new(&key(peer)), tx: Outbound::new(&key(own)) };
    call.server.reconfigure(Reconfigure { keys: keys(8, 7), ..Reconfigure::default() }, now).unwrap();
    // For a while the peer still uses the old key: that is not understood, and does not end the call.
    call.run(&audio, ms(3_200));
    assert!(call.server.stats().refused(Refusal::Srtp(srtp::Refusal::BadTag)) >= 9);
    let now = call.at(call.now);
    call.caller.reconfigure(Reconfigure { keys: keys(7, 8), ..Reconfigure::default() }, now).unwrap();
    call.run(&audio, ms(6_000));
    assert!(heard_well(&call, &audio, ms(4_000)));
}

/// RFC 3711 9.1: a key that was left and comes back goes on, or two reports would be in one keystream.
#[test]
fn a_key_that_comes_back_goes_on_where_it_stopped() {
    let now = std::time::Instant::now();
    let mut session = Session::new(config(secure(2, 1), CALLER, 22), now);
    let mut indices = std::collections::BTreeSet::new();
    let pool = Pool::new(1);
    let mut report = |session: &mut Session, seconds: u64| {
        let mut out = pool.take().unwrap();
        let len = session.poll_rtcp(now + ms(seconds * 1_000), &mut out).expect("a report is due");
        out.set_len(len);
        // E flag and index, then the tag of ten octets (RFC 3711 3.4).
        assert!(indices.insert(out[len - 14..len - 10].to_vec()), "an SRTCP index is used again");
    };
    report(&mut session, 20);
    let other = Keys::New { rx: Inbound::new(&key(3)), tx: Outbound::new(&key(4)) };
    let left = session.reconfigure(Reconfigure { keys: other, ..Reconfigure::default() }, now).unwrap();
    let back = Keys::New { rx: Inbound::new(&key(1)), tx: left.unwrap() };
    session.reconfigure(Reconfigure { keys: back, ..Reconfigure::default() }, now).unwrap();
    report(&mut session, 40);
}

#[test]
fn a_plain_leg_can_become_secure_and_not_by_halves() {
    let now = std::time::Instant::now();
    let mut session = Session::new(config(plain(), CALLER, 22), now);
    let half = Reconfigure { keys: Keys::NewInbound(Inbound::new(&key(1))), ..Reconfigure::default() };
    assert_eq!(session.reconfigure(half, now).unwrap_err(), ReconfigureError::HalfSecure);
    assert!(!session.is_secure());
    let keys = Keys::New { rx: Inbound::new(&key(1)), tx: Outbound::new(&key(2)) };
    session.reconfigure(Reconfigure { keys, ..Reconfigure::default() }, now).unwrap();
    assert!(session.is_secure());
}

#[test]
fn hold_is_silence_in_step() {
    let audio = signal::noise(8_000 * 8, 1);
    let mut call = Call::new(Conditions::default(), 1);
    call.run(&audio, ms(3_000));
    let now = call.at(call.now);
    let hold = Reconfigure { direction: Some(Direction::SendOnly), ..Reconfigure::default() };
    call.server.reconfigure(hold, now).unwrap();
    call.run(&audio, ms(5_000));
    let silent = &call.heard[8_000 * 32 / 10..8_000 * 49 / 10];
    assert!(silent.iter().all(|&sample| sample == 0));
    assert!(call.server.stats().refused(Refusal::Direction) >= 95);
    call.assert_beat();
    let now = call.at(call.now);
    let resume = Reconfigure { direction: Some(Direction::SendRecv), ..Reconfigure::default() };
    call.server.reconfigure(resume, now).unwrap();
    call.run(&audio, ms(8_000));
    assert!(heard_well(&call, &audio, ms(5_500)));
}

#[test]
fn the_codec_can_change() {
    let audio = signal::noise(8_000 * 6, 1);
    let mut call = Call::new(Conditions::default(), 1);
    call.run(&audio, ms(3_000));
    let now = call.at(call.now);
    for session in [&mut call.caller, &mut call.server] {
        let change = Reconfigure { codec: Some((Codec::Pcma, PayloadType::PCMA)), ..Reconfigure::default() };
        session.reconfigure(change, now).unwrap();
    }
    call.run(&audio, ms(6_000));
    assert!(heard_well(&call, &audio, ms(3_500)));
    call.assert_beat();
}

#[test]
fn a_new_address_is_where_packets_go_and_come_from() {
    let audio = signal::noise(8_000 * 6, 1);
    let mut call = Call::new(Conditions::default(), 1);
    call.run(&audio, ms(3_000));
    let now = call.at(call.now);
    let moved = address("192.0.2.77:6000");
    call.server.reconfigure(Reconfigure { remote: Some(moved), ..Reconfigure::default() }, now).unwrap();
    assert_eq!(call.server.remote(), moved);
    call.run(&audio, ms(4_000));
    assert!(call.server.stats().refused(Refusal::Source) >= 49, "the old address is not listened to");
}

#[test]
fn silence_of_the_peer_is_told_once_and_so_is_its_return() {
    let audio = signal::noise(8_000 * 30, 1);
    let mut call = Call::new(Conditions::default(), 1);
    call.run(&audio, ms(2_000));
    call.mute(ms(12_000));
    call.run(&audio, ms(16_000));
    let told: Vec<&Event> = call.events.iter().filter(|event| !matches!(event, Event::FirstAuthenticated)).collect();
    assert!(matches!(told[..], [Event::InboundTimeout { .. }, Event::InboundResumed]), "{told:?}");
    assert!(heard_well(&call, &audio, ms(14_500)));
}
