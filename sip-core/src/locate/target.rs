//! What is looked for, and what was found.

use std::time::Duration;

use crate::admission::{Transport, Transports};
use crate::endpoint::NextHop;
use crate::wire::{Host, Uri};

use super::DomainName;

/// Where to go, as a URI says it, and over which transports that may be.
///
/// An `maddr` parameter is not read: it is a way to have us send to an address of somebody's choice (THREATS T44).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    pub(super) host: TargetHost,
    pub(super) port: Option<u16>,
    /// The transport that the URI asks for.
    pub(super) transport: Option<Transport>,
    /// The transports that may be used, the preferred first. Never empty.
    pub(super) allowed: Vec<Transport>,
}

/// The URI's host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum TargetHost {
    Name(DomainName),
    Address(std::net::IpAddr),
}

impl Target {
    /// The target that a `sip:` or `sips:` URI names, over the transports in `allowed` and no other. For `sips:` that is
    /// TLS alone, whatever else is allowed (RFC 3263 4.1).
    pub fn new(uri: &Uri, allowed: Transports) -> Result<Self, LocateError> {
        let uri = uri.as_sip().ok_or(LocateError::NotSip)?;
        let host = match &uri.host {
            Host::Name(name) => TargetHost::Name(DomainName::new(name).map_err(|_| LocateError::Name)?),
            Host::V4(address) => TargetHost::Address((*address).into()),
            Host::V6(address) => TargetHost::Address(address.to_canonical()),
        };
        let transport = match uri.params.get("transport") {
            None => None,
            Some(param) => Some(named(param.value().unwrap_or_default(), uri.secure)?),
        };
        let usable = |wanted: &Transport| allowed.contains(*wanted) && (!uri.secure || *wanted == Transport::Tls);
        let allowed: Vec<Transport> = match transport {
            None => PREFERENCE.into_iter().filter(usable).collect(),
            Some(transport) => Some(transport).filter(usable).into_iter().collect(),
        };
        if allowed.is_empty() {
            return Err(LocateError::Transport);
        }
        Ok(Self { host, port: uri.port, transport, allowed })
    }

    /// The transport where nothing but the URI says which one: UDP, or what of the allowed ones comes closest to it
    /// (RFC 3263 4.1).
    pub(super) fn plain_transport(&self) -> Transport {
        self.transport.or_else(|| self.allowed.last().copied()).unwrap_or(Transport::Tls)
    }

    /// The name that a certificate must show: the URI's host, and nothing that a name server said (RFC 5922 4).
    pub(super) fn server_name(&self) -> std::sync::Arc<str> {
        match &self.host {
            TargetHost::Name(name) => name.share(),
            TargetHost::Address(address) => address.to_string().into(),
        }
    }

    /// A next hop at `address`.
    pub(super) fn hop(&self, transport: Transport, address: std::net::SocketAddr) -> NextHop {
        match transport {
            Transport::Udp => NextHop::udp(address),
            Transport::Tcp => NextHop::tcp(address),
            Transport::Tls => NextHop::tls(address, self.server_name()),
        }
    }
}

/// The transport that a `transport` parameter names. With `sips` it names what TLS runs over (RFC 3261 26.2.2).
fn named(word: &str, secure: bool) -> Result<Transport, LocateError> {
    if word.eq_ignore_ascii_case("tls") || (secure && word.eq_ignore_ascii_case("tcp")) {
        return Ok(Transport::Tls);
    }
    if word.eq_ignore_ascii_case("tcp") {
        return Ok(Transport::Tcp);
    }
    if word.eq_ignore_ascii_case("udp") && !secure {
        return Ok(Transport::Udp);
    }
    Err(LocateError::Transport)
}

/// Where to send, in the order to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// At least one.
    pub hops: Vec<NextHop>,
    /// What each of these has of the calls; one without comes in its turn.
    pub shares: Vec<Share>,
    /// How long this may be believed: the shortest time to live of all the records it is made of, within bounds.
    pub valid_for: Duration,
}

impl Located {
    /// Hops of which each comes after the one before it, whatever the call.
    pub const fn in_order(hops: Vec<NextHop>, valid_for: Duration) -> Self {
        Self { hops, shares: Vec::new(), valid_for }
    }
}

/// What a hop has of the calls to its domain (RFC 2782): servers of one rank have each a chance in proportion to their weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// A higher rank is for when the lower cannot serve: service and priority.
    pub rank: usize,
    /// The server, by its place among all. Its addresses are tried in order.
    pub server: usize,
    /// The weight of its SRV record.
    pub weight: u16,
}

/// Why no server was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// The URI is neither `sip:` nor `sips:`.
    #[error("only sip: and sips: URIs name a server")]
    NotSip,
    /// The host is no domain name.
    #[error("the host is no domain name")]
    Name,
    /// The URI asks for a transport that may not be used, or that we do not have.
    #[error("none of the transports that may be used is one that the URI allows")]
    Transport,
    /// The name servers know no address for the name.
    #[error("the name has no address")]
    NoSuchName,
    /// The domain says that it has no such service (RFC 2782: a target of `.`).
    #[error("the domain says that it offers no such service")]
    NoService,
    /// No name server gave an answer.
    #[error("the name servers did not answer")]
    Unanswered,
    /// It took too long.
    #[error("the look-up took too long")]
    Timeout,
}

/// What we try first where a server leaves the choice to us (RFC 3263 4.1): what is safest.
const PREFERENCE: [Transport; 3] = [Transport::Tls, Transport::Tcp, Transport::Udp];
