//! Standard Webhooks 1.0.0: what the server sends to an application is signed so that a stock library can check it.
//!
//! ```text
//! webhook-id: msg_01J…                     stable over retries: the idempotency key
//! webhook-timestamp: 1732250000            Unix seconds of this attempt
//! webhook-signature: v1,<base64> v1,<base64>   one per live key, newest first
//! signed content: {webhook-id}.{webhook-timestamp}.{raw body}
//! ```
//!
//! While two keys are live both sign, so an application may hold the old or the new one. Time and id are arguments.

mod id;
mod key;
mod sign;
mod verify;

#[cfg(test)]
mod tests;

pub use self::id::{IdError, MessageId};
pub use self::key::{KeyError, KeyId, SigningKey};
pub use self::sign::{SignedHeaders, Signer, SignerError};
pub use self::verify::{VerifyError, verify};

/// Name of the header that carries the message id.
pub const HEADER_ID: &str = "webhook-id";
/// Name of the header that carries the time of the attempt.
pub const HEADER_TIMESTAMP: &str = "webhook-timestamp";
/// Name of the header that carries the signatures.
pub const HEADER_SIGNATURE: &str = "webhook-signature";
