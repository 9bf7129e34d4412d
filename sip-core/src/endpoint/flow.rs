//! Names for sockets: the core speaks of them and holds none.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::admission::Transport;

/// A listening socket: its index in [`super::Config::listeners`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u16);

/// A TCP or TLS connection, accepted or opened by us. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(super) u64);

impl ConnectionId {
    /// The number, for logs.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Where a message came from, and where its answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// A UDP socket of ours and the address at the other end.
    Datagram {
        /// Our socket.
        listener: ListenerId,
        /// The far address.
        remote: SocketAddr,
    },
    /// A connection.
    Stream(ConnectionId),
}

/// Where to send a request that opens something new.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NextHop {
    /// The resolved address.
    pub address: SocketAddr,
    /// The transport.
    pub transport: Transport,
    /// For TLS: the name that the peer's certificate must show. It is the SIP domain that was dialled or configured,
    /// never the result of a DNS look-up (RFC 5922 4, THREATS T22).
    pub server_name: Option<Arc<str>>,
}

impl NextHop {
    /// A next hop over UDP.
    pub const fn udp(address: SocketAddr) -> Self {
        Self { address, transport: Transport::Udp, server_name: None }
    }

    /// A next hop over plain TCP.
    pub const fn tcp(address: SocketAddr) -> Self {
        Self { address, transport: Transport::Tcp, server_name: None }
    }

    /// A next hop over TLS, verified as `server_name`.
    pub fn tls(address: SocketAddr, server_name: impl Into<Arc<str>>) -> Self {
        Self { address, transport: Transport::Tls, server_name: Some(server_name.into()) }
    }
}

impl fmt::Debug for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.transport, self.address)
    }
}
