//! Opening: guard, TCP, TLS, and a handshake that the application can verify.
//!
//! The handshake is signed in Standard Webhooks' form with the exact `ws_url` as its body, so that a stock library
//! verifies it: `Webhook(secret).verify(ws_url, headers)`. Nothing is ever added to the URL itself.

use std::time::Duration;

use http::{HeaderValue, Request, header};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::super::connect::{ConnectFacts, Target, connect};
use super::super::guard::AddressGuard;
use super::super::http::{USER_AGENT, unix_now};
use super::super::tls::{ClientTls, TlsFacts};
use super::error::SocketError;
use super::metered::Metered;
use super::{Closing, StreamSocket};
use crate::flow::{StreamPlan, WssUrl};
use crate::limits::{
    MAX_MISSED_PINGS, MAX_WRITE_BUFFER, MAX_WS_HANDSHAKE, OPEN_DEADLINE, PING_BURST, PING_EVERY, PINGS_PER_SECOND,
    READ_BUFFER, READ_SLACK, SEND_BUFFER, WRITE_BUFFER,
};
use crate::pace::Pace;
use crate::stream::Dialect;
use crate::webhook::{MessageId, Signer};

/// Whom to open a stream to, and how to show who calls.
#[derive(Debug, Clone, Copy)]
pub struct StreamRequest<'a> {
    /// Where, byte for byte.
    pub url: &'a WssUrl,
    /// What will be spoken; native offers its subprotocol and needs it selected.
    pub dialect: Dialect,
    /// The application's keys; `None` for a bot that asks for no proof of who connects.
    pub signer: Option<&'a Signer>,
    /// The handshake's id: `ws_` and a ULID.
    pub id: &'a MessageId,
}

/// Deadlines and bounds of a stream socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketOptions {
    /// Deadline of the opening, from look-up to handshake.
    pub open: Duration,
    /// Time between two pings.
    pub ping_every: Duration,
    /// Pings that may go unanswered.
    pub max_missed_pings: u32,
    /// Octets that may wait in the process for an application that does not read.
    pub write_buffer: usize,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            open: OPEN_DEADLINE,
            ping_every: PING_EVERY,
            max_missed_pings: MAX_MISSED_PINGS,
            write_buffer: MAX_WRITE_BUFFER,
        }
    }
}

impl SocketOptions {
    /// The defaults, with room for at least two of the plan's own pieces.
    pub fn for_plan(plan: &StreamPlan) -> Self {
        // Two octets a sample; base64 and JSON make them less than twice as many.
        let piece = plan.rate.per_ms() * usize::try_from(plan.chunk_ms).unwrap_or(usize::MAX / 64) * 4;
        Self { write_buffer: MAX_WRITE_BUFFER.max(piece * 2), ..Self::default() }
    }
}

/// What is known of an open stream socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketFacts {
    /// The connection's.
    pub connect: ConnectFacts,
    /// From the look-up to the application's `101`.
    pub took: Duration,
}

impl SocketFacts {
    /// What protects the stream.
    pub const fn tls(&self) -> TlsFacts {
        self.connect.tls
    }
}

impl StreamSocket {
    /// Opens a stream socket, or says why not.
    pub async fn open(
        tls: &ClientTls,
        guard: &AddressGuard,
        request: StreamRequest<'_>,
        options: &SocketOptions,
    ) -> Result<Self, SocketError> {
        let begun = Instant::now();
        let deadline = begun + options.open;
        let target = Target { host: request.url.host(), port: request.url.port(), send_buffer: Some(SEND_BUFFER) };
        let (stream, connect) = connect(guard, tls, &target, deadline).await?;
        let max_incoming = request.dialect.max_message();
        let write_buffer = options.write_buffer.max(MAX_WRITE_BUFFER);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(write_buffer)
            .max_message_size(Some(max_incoming))
            .max_frame_size(Some(max_incoming));
        let stream = Metered::new(stream, MAX_WS_HANDSHAKE);
        let handshake = client_async_with_config(handshake(&request)?, stream, Some(config));
        let (mut ws, _response) = timeout_at(deadline, handshake)
            .await
            .map_err(|_| SocketError::OpenTimeout { after: options.open })?
            .map_err(SocketError::handshake)?;
        ws.get_mut().allow(max_incoming + READ_SLACK);
        let mut ping = interval_at(Instant::now() + options.ping_every, options.ping_every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            ws,
            facts: SocketFacts { connect, took: begun.elapsed() },
            max_incoming,
            max_outgoing: write_buffer - MAX_FRAME_HEAD,
            stash: None,
            dirty: false,
            ping,
            unanswered: 0,
            max_missed: options.max_missed_pings,
            pings: Pace::new(PINGS_PER_SECOND, PING_BURST, begun.into_std()),
            closing: Closing::No,
        })
    }
}

/// Longest head of a client's frame (RFC 6455, section 5.2).
const MAX_FRAME_HEAD: usize = 14;

fn handshake(request: &StreamRequest<'_>) -> Result<Request<()>, SocketError> {
    let mut builder = Request::get(request.url.as_str())
        .header(header::HOST, request.url.authority())
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, generate_key())
        .header(header::USER_AGENT, USER_AGENT);
    if let Some(name) = request.dialect.subprotocol() {
        builder = builder.header(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
    }
    if let Some(signer) = request.signer {
        let signed = signer.sign(request.id, unix_now(), request.url.as_str().as_bytes());
        for (name, value) in signed.pairs() {
            builder = builder.header(name, value);
        }
    }
    builder.body(()).map_err(|_| SocketError::Url)
}
