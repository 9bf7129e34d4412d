//! The server as a black box: real sockets, real certificates, a real caller, an application that verifies what it gets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed step fails the test, and a test asks the clock"
)]

mod architecture;
mod attacks;
mod calls;
mod canary;
mod commands;
mod harness;
mod ui;
