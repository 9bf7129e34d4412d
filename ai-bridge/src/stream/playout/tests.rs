//! The queue against a model that keeps every sample with its origin, and the cases that matter by hand.

use std::time::{Duration, Instant};

use media_engine::audio::SampleRate;
use proptest::prelude::*;

use super::*;
use crate::limits::{MAX_PENDING_MARKS, MAX_SEGMENTS, TAIL_HOLD};

const RATE: SampleRate = SampleRate::Hz8000;

#[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
fn origin() -> Instant {
    Instant::now()
}

fn queue() -> PlayQueue {
    PlayQueue::new(RATE, QueueLimits::default())
}

fn octets(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn names(queue: &mut PlayQueue) -> Vec<(String, MarkState)> {
    std::iter::from_fn(|| queue.poll_mark()).map(|mark| (mark.name, mark.state)).collect()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn an_odd_octet_waits_for_its_other_half() {
    let now = origin();
    let mut queue = queue();
    let all = octets(&(0..160).collect::<Vec<i16>>());
    for piece in [&all[..1], &all[1..2], &all[2..101], &all[101..101], &all[101..]] {
        queue.push(piece, None, now);
    }
    assert_eq!(queue.pop(now).unwrap().samples(), (0..160).collect::<Vec<i16>>());
}

#[test]
fn a_tail_waits_and_is_then_filled_up_with_silence() {
    let now = origin();
    let mut queue = queue();
    queue.push(&octets(&[7; 100]), None, now);
    assert!(queue.pop(now).is_none());
    assert!(queue.pop(now + ms(39)).is_none());
    assert_eq!(TAIL_HOLD, ms(40));
    let frame = queue.pop(now + ms(40)).unwrap();
    assert_eq!(frame.samples(), [[7; 100].as_slice(), [0; 60].as_slice()].concat());
    queue.on_frame_sent();
    // The filling is not the application's audio.
    assert_eq!(queue.clear().played, RATE.duration(100));
}

#[test]
fn marks_are_played_when_their_last_sample_was_sent_and_not_when_it_was_popped() {
    let now = origin();
    let mut queue = queue();
    queue.mark("before anything".into()).unwrap();
    assert_eq!(names(&mut queue), [("before anything".into(), MarkState::Played)]);
    queue.push(&octets(&[1; 160]), None, now);
    queue.mark("one".into()).unwrap();
    queue.mark("one too".into()).unwrap();
    queue.push(&octets(&[2; 160]), None, now);
    queue.mark("two".into()).unwrap();
    queue.pop(now).unwrap();
    assert_eq!(names(&mut queue), []);
    queue.on_frame_sent();
    assert_eq!(names(&mut queue), [("one".into(), MarkState::Played), ("one too".into(), MarkState::Played)]);
    let cleared = queue.clear();
    assert_eq!(names(&mut queue), [("two".into(), MarkState::Cleared)]);
    assert_eq!((cleared.played, cleared.dropped), (ms(20), ms(20)));
    assert_eq!(cleared.since_mark, Some(("one too".into(), ms(0))));
    assert!(queue.pop(now + ms(500)).is_none());
}

#[test]
fn played_counts_from_the_last_clear() {
    let now = origin();
    let mut queue = queue();
    for (frames, expected) in [(3, 60), (0, 0), (2, 40)] {
        queue.push(&octets(&[1; 1600]), None, now);
        for _ in 0..frames {
            queue.pop(now).unwrap();
            queue.on_frame_sent();
        }
        assert_eq!(queue.clear().played, ms(expected));
    }
}

#[test]
fn since_mark_tells_the_place_in_the_last_response() {
    let now = origin();
    let mut queue = queue();
    queue.push(&octets(&[1; 320]), None, now);
    queue.mark("end of first".into()).unwrap();
    queue.push(&octets(&[1; 3200]), None, now);
    for _ in 0..5 {
        queue.pop(now).unwrap();
        queue.on_frame_sent();
    }
    let cleared = queue.clear();
    assert_eq!(cleared.played, ms(100));
    assert_eq!(cleared.since_mark, Some(("end of first".into(), ms(60))));
    assert_eq!(queue.clear().since_mark, None);
}

#[test]
fn an_interrupt_takes_one_chunk_and_the_rest_moves_up() {
    let now = origin();
    let mut queue = queue();
    let chunk = |name: &str| ChunkId::new(name);
    queue.push(&octets(&[1; 160]), chunk("1"), now);
    queue.push(&octets(&[2; 320]), chunk("2"), now);
    queue.mark("after two".into()).unwrap();
    queue.push(&octets(&[3; 160]), chunk("3"), now);
    queue.mark("after three".into()).unwrap();
    queue.pop(now).unwrap();
    queue.on_frame_sent();
    assert_eq!(queue.interrupt(&chunk("2").unwrap()), ms(40));
    assert_eq!(names(&mut queue), [("after two".into(), MarkState::Played)]);
    assert_eq!(queue.pop(now).unwrap().samples(), [3; 160]);
    queue.on_frame_sent();
    assert_eq!(names(&mut queue), [("after three".into(), MarkState::Played)]);
    assert_eq!(queue.interrupt(&chunk("2").unwrap()), ms(0));
    assert!(ChunkId::new(&"x".repeat(65)).is_none());
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    let now = origin();
    let limits = QueueLimits { pause: ms(40), resume: ms(20), max: ms(60) };
    let mut queue = PlayQueue::new(RATE, limits);
    assert_eq!(queue.push(&octets(&[1; 400]), None, now), Pushed { taken: 400, dropped: 0 });
    assert_eq!(queue.push(&octets(&[2; 400]), None, now), Pushed { taken: 80, dropped: 320 });
    assert_eq!(queue.queued(), ms(60));
    for name in 0..MAX_PENDING_MARKS {
        queue.mark(name.to_string()).unwrap();
    }
    assert_eq!(queue.mark("one more".into()), Err(MarksFull));
}

#[test]
fn a_thousand_tiny_chunks_are_told_apart_only_so_far() {
    let now = origin();
    let mut queue = queue();
    for name in 0..MAX_SEGMENTS + 500 {
        queue.push(&[0, 1], ChunkId::new(&name.to_string()), now);
    }
    assert_eq!(queue.queued(), RATE.duration(MAX_SEGMENTS + 500));
    assert_eq!(queue.interrupt(&ChunkId::new("17").unwrap()), RATE.duration(1));
    // Joined with its followers, the last one has lost its name rather than taking them with it.
    let last = ChunkId::new(&(MAX_SEGMENTS + 400).to_string()).unwrap();
    assert_eq!(queue.interrupt(&last), ms(0));
}

/// What the queue should do, in the plainest terms: a list of samples with markers between them.
#[derive(Default)]
struct Model {
    items: Vec<Item>,
    in_hand: Vec<Item>,
    half: Option<u8>,
    done: Vec<(String, MarkState)>,
    played: usize,
}

#[derive(Clone)]
enum Item {
    Sample(i16, u8),
    /// Was in hand when the queue was cleared: it still goes out, but counts no more.
    Ghost,
    Mark(String),
}

impl Model {
    fn push(&mut self, octets: &[u8], chunk: u8) {
        for octet in octets {
            match self.half.take() {
                Some(low) => self.items.push(Item::Sample(i16::from_le_bytes([low, *octet]), chunk)),
                None => self.half = Some(*octet),
            }
        }
    }

    fn settle(&mut self) {
        // Marks at the very front, with nothing in hand, have nothing left before them.
        while self.in_hand.is_empty() && matches!(self.items.first(), Some(Item::Mark(_))) {
            if let Item::Mark(name) = self.items.remove(0) {
                self.done.push((name, MarkState::Played));
            }
        }
    }

    fn pop(&mut self) -> Option<Vec<i16>> {
        let have = self.items.iter().filter(|item| matches!(item, Item::Sample(..))).count().min(160);
        if have == 0 {
            return None;
        }
        let mut frame = Vec::new();
        while frame.len() < have {
            let item = self.items.remove(0);
            if let Item::Sample(sample, _) = item {
                frame.push(sample);
            }
            self.in_hand.push(item);
        }
        frame.resize(160, 0);
        Some(frame)
    }

    fn sent(&mut self) {
        for item in std::mem::take(&mut self.in_hand) {
            match item {
                Item::Sample(..) => self.played += 1,
                Item::Ghost => {}
                Item::Mark(name) => self.done.push((name, MarkState::Played)),
            }
        }
        self.settle();
    }

    fn clear(&mut self) -> usize {
        for item in std::mem::take(&mut self.in_hand) {
            match item {
                Item::Sample(..) | Item::Ghost => self.in_hand.push(Item::Ghost),
                Item::Mark(name) => self.done.push((name, MarkState::Cleared)),
            }
        }
        for item in std::mem::take(&mut self.items) {
            if let Item::Mark(name) = item {
                self.done.push((name, MarkState::Cleared));
            }
        }
        self.half = None;
        std::mem::take(&mut self.played)
    }

    fn interrupt(&mut self, chunk: u8) {
        self.items.retain(|item| !matches!(item, Item::Sample(_, of) if *of == chunk));
        self.settle();
    }
}

#[derive(Debug, Clone)]
enum Step {
    Push(Vec<u8>, u8),
    Mark,
    Pop { sent: bool },
    Sent,
    Clear,
    Interrupt(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (proptest::collection::vec(any::<u8>(), 0..900), 0u8..4).prop_map(|(octets, chunk)| Step::Push(octets, chunk)),
        3 => Just(Step::Mark),
        6 => any::<bool>().prop_map(|sent| Step::Pop { sent }),
        1 => Just(Step::Sent),
        1 => Just(Step::Clear),
        1 => (0u8..4).prop_map(Step::Interrupt),
    ];
    proptest::collection::vec(step, 0..80)
}

proptest! {
    #[test]
    fn the_queue_does_what_the_model_does(steps in steps()) {
        let mut now = origin();
        let mut queue = queue();
        let mut model = Model::default();
        let mut marks = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            // Long enough that a tail never waits: waiting is tested by hand.
            now += ms(100);
            match step {
                Step::Push(octets, chunk) => {
                    queue.push(&octets, ChunkId::new(&chunk.to_string()), now);
                    model.push(&octets, chunk);
                }
                Step::Mark => {
                    queue.mark(number.to_string()).unwrap();
                    model.items.push(Item::Mark(number.to_string()));
                    model.settle();
                }
                Step::Pop { sent } => {
                    now += ms(100);
                    let frame = queue.pop(now).map(|frame| frame.samples().to_vec());
                    prop_assert_eq!(frame, model.pop());
                    if sent {
                        queue.on_frame_sent();
                        model.sent();
                    }
                }
                Step::Sent => {
                    queue.on_frame_sent();
                    model.sent();
                }
                Step::Clear => {
                    let played = queue.clear().played;
                    prop_assert_eq!(played, RATE.duration(model.clear()));
                }
                Step::Interrupt(chunk) => {
                    queue.interrupt(&ChunkId::new(&chunk.to_string()).unwrap());
                    model.interrupt(chunk);
                }
            }
            marks.extend(names(&mut queue));
            prop_assert_eq!(&marks, &model.done);
            let left = model.items.iter().filter(|item| matches!(item, Item::Sample(..))).count();
            prop_assert_eq!(queue.queued(), RATE.duration(left));
        }
    }
}
