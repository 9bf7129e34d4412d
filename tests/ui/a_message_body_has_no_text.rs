//! A body may hold keys or digits: it cannot be printed.
use sip_core::endpoint::Body;

fn print(body: &Body) -> String {
    format!("{body}")
}

fn main() {}
