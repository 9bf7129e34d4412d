//! Packets that arrive when they like, given out when they are due.

mod config;

pub use config::JitterConfig;
