//! Concealment by itself.

use media_engine::{audio::SampleRate, codec::Plc};

use crate::signal;

const FRAME: usize = 160;

/// Plays `audio` with the frames in `lost` concealed.
fn play(audio: &[i16], lost: impl Fn(usize) -> bool) -> Vec<i16> {
    let mut plc = Plc::new(SampleRate::Hz8000);
    let mut out = audio.to_vec();
    for (number, frame) in out.chunks_mut(FRAME).enumerate() {
        if lost(number) {
            frame.fill(0);
            plc.conceal(frame);
        } else {
            plc.on_audio(frame);
        }
    }
    out
}

fn power(samples: &[i16]) -> f64 {
    samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64
}

#[test]
fn without_loss_nothing_changes() {
    let audio = signal::speech(8_000, 1);
    assert_eq!(play(&audio, |_| false), audio);
}

#[test]
fn a_gap_in_a_periodic_sound_is_filled_with_the_same() {
    // 125 Hz with overtones: a period of 64 samples.
    let audio: Vec<i16> = (0..8_000)
        .map(|n| {
            let phase = f64::from(n) * std::f64::consts::TAU / 64.0;
            (4_000.0 * (phase.sin() + 0.5 * (3.0 * phase).cos() + 0.3 * (7.0 * phase).sin())) as i16
        })
        .collect();
    let out = play(&audio, |number| number == 20);
    // For 10 ms it is the very same.
    let (from, until) = (20 * FRAME, 20 * FRAME + 80);
    let error: f64 = (from..until).map(|at| f64::from(out[at] - audio[at]).powi(2)).sum::<f64>() / 80.0;
    assert!(10.0 * (power(&audio[from..until]) / error.max(1e-9)).log10() > 30.0, "{error}");
    // And so it is again after the fade.
    assert_eq!(out[21 * FRAME + 80..], audio[21 * FRAME + 80..]);
}

#[test]
fn it_fades_from_10_ms_and_is_silent_from_60_ms() {
    let audio = signal::sine(200.0, 8_000.0, 8_000);
    let out = play(&audio, |number| (20..26).contains(&number));
    let start = 20 * FRAME;
    let level =
        |from_ms: usize| (power(&out[start + from_ms * 8..start + from_ms * 8 + 80]) / power(&audio[..8_000])).sqrt();
    assert!(level(0) > 0.97, "{}", level(0));
    for (at, expected) in [(10, 0.9), (20, 0.7), (30, 0.5), (40, 0.3), (50, 0.1)] {
        assert!((level(at) - expected).abs() < 0.06, "{at} ms: {}", level(at));
    }
    assert!(out[start + 60 * 8..start + 120 * 8].iter().all(|&sample| sample == 0));
}

#[test]
fn neither_end_of_a_gap_clicks() {
    for seed in 0..20 {
        let audio = signal::speech(16_000, seed);
        let out = play(&audio, |number| number % 11 == 5);
        let largest = |samples: &[i16]| {
            samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap()
        };
        // Around each joint the steps are no larger than those of the speech nearby.
        for joint in (0..90).filter(|number| number % 11 == 5).flat_map(|number| [number * FRAME, (number + 1) * FRAME])
        {
            let around = largest(&out[joint - 2..joint + 2]);
            let nearby = largest(&audio[joint.saturating_sub(400)..joint + 400]);
            assert!(around <= nearby * 5 / 4 + 50, "seed {seed} at {joint}: {around} against {nearby}");
        }
    }
}

#[test]
fn after_a_long_gap_audio_comes_in_softly() {
    let audio = vec![8_000; 8_000];
    let out = play(&audio, |number| (10..20).contains(&number));
    let back = &out[20 * FRAME..21 * FRAME];
    assert!(back[0] < 200 && back[40] < 4_500 && back[79] > 7_800, "{} {} {}", back[0], back[40], back[79]);
    assert_eq!(back[80..], audio[..80]);
}

#[test]
fn it_takes_pieces_of_any_length() {
    let mut audio = signal::speech(8_000, 3);
    let mut whole = Plc::new(SampleRate::Hz8000);
    let mut pieces = Plc::new(SampleRate::Hz8000);
    whole.on_audio(&mut audio);
    pieces.on_audio(&mut audio);
    let (mut one, mut many) = ([0; 480], [0; 480]);
    whole.conceal(&mut one);
    for piece in many.chunks_mut(7) {
        pieces.conceal(piece);
    }
    assert_eq!(one, many);
}

#[test]
fn loud_audio_does_not_wrap() {
    let audio: Vec<i16> = (0..8_000).map(|n| if n / 31 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    let out = play(&audio, |number| number % 3 == 2);
    assert_eq!(out.len(), audio.len());
    let mut silent = Plc::new(SampleRate::Hz16000);
    let mut frame = [1; 320];
    silent.conceal(&mut frame);
    assert_eq!(frame, [0; 320]);
}
