//! What a peer asks for: WWW-Authenticate and Proxy-Authenticate (RFC 7616 3.3).

use std::fmt;

use super::params::{Item, Items, set};
use super::{Algorithm, Algorithms};
use crate::limits;
use crate::wire::{HeaderName, Headers, Malformed, StatusCode};

/// Who asks: the server itself (401) or a proxy on the way (407). Each has headers of its own (RFC 3261 22.2, 22.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    /// 401, WWW-Authenticate, Authorization
    Server,
    /// 407, Proxy-Authenticate, Proxy-Authorization
    Proxy,
}

impl Asker {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Server, Self::Proxy];

    /// Who asks with this status; `None` where it is no challenge.
    pub fn of(status: StatusCode) -> Option<Self> {
        match status {
            StatusCode::UNAUTHORIZED => Some(Self::Server),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Some(Self::Proxy),
            _ => None,
        }
    }

    /// The header of the challenge.
    pub const fn challenge(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::WwwAuthenticate,
            Self::Proxy => HeaderName::ProxyAuthenticate,
        }
    }

    /// The header of the answer.
    pub const fn answer(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::Authorization,
            Self::Proxy => HeaderName::ProxyAuthorization,
        }
    }

    /// The header of what comes with a 2xx.
    pub const fn info(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::AuthenticationInfo,
            Self::Proxy => HeaderName::ProxyAuthenticationInfo,
        }
    }
}

/// The quality of protection: what else is hashed (RFC 7616 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qop {
    /// The method and the URI.
    Auth,
    /// The body as well.
    AuthInt,
}

impl Qop {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// One challenge that we could answer: of the scheme Digest, whole, with an algorithm and a `qop` that we know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Challenge<'a> {
    pub(super) realm: &'a [u8],
    pub(super) nonce: &'a [u8],
    pub(super) opaque: Option<&'a [u8]>,
    pub(super) algorithm: Algorithm,
    /// `None`: as RFC 2069 had it, for MD5 alone.
    pub(super) qop: Option<Qop>,
    pub(super) stale: bool,
    pub(super) userhash: bool,
}

impl<'a> Challenge<'a> {
    /// The challenges of all lines of a response. What cannot be read or is not known is passed over.
    pub fn of(headers: &'a Headers, name: &'a HeaderName) -> Vec<Self> {
        headers.get_all(name).take(limits::AUTH_HEADERS).flat_map(|line| Self::of_line(line)).collect()
    }

    /// The challenges of one line. RFC 3261 20.44 has one a line, RFC 9110 11.6.1 has several, and both are sent.
    pub fn of_line(line: &'a [u8]) -> Vec<Self> {
        let mut found = Vec::new();
        let mut draft: Option<Draft<'a>> = None;
        for item in Items::new(line).take(limits::AUTH_PARAMS) {
            match item {
                Ok(Item::Scheme(scheme)) => {
                    found.extend(draft.take().and_then(Draft::finish));
                    draft = scheme.eq_ignore_ascii_case(DIGEST).then(Draft::default);
                }
                Ok(Item::Param(name, value)) => {
                    if draft.as_mut().is_some_and(|draft| draft.take(name, value).is_err()) {
                        draft = None;
                    }
                }
                Err(Malformed) => draft = None,
            }
        }
        found.extend(draft.and_then(Draft::finish));
        found
    }

    /// The strongest challenge that `allowed` has, of `realm` where that is known; of two alike the first
    /// (RFC 8760 2.4).
    pub fn best(challenges: &[Self], allowed: Algorithms, realm: Option<&[u8]>) -> Option<Self> {
        let fits = |challenge: &&Self| {
            allowed.contains(challenge.algorithm) && realm.is_none_or(|realm| challenge.realm == realm)
        };
        // Algorithms are in order, the strongest first.
        challenges.iter().filter(fits).min_by_key(|challenge| challenge.algorithm).copied()
    }

    /// The realm, as it stands between its quotes.
    pub const fn realm(&self) -> &'a [u8] {
        self.realm
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The nonce, as it stands between its quotes.
    pub const fn nonce(&self) -> &'a [u8] {
        self.nonce
    }

    /// What else is hashed; `None` as RFC 2069 had it.
    pub const fn qop(&self) -> Option<Qop> {
        self.qop
    }

    /// Whether the nonce alone was wrong with the answer before.
    pub const fn is_stale(&self) -> bool {
        self.stale
    }
}

impl fmt::Debug for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("realm", &String::from_utf8_lossy(self.realm))
            .field("algorithm", &self.algorithm)
            .field("qop", &self.qop)
            .field("stale", &self.stale)
            .finish_non_exhaustive()
    }
}

/// The scheme.
pub(super) const DIGEST: &[u8] = b"Digest";

/// A challenge that is being read.
#[derive(Default)]
struct Draft<'a> {
    realm: Option<&'a [u8]>,
    nonce: Option<&'a [u8]>,
    opaque: Option<&'a [u8]>,
    algorithm: Option<&'a [u8]>,
    qop: Option<&'a [u8]>,
    stale: Option<&'a [u8]>,
    userhash: Option<&'a [u8]>,
}

impl<'a> Draft<'a> {
    fn take(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Malformed> {
        let slot = match name.to_ascii_lowercase().as_slice() {
            b"realm" => &mut self.realm,
            b"nonce" => &mut self.nonce,
            b"opaque" => &mut self.opaque,
            b"algorithm" => &mut self.algorithm,
            b"qop" => &mut self.qop,
            b"stale" => &mut self.stale,
            b"userhash" => &mut self.userhash,
            _ => return Ok(()),
        };
        set(slot, value)
    }

    fn finish(self) -> Option<Challenge<'a>> {
        let algorithm = self.algorithm.map_or(Some(Algorithm::Md5), Algorithm::known)?;
        let qop = match self.qop {
            Some(options) => Some(best_qop(options)?),
            // RFC 7616 3.3 demands it; only what is as old as MD5 comes without.
            None if algorithm == Algorithm::Md5 => None,
            None => return None,
        };
        let is_true = |value: Option<&[u8]>| value.is_some_and(|value| value.eq_ignore_ascii_case(b"true"));
        Some(Challenge {
            realm: self.realm.filter(|realm| !realm.is_empty())?,
            nonce: self.nonce.filter(|nonce| !nonce.is_empty())?,
            opaque: self.opaque,
            algorithm,
            qop,
            stale: is_true(self.stale),
            userhash: is_true(self.userhash),
        })
    }
}

/// `auth` where it is offered, else `auth-int`.
fn best_qop(options: &[u8]) -> Option<Qop> {
    let offers = |qop: Qop| {
        let mut options = options.split(|octet| matches!(octet, b',' | b' ' | b'\t'));
        options.any(|option| option.eq_ignore_ascii_case(qop.as_str().as_bytes()))
    };
    [Qop::Auth, Qop::AuthInt].into_iter().find(|qop| offers(*qop))
}
