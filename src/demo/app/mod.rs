//! The example AI application: what a developer writes against Strongline, small enough to read in one go.
//!
//! One HTTPS address serves both halves of the contract. `POST /flow` checks the Standard Webhooks signature with the
//! stock library, refuses what does not match, and answers with the command to stream. `GET /stream` is the WebSocket
//! that Strongline opens then: its handshake is signed too, and each address is good for one connection. Behind it
//! speaks `talk`, a talking echo.
//!
//! It runs on a thread and runtime of its own, as an application on another machine would.

mod flow;
mod http;
mod stream;
mod talk;
mod vad;
mod verify;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use self::http::Endpoint;
pub(crate) use self::http::FLOW_PATH;
pub use self::talk::{ECHO_DELAY, TalkEvent};
use self::verify::Verifier;
use super::files::Workdir;
use super::speech;
use super::tls::{self, TlsFacts};
use super::wav::WavError;

/// Why the example application did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// No port to listen on.
    #[error("the example application cannot listen on the loopback address: {0}")]
    Listen(#[source] std::io::Error),
    /// The certificate or key was not accepted.
    #[error("the example application cannot use its certificate: {0}")]
    Tls(#[from] rustls::Error),
    /// A webhook key was not accepted by the stock library.
    #[error("the example application cannot use its webhook key: {0}")]
    Key(#[from] standardwebhooks::WebhookError),
    /// The greeting could not be read.
    #[error("the greeting: {0}")]
    Greeting(#[from] WavError),
    /// The thread could not be started.
    #[error("the example application's thread cannot be started: {0}")]
    Thread(#[source] std::io::Error),
}

/// What happened in the application, with the time it happened.
#[derive(Clone, Debug)]
pub struct AppEvent {
    /// When.
    pub at: Instant,
    /// What.
    pub what: Happened,
}

/// See [`AppEvent`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Happened {
    /// A flow request with a good signature; the names of the application's keys that verify it.
    FlowVerified {
        /// Names of keys, never keys.
        keys: Vec<String>,
        /// TLS of the connection as the application sees it.
        tls: TlsFacts,
    },
    /// A request was refused with this status.
    Refused {
        /// HTTP status.
        status: u16,
        /// In words, for a log.
        reason: String,
    },
    /// A WebSocket handshake with a good signature was accepted.
    StreamAccepted {
        /// Names of keys, never keys.
        keys: Vec<String>,
        /// TLS of the connection as the application sees it.
        tls: TlsFacts,
    },
    /// Something in the conversation.
    Talk(TalkEvent),
    /// The WebSocket ended.
    StreamEnded {
        /// In words.
        reason: String,
    },
}

/// The running application. Dropped, it stops.
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl App {
    /// Starts the application with the keys of `dir` on a free loopback port (`port` 0) or on `port`.
    pub fn start(dir: &Workdir, port: u16, events: mpsc::Sender<AppEvent>) -> Result<Self, AppError> {
        let verifier = Verifier::new(&[&dir.new_key, &dir.old_key])?;
        let tls = tls::acceptor(&dir.app)?;
        let greeting = speech::greeting()?;
        let listeners = listen(port).map_err(AppError::Listen)?;
        let address = listeners[0].local_addr().map_err(AppError::Listen)?;
        let endpoint = Arc::new(Endpoint::new(address.port(), verifier, greeting, events));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("demo-app".into())
            .spawn(move || runtime.block_on(http::serve(listeners, tls, endpoint, stopped)))
            .map_err(AppError::Thread)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for App {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the application has been printed by its own thread.
            drop(thread.join());
        }
    }
}

/// `localhost` may be either address, and a client that pins what it resolved tries only one: listen on both.
fn listen(port: u16) -> std::io::Result<Vec<std::net::TcpListener>> {
    let first = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let port = first.local_addr()?.port();
    let mut listeners = vec![first];
    // A machine without IPv6 has no ::1 to answer on.
    listeners.extend(std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, port)).ok());
    for listener in &listeners {
        listener.set_nonblocking(true)?;
    }
    Ok(listeners)
}

fn adopt(listener: std::net::TcpListener) -> std::io::Result<TcpListener> {
    TcpListener::from_std(listener)
}

#[cfg(test)]
mod tests;
