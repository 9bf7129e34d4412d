//! Strongline: the armoured transport between the telephone network and a voice AI.
//!
//! This crate is the server: it binds the rooms of the house together (`ARCHITECTURE.md`). Start with [`server`], which
//! says what runs where, and `call`, which follows one call from its INVITE to its end.

pub mod cli;
pub mod config;
pub mod demo;
pub mod server;
pub mod telemetry;

mod api;
mod call;
mod callbacks;
mod control;
mod identity;

/// Doors for the fuzz targets; not there in the program.
#[cfg(fuzzing)]
pub mod fuzzing {
    /// Any octets as the body of any request: an order, or mistakes that repeat nothing of it.
    pub fn api_bodies(body: &[u8]) {
        crate::api::fuzz_bodies(body);
    }
}
