//! A stream's WebSocket: the server is the client, TLS verifies the application, a signed handshake shows who calls.
//!
//! It never blocks the call: `try_send` fills a bounded buffer, and `next` writes, reads and pings in one cancel-safe
//! future. What does not fit stays with the caller.

mod error;
mod incoming;
mod metered;
mod open;

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_util::{Sink as _, Stream as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, Sleep, sleep_until, timeout_at};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WsError, Message, Utf8Bytes};

pub use self::error::{SendError, SocketError};
pub use self::incoming::Incoming;
use self::metered::Metered;
pub use self::open::{SocketFacts, SocketOptions, StreamRequest};
use crate::limits::{CLOSE_DEADLINE, READ_SLACK};
use crate::pace::Pace;
use crate::stream::{CloseCode, WsMessage};

/// An open stream socket.
pub struct StreamSocket {
    ws: WebSocketStream<Metered<TlsStream<TcpStream>>>,
    facts: SocketFacts,
    /// Longest message that may come.
    max_incoming: usize,
    /// Longest message that the write buffer can ever take.
    max_outgoing: usize,
    /// A message that the full write buffer gave back; it goes first.
    stash: Option<Message>,
    /// Something may be in the write buffer.
    dirty: bool,
    ping: Interval,
    unanswered: u32,
    max_missed: u32,
    pings: Pace,
    closing: Closing,
}

#[derive(Debug)]
enum Closing {
    No,
    /// Our close waits for room in the write buffer, this long at most.
    Wanted {
        frame: CloseFrame,
        until: Pin<Box<Sleep>>,
    },
    /// Our close is on its way, and the application's is waited for, this long at most.
    Sent {
        until: Pin<Box<Sleep>>,
    },
    /// The end.
    Done {
        code: Option<u16>,
    },
}

impl StreamSocket {
    /// What is known of the connection.
    pub const fn facts(&self) -> &SocketFacts {
        &self.facts
    }

    /// Whether `try_send` will take a message.
    pub const fn has_room(&self) -> bool {
        self.stash.is_none() && matches!(self.closing, Closing::No)
    }

    /// Puts a message into the write buffer; `next` and `flush` write it. It never blocks: the message comes back when
    /// there is no room. A close is always taken.
    pub fn try_send(&mut self, message: WsMessage) -> Result<(), SendError> {
        if let WsMessage::Close { code, reason } = message {
            self.begin_close(code, reason);
            return Ok(());
        }
        if !matches!(self.closing, Closing::No) {
            return Err(SendError::Closed(message));
        }
        if message.len() > self.max_outgoing {
            return Err(SendError::TooLong(message));
        }
        if self.stash.is_some() {
            return Err(SendError::Full(message));
        }
        let wire = match message {
            WsMessage::Binary(octets) => Message::Binary(octets),
            WsMessage::Text(octets) => match Utf8Bytes::try_from(octets.clone()) {
                Ok(text) => Message::Text(text),
                Err(_) => return Err(SendError::NotUtf8(WsMessage::Text(octets))),
            },
            WsMessage::Close { .. } => return Ok(()),
        };
        self.put(wire);
        Ok(())
    }

    /// Writes what is in the buffer as far as the kernel takes it now. `next` goes on with the rest.
    pub fn try_flush(&mut self) -> Result<(), SocketError> {
        match self.poll_write(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    /// Writes all that is in the buffer. Cancel-safe: what was not written stays in the buffer.
    pub async fn flush(&mut self) -> Result<(), SocketError> {
        poll_fn(|cx| self.poll_write(cx)).await
    }

    /// The next message of the application, while the buffer is written and pings are sent. Cancel-safe: a dropped
    /// future loses neither a message nor part of one.
    pub async fn next(&mut self) -> Result<Incoming, SocketError> {
        poll_fn(|cx| self.poll_incoming(cx)).await
    }

    /// As [`Self::next`], for a caller that polls. After an error the socket is closed.
    pub fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, SocketError>> {
        if let Closing::Done { code } = self.closing {
            return Poll::Ready(Ok(Incoming::Closed { code }));
        }
        let result = ready!(self.poll_all(cx));
        if let Err(error) = &result {
            self.say_last(error);
        }
        Poll::Ready(result)
    }

    /// Closes the socket: our close, then the application's or two seconds, whichever is first.
    pub async fn close(&mut self, code: CloseCode, reason: &'static str) {
        self.begin_close(code, reason);
        let until = Instant::now() + CLOSE_DEADLINE;
        while let Ok(Ok(incoming)) = timeout_at(until, self.next()).await {
            if matches!(incoming, Incoming::Closed { .. }) {
                break;
            }
        }
    }

    fn begin_close(&mut self, code: CloseCode, reason: &'static str) {
        if matches!(self.closing, Closing::No) {
            let frame = CloseFrame { code: code.code().into(), reason: Utf8Bytes::from_static(reason) };
            let until = Box::pin(sleep_until(Instant::now() + CLOSE_DEADLINE));
            self.closing = Closing::Wanted { frame, until };
        }
    }

    fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, SocketError>> {
        // A blocked write keeps nobody from reading.
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            return Poll::Ready(Err(error));
        }
        while self.ping.poll_tick(cx).is_ready() {
            if self.unanswered >= self.max_missed {
                return Poll::Ready(Err(SocketError::Dead));
            }
            self.unanswered += 1;
            if self.has_room() {
                self.put(Message::Ping(Bytes::new()));
            }
            if let Poll::Ready(Err(error)) = self.poll_write(cx) {
                return Poll::Ready(Err(error));
            }
        }
        if let Closing::Wanted { until, .. } | Closing::Sent { until } = &mut self.closing
            && until.as_mut().poll(cx).is_ready()
        {
            return self.ended(None);
        }
        self.poll_read(cx)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, SocketError>> {
        loop {
            let message = match ready!(Pin::new(&mut self.ws).poll_next(cx)) {
                Some(Ok(message)) => message,
                None => return self.ended(None),
                // Once our close is on its way, the rest of the farewell does not matter.
                Some(Err(_)) if matches!(self.closing, Closing::Sent { .. }) => return self.ended(None),
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
            };
            self.unanswered = 0;
            self.ws.get_mut().allow(self.max_incoming + READ_SLACK);
            match message {
                Message::Text(text) => return Poll::Ready(Ok(Incoming::Text(text.into()))),
                Message::Binary(octets) => return Poll::Ready(Ok(Incoming::Binary(octets))),
                Message::Ping(_) | Message::Pong(_) => {
                    if !self.pings.take(Instant::now().into_std()) {
                        return Poll::Ready(Err(SocketError::PingFlood));
                    }
                }
                Message::Close(frame) => return self.on_close(frame.map(|frame| frame.code.into()), cx),
                Message::Frame(_) => {}
            }
        }
    }

    /// Writes the buffer, then what had no room in it, then our close.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        loop {
            if self.dirty {
                match ready!(Pin::new(&mut self.ws).poll_flush(cx)) {
                    Ok(()) => self.dirty = false,
                    Err(error) => return Poll::Ready(Err(error.into())),
                }
            }
            if let Some(message) = self.stash.take() {
                // The buffer is empty now, and `try_send` has seen to it that the message fits.
                self.put(message);
            } else if let Closing::Wanted { .. } = &self.closing {
                self.send_close();
            } else {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn send_close(&mut self) {
        let now = Closing::Done { code: None };
        if let Closing::Wanted { frame, until } = std::mem::replace(&mut self.closing, now) {
            self.closing = Closing::Sent { until };
            self.put(Message::Close(Some(frame)));
        }
    }

    /// Hands a message to the write buffer or, if that is full, keeps it. Another error comes back from the next read.
    fn put(&mut self, message: Message) {
        self.dirty = true;
        if let Err(WsError::WriteBufferFull(message)) = Pin::new(&mut self.ws).start_send(message) {
            self.stash = Some(*message);
        }
    }

    /// The application's close. tungstenite has queued the answer; it is written as far as the kernel takes it.
    fn on_close(&mut self, code: Option<u16>, cx: &mut Context<'_>) -> Poll<Result<Incoming, SocketError>> {
        let written = Pin::new(&mut self.ws).poll_flush(cx);
        tracing::trace!(done = written.is_ready(), "answered the application's close");
        self.ended(code)
    }

    fn ended(&mut self, code: Option<u16>) -> Poll<Result<Incoming, SocketError>> {
        self.stash = None;
        self.closing = Closing::Done { code };
        Poll::Ready(Ok(Incoming::Closed { code }))
    }

    /// Tells the application why, as far as the kernel takes it now: nobody waits for a peer that broke the protocol.
    fn say_last(&mut self, error: &SocketError) {
        if let Some((code, reason)) = error.close() {
            let frame = CloseFrame { code: code.into(), reason: Utf8Bytes::from_static(reason) };
            self.stash = None;
            self.put(Message::Close(Some(frame)));
            let written = Pin::new(&mut self.ws).poll_flush(&mut Context::from_waker(Waker::noop()));
            tracing::trace!(done = written.is_ready(), code, "closed a stream that broke the protocol");
        }
        self.stash = None;
        self.closing = Closing::Done { code: None };
    }
}

impl fmt::Debug for StreamSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSocket")
            .field("facts", &self.facts)
            .field("room", &self.has_room())
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}
