//! SRTP as a peer and an attacker meet it: through the public interface only.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests; sequence numbers are the lower sixteen bits of a count"
)]

mod differential;
mod forgery;
mod kit;
mod replay_attack;
mod rollover;
mod torn_packets;
