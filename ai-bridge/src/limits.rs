//! Every bound on what an application, its network or its dialplan entry controls.

use std::time::Duration;

// Webhooks.

/// Longest `webhook-id` in octets.
pub const MAX_MESSAGE_ID: usize = 64;
/// Shortest signing secret in octets (Standard Webhooks 1.0.0).
pub const MIN_KEY_OCTETS: usize = 24;
/// Longest signing secret in octets (Standard Webhooks 1.0.0).
pub const MAX_KEY_OCTETS: usize = 64;
/// Most live signing keys of one application.
pub const MAX_SIGNING_KEYS: usize = 4;
/// Most items of a `webhook-signature` that is looked at.
pub const MAX_SIGNATURES: usize = 16;
/// How far a timestamp may be from now, either way, in seconds (all stock libraries use the same).
pub const WEBHOOK_TOLERANCE_S: u64 = 300;

// Flow answers.

/// Longest flow answer in octets.
pub const MAX_FLOW_ANSWER: usize = 64 * 1024;
/// Longest URL in octets.
pub const MAX_URL: usize = 2083;
/// Shortest piece of audio an application may ask for, and the step of longer ones, in milliseconds.
pub const CHUNK_STEP_MS: u32 = 20;
/// Longest piece of audio an application may ask for, in milliseconds.
pub const MAX_CHUNK_MS: u32 = 2000;
/// Longest piece of a peer's text that an error message repeats, in characters.
pub const MAX_QUOTED: usize = 40;

// Handshakes and HTTP.

/// Default deadline of a TCP connect and TLS handshake towards an application.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// Default deadline of a whole flow request, retry included.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
