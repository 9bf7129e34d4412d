//! The server as a black box: real sockets, real certificates, a real caller, an application that verifies what it gets.

#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a failed step fails the test; it looks at what it is about; its numbers are small"
)]

mod api;
mod architecture;
mod attacks;
mod calls;
mod canary;
mod commands;
mod harness;
mod identity;
mod renew;
mod second_leg;
mod ui;
