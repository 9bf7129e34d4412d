//! How the endpoint is set up.

use std::net::SocketAddr;
use std::time::Duration;

use crate::admission::Transport;
use crate::dialog::SessionPolicy;
use crate::transaction::Timers;
use crate::wire::{Host, Text};

/// The endpoint's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our listening sockets; a [`super::ListenerId`] is an index into this list.
    pub listeners: Vec<Listener>,
    /// The Server and User-Agent header, if there shall be one: a scanner's first question is what software it has found.
    pub product: Option<Text>,
    /// The user part of our Contact.
    pub contact_user: Text,
    /// The transaction timers.
    pub timers: Timers,
    /// Session timers (RFC 4028).
    pub session: SessionPolicy,
    /// How much of everything there may be at a time.
    pub caps: Caps,
    /// When a connection is closed.
    pub connections: ConnectionLimits,
}

impl Config {
    /// The defaults, with these listeners.
    pub fn new(listeners: Vec<Listener>) -> Self {
        Self {
            listeners,
            product: None,
            contact_user: Text::from_static("call"),
            timers: Timers::default(),
            session: SessionPolicy::default(),
            caps: Caps::default(),
            connections: ConnectionLimits::default(),
        }
    }
}

/// A listening socket as the peer sees it.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its transport.
    pub transport: Transport,
    /// The address it is bound to.
    pub local: SocketAddr,
    /// The host for Via and Contact: a public address, or the domain where a certificate must fit.
    pub host: Host,
    /// The port for Via and Contact.
    pub port: u16,
}

impl Listener {
    /// A listener that advertises the address it is bound to.
    pub fn new(transport: Transport, local: SocketAddr) -> Self {
        Self { transport, local, host: Host::from(local.ip()), port: local.port() }
    }
}

/// Caps. Beyond one of them a request is refused with 503 and Retry-After.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Transactions of all four kinds.
    pub transactions: usize,
    /// Calls, and so dialogs.
    pub calls: usize,
    /// Inbound calls that are not answered yet: what a flood of INVITEs can hold.
    pub unanswered: usize,
    /// Connections, those being made too.
    pub connections: usize,
    /// Connections from one source address, where its trunk says nothing else.
    pub connections_per_source: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { transactions: 100_000, calls: 20_000, unanswered: 4_000, connections: 4_096, connections_per_source: 32 }
    }
}

/// When a connection is closed (THREATS T33).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// For the TCP connection and the TLS handshake together.
    pub handshake: Duration,
    /// For the first message, and for each message to be whole once it began.
    pub message: Duration,
    /// Without a message or keepalive, and with no call on it.
    pub idle: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { handshake: Duration::from_secs(5), message: Duration::from_secs(10), idle: Duration::from_mins(2) }
    }
}
