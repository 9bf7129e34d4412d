//! Caller audio that the guard has not cleared cannot be streamed.
use ai_bridge::stream::StreamSession;
use media_engine::pci::Raw;

fn leak(stream: &mut StreamSession, audio: Raw) {
    stream.uplink(&audio, std::time::Instant::now());
}

fn main() {}
