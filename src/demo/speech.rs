//! The two recordings of the demo; `tests/data/speech/README.md` names their origin.

use super::wav::{self, WavError};

/// What the caller says.
pub(crate) const CALLER: &[u8] = include_bytes!("../../tests/data/speech/caller.wav");

/// What the example application says first: a short welcome, then a long phrase made to be interrupted.
pub(crate) const GREETING: &[u8] = include_bytes!("../../tests/data/speech/greeting.wav");

/// Samples of [`GREETING`] up to the pause after "Welcome to Strongline."
pub(crate) const WELCOME_SAMPLES: usize = 12_160;

/// The caller's speech as 8 kHz samples.
pub(crate) fn caller() -> Result<Vec<i16>, WavError> {
    wav::decode(CALLER)
}

/// The greeting as 8 kHz samples.
pub(crate) fn greeting() -> Result<Vec<i16>, WavError> {
    wav::decode(GREETING)
}
