//! What goes into the endpoint and what comes out.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::admission::TlsFacts;
use crate::locate::{LocateError, Located, Target};
use crate::trunk::TrunkEvent;

use super::{CallKey, Command, ConnectionId, Event, Flow, ListenerId, LocateId, NextHop};

/// Exactly one thing that happened.
pub enum Input {
    /// A datagram came.
    Datagram {
        /// On which socket.
        listener: ListenerId,
        /// From where.
        remote: std::net::SocketAddr,
        /// What.
        bytes: Bytes,
    },
    /// A connection is ready: accepted (after its TLS handshake) or opened by [`Output::Connect`].
    Connected {
        /// Which.
        connection: ConnectionId,
        /// What TLS knows of the peer.
        tls: Option<TlsFacts>,
    },
    /// Octets came on a connection.
    Received {
        /// Which.
        connection: ConnectionId,
        /// What.
        bytes: Bytes,
    },
    /// A connection is gone, or could not be made.
    Disconnected {
        /// Which.
        connection: ConnectionId,
    },
    /// The TU wants something of a call.
    Command {
        /// Which call.
        call: CallKey,
        /// What.
        command: Command,
    },
    /// The look-up that [`Output::Locate`] asked for is done.
    Located {
        /// Which.
        id: LocateId,
        /// What was found.
        result: Result<Located, LocateError>,
    },
    /// Time has passed: nothing else happened.
    Timeout,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datagram { listener, remote, bytes } => f
                .debug_struct("Datagram")
                .field("listener", listener)
                .field("remote", remote)
                .field("len", &bytes.len())
                .finish_non_exhaustive(),
            Self::Connected { connection, .. } => f.debug_tuple("Connected").field(connection).finish(),
            Self::Received { connection, bytes } => f
                .debug_struct("Received")
                .field("connection", connection)
                .field("len", &bytes.len())
                .finish_non_exhaustive(),
            Self::Disconnected { connection } => f.debug_tuple("Disconnected").field(connection).finish(),
            Self::Command { call, command } => f.debug_tuple("Command").field(call).field(command).finish(),
            Self::Located { id, result } => f.debug_tuple("Located").field(id).field(result).finish(),
            Self::Timeout => f.write_str("Timeout"),
        }
    }
}

/// Every side effect that the endpoint can have.
pub enum Output {
    /// Send a message.
    Transmit {
        /// Over what.
        flow: Flow,
        /// The encoded message. It may hold keys: never log it.
        bytes: Bytes,
    },
    /// Open a connection, then say [`Input::Connected`] or [`Input::Disconnected`].
    Connect {
        /// The name it will have.
        connection: ConnectionId,
        /// Where to.
        next_hop: NextHop,
        /// For TLS: which certificate of ours it shows; `None` for the common one.
        identity: Option<Arc<str>>,
    },
    /// Close a connection once what was transmitted before is sent; nothing more is expected of it.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Tell the TU.
    Event {
        /// Which call.
        call: CallKey,
        /// What.
        event: Event,
    },
    /// Look up where a target leads to (RFC 3263), then say [`Input::Located`].
    Locate {
        /// The name of the look-up.
        id: LocateId,
        /// What to look up.
        target: Target,
        /// Decides between servers of equal priority (RFC 2782).
        seed: [u8; 32],
    },
    /// Something about a trunk that we call over changed.
    Trunk(TrunkEvent),
    /// Nothing more now; call again at this instant at the latest.
    Timeout(Instant),
    /// Nothing more until there is an input.
    Idle,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transmit { flow, bytes } => {
                f.debug_struct("Transmit").field("flow", flow).field("len", &bytes.len()).finish_non_exhaustive()
            }
            Self::Connect { connection, next_hop, .. } => {
                f.debug_tuple("Connect").field(connection).field(next_hop).finish()
            }
            Self::Close { connection } => f.debug_tuple("Close").field(connection).finish(),
            Self::Event { call, event } => f.debug_tuple("Event").field(call).field(event).finish(),
            Self::Locate { id, target, .. } => f.debug_tuple("Locate").field(id).field(target).finish(),
            Self::Trunk(event) => f.debug_tuple("Trunk").field(event).finish(),
            Self::Timeout(at) => f.debug_tuple("Timeout").field(at).finish(),
            Self::Idle => f.write_str("Idle"),
        }
    }
}
