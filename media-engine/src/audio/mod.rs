//! Linear audio: one channel, sixteen bits, in frames of at most 20 ms.

mod pcm;
mod pitch;
mod rate;
mod resampler;
mod stretch;

pub use pcm::Pcm;
pub use rate::SampleRate;
pub use resampler::Resampler;

pub(crate) use pitch::{best_lag, mix, pitch_range, round};
pub(crate) use rate::FRAME;
pub(crate) use stretch::{Effort, Stretcher};
