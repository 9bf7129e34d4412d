//! Linear audio: one channel, sixteen bits, in frames of at most 20 ms.

mod pcm;
mod rate;
mod resampler;

pub use pcm::Pcm;
pub use rate::SampleRate;
pub use resampler::Resampler;
