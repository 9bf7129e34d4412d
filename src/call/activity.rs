//! What is under way for a call: at most one thing at a time.

use std::future::pending;
use std::pin::Pin;
use std::time::Instant;

use ai_bridge::net::{HttpAnswer, HttpError, Incoming, SocketError, StreamSocket};
use bytes::Bytes;
use media_engine::audio::Pcm;
use tokio::task::{JoinError, JoinHandle};

use super::Player;
use super::stream::Stream;
use crate::telemetry::Held;

/// What the caller hears, or what is waited for meanwhile.
pub(super) enum Activity {
    /// Nothing: the caller hears silence once the call is answered.
    Idle,
    /// The application was asked.
    Asking(Task<HttpAnswer>),
    /// A sound is fetched.
    Fetching(Task<Bytes>),
    /// A sound is played.
    Playing(Player),
    /// Somebody else is rung: the caller hears that.
    Ringback(Player),
    /// The stream is being opened.
    Opening(Opening),
    /// The stream is open.
    Stream(Box<Stream>),
}

/// A stream on its way.
pub(super) struct Opening {
    pub(super) socket: Pin<Box<dyn Future<Output = Result<StreamSocket, SocketError>>>>,
    pub(super) start: ai_bridge::stream::StreamStart,
    pub(super) dialect: ai_bridge::stream::Dialect,
    /// What signs its handshake.
    pub(super) key_ids: String,
    pub(super) held: Held,
}

/// Work on the signalling runtime, given up when it is dropped.
pub(super) struct Task<T>(JoinHandle<Result<T, HttpError>>);

impl<T> Task<T> {
    pub(super) const fn new(handle: JoinHandle<Result<T, HttpError>>) -> Self {
        Self(handle)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Something that was under way has come to something.
pub(super) enum Outcome {
    Asked(Result<Result<HttpAnswer, HttpError>, JoinError>),
    Fetched(Result<Result<Bytes, HttpError>, JoinError>),
    Opened(Result<Box<StreamSocket>, SocketError>),
    Message(Result<Incoming, SocketError>),
}

impl Activity {
    /// Waits for the outcome. Safe to cancel.
    pub(super) async fn ready(&mut self) -> Outcome {
        match self {
            Self::Idle | Self::Playing(_) | Self::Ringback(_) => pending().await,
            Self::Asking(task) => Outcome::Asked((&mut task.0).await),
            Self::Fetching(task) => Outcome::Fetched((&mut task.0).await),
            Self::Opening(opening) => Outcome::Opened((&mut opening.socket).await.map(Box::new)),
            Self::Stream(stream) => Outcome::Message(stream.socket.next().await),
        }
    }

    /// The next 20 ms for the caller, if there is something to be heard.
    pub(super) fn next_frame(&mut self, now: Instant) -> Option<Pcm> {
        match self {
            Self::Playing(player) => player.next_frame(),
            Self::Ringback(player) => player.next_frame_round(),
            Self::Stream(stream) => stream.session.pop_playout(now),
            Self::Idle | Self::Asking(_) | Self::Fetching(_) | Self::Opening(_) => None,
        }
    }
}
