//! Cuts the caller's frames into the pieces a dialect sends, without touching the heap once warm.

use bytes::BytesMut;
use media_engine::audio::SampleRate;

/// Collects little-endian samples until a piece is whole.
#[derive(Debug)]
pub(super) struct Pieces {
    octets: BytesMut,
    piece: usize,
    octets_per_ms: usize,
}

impl Pieces {
    pub(super) fn new(rate: SampleRate, chunk_ms: u32) -> Self {
        let octets_per_ms = rate.per_ms() * 2;
        let piece = octets_per_ms * usize::try_from(chunk_ms).unwrap_or(usize::MAX / 1_000).max(1);
        Self { octets: BytesMut::with_capacity((piece * 2).max(POOL)), piece, octets_per_ms }
    }

    /// Adds a frame.
    pub(super) fn push(&mut self, samples: &[i16]) {
        // When the pieces handed out before have been sent, this takes their room back instead of asking for more.
        self.octets.reserve(self.piece.max(samples.len() * 2));
        let at = self.octets.len();
        self.octets.resize(at + samples.len() * 2, 0);
        for (octets, sample) in self.octets[at..].as_chunks_mut::<2>().0.iter_mut().zip(samples) {
            *octets = sample.to_le_bytes();
        }
    }

    /// The next whole piece and its length in milliseconds.
    pub(super) fn pop(&mut self) -> Option<(BytesMut, u32)> {
        (self.octets.len() >= self.piece).then(|| self.split(self.piece))
    }

    /// What is left at the end.
    pub(super) fn rest(&mut self) -> Option<(BytesMut, u32)> {
        let len = self.octets.len();
        (len > 0).then(|| self.split(len))
    }

    fn split(&mut self, len: usize) -> (BytesMut, u32) {
        let ms = u32::try_from(len / self.octets_per_ms).unwrap_or(u32::MAX);
        (self.octets.split_to(len), ms)
    }
}

/// The least octets of one allocation that pieces share: the sent ones give their room back when its end is reached.
const POOL: usize = 4 * 1024;
