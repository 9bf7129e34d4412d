//! Every bound on what a client of the API controls.

use std::time::Duration;

/// Longest body of a request in octets.
pub(super) const MAX_BODY: usize = 64 * 1024;
/// Longest head of a request in octets.
pub(super) const MAX_HEAD: usize = 16 * 1024;
/// Most headers of a request.
pub(super) const MAX_HEADERS: usize = 64;
/// Connections at a time, being opened or open. One more waits in the kernel.
pub(super) const MAX_CONNECTIONS: usize = 256;
/// How long a TLS handshake may take.
pub(super) const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);
/// How long the head of a request may take, and how long a connection may lie idle.
pub(super) const HEAD_DEADLINE: Duration = Duration::from_secs(15);
/// How long a request may take from its head to its answer. Longer than any decision of `control`.
pub(super) const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// How long one connection is served, however busy it is; then the client makes another.
pub(super) const CONNECTION_LIFE: Duration = Duration::from_mins(5);
/// How long requests may take to end when the server stops.
pub(super) const STOP_DEADLINE: Duration = Duration::from_secs(2);

/// Shortest API key in octets: 32 hexadecimal digits of randomness at least.
pub(super) const MIN_API_KEY: usize = 32;
/// Longest API key in octets.
pub(super) const MAX_API_KEY: usize = 256;

/// Idempotency keys that are remembered. One more drops the oldest.
pub(super) const MAX_IDEMPOTENCY_KEYS: usize = 10_000;
/// How long an idempotency key is remembered.
pub(super) const IDEMPOTENCY_FOR: Duration = Duration::from_hours(24);
/// Longest `Idempotency-Key` in octets (Teler's bound).
pub(super) const MAX_IDEMPOTENCY_KEY: usize = 255;

/// Most values that an application hands over with a call.
pub(super) const MAX_CUSTOM: usize = 32;
/// Longest name of such a value in octets.
pub(super) const MAX_CUSTOM_NAME: usize = 64;
/// Longest such value in octets.
pub(super) const MAX_CUSTOM_VALUE: usize = 1_024;
/// Longest reason of an order to hang up in octets (Teler's bound).
pub(super) const MAX_REASON: usize = 64;
/// Longest SIP URI of a transfer in octets.
pub(super) const MAX_SIP_URI: usize = 512;
/// Most mistakes of one body that are told.
pub(super) const MAX_MISTAKES: usize = 32;
