//! The listener: TLS or plain, a bounded number of connections, deadlines on everything.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io, thread};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Api;
use super::limits::{
    CONNECTION_LIFE, HANDSHAKE_DEADLINE, HEAD_DEADLINE, MAX_CONNECTIONS, MAX_HEAD, MAX_HEADERS, STOP_DEADLINE,
};

/// Where the API listens.
#[derive(Clone)]
pub(crate) enum Listen {
    /// HTTPS.
    Tls(SocketAddr, Arc<rustls::ServerConfig>),
    /// HTTP; on a loopback address only.
    Plain(SocketAddr),
}

impl fmt::Debug for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(address, _) => write!(f, "tls://{address}"),
            Self::Plain(address) => write!(f, "http://{address}"),
        }
    }
}

/// Why the API does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiListenError {
    /// Keys and numbers would cross a network in the clear.
    #[error("the API listens without TLS on {0}, which is not a loopback address: use tls://")]
    PlainNotLoopback(SocketAddr),
    /// The port is taken, or the system refuses a thread.
    #[error("the API cannot listen on {address}")]
    System {
        /// Where it should.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// The API, listening.
#[derive(Debug)]
pub(crate) struct ApiServer {
    address: SocketAddr,
    thread: thread::JoinHandle<()>,
}

impl ApiServer {
    /// Binds the listener and starts its thread, which ends when `stop` is cancelled.
    pub(crate) fn start(api: Api, listen: Listen, stop: CancellationToken) -> Result<Self, ApiListenError> {
        let (address, tls) = match listen {
            Listen::Tls(address, config) => (address, Some(TlsAcceptor::from(config))),
            Listen::Plain(address) if address.ip().is_loopback() => (address, None),
            Listen::Plain(address) => return Err(ApiListenError::PlainNotLoopback(address)),
        };
        let start = || {
            let listener = StdListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let bound = listener.local_addr()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let secure = tls.is_some();
            let thread = thread::Builder::new().name("api".to_owned()).spawn(move || {
                if let Err(error) = runtime.block_on(serve(api, listener, tls, stop)) {
                    tracing::error!(event = "api.failed", %error, "the API has stopped listening");
                }
            })?;
            tracing::info!(event = "api.listening", address = %bound, tls = secure, "the API listens");
            Ok(Self { address: bound, thread })
        };
        start().map_err(|source| ApiListenError::System { address, source })
    }

    /// Where it listens, with the port that was bound.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for its end after a stop: [`STOP_DEADLINE`] at most. Blocks.
    pub(crate) fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!(event = "api.failed", "the thread of the API has panicked");
        }
    }
}

async fn serve(api: Api, listener: StdListener, tls: Option<TlsAcceptor>, stop: CancellationToken) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let (router, places, connections) = (api.router(), Arc::new(Semaphore::new(MAX_CONNECTIONS)), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((place, socket)) = accepted else { continue };
        let (router, tls, stop) = (router.clone(), tls.clone(), stop.clone());
        connections.spawn(async move {
            connection(socket, tls, router, stop).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(STOP_DEADLINE, connections.wait()).await.is_err() {
        tracing::debug!(connections = connections.len(), "connections of the API are cut");
    }
    Ok(())
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(tokio::sync::OwnedSemaphorePermit, TcpStream)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((socket, _)) => Some((place, socket)),
        Err(error) => {
            // Out of descriptors, most likely: let others end first.
            tracing::warn!(event = "api.accept_failed", %error, "a connection cannot be taken");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection(socket: TcpStream, tls: Option<TlsAcceptor>, router: Router, stop: CancellationToken) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "only the speed suffers");
    }
    let Some(tls) = tls else { return exchange(socket, router, stop).await };
    match tokio::time::timeout(HANDSHAKE_DEADLINE, tls.accept(socket)).await {
        Ok(Ok(stream)) => exchange(stream, router, stop).await,
        Ok(Err(error)) => tracing::debug!(event = "api.handshake_failed", %error, "no TLS"),
        Err(_) => tracing::debug!(event = "api.handshake_failed", reason = "timeout", "no TLS"),
    }
}

/// One request after the other, until either side ends.
async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            Some(connection.await)
        }
        () = tokio::time::sleep(CONNECTION_LIFE) => {
            connection.as_mut().graceful_shutdown();
            // Who does not read what he asked for is cut off: his place is wanted.
            tokio::time::timeout(STOP_DEADLINE, connection).await.ok()
        }
    };
    if ended.is_none_or(|ended| ended.is_err()) {
        // What hyper says may repeat what the client wrote: a key in a broken header, for one.
        tracing::debug!(event = "api.broken", "a connection of the API broke");
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;

    /// A connection to a server that knows one path; it ends with its task.
    fn connected() -> (DuplexStream, tokio::task::JoinHandle<()>) {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let router = Router::new().route("/", get(|| async { "here" }));
        (near, tokio::spawn(exchange(far, router, CancellationToken::new())))
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_and_does_not_read_the_answers_is_cut_off() {
        let (mut near, served) = connected();
        let asking = tokio::spawn(async move {
            // Until the server is gone: what it cannot send back keeps it from reading on.
            while near.write_all(b"GET /none HTTP/1.1\r\nhost: x\r\n\r\n").await.is_ok() {}
        });
        let begun = tokio::time::Instant::now();
        served.await.unwrap();
        let took = begun.elapsed();
        assert!(took <= CONNECTION_LIFE + STOP_DEADLINE + Duration::from_secs(1), "{took:?}");
        asking.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_not_listened_to() {
        for said in ["", "GET / HT", "GET / HTTP/1.1\r\nx: y\r\n"] {
            let (mut near, served) = connected();
            near.write_all(said.as_bytes()).await.unwrap();
            let begun = tokio::time::Instant::now();
            served.await.unwrap();
            assert!(begun.elapsed() <= HEAD_DEADLINE + Duration::from_secs(1), "{said:?}: {:?}", begun.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_does_not_lie_idle() {
        let (mut near, served) = connected();
        near.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 4_096];
        let count = near.read(&mut answer).await.unwrap();
        assert!(answer[..count].starts_with(b"HTTP/1.1 200"));
        let begun = tokio::time::Instant::now();
        served.await.unwrap();
        assert!(begun.elapsed() <= HEAD_DEADLINE + Duration::from_secs(1), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn heads_are_bounded() {
        let (mut near, served) = connected();
        near.write_all(format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(MAX_HEAD)).as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 431"), "{:?}", String::from_utf8_lossy(&answer));
        served.await.unwrap();
    }
}
