//! The endpoint from outside: whole calls in virtual time. No socket, no sleep, no clock but the one the test moves.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "an event that is not the expected one fails the test")]

mod pair;
mod script;
mod station;
mod world;

mod admission;
mod authentication;
mod cancel;
mod connections;
mod corners;
mod delayed_offer;
mod dialogs;
mod early_offers;
mod fail_over;
mod floods;
mod forks;
mod hostile;
mod info;
mod keepalive;
mod outbound;
mod oversize;
mod random_peer;
mod redirects;
mod reinvite;
mod reliable_in;
mod reliable_out;
mod replaces;
mod screening;
mod session_timers;
mod soak;
mod transactions;
mod transfer;
mod trunks;
