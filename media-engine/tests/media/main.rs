//! The media path as a whole, in virtual time.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "tests"
)]
#![expect(clippy::disallowed_methods, reason = "a test's origin of time")]

mod attacks;
mod digits;
mod harness;
mod jitter;
mod network;
mod path;
mod plc;
mod quality;
mod reconfigure;
mod reports;
mod resampler;
mod sending;
mod signal;
