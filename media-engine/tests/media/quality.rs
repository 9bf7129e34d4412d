//! How the audio sounds: continuity of tones and speech through loss, drift and catching up.

use std::time::Duration;

use media_engine::audio::SampleRate;

use crate::{
    harness::{CALLER, Call, SERVER, config, secure},
    network::Conditions,
    signal,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The largest step between two samples, in parts of the largest step of the tone itself: a click is a large one.
fn roughest(heard: &[i16], hz: f64) -> f64 {
    let usual = signal::AMPLITUDE * std::f64::consts::TAU * hz / 8_000.0;
    heard.windows(2).map(|pair| f64::from((i32::from(pair[1]) - i32::from(pair[0])).abs()) / usual).fold(0.0, f64::max)
}

#[test]
fn a_tone_passes_as_well_as_g711_allows() {
    let tone = signal::sine(1_000.0, 8_000.0, 8_000 * 5);
    let mut call = Call::new(Conditions::default(), 1);
    call.run(&tone, ms(5_000));
    let snr = signal::tone_snr(&call.heard[16_000..32_000], 1_000.0, 8_000.0);
    assert!(snr > 36.0, "{snr}");
}

#[test]
fn a_tone_at_16_khz_passes_too() {
    let tone = signal::sine(1_000.0, 8_000.0, 8_000 * 5);
    let mut server = config(secure(2, 1), CALLER, 22);
    server.uplink_rate = SampleRate::Hz16000;
    let mut call = Call::with(Conditions::default(), 1, config(secure(1, 2), SERVER, 11), server);
    call.run(&tone, ms(5_000));
    assert!(call.heard.len() >= 16_000 * 5 - 320);
    let snr = signal::tone_snr(&call.heard[32_000..64_000], 1_000.0, 16_000.0);
    assert!(snr > 36.0, "{snr}");
}

#[test]
fn lost_packets_of_a_tone_leave_no_hole_and_no_click() {
    for hz in [200.0, 440.0, 1_004.0] {
        let tone = signal::sine(hz, 8_000.0, 8_000 * 10);
        let mut call = Call::new(Conditions { loss: 0.05, ..Conditions::default() }, 3);
        call.run(&tone, ms(10_000));
        let heard = &call.heard[8_000..];
        assert!(call.network.lost > 15);
        assert!(roughest(heard, hz) < 1.3, "{hz}: {}", roughest(heard, hz));
        // Of a single loss at most the second half fades, by a fifth.
        let quiet = heard.chunks(80).filter(|chunk| power(chunk) < 0.25 * signal::AMPLITUDE.powi(2) / 2.0).count();
        assert!(quiet <= 4, "{hz}: {quiet}");
    }
}

#[test]
fn a_drifting_tone_does_not_click() {
    for ppm in [-500.0, 500.0] {
        let tone = signal::sine(440.0, 8_000.0, 8_000 * 65);
        let mut call = Call::new(Conditions::default(), 1);
        call.drift_ppm = ppm;
        call.run(&tone, ms(60_000));
        let stats = call.server.stats();
        // 30 ms have come too much or too little, and were left out or repeated.
        assert!(stats.accelerated.max(stats.expanded) >= ms(5), "{ppm}: {stats:?}");
        let rough = roughest(&call.heard[8_000..], 440.0);
        assert!(rough < 1.2, "{ppm}: {rough}");
    }
}

#[test]
fn speech_is_heard_whole_while_a_backlog_is_caught_up() {
    let speech = signal::speech(8_000 * 12, 5);
    let mut call = Call::new(Conditions { stall: Some((ms(5_000), ms(500))), ..Conditions::default() }, 1);
    call.run(&speech, ms(12_000));
    // Pieces of 15 ms of what was held up are found again where it was played.
    let held_up = 8_000 * 49 / 10..8_000 * 54 / 10;
    let played = &call.heard[8_000 * 5..8_000 * 7];
    let pieces: Vec<&[i16]> = speech[held_up].chunks(120).filter(|piece| power(piece) > 40_000.0).collect();
    let found = pieces.iter().filter(|piece| signal::find(piece, played, 0..played.len()).1 > 0.9).count();
    assert!(pieces.len() > 15 && found * 10 >= pieces.len() * 7, "{found} of {}", pieces.len());
}

#[test]
fn speech_with_loss_stays_alike() {
    let speech = signal::speech(8_000 * 20, 9);
    for (loss, bound) in [(0.0, 0.99), (0.03, 0.93), (0.1, 0.85)] {
        let mut call = Call::new(Conditions { loss, ..Conditions::default() }, 2);
        call.run(&speech, ms(20_000));
        // The delay has settled after six seconds.
        let heard = &call.heard[8_000 * 6..8_000 * 19];
        let (place, _) = signal::find(&heard[..8_000], &speech, 46_000..49_000);
        let likeness = signal::likeness(heard, &speech[place..place + heard.len()]);
        assert!(likeness > bound, "{loss}: {likeness}");
    }
}

fn power(samples: &[i16]) -> f64 {
    samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64
}
