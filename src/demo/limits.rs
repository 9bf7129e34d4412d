//! Every bound of the demo, in one table.

use std::time::Duration;

/// Longest WAV the caller accepts, in samples (two minutes at 8 kHz).
pub(crate) const MAX_WAV_SAMPLES: usize = 120 * 8_000;

/// Largest flow request body the example application reads.
pub(crate) const MAX_FLOW_BODY: usize = 16 * 1024;

/// Largest WebSocket message the example application accepts: two seconds of 24 kHz audio are 96 kB.
pub(crate) const MAX_WS_MESSAGE: usize = 256 * 1024;

/// Connections the example application serves at a time.
pub(crate) const MAX_APP_CONNECTIONS: usize = 64;

/// How long a connection to the example application may take for its TLS handshake and its first request.
pub(crate) const APP_HANDSHAKE: Duration = Duration::from_secs(10);

/// Events waiting between the example application, the server's log, the caller and the story-teller. More are
/// dropped: they are only the story, never the call.
pub(crate) const EVENT_QUEUE: usize = 1_024;

/// Longest log line taken from the server; the rest of a longer line is cut off.
pub(crate) const MAX_LOG_LINE: usize = 16 * 1024;

/// Log lines kept to show when the server does not start.
pub(crate) const LAST_LOG_LINES: usize = 8;

/// How long the server may take to say `ready`.
pub(crate) const SERVER_READY: Duration = Duration::from_secs(20);

/// How long the server may take to stop after it was asked to.
pub(crate) const SERVER_STOP: Duration = Duration::from_secs(8);

/// How long the call may take from INVITE to 200.
pub(crate) const SETUP: Duration = Duration::from_secs(20);

/// Longest delay searched for between sent and received speech.
pub(crate) const MAX_DELAY: Duration = Duration::from_millis(2_500);

/// Lowest correlation between sent and received speech that counts as "the speech came back".
pub(crate) const MIN_CORRELATION: f64 = 0.9;
