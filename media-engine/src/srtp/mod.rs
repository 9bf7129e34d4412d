//! SRTP and SRTCP (RFC 3711; AES-256: RFC 6188; AEAD: RFC 7714).
//!
//! [`Inbound`] and [`Outbound`] are the two halves of what the RFC calls the cryptographic contexts of a leg: one master
//! key each, and one rollover counter and one replay window per SSRC. Both work in place and allocate nothing per
//! packet. They are values: a re-INVITE that keeps the key keeps the context.
//!
//! The order of an inbound packet is: length and header, tag (in constant time), replay window, state. Nothing that has
//! not passed the tag changes anything. There is no MKI, no rekeying by index and no key derivation rate: an SDP answer
//! that would need them is not given.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod cm;
mod gcm;
mod inbound;
mod kdf;
mod key;
mod keys;
mod outbound;
mod refusal;
mod replay;
mod suite;
#[cfg(test)]
mod tests;

pub use inbound::Inbound;
pub use key::{KeyError, MasterKey};
pub use outbound::{Outbound, ProtectError};
pub use refusal::Refusal;
pub use suite::Suite;
