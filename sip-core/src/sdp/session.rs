//! The session level, and the description as a whole.

use std::net::IpAddr;

use super::{Attribute, Connection, Direction, Fingerprint, Media, Setup};

/// A session description.
#[derive(Clone, Debug)]
pub struct SessionDescription {
    /// `o=`
    pub origin: Origin,
    /// `s=`
    pub name: String,
    /// `c=` of the session level.
    pub connection: Option<Connection>,
    /// The direction, when the session level states one.
    pub direction: Option<Direction>,
    /// `a=fingerprint` lines of the session level.
    pub fingerprints: Vec<Fingerprint>,
    /// `a=setup` of the session level.
    pub setup: Option<Setup>,
    /// All other attributes of the session level.
    pub attributes: Vec<Attribute>,
    /// The media descriptions. An answer has as many as its offer, in the same order (RFC 3264 6).
    pub media: Vec<Media>,
}

/// `o=`: who wrote the description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The user name; `-` on the wire when there is none.
    pub user: Option<String>,
    /// The session's identifier, a number by the grammar.
    pub session_id: String,
    /// Rises by one with each change (RFC 3264 8).
    pub version: u64,
    /// The writer's address, or a name for it.
    pub address: super::Address,
}

impl SessionDescription {
    /// A description of our own, without media.
    pub fn new(session_id: u64, version: u64, address: IpAddr) -> Self {
        Self {
            origin: Origin {
                user: None,
                session_id: session_id.to_string(),
                version,
                address: super::Address::Ip(address),
            },
            name: "-".to_owned(),
            connection: Some(Connection::new(address)),
            direction: None,
            fingerprints: Vec::new(),
            setup: None,
            attributes: Vec::new(),
            media: Vec::new(),
        }
    }

    /// Where the media is to be sent: by its own `c=` line, or by the session's.
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The direction of the media: its own, or the session's, or both ways.
    pub fn direction_of(&self, media: &Media) -> Direction {
        media.direction.or(self.direction).unwrap_or(Direction::SendRecv)
    }

    /// The fingerprints of the media: its own, or the session's (RFC 8122 5).
    pub fn fingerprints_of<'a>(&'a self, media: &'a Media) -> &'a [Fingerprint] {
        if media.fingerprints.is_empty() { &self.fingerprints } else { &media.fingerprints }
    }

    /// The DTLS role of the media: its own, or the session's.
    pub fn setup_of(&self, media: &Media) -> Option<Setup> {
        media.setup.or(self.setup)
    }

    /// The attribute of this name of the session level, among those that are not read.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// Whether any media description holds `a=crypto`: the message that carried this must have come over TLS (RFC 4568 8.1).
    pub fn has_keys(&self) -> bool {
        self.media.iter().any(|media| !media.crypto.is_empty())
    }
}
