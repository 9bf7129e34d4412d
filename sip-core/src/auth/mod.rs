//! Digest authentication, as client and as server (RFC 3261 22, RFC 7616, RFC 8760).
//!
//! Machines without clock and randomness: both are arguments. `qop` is `auth`; `auth-int` is computed where a challenge
//! offers nothing else, and never asked for. What is weaker is refused unless it is listed: MD5, and with it challenges
//! without `qop` (RFC 2069). The `-sess` variants are not served.
//!
//! As client a [`Keyring`] holds [`Credentials`] to one realm per place. As server a [`Challenger`] judges requests by
//! the users of a [`Realm`].

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod algorithm;
mod challenge;
mod challenger;
mod credentials;
mod digest;
mod keyring;
mod params;
mod presented;
mod realm;
mod session;

pub use algorithm::{Algorithm, Algorithms};
pub use challenge::{Asker, Challenge, Qop};
pub use challenger::{Challenger, Verdict};
pub use credentials::{Credentials, CredentialsError};
pub use keyring::{Declined, Keyring};
pub use presented::Presented;
pub use realm::Realm;

#[cfg(test)]
mod tests;
