//! A webhook key cannot be printed or serialized.
use ai_bridge::webhook::SigningKey;

fn print(key: &SigningKey) -> String {
    format!("{key}")
}

fn main() {}
