//! How messages find their transaction (RFC 3261 17.1.3, 17.2.3).

use std::fmt;

use crate::admission::TrunkId;
use crate::wire::{Host, Method, Text, Via};

/// A server transaction: branch, sent-by and method of a request, and the trunk that it came from.
///
/// The trunk is more than the RFC asks: a CANCEL or ACK of another trunk that guesses a branch matches nothing
/// (THREATS T40).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerKey {
    trunk: TrunkId,
    branch: Text,
    host: Text,
    port: u16,
    method: Method,
}

impl ServerKey {
    /// The key of a request. `None` for a branch without the magic cookie: RFC 2543 transactions are refused.
    pub fn new(trunk: &TrunkId, via: &Via, method: &Method) -> Option<Self> {
        let branch = via.rfc3261_branch()?;
        let host = match &via.host {
            Host::Name(name) => Text::from(name.as_str().to_ascii_lowercase()),
            Host::V4(ip) => Text::from(ip.to_string()),
            Host::V6(ip) => Text::from(ip.to_string()),
        };
        // RFC 3261 17.2.3: an ACK matches the INVITE it acknowledges.
        let method = if *method == Method::Ack { Method::Invite } else { method.clone() };
        Some(Self { trunk: trunk.clone(), branch: Text::copy_from(branch), host, port: via.port_or_default(), method })
    }

    /// The INVITE that a CANCEL with this key wants to cancel (RFC 3261 9.2).
    #[must_use]
    pub fn to_cancel(&self) -> Self {
        Self { method: Method::Invite, ..self.clone() }
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerKey").field("trunk", &self.trunk).field("method", &self.method).finish_non_exhaustive()
    }
}

/// A client transaction: the branch we chose and the method. A CANCEL shares the branch of its INVITE.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientKey {
    branch: Text,
    method: Method,
}

impl ClientKey {
    /// The key of a request that we send, or of a response by its top Via and CSeq.
    pub fn new(branch: &str, method: &Method) -> Self {
        Self { branch: Text::copy_from(branch), method: method.clone() }
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey").field("method", &self.method).finish_non_exhaustive()
    }
}
