//! Nobody but the guard says that audio is clear.
use media_engine::audio::{Pcm, SampleRate};
use media_engine::pci::Cleared;

fn main() {
    let _forged = Cleared(Pcm::new(SampleRate::Hz8000));
}
