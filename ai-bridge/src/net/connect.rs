//! Guard, TCP, TLS: the one way out.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::guard::{AddressGuard, GuardError};
use super::tls::{ClientTls, TlsFacts};

/// Where an opening connection stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// TCP connect.
    Tcp,
    /// TLS handshake.
    Tls,
}

/// What is known of an open connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectFacts {
    /// The address that was checked and connected to.
    pub peer: SocketAddr,
    /// What protects it.
    pub tls: TlsFacts,
    /// Look-up, TCP and TLS together.
    pub took: Duration,
}

pub(super) struct Target<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// Octets the kernel may hold for a peer that does not read; its own choice when `None`.
    pub(super) send_buffer: Option<u32>,
}

/// Opens a verified connection before the deadline.
pub(super) async fn connect(
    guard: &AddressGuard,
    tls: &ClientTls,
    target: &Target<'_>,
    deadline: Instant,
) -> Result<(TlsStream<TcpStream>, ConnectFacts), ConnectError> {
    let begun = Instant::now();
    let addresses = guard.resolve(target.host, target.port, deadline).await?;
    let name = ServerName::try_from(target.host.to_owned()).map_err(|_| ConnectError::Name)?;
    let (stream, peer) = first_open(&addresses, target.send_buffer, deadline).await?;
    let stream = timeout_at(deadline, tls.connector().connect(name, stream))
        .await
        .map_err(|_| ConnectError::Timeout { stage: Stage::Tls, peer })?
        .map_err(|error| tls_error(error, peer))?;
    let facts = ConnectFacts { peer, tls: TlsFacts::of(stream.get_ref().1), took: begun.elapsed() };
    Ok((stream, facts))
}

/// Tries the checked addresses in the resolver's order, each with an even share of the time that is left.
async fn first_open(
    addresses: &[SocketAddr],
    send_buffer: Option<u32>,
    deadline: Instant,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let mut failed = ConnectError::Name;
    for (index, peer) in addresses.iter().copied().enumerate() {
        let shares = u32::try_from(addresses.len() - index).unwrap_or(1);
        let now = Instant::now();
        let until = now + deadline.saturating_duration_since(now) / shares;
        match timeout_at(until, open(peer, send_buffer)).await {
            Ok(Ok(stream)) => return Ok((stream, peer)),
            Ok(Err(source)) => failed = ConnectError::Tcp { peer, source },
            Err(_) => failed = ConnectError::Timeout { stage: Stage::Tcp, peer },
        }
    }
    Err(failed)
}

async fn open(peer: SocketAddr, send_buffer: Option<u32>) -> io::Result<TcpStream> {
    let socket = if peer.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(octets) = send_buffer {
        socket.set_send_buffer_size(octets)?;
    }
    let stream = socket.connect(peer).await?;
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))?;
    Ok(stream)
}

/// Idle time before, and between, the kernel's own probes: a second net below the pings.
const KEEPALIVE: Duration = Duration::from_secs(30);

fn tls_error(error: io::Error, peer: SocketAddr) -> ConnectError {
    use rustls::CertificateError as Certificate;

    let Some(rustls::Error::InvalidCertificate(problem)) =
        error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
    else {
        return ConnectError::Tls { peer, source: error };
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "rustls' list is open; the rest is told in its own words")]
    let hint = match problem {
        Certificate::UnknownIssuer | Certificate::BadSignature => {
            "its issuer is not known here: have the application send its whole chain, or add its CA to the app's roots"
        }
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            "it is for another name: use the name it is for in the URL, or get one for this name"
        }
        Certificate::Expired | Certificate::ExpiredContext { .. } => {
            "it has expired: renew it, or check this server's clock"
        }
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
            "it is not valid yet: check this server's clock"
        }
        Certificate::Revoked => "it was revoked: renew it",
        _ => "it does not verify: check it with `openssl verify`",
    };
    ConnectError::Certificate { peer, hint, source: error }
}

/// Why no verified connection was opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The guard refused the host.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The host cannot be named in a certificate.
    #[error("the host is not a name that a certificate can hold: use a DNS name or an IP address")]
    Name,
    /// TCP failed.
    #[error(
        "no connection to {peer}: {source}; is the application running, and does a firewall let the server through?"
    )]
    Tcp {
        /// The address.
        peer: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It took too long.
    #[error("{peer} did not answer in time ({stage:?}): is the application running and reachable from the server?")]
    Timeout {
        /// What was under way.
        stage: Stage,
        /// The address.
        peer: SocketAddr,
    },
    /// The application's certificate does not verify.
    #[error("the certificate of {peer} is refused: {hint} ({source})")]
    Certificate {
        /// The address.
        peer: SocketAddr,
        /// What to mend.
        hint: &'static str,
        /// In rustls' words.
        #[source]
        source: io::Error,
    },
    /// TLS failed in another way.
    #[error("no TLS with {peer}: {source}; does the application speak TLS 1.2 or 1.3 on this port?")]
    Tls {
        /// The address.
        peer: SocketAddr,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}

impl ConnectError {
    /// Whether it may go better a moment later: the peer was not there, rather than not the right one.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Tcp { .. } | Self::Timeout { .. } => true,
            Self::Guard(guard) => matches!(guard, GuardError::LookUpTimeout { .. }),
            Self::Name | Self::Certificate { .. } | Self::Tls { .. } => false,
        }
    }
}
