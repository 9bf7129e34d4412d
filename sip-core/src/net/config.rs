//! What the shell is started with.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::admission::{Gate, Transport};
use crate::dialog::SessionPolicy;
use crate::endpoint::{Caps, ConnectionLimits};
use crate::transaction::Timers;
use crate::wire::{Host, Text};

/// Everything that [`super::serve`] needs.
pub struct Config {
    /// What to listen on.
    pub listen: Vec<Listen>,
    /// The trunks.
    pub gate: Gate,
    /// The server side of TLS (see [`super::tls::TlsServer`]); needed for a TLS listener.
    pub tls_server: Option<Arc<rustls::ServerConfig>>,
    /// The client side of TLS (see [`super::tls::client_config`]); needed for calls that we place over TLS.
    pub tls_client: Option<Arc<rustls::ClientConfig>>,
    /// The same for trunks with a client identity of their own, by [`crate::admission::TrunkRule::tls_client`].
    pub tls_clients: HashMap<Arc<str>, Arc<rustls::ClientConfig>>,
    /// Finds the hops of trunks that we call over; `None`: the machine's name servers.
    pub resolver: Option<super::Resolver>,
    /// The seed of tags, branches and Call-IDs: 256 bits from the operating system.
    pub seed: [u8; 32],
    /// The Server and User-Agent header, if there shall be one: a scanner's first question is what software it has found.
    pub product: Option<Text>,
    /// The transaction timers.
    pub timers: Timers,
    /// Session timers.
    pub session: SessionPolicy,
    /// How much of everything there may be at a time.
    pub caps: Caps,
    /// When a connection is closed.
    pub connections: ConnectionLimits,
}

impl Config {
    /// The defaults, with these listeners and trunks.
    pub fn new(listen: Vec<Listen>, gate: Gate, seed: [u8; 32]) -> Self {
        Self {
            listen,
            gate,
            tls_server: None,
            tls_client: None,
            tls_clients: HashMap::new(),
            resolver: None,
            seed,
            product: None,
            timers: Timers::default(),
            session: SessionPolicy::default(),
            caps: Caps::default(),
            connections: ConnectionLimits::default(),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// A socket to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The transport.
    pub transport: Transport,
    /// The address to bind; port 0 for any.
    pub bind: SocketAddr,
    /// The host for Via and Contact, where it is not the address bound: a public address or a domain.
    pub advertised: Option<Host>,
    /// The port for Via and Contact, where it is not the port bound.
    pub advertised_port: Option<u16>,
}

impl Listen {
    /// Listens on `bind` and advertises it.
    pub const fn new(transport: Transport, bind: SocketAddr) -> Self {
        Self { transport, bind, advertised: None, advertised_port: None }
    }
}

/// A socket that is listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The transport.
    pub transport: Transport,
    /// The address with the port that was bound.
    pub address: SocketAddr,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A socket could not be bound.
    #[error("cannot listen on {transport}://{address}")]
    Bind {
        /// The transport.
        transport: Transport,
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A TLS listener without a certificate.
    #[error("a TLS listener needs a certificate and key")]
    NoCertificate,
    /// The socket is bound to all addresses of the machine, so that peers must be told which one to use.
    #[error("{0} stands for any address: say which one to advertise")]
    Unadvertised(SocketAddr),
    /// More sockets than can be named.
    #[error("too many sockets to listen on")]
    Listeners,
}
