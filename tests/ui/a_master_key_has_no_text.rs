//! A key cannot be printed.
use media_engine::srtp::MasterKey;

fn print(key: &MasterKey) -> String {
    format!("{key}")
}

fn main() {}
