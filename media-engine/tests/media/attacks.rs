//! What others send does not disturb the stream, and moves it nowhere.

use std::time::{Duration, Instant};

use media_engine::{
    audio::{Pcm, SampleRate},
    buf::{PacketBuf, Pool},
    rtp::{HeaderWriter, PayloadType, RtpTimestamp, Seq, Ssrc},
    session::{Event, Refusal, Session, SessionConfig, SourcePolicy},
    srtp,
};

use crate::{
    harness::{CALLER, Call, SERVER, address, config, plain, secure},
    network::Conditions,
    signal,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn packet(pool: &Pool, ssrc: u32, seq: u16, timestamp: u32, payload: &[u8]) -> PacketBuf {
    let writer = HeaderWriter {
        marker: false,
        payload_type: PayloadType::PCMU,
        seq: Seq::new(seq),
        timestamp: RtpTimestamp::new(timestamp),
        ssrc: Ssrc::new(ssrc),
    };
    let mut buf = pool.take().unwrap();
    let room = writer.write(buf.room_mut()).unwrap();
    room[..payload.len()].copy_from_slice(payload);
    buf.set_len(12 + payload.len());
    buf
}

fn frame() -> Pcm {
    Pcm::from_slice(SampleRate::Hz8000, &signal::noise(160, 3)).unwrap()
}

fn policy(config: SessionConfig, source: SourcePolicy) -> SessionConfig {
    SessionConfig { source, ..config }
}

fn events(session: &mut Session) -> Vec<Event> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

/// One authentic packet of the caller.
fn authentic(caller: &mut Session, pool: &Pool, now: Instant) -> PacketBuf {
    let mut out = pool.take().unwrap();
    caller.send_audio(&frame(), now, &mut out).unwrap();
    out
}

/// The same call with and without an attack gives the same audio, sample by sample.
#[test]
fn forged_and_plain_packets_leave_a_secure_stream_unharmed() {
    let audio = signal::noise(8_000 * 6, 1);
    let mut undisturbed = Call::new(Conditions::default(), 1);
    undisturbed.run(&audio, ms(6_000));

    let mut call = Call::new(Conditions::default(), 1);
    let (source, stranger) = (address(CALLER), address("203.0.113.66:4000"));
    let mut sent = 0;
    for step in 0..600_u32 {
        call.run(&audio, ms(u64::from(step) * 10));
        let now = call.at(call.now);
        for forged in 0..20_u32 {
            let (seq, timestamp) = ((11 + step / 2 + forged) as u16, 11_u32.wrapping_mul(2_654_435_761) + step * 80);
            // Plain, with the right SSRC and sequence number; with a tag of nonsense; from elsewhere; too short; not RTP.
            let payloads: [&[u8]; 4] = [&[0x55; 160], &[0x55; 170], &[0x55; 9], &[]];
            let payload = payloads[forged as usize % 4];
            let from = if forged % 5 == 0 { stranger } else { source };
            call.server.handle_rtp(packet(&call.pool, 11, seq, timestamp, payload), from, now);
            call.server.handle_rtp(packet(&call.pool, forged, seq, timestamp, payload), from, now);
            let mut odd = packet(&call.pool, 11, seq, timestamp, payload);
            odd[0] = forged as u8;
            call.server.handle_rtp(odd, from, now);
            sent += 3;
        }
    }
    call.run(&audio, ms(6_000));
    assert_eq!(call.heard, undisturbed.heard);
    assert_eq!(call.deadlines, undisturbed.deadlines);
    let stats = call.server.stats();
    assert_eq!(stats.received, undisturbed.server.stats().received);
    assert_eq!(stats.refused_total(), sent);
    assert!(stats.refused(Refusal::Srtp(srtp::Refusal::BadTag)) > 5_000);
    assert!(stats.refused(Refusal::Source) > 1_000);
    assert!(call.events.iter().all(|event| matches!(event, Event::FirstAuthenticated | Event::AuthFailures { .. })));
    assert_eq!(call.server.remote(), address(CALLER));
}

#[test]
fn authentication_failures_are_told_seldom() {
    let now = Instant::now();
    let pool = Pool::new(8);
    let mut server = Session::new(config(secure(2, 1), CALLER, 22), now);
    for seq in 0..100_000_u32 {
        server.handle_rtp(packet(&pool, 11, seq as u16, seq, &[1; 170]), address(CALLER), now);
    }
    let runs: Vec<Event> = events(&mut server);
    let expected = [50, 500, 5_000, 50_000].map(|run| Event::AuthFailures { run });
    assert_eq!(runs, expected);
    // The call goes on.
    let mut caller = Session::new(config(secure(1, 2), SERVER, 11), now);
    server.handle_rtp(authentic(&mut caller, &pool, now), address(CALLER), now);
    assert_eq!(events(&mut server), [Event::FirstAuthenticated]);
}

#[test]
fn replayed_packets_are_refused() {
    let now = Instant::now();
    let pool = Pool::new(8);
    let mut caller = Session::new(config(secure(1, 2), SERVER, 11), now);
    let mut server = Session::new(config(secure(2, 1), CALLER, 22), now);
    let octets = authentic(&mut caller, &pool, now).to_vec();
    for _ in 0..4 {
        let mut copy = pool.take().unwrap();
        assert!(copy.copy_from(&octets));
        server.handle_rtp(copy, address(CALLER), now);
    }
    assert_eq!(server.stats().received, 1);
    assert_eq!(server.stats().refused(Refusal::Srtp(srtp::Refusal::Replayed)), 3);
}

/// T01: no cell of the matrix may inject or bleed.
#[test]
fn only_an_accepted_packet_moves_a_leg_and_only_once() {
    let elsewhere = "203.0.113.66:9999";
    let same_ip = "192.0.2.10:5555";
    let now = Instant::now();
    let pool = Pool::new(8);
    for source in [SourcePolicy::Signalled, SourcePolicy::SameIp, SourcePolicy::Symmetric] {
        for is_secure in [true, false] {
            for from in [elsewhere, same_ip] {
                let leg = |own, peer| if is_secure { secure(own, peer) } else { plain() };
                let mut caller = Session::new(config(leg(1, 2), SERVER, 11), now);
                let mut server = Session::new(policy(config(leg(2, 1), CALLER, 22), source), now);

                // What is not RTP, not of an agreed payload type, or (on a secure leg) not authentic moves nothing.
                server.handle_rtp(packet(&pool, 11, 1, 1, &[0; 3]), address(from), now);
                let mut unknown_type = packet(&pool, 11, 1, 1, &[0; 170]);
                unknown_type[1] = 77;
                server.handle_rtp(unknown_type, address(from), now);
                let moved_by_garbage = server.remote() != address(CALLER);
                // A plain leg can't tell a forged packet from a true one: there the policy is all there is.
                let allowed = from == same_ip && source != SourcePolicy::Signalled
                    || is_secure && source == SourcePolicy::Symmetric;
                assert_eq!(moved_by_garbage, allowed && !is_secure, "{source:?} {is_secure} {from}");

                server.handle_rtp(authentic(&mut caller, &pool, now), address(from), now);
                let expected = if allowed { from } else { CALLER };
                assert_eq!(server.remote(), address(expected), "{source:?} {is_secure} {from}");

                // Once it has moved, or heard the right one, nothing moves it again.
                server.handle_rtp(authentic(&mut caller, &pool, now), address(CALLER), now);
                server.handle_rtp(authentic(&mut caller, &pool, now), address("192.0.2.10:6666"), now);
                assert_eq!(server.remote(), address(expected), "{source:?} {is_secure} {from}");
                let latched =
                    events(&mut server).iter().filter(|event| matches!(event, Event::SourceLatched { .. })).count();
                assert_eq!(latched, usize::from(allowed));
            }
        }
    }
}

#[test]
fn a_second_ssrc_on_a_plain_leg_is_not_heard_while_the_first_sends() {
    let now = Instant::now();
    let pool = Pool::new(64);
    let mut server = Session::new(config(plain(), CALLER, 22), now);
    for at in 0..200_u16 {
        let time = now + ms(u64::from(at) * 20);
        server.handle_rtp(packet(&pool, 11, at, u32::from(at) * 160, &[0x7f; 160]), address(CALLER), time);
        // Two injected packets for each genuine one, of full loudness.
        for injected in 0..2 {
            let payload = [0x00; 160];
            server.handle_rtp(
                packet(&pool, 66, at * 2 + injected, u32::from(at) * 160, &payload),
                address(CALLER),
                time,
            );
        }
        while let Some(heard) = server.poll_uplink(time) {
            assert!(heard.get().samples().iter().all(|sample| sample.unsigned_abs() < 100));
        }
    }
    assert_eq!(server.stats().refused(Refusal::Probation), 400);
    let told = events(&mut server);
    assert_eq!(told.iter().filter(|event| matches!(event, Event::SsrcConflict { .. })).count(), 1);
    assert!(!told.iter().any(|event| matches!(event, Event::SsrcChanged { .. })));
}

#[test]
fn a_flood_of_authentic_packets_is_capped() {
    let start = Instant::now();
    let pool = Pool::new(256);
    let mut caller = Session::new(config(secure(1, 2), SERVER, 11), start);
    let mut server = Session::new(config(secure(2, 1), CALLER, 22), start);
    for at in 0..5_000_u64 {
        // Ten times as many as there should be.
        let now = start + ms(at * 2);
        let buf = authentic(&mut caller, &pool, now);
        server.handle_rtp(buf, address(CALLER), now);
        while server.poll_uplink(now).is_some() {}
        assert!(pool.gauge().in_use <= media_engine::limits::MAX_JITTER_PACKETS + 2);
    }
    let stats = server.stats();
    assert_eq!(stats.frames, 499);
    assert!(stats.refused(Refusal::Rate) > 2_200, "{}", stats.refused(Refusal::Rate));
}

#[test]
fn an_ssrc_that_changes_is_followed_on_a_secure_leg() {
    let audio = signal::noise(8_000 * 6, 1);
    let mut call = Call::new(Conditions::default(), 1);
    call.run(&audio, ms(3_000));
    // The peer's media server is replaced: same key, another SSRC, another sequence.
    call.caller = Session::new(config(secure(1, 2), SERVER, 99), call.at(call.now));
    call.run(&audio, ms(6_000));
    assert!(call.events.contains(&Event::SsrcChanged { ssrc: Ssrc::new(99) }));
    let delays = call.delays(&audio, ms(4_000));
    assert!(delays.iter().all(|delay| delay.likeness > 0.9));
    assert_eq!(call.server.stats().ssrc_changes, 1);
}

#[test]
fn jumps_of_a_hostile_peer_stay_within_bounds() {
    let start = Instant::now();
    let pool = Pool::new(128);
    let mut server = Session::new(config(plain(), CALLER, 22), start);
    let mut state = 1_u32;
    for at in 0..20_000_u64 {
        let now = start + ms(at * 5);
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let payload = [0xff; 1_400];
        let len = (state >> 8) as usize % 1_400;
        server.handle_rtp(packet(&pool, 11, (state >> 16) as u16, state, &payload[..len]), address(CALLER), now);
        server.handle_rtp(packet(&pool, 11, at as u16, state, &payload[..len]), address(CALLER), now);
        while let Some(frame) = server.poll_uplink(now) {
            assert_eq!(frame.get().len(), 160);
        }
        assert!(pool.gauge().in_use <= media_engine::limits::MAX_JITTER_PACKETS + 2);
    }
    assert_eq!(server.stats().frames, 20_000 * 5 / 20 - 1);
}
