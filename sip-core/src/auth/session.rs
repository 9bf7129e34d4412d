//! A challenge that we answer, and go on to answer before it is asked again (RFC 7616 3.6).

use std::fmt;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use zeroize::Zeroizing;

use super::digest::{self, Input, Protection};
use super::{Algorithm, Challenge, Credentials, Qop};
use crate::wire::Request;

/// One challenge with what answers it. The nonce serves for many requests, each with the next count.
pub(super) struct Session {
    user: Arc<str>,
    a1: Zeroizing<String>,
    realm: Bytes,
    nonce: Bytes,
    opaque: Option<Bytes>,
    algorithm: Algorithm,
    qop: Option<Qop>,
    userhash: bool,
    count: u32,
}

impl Session {
    /// A session that answers `challenge`; `None` for a realm that is no text.
    pub(super) fn new(challenge: &Challenge<'_>, credentials: &Credentials) -> Option<Self> {
        let realm = std::str::from_utf8(challenge.realm).ok()?;
        Some(Self {
            user: Arc::from(credentials.user()),
            a1: credentials.a1(challenge.algorithm, realm),
            realm: Bytes::copy_from_slice(challenge.realm),
            nonce: Bytes::copy_from_slice(challenge.nonce),
            opaque: challenge.opaque.map(Bytes::copy_from_slice),
            algorithm: challenge.algorithm,
            qop: challenge.qop,
            userhash: challenge.userhash,
            count: 0,
        })
    }

    /// The value of Authorization or Proxy-Authorization for `request`. `None` when the nonce is used up: the next
    /// challenge brings another.
    pub(super) fn authorize(&mut self, request: &Request, cnonce: &str) -> Option<Bytes> {
        self.count = self.count.checked_add(1)?;
        let nc = format!("{:08x}", self.count);
        let uri = request.uri().to_text();
        let protection = self.qop.map(|qop| Protection { qop, nc: nc.as_bytes(), cnonce: cnonce.as_bytes() });
        let response = digest::response(
            self.a1.as_bytes(),
            &Input {
                algorithm: self.algorithm,
                nonce: &self.nonce,
                protection,
                method: request.method().as_str(),
                uri: uri.as_bytes(),
                body: request.body(),
            },
        );
        let user = self.user_name();
        let mut out = BytesMut::with_capacity(512);
        out.put_slice(b"Digest ");
        put_quoted(&mut out, "username", user.as_bytes());
        put_quoted(&mut out, ", realm", &self.realm);
        put_quoted(&mut out, ", nonce", &self.nonce);
        put_quoted(&mut out, ", uri", uri.as_bytes());
        put_quoted(&mut out, ", response", response.as_bytes());
        put_plain(&mut out, ", algorithm", self.algorithm.as_str());
        if let Some(qop) = self.qop {
            put_quoted(&mut out, ", cnonce", cnonce.as_bytes());
            put_plain(&mut out, ", qop", qop.as_str());
            put_plain(&mut out, ", nc", &nc);
        }
        if let Some(opaque) = &self.opaque {
            put_quoted(&mut out, ", opaque", opaque);
        }
        if self.userhash {
            put_plain(&mut out, ", userhash", "true");
        }
        Some(out.freeze())
    }

    /// The next request uses this nonce.
    pub(super) fn renew(&mut self, nonce: &[u8]) {
        self.nonce = Bytes::copy_from_slice(nonce);
        self.count = 0;
    }

    /// The user's name, or its hash where the server wants that (RFC 7616 3.4.4).
    fn user_name(&self) -> Zeroizing<String> {
        if self.userhash {
            self.algorithm.hash(&[self.user.as_bytes(), &self.realm])
        } else {
            Zeroizing::new(self.user.to_string())
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("algorithm", &self.algorithm)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// `name="value"`; the value is one that stood between quotes before, or can.
fn put_quoted(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.put_slice(name.as_bytes());
    out.put_slice(b"=\"");
    out.put_slice(value);
    out.put_u8(b'"');
}

fn put_plain(out: &mut BytesMut, name: &str, value: &str) {
    out.put_slice(name.as_bytes());
    out.put_u8(b'=');
    out.put_slice(value.as_bytes());
}
