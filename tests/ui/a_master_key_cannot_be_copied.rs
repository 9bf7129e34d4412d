//! A key has one owner.
use media_engine::srtp::MasterKey;

fn copy(key: &MasterKey) -> MasterKey {
    key.clone()
}

fn main() {}
