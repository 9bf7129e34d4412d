//! Which chunk each queued sample belongs to, for Teler's `interrupt`.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use crate::limits::{MAX_CHUNK_ID, MAX_SEGMENTS};

/// An application's name for a piece of its audio; `7` and `"7"` are the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ChunkId(Box<str>);

impl ChunkId {
    /// Takes a name; `None` when it is too long to be kept.
    pub fn new(name: &str) -> Option<Self> {
        (name.len() <= MAX_CHUNK_ID).then(|| Self(name.into()))
    }
}

impl fmt::Debug for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkId").field("len", &self.0.len()).finish_non_exhaustive()
    }
}

/// The queued samples as runs of one chunk each, oldest first.
#[derive(Debug, Default)]
pub(super) struct Segments {
    runs: VecDeque<(Option<ChunkId>, usize)>,
}

impl Segments {
    pub(super) fn push(&mut self, chunk: Option<ChunkId>, samples: usize) {
        if samples == 0 {
            return;
        }
        let full = self.runs.len() >= MAX_SEGMENTS;
        match self.runs.back_mut() {
            Some((last, len)) if *last == chunk => *len += samples,
            // The last run takes the rest in, nameless: an interrupt must not take more than was asked.
            Some((last, len)) if full => {
                *last = None;
                *len += samples;
            }
            Some(_) | None => self.runs.push_back((chunk, samples)),
        }
    }

    pub(super) fn pop(&mut self, mut samples: usize) {
        while let Some((_, len)) = self.runs.front_mut() {
            if *len > samples {
                *len -= samples;
                return;
            }
            samples -= *len;
            self.runs.pop_front();
        }
    }

    /// Takes out the first run of the chunk and gives its place in the queue.
    pub(super) fn take(&mut self, chunk: &ChunkId) -> Option<Range<usize>> {
        let mut start = 0;
        let index = self.runs.iter().position(|(name, len)| {
            let found = name.as_ref() == Some(chunk);
            if !found {
                start += len;
            }
            found
        })?;
        let (_, len) = self.runs.remove(index)?;
        Some(start..start + len)
    }

    pub(super) fn clear(&mut self) {
        self.runs.clear();
    }
}
