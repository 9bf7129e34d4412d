//! Raw audio can only be moved on.
use media_engine::pci::Raw;

fn peek(audio: &Raw) -> &[i16] {
    audio.samples()
}

fn main() {}
