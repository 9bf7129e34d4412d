//! What a peer proves itself with: Authorization (RFC 7616 3.4).

use std::fmt;

use super::Algorithm;
use super::challenge::DIGEST;
use super::params::{Item, Items, set};
use crate::limits;
use crate::wire::Malformed;

/// An Authorization or Proxy-Authorization of the scheme Digest with `qop=auth`, read and not believed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Presented<'a> {
    pub(super) user: &'a [u8],
    pub(super) realm: &'a [u8],
    pub(super) nonce: &'a [u8],
    pub(super) uri: &'a [u8],
    pub(super) response: &'a [u8],
    pub(super) algorithm: Algorithm,
    pub(super) cnonce: &'a [u8],
    /// As it was written, to be hashed.
    pub(super) nc: &'a [u8],
    pub(super) count: u32,
}

impl<'a> Presented<'a> {
    /// Reads one line. `None` for another scheme, and for what is malformed or not whole.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let mut items = Items::new(line);
        let Some(Ok(Item::Scheme(scheme))) = items.next() else { return None };
        if !scheme.eq_ignore_ascii_case(DIGEST) {
            return None;
        }
        let mut draft = Draft::default();
        for (index, item) in items.enumerate() {
            let Ok(Item::Param(name, value)) = item else { return None };
            if index >= limits::AUTH_PARAMS {
                return None;
            }
            draft.take(name, value).ok()?;
        }
        draft.finish()
    }

    /// The realm, as it stands between its quotes.
    pub const fn realm(&self) -> &'a [u8] {
        self.realm
    }

    /// The nonce, as it stands between its quotes.
    pub const fn nonce(&self) -> &'a [u8] {
        self.nonce
    }

    /// How often the nonce was used, this time included.
    pub const fn count(&self) -> u32 {
        self.count
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("algorithm", &self.algorithm)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Draft<'a> {
    user: Option<&'a [u8]>,
    realm: Option<&'a [u8]>,
    nonce: Option<&'a [u8]>,
    uri: Option<&'a [u8]>,
    response: Option<&'a [u8]>,
    algorithm: Option<&'a [u8]>,
    cnonce: Option<&'a [u8]>,
    nc: Option<&'a [u8]>,
    qop: Option<&'a [u8]>,
    userhash: Option<&'a [u8]>,
}

impl<'a> Draft<'a> {
    fn take(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Malformed> {
        let slot = match name.to_ascii_lowercase().as_slice() {
            b"username" => &mut self.user,
            b"realm" => &mut self.realm,
            b"nonce" => &mut self.nonce,
            b"uri" => &mut self.uri,
            b"response" => &mut self.response,
            b"algorithm" => &mut self.algorithm,
            b"cnonce" => &mut self.cnonce,
            b"nc" => &mut self.nc,
            b"qop" => &mut self.qop,
            b"userhash" => &mut self.userhash,
            _ => return Ok(()),
        };
        set(slot, value)
    }

    fn finish(self) -> Option<Presented<'a>> {
        // Neither `auth-int` nor a hashed user name was offered.
        let is_auth = self.qop.is_some_and(|qop| qop.eq_ignore_ascii_case(b"auth"));
        if !is_auth || self.userhash.is_some_and(|userhash| userhash.eq_ignore_ascii_case(b"true")) {
            return None;
        }
        let nc = self.nc?;
        Some(Presented {
            user: self.user?,
            realm: self.realm?,
            nonce: self.nonce?,
            uri: self.uri?,
            response: self.response?,
            algorithm: self.algorithm.map_or(Some(Algorithm::Md5), Algorithm::known)?,
            cnonce: self.cnonce.filter(|cnonce| !cnonce.is_empty())?,
            nc,
            count: count(nc)?,
        })
    }
}

/// Eight hexadecimal digits, from one upwards (RFC 7616 3.4): a zero would take a place among the nonces and use none up.
fn count(nc: &[u8]) -> Option<u32> {
    if nc.len() != 8 || !nc.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(nc).ok()?, 16).ok().filter(|count| *count > 0)
}
