//! Session descriptions (RFC 8866) as this server needs them: bounded, typed, and with keys that cannot be seen.
//!
//! The line grammar is `sdp-types`; before it stands a pass that counts and measures all lines, and takes the SRTP keys
//! out, so that no library holds a copy of one. What this server does not read is kept as attributes.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod attribute;
mod connection;
mod crypto;
mod dtls;
mod encode;
mod error;
mod event_set;
mod media;
pub mod media_target;
mod parse;
mod profile;
mod rtp;
mod session;

pub use attribute::Attribute;
pub use connection::{Address, Connection};
pub use crypto::{Crypto, CryptoKey, Lifetime, Mki, SessionParam};
pub use dtls::{Fingerprint, Setup};
pub use error::{SdpError, SdpReason};
pub use event_set::EventSet;
pub use media::{Direction, Media, MediaKind, Rtcp};
pub use profile::Profile;
pub use rtp::{Fmtp, Ptime, RtpMap};
pub use session::{Origin, SessionDescription};
