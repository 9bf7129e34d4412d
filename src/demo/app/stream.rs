//! One WebSocket connection: the socket around [`Talk`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Happened;
use super::http::Endpoint;
use super::talk::{Said, Talk};
use crate::demo::limits::MAX_WS_MESSAGE;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Talks until either side closes.
pub(super) async fn run(upgrade: OnUpgrade, mut talk: Talk, endpoint: Arc<Endpoint>) {
    let reason = match upgrade.await {
        Ok(upgraded) => {
            let config = WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER)
                .max_message_size(Some(MAX_WS_MESSAGE))
                .max_frame_size(Some(MAX_WS_MESSAGE));
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
            match converse(socket, &mut talk, &endpoint).await {
                Ok(()) => "closed".into(),
                Err(error) => error.to_string(),
            }
        }
        Err(error) => error.to_string(),
    };
    endpoint.tell(Happened::StreamEnded { reason });
}

async fn converse(mut socket: Socket, talk: &mut Talk, endpoint: &Endpoint) -> Result<(), Error> {
    loop {
        let message = match tokio::time::timeout(QUIET, socket.next()).await {
            Ok(Some(message)) => message?,
            Ok(None) => return Ok(()),
            Err(_) => return socket.close(None).await,
        };
        let now = Instant::now();
        match &message {
            Message::Text(text) => talk.handle_text(text, now),
            Message::Binary(audio) => talk.handle_audio(audio, now),
            // tungstenite answers pings and closes itself.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
        while let Some(said) = talk.poll_message() {
            socket
                .feed(match said {
                    Said::Text(text) => Message::text(text),
                    Said::Audio(audio) => Message::binary(audio),
                })
                .await?;
        }
        socket.flush().await?;
        while let Some(event) = talk.poll_event() {
            endpoint.tell(Happened::Talk(event));
        }
    }
}

/// The default of tungstenite costs 131 kB a connection.
const READ_BUFFER: usize = 4 * 1024;
/// Strongline sends audio all the time, and a ping every 15 s: a minute without either is a dead peer.
const QUIET: Duration = Duration::from_mins(1);
