use super::*;

const LOUD: [i16; 320] = [3_000; 320];
const QUIET: [i16; 320] = [0; 320];

fn start(rate: u32) -> String {
    json!({"type": "start", "version": 1, "call_id": "c", "stream_id": "s",
           "media": {"encoding": "pcm_s16le", "rate": rate, "channels": 1, "frame_ms": 20}})
    .to_string()
}

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

fn drain(talk: &mut Talk) -> (Vec<Value>, usize) {
    let (mut texts, mut samples) = (Vec::new(), 0);
    while let Some(said) = talk.poll_message() {
        match said {
            Said::Text(text) => texts.push(serde_json::from_str(&text).unwrap()),
            Said::Audio(audio) => samples += audio.len() / 2,
        }
    }
    (texts, samples)
}

fn events(talk: &mut Talk) -> Vec<TalkEvent> {
    std::iter::from_fn(|| talk.poll_event()).collect()
}

#[test]
fn it_greets_at_the_rate_of_the_stream_with_two_marks() {
    let mut talk = Talk::new(&vec![500; 16_000], 4_000);
    talk.handle_text(&start(16_000), Instant::now());
    let (texts, samples) = drain(&mut talk);
    assert_eq!(texts[0], json!({"type": "mark", "name": "welcome"}));
    assert_eq!(texts[1], json!({"type": "mark", "name": "greeting"}));
    assert!((31_900..=32_100).contains(&samples), "{samples}");
    assert_eq!(events(&mut talk), [TalkEvent::Started { rate: 16_000 }]);
}

#[test]
fn the_caller_interrupts_and_hears_himself_four_hundred_milliseconds_later() {
    let now = Instant::now();
    let mut talk = Talk::new(&vec![500; 16_000], 4_000);
    talk.handle_text(&start(16_000), now);
    drain(&mut talk);
    for _ in 0..10 {
        talk.handle_audio(&bytes(&QUIET), now);
    }
    assert_eq!(drain(&mut talk).1, 0);
    for _ in 0..3 {
        talk.handle_audio(&bytes(&LOUD), now);
    }
    // The last frame goes out behind 400 ms of silence and earlier frames: 6,400 samples, then itself.
    let said: Vec<Said> = std::iter::from_fn(|| talk.poll_message()).collect();
    assert_eq!(said[0], Said::Text(r#"{"type":"clear"}"#.into()));
    let samples: usize = said[1..]
        .iter()
        .map(|said| match said {
            Said::Audio(audio) => audio.len() / 2,
            Said::Text(text) => panic!("{text}"),
        })
        .sum();
    assert_eq!(samples, 6_400 + 320);
    assert_eq!(said.last(), Some(&Said::Audio(bytes(&LOUD))));
    talk.handle_audio(&bytes(&LOUD), now);
    assert_eq!(drain(&mut talk).1, 320);
    let later = now + Duration::from_millis(7);
    talk.handle_text(r#"{"type":"cleared","stream_id":"s","played_ms":3060}"#, later);
    talk.handle_text(r#"{"type":"mark","name":"greeting","state":"cleared"}"#, later);
    assert_eq!(
        events(&mut talk)[1..],
        [
            TalkEvent::Heard,
            TalkEvent::Interrupted,
            TalkEvent::Echoing,
            TalkEvent::Cleared { played_ms: 3_060, took: Duration::from_millis(7) },
            TalkEvent::Mark { name: "greeting".into(), played: false },
        ]
    );
}

#[test]
fn a_polite_caller_is_echoed_after_the_greeting_and_each_turn_gets_a_mark() {
    let now = Instant::now();
    let mut talk = Talk::new(&[500; 1_600], 800);
    talk.handle_text(&start(16_000), now);
    talk.handle_audio(&bytes(&QUIET), now);
    drain(&mut talk);
    talk.handle_text(r#"{"type":"mark","name":"greeting","state":"played"}"#, now);
    for frame in std::iter::repeat_n(&LOUD, 20).chain(std::iter::repeat_n(&QUIET, 30)) {
        talk.handle_audio(&bytes(frame), now);
    }
    let (texts, samples) = drain(&mut talk);
    assert_eq!(texts, [json!({"type": "mark", "name": "turn-1"})]);
    assert_eq!(samples, 6_400 + 50 * 320);
}

#[test]
fn pieces_of_any_length_are_put_together() {
    let now = Instant::now();
    let mut talk = Talk::new(&[], 0);
    talk.handle_text(&start(16_000), now);
    talk.handle_text(r#"{"type":"mark","name":"greeting","state":"played"}"#, now);
    drain(&mut talk);
    let sound: Vec<i16> = (0..960).collect();
    for piece in bytes(&sound).chunks(7) {
        talk.handle_audio(piece, now);
    }
    let mut back = Vec::new();
    while let Some(Said::Audio(audio)) = talk.poll_message() {
        back.extend(audio);
    }
    assert_eq!(back, bytes(&sound));
}

#[test]
fn what_it_does_not_understand_does_not_stop_it() {
    let now = Instant::now();
    let mut talk = Talk::new(&[], 0);
    for text in ["", "{", "[]", "7", r#"{"type":5}"#, r#"{"type":"new-thing"}"#] {
        talk.handle_text(text, now);
    }
    talk.handle_audio(&[1, 2, 3], now);
    assert_eq!(events(&mut talk), vec![TalkEvent::Odd; 6]);
    talk.handle_text(&start(48_000), now);
    let (texts, _) = drain(&mut talk);
    assert_eq!(texts[0]["type"], "hangup");
}
