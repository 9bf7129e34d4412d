//! One task per TCP or TLS connection: handshake, then octets in and messages out.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use zeroize::Zeroizing;

use crate::admission::{TlsFacts, Transport};
use crate::endpoint::{ConnectionId, Input, NextHop, wiped};

use super::{WRITE_OCTETS, WRITE_QUEUE, identity};

/// The driver's end of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    writer: mpsc::Sender<Bytes>,
    /// Octets in the queue.
    queued: Arc<AtomicUsize>,
    task: AbortHandle,
    pub(super) is_ready: bool,
}

/// What a connection task needs.
pub(super) struct Task {
    id: ConnectionId,
    inputs: mpsc::Sender<Input>,
    writes: mpsc::Receiver<Bytes>,
    queued: Arc<AtomicUsize>,
}

impl Connection {
    /// A connection that was accepted; `tls` where it is to speak TLS.
    pub(super) fn accepted(
        id: ConnectionId,
        stream: TcpStream,
        tls: Option<Arc<rustls::ServerConfig>>,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        Self::spawn(id, inputs, |task| async move {
            stream.set_nodelay(true)?;
            let Some(config) = tls else { return task.run(stream, None).await };
            let stream = TlsAcceptor::from(config).accept(stream).await?;
            let facts = identity::facts(stream.get_ref().1);
            task.run(stream, Some(facts)).await
        })
    }

    /// A connection to open.
    pub(super) fn opened(
        id: ConnectionId,
        next_hop: NextHop,
        tls: Option<Arc<rustls::ClientConfig>>,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        Self::spawn(id, inputs, |task| async move {
            let stream = TcpStream::connect(next_hop.address).await?;
            stream.set_nodelay(true)?;
            if next_hop.transport != Transport::Tls {
                return task.run(stream, None).await;
            }
            let unusable = || io::Error::from(io::ErrorKind::InvalidInput);
            let name = next_hop.server_name.as_deref().ok_or_else(unusable)?.to_owned();
            let name = ServerName::try_from(name).map_err(|_| unusable())?;
            let config = tls.ok_or_else(unusable)?;
            let stream = TlsConnector::from(config).connect(name, stream).await?;
            let facts = identity::facts(stream.get_ref().1);
            task.run(stream, Some(facts)).await
        })
    }

    fn spawn<F>(id: ConnectionId, inputs: mpsc::Sender<Input>, work: impl FnOnce(Task) -> F) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let (writer, writes) = mpsc::channel(WRITE_QUEUE);
        let gone = inputs.clone();
        let queued = Arc::new(AtomicUsize::new(0));
        let work = work(Task { id, inputs, writes, queued: Arc::clone(&queued) });
        let task = tokio::spawn(async move {
            if let Err(error) = work.await {
                tracing::debug!(connection = id.number(), kind = ?error.kind(), "connection failed");
            }
            // The driver is gone: nobody asks any more.
            drop(gone.send(Input::Disconnected { connection: id }).await);
        });
        Self { writer, queued, task: task.abort_handle(), is_ready: false }
    }

    /// Queues a message. False when the queue is full: the peer does not read.
    pub(super) fn send(&self, bytes: Bytes) -> bool {
        let length = bytes.len();
        if self.queued.fetch_add(length, Ordering::Relaxed) > WRITE_OCTETS {
            return false;
        }
        !matches!(self.writer.try_send(bytes), Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Stops at once.
    pub(super) fn abort(self) {
        self.task.abort();
    }

    /// Stops when all that is queued is written; one whose handshake is not over has nothing to write.
    pub(super) fn close(self) {
        if !self.is_ready {
            self.task.abort();
        }
        // Dropping the writer ends the task.
    }
}

impl Task {
    async fn run(mut self, stream: impl AsyncRead + AsyncWrite, tls: Option<TlsFacts>) -> io::Result<()> {
        let closed = || io::Error::from(io::ErrorKind::ConnectionAborted);
        self.inputs.send(Input::Connected { connection: self.id, tls }).await.map_err(|_| closed())?;
        let (reader, writer) = tokio::io::split(stream);
        let (id, inputs) = (self.id, self.inputs);
        tokio::select! {
            read = read_all(id, reader, &inputs) => read,
            written = write_all(writer, &mut self.writes, &self.queued) => written,
        }
    }
}

async fn read_all(
    id: ConnectionId,
    mut reader: impl AsyncRead + Unpin,
    inputs: &mpsc::Sender<Input>,
) -> io::Result<()> {
    let mut buffer = Zeroizing::new(vec![0; READ]);
    loop {
        let length = reader.read(&mut buffer).await?;
        let octets = buffer.get(..length).unwrap_or_default();
        if octets.is_empty() {
            return Ok(());
        }
        let bytes = wiped(Zeroizing::new(octets.to_vec()));
        // Full: the driver is busy, and TCP pushes back on the peer.
        if inputs.send(Input::Received { connection: id, bytes }).await.is_err() {
            return Ok(());
        }
    }
}

async fn write_all(
    mut writer: impl AsyncWrite + Unpin,
    writes: &mut mpsc::Receiver<Bytes>,
    queued: &AtomicUsize,
) -> io::Result<()> {
    while let Some(bytes) = writes.recv().await {
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        timeout_at(Instant::now() + WRITE, writer.write_all(&bytes)).await.map_err(late)??;
        queued.fetch_sub(bytes.len(), Ordering::Relaxed);
    }
    timeout_at(Instant::now() + WRITE, writer.shutdown()).await.unwrap_or(Ok(()))
}

/// Octets read at a time.
const READ: usize = 16 * 1024;
/// How long a peer may take to read one message.
const WRITE: Duration = Duration::from_secs(10);
