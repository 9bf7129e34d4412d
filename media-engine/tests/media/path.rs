//! How late the audio is, and how much of it is heard.

use std::time::Duration;

use crate::{
    harness::{Call, Delay, FRAME},
    network::{Conditions, LATENCY},
    signal,
};

/// What cannot be helped: the time to speak a frame, and the network's own.
const INHERENT_MS: f64 = 30.0;

/// The delay has found its place. It takes so long in noise, which has no good places to leave something out.
const SETTLED: Duration = ms(8_000);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn run(conditions: Conditions, seconds: u64) -> (Call, Vec<Delay>) {
    let audio = signal::noise(8_000 * usize::try_from(seconds).unwrap(), 1);
    let mut call = Call::new(conditions, 1);
    call.run(&audio, ms(seconds * 1_000));
    let most = if conditions.stall.is_some() { ms(800) } else { ms(250) };
    let delays = call.delays_up_to(most, &audio, SETTLED);
    call.assert_beat();
    (call, delays)
}

fn good_share(delays: &[Delay]) -> f64 {
    delays.iter().filter(|delay| delay.likeness > 0.9).count() as f64 / delays.len() as f64
}

fn worst(delays: &[Delay]) -> f64 {
    delays.iter().filter(|delay| delay.likeness > 0.9).map(|delay| delay.ms).fold(0.0, f64::max)
}

#[test]
fn a_clean_network_costs_the_least_delay() {
    let (call, delays) = run(Conditions::default(), 14);
    assert!(delays.iter().all(|delay| delay.likeness > 0.9));
    // The least delay that is configured, and what is not worth a change.
    assert!(worst(&delays) <= INHERENT_MS + 30.0, "{}", worst(&delays));
    let stats = call.server.stats();
    assert_eq!((stats.lost, stats.late(), stats.refused_total()), (0, 0, 0));
    assert_eq!(stats.received, 14 * 50 - 1, "the last is still under way");
}

#[test]
fn loss_is_concealed_and_costs_no_delay() {
    // A lost packet may lie across two frames.
    for (loss, least_share) in [(0.01, 0.97), (0.03, 0.93), (0.1, 0.79)] {
        let (call, delays) = run(Conditions { loss, ..Conditions::default() }, 18);
        let (share, worst) = (good_share(&delays), worst(&delays));
        assert!(share >= least_share, "{loss}: {share}");
        let usual = delays.iter().filter(|delay| delay.likeness > 0.9 && delay.ms <= INHERENT_MS + 40.0).count();
        assert!(usual as f64 >= delays.len() as f64 * least_share, "{loss}: {worst} ms");
        let stats = call.server.stats();
        // The last ones may not be missed yet.
        assert!(call.network.lost - u64::try_from(stats.lost).unwrap() <= 2, "{loss}");
        assert!(stats.plc_frames >= call.network.lost, "{loss}");
    }
}

#[test]
fn the_delay_follows_the_jitter() {
    for (jitter, bound) in [(10, 50.0), (40, 70.0), (100, 130.0)] {
        let (call, delays) = run(Conditions { jitter: ms(jitter), ..Conditions::default() }, 20);
        assert!(worst(&delays) <= INHERENT_MS + bound, "{jitter}: {}", worst(&delays));
        assert!(good_share(&delays) >= 0.97, "{jitter}: {}", good_share(&delays));
        // While the delay is found, packets come too late; three in two hundred may later.
        let late = call.server.stats().late();
        assert!(late <= call.server.stats().received * 3 / 100, "{jitter}: {late}");
    }
}

#[test]
fn packets_out_of_order_and_twice_are_put_right() {
    let (call, delays) = run(Conditions { reorder: 0.05, duplicate: 0.1, ..Conditions::default() }, 16);
    assert!(good_share(&delays) >= 0.99, "{}", good_share(&delays));
    assert!(worst(&delays) <= INHERENT_MS + 60.0, "{}", worst(&delays));
    assert!(call.server.stats().duplicates() > 40);
}

#[test]
fn after_a_stall_the_delay_comes_back_within_a_second() {
    for length in [200, 500] {
        let stall = (ms(11_000), ms(length));
        let (call, delays) = run(Conditions { stall: Some(stall), ..Conditions::default() }, 16);
        let (end, before) = (stall.0 + stall.1, worst(&delays[..100]));
        let after: Vec<Delay> = delays.iter().filter(|delay| delay.at > end + ms(1_000)).copied().collect();
        assert!(after.len() > 100 && good_share(&after) >= 0.98, "{}", good_share(&after));
        let frame = FRAME.as_secs_f64() * 1e3;
        assert!(worst(&after) <= before + frame, "{length}: {} after {before}", worst(&after));
        // What was held up is heard, if faster.
        let stats = call.server.stats();
        assert!(stats.accelerated >= ms(length - 60), "{:?}", stats.accelerated);
        assert_eq!((stats.lost, stats.late()), (0, 0));
    }
}

#[test]
fn a_long_stall_does_not_become_a_long_delay() {
    let stall = (ms(10_000), ms(1_800));
    let (call, delays) = run(Conditions { stall: Some(stall), ..Conditions::default() }, 18);
    let after: Vec<Delay> = delays.iter().filter(|delay| delay.at > ms(11_800 + 1_200)).copied().collect();
    assert!(worst(&after) <= INHERENT_MS + 60.0, "{}", worst(&after));
    let dropped = call.server.stats().refused(media_engine::session::Refusal::Overflow);
    assert!(dropped > 40, "what is older than the bound is not played: {dropped}");
}

#[test]
fn packets_of_any_length_become_frames_of_20_ms() {
    for ptime in [10, 30, 40, 60] {
        let audio = signal::noise(8_000 * 14, 1);
        let mut call = Call::new(Conditions::default(), 1);
        call.ptime = ms(ptime);
        call.run(&audio, ms(14_000));
        call.assert_beat();
        let delays = call.delays(&audio, SETTLED);
        assert!(delays.iter().all(|delay| delay.likeness > 0.9), "{ptime}: {}", good_share(&delays));
        // The packet, the network, the least delay, and up to a frame because the lengths do not meet.
        let bound = ptime as f64 + 10.0 + 30.0 + 20.0;
        assert!(worst(&delays) <= bound, "{ptime}: {}", worst(&delays));
        assert_eq!(call.server.stats().refused_total(), 0);
    }
}

#[test]
fn a_clock_that_drifts_is_followed() {
    for ppm in [-200.0, 200.0] {
        let audio = signal::noise(8_000 * 125, 1);
        let mut call = Call::new(Conditions::default(), 1);
        call.drift_ppm = ppm;
        call.run(&audio, ms(120_000));
        let delays = call.delays(&audio, SETTLED);
        assert!(good_share(&delays) >= 0.998, "{ppm}: {}", good_share(&delays));
        // 24 ms in two minutes: less than that, and a frame of play.
        assert!(worst(&delays) <= INHERENT_MS + 60.0, "{ppm}: {}", worst(&delays));
        assert!(LATENCY < ms(20));
        assert!(call.server.stats().plc_frames <= 3, "{ppm}: {}", call.server.stats().plc_frames);
    }
}

#[test]
fn a_pause_of_the_sender_is_silence_and_shifts_nothing() {
    let audio = signal::noise(8_000 * 12, 1);
    let mut call = Call::new(Conditions::default(), 1);
    call.run(&audio, ms(9_000));
    let before = call.delays(&audio, SETTLED);
    call.mute(ms(1_000));
    call.run(&audio, ms(12_000));
    let silent = &call.heard[8_000 * 95 / 10..8_000 * 99 / 10];
    assert!(silent.iter().all(|&sample| sample == 0));
    let after = call.delays(&audio, ms(10_500));
    assert!((worst(&after) - worst(&before)).abs() < 0.2, "{} {}", worst(&after), worst(&before));
    assert_eq!(call.server.stats().lost, 0);
    call.assert_beat();
}

#[test]
fn a_worker_that_sleeps_catches_up() {
    let audio = signal::noise(8_000 * 10, 1);
    let mut call = Call::new(Conditions::default(), 1);
    call.run(&audio, ms(4_000));
    let now = call.at(ms(14_000));
    let mut frames = 0;
    while call.server.poll_uplink(now).is_some() {
        frames += 1;
    }
    // Ten seconds were missed; half a second is made up for.
    assert_eq!(frames, 26);
    assert_eq!(call.server.stats().skipped, ms(10_000 - 20 - 500));
    let next = call.server.next_uplink().unwrap();
    assert!(next > now && next <= now + FRAME);
}
