//! RTCP between two sessions.

use std::time::{Duration, Instant};

use media_engine::{
    buf::Pool,
    session::{Event, Refusal, Session},
};

use crate::{
    harness::{CALLER, Call, SERVER, address, config, plain, secure},
    network::Conditions,
    signal,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn reports_tell_of_loss_and_time() {
    let audio = signal::noise(8_000 * 30, 1);
    let mut call = Call::new(Conditions { loss: 0.05, ..Conditions::default() }, 1);
    let (mut from_caller, mut from_server) = (0, 0);
    for step in 0..3_000_u64 {
        call.run(&audio, ms(step * 10));
        let now = call.at(call.now);
        let mut out = call.pool.take().unwrap();
        if call.caller.poll_rtcp(now, &mut out).is_some() {
            from_caller += 1;
            call.server.handle_rtp(out, address(CALLER), now + ms(30));
        }
        let mut out = call.pool.take().unwrap();
        if call.server.poll_rtcp(now, &mut out).is_some() {
            from_server += 1;
            call.caller.handle_rtp(out, address(SERVER), now + ms(30));
        }
    }
    // Every five seconds or so, neither much more nor much less (RFC 3550 6.2).
    assert!((3..=11).contains(&from_caller) && (3..=11).contains(&from_server), "{from_caller} {from_server}");
    assert_eq!(call.server.stats().rtcp_received, from_caller);
    assert_eq!(call.caller.stats().rtcp_received, from_server);
    let stats = call.caller.stats();
    assert!(stats.remote_lost > 30, "{}", stats.remote_lost);
    let round_trip = stats.round_trip.unwrap();
    assert!((ms(58)..=ms(62)).contains(&round_trip), "{round_trip:?}");
}

#[test]
fn a_bye_is_told_and_ends_nothing() {
    let audio = signal::noise(8_000 * 4, 1);
    let mut call = Call::new(Conditions::default(), 1);
    call.run(&audio, ms(2_000));
    let now = call.at(call.now);
    let mut out = call.pool.take().unwrap();
    assert!(call.caller.poll_rtcp_bye(now, &mut out).is_some());
    call.server.handle_rtp(out, address(CALLER), now);
    call.run(&audio, ms(4_000));
    assert!(call.events.contains(&Event::RtcpBye));
    assert!(call.delays(&audio, ms(2_500)).iter().all(|delay| delay.likeness > 0.9));
}

#[test]
fn who_never_sent_does_not_say_goodbye() {
    let now = Instant::now();
    let mut session = Session::new(config(secure(1, 2), SERVER, 11), now);
    assert!(session.poll_rtcp_bye(now, &mut Pool::new(1).take().unwrap()).is_none());
}

#[test]
fn plain_and_foreign_rtcp_is_refused() {
    let now = Instant::now();
    let pool = Pool::new(4);
    let mut plain_caller = Session::new(config(plain(), SERVER, 11), now);
    let mut server = Session::new(config(secure(2, 1), CALLER, 22), now);
    let later = now + ms(8_000);
    let mut report = || {
        let mut out = pool.take().unwrap();
        plain_caller.poll_rtcp(later, &mut out).map(|_| out)
    };
    server.handle_rtp(report().unwrap(), address(CALLER), later);
    let mut other = pool.take().unwrap();
    assert!(other.copy_from(&[0x80, 201, 0, 1, 0, 0, 0, 11]));
    server.handle_rtp(other, address("203.0.113.66:4001"), later);
    assert_eq!(server.stats().rtcp_received, 0);
    assert_eq!(server.stats().refused(Refusal::Source), 1);
    assert_eq!(server.stats().refused_total(), 2);
}

#[test]
fn rtcp_has_its_own_port_when_it_is_not_muxed() {
    let now = Instant::now();
    let pool = Pool::new(4);
    let mut split = config(secure(2, 1), CALLER, 22);
    split.remote_rtcp = Some(address("192.0.2.10:4001"));
    let mut server = Session::new(split, now);
    let mut caller = Session::new(config(secure(1, 2), SERVER, 11), now);
    let later = now + ms(8_000);
    let mut out = pool.take().unwrap();
    caller.poll_rtcp(later, &mut out).unwrap();
    let octets = out.to_vec();
    server.handle_rtp(out, address(CALLER), later);
    assert_eq!(server.stats().refused(Refusal::Protocol), 1);
    let mut again = pool.take().unwrap();
    assert!(again.copy_from(&octets));
    server.handle_rtcp(again, address("192.0.2.10:4001"), later);
    assert_eq!(server.stats().rtcp_received, 1);
    assert_eq!(server.remote_rtcp(), address("192.0.2.10:4001"));
}
