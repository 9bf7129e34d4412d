//! The queue itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use media_engine::audio::{Pcm, SampleRate};

use super::segments::{ChunkId, Segments};
use crate::limits::{MAX_PENDING_MARKS, QUEUE_MAX, QUEUE_PAUSE, QUEUE_RESUME, TAIL_HOLD};

/// Bounds of a play queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Audio at which the application is asked to pause.
    pub pause: Duration,
    /// Audio at which a paused application is asked to resume.
    pub resume: Duration,
    /// Audio the queue holds at most; newer audio is dropped.
    pub max: Duration,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { pause: QUEUE_PAUSE, resume: QUEUE_RESUME, max: QUEUE_MAX }
    }
}

/// A point in the application's audio that it wants to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The application's name for it.
    pub name: String,
    /// What became of it.
    pub state: MarkState,
}

/// What became of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MarkState {
    /// All audio before it was given to the network.
    Played,
    /// A clear threw away audio before it.
    Cleared,
}

/// What came of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pushed {
    /// Samples taken.
    pub taken: usize,
    /// Samples for which there was no room.
    pub dropped: usize,
}

/// What a clear found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// Application audio given to the network since the last clear, or since the start.
    pub played: Duration,
    /// Application audio thrown away.
    pub dropped: Duration,
    /// The last mark that was played, and the application audio given to the network since.
    pub since_mark: Option<(String, Duration)>,
}

/// Too many marks wait for their audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_PENDING_MARKS} marks wait to be played: place them further apart")]
pub struct MarksFull;

/// Downlink audio in order of arrival, with its marks.
#[derive(Debug)]
pub struct PlayQueue {
    rate: SampleRate,
    limits: QueueLimits,
    samples: VecDeque<i16>,
    segments: Segments,
    odd: Option<u8>,
    pushed: u64,
    popped: u64,
    sent: u64,
    /// `sent` at the last clear.
    base: u64,
    last_push: Option<Instant>,
    pending: VecDeque<(String, u64)>,
    done: VecDeque<Mark>,
    last_played: Option<(String, u64)>,
}

impl PlayQueue {
    /// An empty queue at the downlink rate.
    pub fn new(rate: SampleRate, limits: QueueLimits) -> Self {
        let pause = limits.pause.min(limits.max);
        let limits = QueueLimits { pause, resume: limits.resume.min(pause), max: limits.max };
        Self {
            rate,
            limits,
            samples: VecDeque::new(),
            segments: Segments::default(),
            odd: None,
            pushed: 0,
            popped: 0,
            sent: 0,
            base: 0,
            last_push: None,
            pending: VecDeque::new(),
            done: VecDeque::new(),
            last_played: None,
        }
    }

    /// Adds little-endian samples of any length. An odd octet waits for its other half in the next push.
    pub fn push(&mut self, octets: &[u8], chunk: Option<ChunkId>, now: Instant) -> Pushed {
        let Some((first, rest)) = octets.split_first() else { return Pushed::default() };
        let (head, body) = match self.odd.take() {
            Some(low) => (Some(i16::from_le_bytes([low, *first])), rest),
            None => (None, octets),
        };
        let (pairs, odd) = body.as_chunks::<2>();
        self.odd = odd.first().copied();
        let room = self.rate.samples(self.limits.max).saturating_sub(self.samples.len());
        let given = usize::from(head.is_some()) + pairs.len();
        let taken = given.min(room);
        let head = head.filter(|_| taken > 0);
        let rest = taken - usize::from(head.is_some());
        self.samples.extend(head);
        self.samples.extend(pairs.iter().take(rest).copied().map(i16::from_le_bytes));
        self.segments.push(chunk, taken);
        self.pushed += taken as u64;
        if taken > 0 {
            self.last_push = Some(now);
        }
        Pushed { taken, dropped: given - taken }
    }

    /// Places a mark behind all that has been pushed. Behind audio that was already sent it is played at once.
    pub fn mark(&mut self, name: String) -> Result<(), MarksFull> {
        if self.pending.len() + self.done.len() >= MAX_PENDING_MARKS {
            return Err(MarksFull);
        }
        self.pending.push_back((name, self.pushed));
        self.acknowledge();
        Ok(())
    }

    /// Throws away all that has not been popped. Every waiting mark comes back as cleared, in order.
    pub fn clear(&mut self) -> Cleared {
        let cleared = Cleared {
            played: self.lasting(self.sent.saturating_sub(self.base)),
            dropped: self.queued(),
            since_mark: self
                .last_played
                .take()
                .filter(|(_, at)| *at >= self.base)
                .map(|(name, at)| (name, self.lasting(self.sent.saturating_sub(at)))),
        };
        self.samples.clear();
        self.shrink();
        self.segments.clear();
        self.odd = None;
        self.pushed = self.popped;
        self.base = self.popped;
        let cleared_marks = self.pending.drain(..).map(|(name, _)| Mark { name, state: MarkState::Cleared });
        self.done.extend(cleared_marks);
        cleared
    }

    /// Throws away the queued audio of one chunk and lets the rest move up. Gives how much that was.
    pub fn interrupt(&mut self, chunk: &ChunkId) -> Duration {
        let mut removed = 0;
        while let Some(run) = self.segments.take(chunk) {
            let start = self.popped + run.start as u64;
            let len = run.len() as u64;
            self.samples.drain(run);
            self.pushed -= len;
            removed += len;
            for (_, at) in &mut self.pending {
                *at = (*at).min(start).max(at.saturating_sub(len));
            }
        }
        self.acknowledge();
        self.lasting(removed)
    }

    /// The next 20 ms, or `None` when the queue is dry.
    ///
    /// Less than a frame waits up to [`TAIL_HOLD`] for the rest of it, then it is played with silence behind it: so a
    /// piece that is late by a network's jitter does not tear a hole into a word.
    pub fn pop(&mut self, now: Instant) -> Option<Pcm> {
        let frame = self.rate.frame_len();
        let len = self.samples.len().min(frame);
        if len == 0 {
            return None;
        }
        let waited = self.last_push.map_or(Duration::MAX, |last| now.saturating_duration_since(last));
        if len < frame && waited < TAIL_HOLD {
            return None;
        }
        let mut pcm = Pcm::silence(self.rate, frame);
        let (front, back) = self.samples.as_slices();
        let (front, back) = (&front[..len.min(front.len())], &back[..len.saturating_sub(front.len())]);
        let (first, second) = pcm.samples_mut()[..len].split_at_mut(front.len());
        first.copy_from_slice(front);
        second.copy_from_slice(back);
        self.samples.drain(..len);
        self.segments.pop(len);
        self.popped += len as u64;
        if self.samples.is_empty() {
            self.shrink();
        }
        Some(pcm)
    }

    /// All popped frames have been given to the network.
    pub fn on_frame_sent(&mut self) {
        self.sent = self.popped;
        self.acknowledge();
    }

    /// The next mark whose fate is known, in the order in which they were asked for.
    pub fn poll_mark(&mut self) -> Option<Mark> {
        self.done.pop_front()
    }

    /// Audio that waits.
    pub fn queued(&self) -> Duration {
        self.rate.duration(self.samples.len())
    }

    /// The rate of what is queued.
    pub const fn rate(&self) -> SampleRate {
        self.rate
    }

    /// The bounds.
    pub const fn limits(&self) -> &QueueLimits {
        &self.limits
    }

    fn acknowledge(&mut self) {
        while let Some((name, at)) = self.pending.pop_front_if(|(_, at)| *at <= self.sent) {
            self.last_played = Some((name.clone(), at));
            self.done.push_back(Mark { name, state: MarkState::Played });
        }
    }

    /// Gives back the room of a long utterance; what is needed from frame to frame stays.
    fn shrink(&mut self) {
        self.samples.shrink_to(self.rate.samples(KEPT_ROOM));
    }

    fn lasting(&self, samples: u64) -> Duration {
        self.rate.duration(usize::try_from(samples).unwrap_or(usize::MAX))
    }
}

/// Room that an empty queue keeps.
const KEPT_ROOM: Duration = Duration::from_secs(1);
