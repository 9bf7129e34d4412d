//! Telephone events from one session to the other.

use std::time::Duration;

use media_engine::{
    dtmf::Key,
    pci::Mode,
    session::{Event, Session},
};

use crate::{
    harness::{CALLER, Call, SERVER, config, secure},
    network::Conditions,
    signal,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn dial(caller: &mut Session, digits: &str) {
    for digit in digits.chars() {
        assert!(caller.send_digit(Key::from_char(digit).unwrap(), ms(100)));
    }
}

fn dialled(call: &Call) -> String {
    let digits =
        call.events.iter().filter_map(|event| if let Event::Digit(digit) = event { Some(digit) } else { None });
    digits.map(|digit| digit.digit.to_char()).collect()
}

#[test]
fn each_digit_arrives_once_whatever_the_network_does() {
    const DIGITS: &str = "0123456789*#ABCD55500";
    for (seed, conditions) in [
        Conditions::default(),
        Conditions { loss: 0.1, ..Conditions::default() },
        Conditions { jitter: ms(60), ..Conditions::default() },
        Conditions { duplicate: 0.3, reorder: 0.1, loss: 0.05, ..Conditions::default() },
    ]
    .into_iter()
    .enumerate()
    {
        let audio = signal::noise(8_000 * 8, 1);
        let mut call = Call::new(conditions, seed as u64);
        call.run(&audio, ms(1_000));
        dial(&mut call.caller, DIGITS);
        call.run(&audio, ms(8_000));
        assert!(!call.caller.is_sending_digits());
        assert_eq!(dialled(&call), DIGITS, "{conditions:?}");
    }
}

#[test]
fn the_duration_is_told() {
    let audio = signal::noise(8_000 * 4, 1);
    let mut call = Call::new(Conditions::default(), 1);
    assert!(call.caller.send_digit(Key::from_char('5').unwrap(), ms(240)));
    call.run(&audio, ms(3_000));
    let digit = call.events.iter().find_map(|event| if let Event::Digit(digit) = event { Some(*digit) } else { None });
    assert_eq!(digit.unwrap().duration, ms(240));
    // Packets of events are not lost audio.
    assert_eq!(call.server.stats().lost, 0);
    // After the digit the audio is where it was.
    assert!(call.delays(&audio, ms(2_000)).iter().all(|delay| delay.likeness > 0.9 && delay.ms < 75.0));
}

#[test]
fn a_closed_guard_lets_neither_digits_nor_audio_through() {
    let audio = signal::noise(8_000 * 4, 1);
    let mut server = config(secure(2, 1), CALLER, 22);
    server.guard = Mode::Closed;
    let mut call = Call::with(Conditions::default(), 1, config(secure(1, 2), SERVER, 11), server);
    dial(&mut call.caller, "123");
    call.run(&audio, ms(2_000));
    assert_eq!(dialled(&call), "");
    assert!(call.heard.iter().all(|&sample| sample == 0));
    call.server.set_guard(Mode::Open);
    call.run(&audio, ms(4_000));
    assert!(call.delays(&audio, ms(2_200)).iter().all(|delay| delay.likeness > 0.9));
}

#[test]
fn a_guard_that_holds_frames_back_delays_by_just_that() {
    let audio = signal::noise(8_000 * 4, 1);
    let run = |hold| {
        let mut server = config(secure(2, 1), CALLER, 22);
        server.guard_hold = hold;
        let mut call = Call::with(Conditions::default(), 1, config(secure(1, 2), SERVER, 11), server);
        call.run(&audio, ms(4_000));
        call.assert_beat();
        call.heard
    };
    let (at_once, held) = (run(0), run(3));
    assert!(held[..480].iter().all(|&sample| sample == 0));
    assert_eq!(held[480..], at_once[..at_once.len() - 480]);
}

#[test]
fn without_agreement_no_digit_is_sent() {
    let mut quiet = config(secure(1, 2), SERVER, 11);
    quiet.telephone_event = None;
    let mut session = Session::new(quiet, std::time::Instant::now());
    assert!(!session.send_digit(Key::from_char('1').unwrap(), ms(100)));
}
