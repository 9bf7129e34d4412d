//! Towards the application: signed webhooks, flows and stream dialects.
//!
//! The core is sans-IO: no socket, clock, task or random source. Time, ids and random sources are arguments. `net/` is
//! its tokio shell, behind the feature `net`, and holds no rules.

pub mod limits;

pub mod webhook;

pub mod flow;

pub mod stream;

#[cfg(feature = "net")]
pub mod net;

mod pace;
