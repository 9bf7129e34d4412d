//! What a stream begins with.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use media_engine::audio::SampleRate;

use super::playout::QueueLimits;
use crate::flow::{Attestation, Direction};
use crate::limits::{STALL_LIMIT, UPLINK_AGE};

/// The facts of the call and the stream that the application is told first.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamStart {
    /// The call, by the id it has everywhere. Some Teler applications need it to be a UUID.
    pub call_id: String,
    /// The stream.
    pub stream_id: String,
    /// The account of the application.
    pub account: String,
    /// The application's name in the dialplan; `call_app_id` in Teler's dialect.
    pub app: String,
    /// The calling number.
    pub from: String,
    /// The called number.
    pub to: String,
    /// Which way the call came.
    pub direction: Direction,
    /// How far somebody answers for the calling number, where that is looked at; told in the native dialect only.
    pub attestation: Option<Attestation>,
    /// The uplink rate.
    pub rate: SampleRate,
    /// The length of an uplink piece in milliseconds, a multiple of 20.
    pub chunk_ms: u32,
    /// Whatever the route gives the application along.
    pub custom: BTreeMap<String, String>,
}

impl fmt::Debug for StreamStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamStart")
            .field("call_id", &self.call_id)
            .field("stream_id", &self.stream_id)
            .field("rate", &self.rate)
            .field("chunk_ms", &self.chunk_ms)
            .finish_non_exhaustive()
    }
}

/// Bounds and compatibility switches of a stream. The defaults are the constants of `limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamOptions {
    /// Bounds of the play queue.
    pub queue: QueueLimits,
    /// How old queued uplink audio may grow before the oldest is dropped.
    pub uplink_age: Duration,
    /// How long an application may go without reading before the stream is closed.
    pub stall: Duration,
    /// Say 8000 in Teler's `start` even when the uplink has 16 kHz, as the original is reported to.
    pub teler_start_says_8000: bool,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { queue: QueueLimits::default(), uplink_age: UPLINK_AGE, stall: STALL_LIMIT, teler_start_says_8000: false }
    }
}
