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
/// Length of an uplink piece in Teler's dialect unless the application asks for another, in milliseconds.
pub const DEFAULT_CHUNK_MS: u32 = 400;
/// Length of an uplink piece in the native dialect unless the application asks for another, in milliseconds.
pub const NATIVE_FRAME_MS: u32 = 20;
/// Longest piece of a peer's text that an error message repeats, in characters.
pub const MAX_QUOTED: usize = 40;

// Handshakes and HTTP.

/// Default deadline of a TCP connect and TLS handshake towards an application.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// Default deadline of a whole flow request, retry included.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(5);

// Streams: messages.

/// Longest control text an application may send in the native dialect, in octets.
pub const MAX_NATIVE_TEXT: usize = 64 * 1024;
/// Longest binary message an application may send in the native dialect, in octets.
pub const MAX_NATIVE_BINARY: usize = 256 * 1024;
/// Longest text an application may send in a dialect whose audio travels in JSON, in octets.
pub const MAX_JSON_TEXT: usize = 1024 * 1024;
/// Longest mark name in octets.
pub const MAX_MARK_NAME: usize = 256;
/// Longest Teler chunk id in octets; a longer one cannot be interrupted by name.
pub const MAX_CHUNK_ID: usize = 64;
/// Most digits in one downlink `dtmf`.
pub const MAX_DIGITS: usize = 64;
/// Longest reason of a downlink `hangup`, in characters; what is longer is cut.
pub const MAX_REASON: usize = 128;
/// Control messages an application may send per second, once its burst is spent.
pub const CONTROL_PER_SECOND: u32 = 100;
/// Control messages an application may send at once.
pub const CONTROL_BURST: u32 = 500;
/// Audio messages an application may send per second, once its burst is spent.
pub const AUDIO_PER_SECOND: u32 = 1_000;
/// Audio messages an application may send at once: a minute of synthesized speech in 10 ms pieces, and some.
pub const AUDIO_BURST: u32 = 10_000;
/// `error` messages the server sends per second, once its burst is spent.
pub const ERRORS_PER_SECOND: u32 = 2;
/// `error` messages the server sends at once.
pub const ERROR_BURST: u32 = 20;

// Streams: the play queue.

/// Audio in the play queue at which the application is asked to pause.
pub const QUEUE_PAUSE: Duration = Duration::from_mins(1);
/// Audio in the play queue at which a paused application is asked to resume.
pub const QUEUE_RESUME: Duration = Duration::from_secs(45);
/// Audio the play queue holds at most; newer audio is dropped.
pub const QUEUE_MAX: Duration = Duration::from_secs(90);
/// How long less than a frame waits for the rest of it before it is played with silence behind it.
pub const TAIL_HOLD: Duration = Duration::from_millis(40);
/// Marks that may wait for their audio to be played.
pub const MAX_PENDING_MARKS: usize = 1_024;
/// Pieces of queued audio that are told apart for `interrupt`.
pub const MAX_SEGMENTS: usize = 4_096;

// Streams: the uplink queue.

/// How old queued uplink audio may grow before the oldest is dropped.
pub const UPLINK_AGE: Duration = Duration::from_secs(2);
/// Control messages that may wait for an application that does not read; one more ends the stream.
pub const MAX_WAITING_CONTROL: usize = 4_096;
/// How long an application may go without reading before the stream is closed.
pub const STALL_LIMIT: Duration = Duration::from_secs(30);
/// Events that may wait for the call to fetch them.
pub const MAX_WAITING_EVENTS: usize = 256;
/// Addresses of one name that are tried.
pub const MAX_ADDRESSES: usize = 4;
/// Longest answer to a flow request in octets.
pub const MAX_HTTP_BODY: usize = 64 * 1024;
/// Longest head of an HTTP answer in octets.
pub const MAX_HTTP_HEAD: usize = 16 * 1024;
/// Most headers of an HTTP answer.
pub const MAX_HTTP_HEADERS: usize = 64;
/// Wait before a failed connect is tried once more.
pub const RETRY_WAIT: Duration = Duration::from_millis(200);
/// Longest answer to a WebSocket handshake in octets.
pub const MAX_WS_HANDSHAKE: usize = 8 * 1024;
/// Default deadline of a stream's opening, look-up to handshake: applications often open a model's session first.
pub const OPEN_DEADLINE: Duration = Duration::from_secs(10);
/// Time between two pings of a stream.
pub const PING_EVERY: Duration = Duration::from_secs(15);
/// Pings that may go unanswered before a stream is taken for dead.
pub const MAX_MISSED_PINGS: u32 = 2;
/// Pings an application may send per second, once its burst is spent.
pub const PINGS_PER_SECOND: u32 = 5;
/// Pings an application may send at once.
pub const PING_BURST: u32 = 50;
/// Octets that may come between two messages beyond the longest message: heads of fragments and pings.
pub const READ_SLACK: usize = 64 * 1024;
/// Read buffer of a stream in octets.
pub const READ_BUFFER: usize = 4 * 1024;
/// Octets that wait in the process before they are written without a flush.
pub const WRITE_BUFFER: usize = 8 * 1024;
/// Least octets that may wait in the process for an application that does not read.
pub const MAX_WRITE_BUFFER: usize = 32 * 1024;
/// Octets that may wait in the kernel (it doubles this and counts its own overhead): about half a second of 16 kHz frames,
/// so that old audio waits where it can still be dropped.
pub const SEND_BUFFER: u32 = 32 * 1024;
/// How long a close waits for the application's own.
pub const CLOSE_DEADLINE: Duration = Duration::from_secs(2);
