//! What is known of the far end of a packet, before and beside what the packet says.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::TrunkId;

/// How SIP travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// UDP datagrams: unreliable, so the transaction layer sends again.
    Udp,
    /// A plain TCP stream.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl Transport {
    /// Whether the transport itself sends again what is lost (RFC 3261 17: timers A, E, G are not started).
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// The word in a Via's sent-protocol: `UDP`, `TCP`, `TLS`.
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// The `transport` URI parameter: `udp`, `tcp`, `tls`.
    pub const fn uri_name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// The port meant when none is written (RFC 3261 18.2.2, 19.1.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.uri_name())
    }
}

/// A set of [`Transport`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transports {
    udp: bool,
    tcp: bool,
    tls: bool,
}

impl Transports {
    /// Every transport.
    pub const ALL: Self = Self { udp: true, tcp: true, tls: true };
    /// None yet; add with [`Transports::with`].
    pub const NONE: Self = Self { udp: false, tcp: false, tls: false };
    /// TLS and nothing else.
    pub const TLS: Self = Self { udp: false, tcp: false, tls: true };

    /// The set with `transport` added.
    #[must_use]
    pub const fn with(mut self, transport: Transport) -> Self {
        match transport {
            Transport::Udp => self.udp = true,
            Transport::Tcp => self.tcp = true,
            Transport::Tls => self.tls = true,
        }
        self
    }

    /// Whether `transport` is in the set.
    pub const fn contains(self, transport: Transport) -> bool {
        match transport {
            Transport::Udp => self.udp,
            Transport::Tcp => self.tcp,
            Transport::Tls => self.tls,
        }
    }
}

impl Default for Transports {
    fn default() -> Self {
        Self::ALL
    }
}

/// The TLS version a connection agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2, the floor (RFC 9325).
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl TlsVersion {
    /// `1.2` or `1.3`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        }
    }
}

/// What the TLS layer found out about a connection.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    /// The version agreed on.
    pub version: TlsVersion,
    /// The IANA name of the cipher suite.
    pub cipher_suite: Arc<str>,
    /// The verified SIP domain identities of the peer's certificate, lower case (RFC 5922 7.1): the `sip:` URIs
    /// among its subjectAltNames, or its DNS names where it has none of those. Empty for a peer that showed no
    /// certificate.
    pub identities: Arc<[Arc<str>]>,
}

/// The far end of a packet or connection.
#[derive(Clone, Debug)]
pub struct SourceFacts {
    /// The packet's source address: the only address an answer goes to (THREATS T44).
    pub address: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// What TLS knows of the peer; `None` over UDP and TCP.
    pub tls: Option<TlsFacts>,
    /// For a connection that we opened ourselves: the trunk it was opened for.
    pub opened_for: Option<TrunkId>,
}

impl SourceFacts {
    /// The facts of a datagram or of a plain TCP connection.
    pub const fn plain(address: SocketAddr, transport: Transport) -> Self {
        Self { address, transport, tls: None, opened_for: None }
    }

    /// The source address, an IPv4-mapped IPv6 address as the IPv4 address it stands for.
    pub fn ip(&self) -> IpAddr {
        self.address.ip().to_canonical()
    }
}
