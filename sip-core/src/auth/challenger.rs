//! Asking a peer who it is, without keeping anything until it has proved it (THREATS T37).

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Presented, Realm};
use crate::limits;
use crate::wire::{HeaderName, Request};

/// Makes nonces and judges what comes back.
///
/// A nonce says when and for which source and realm it was made, and is keyed: none is kept until a request has proved a
/// password with it. From then on its count is kept until it is too old to be used.
pub struct Challenger {
    key: Zeroizing<[u8; 32]>,
    origin: Instant,
    minted: u64,
    /// The nonces that proved a password, by number and so by age, with the last count of each.
    used: BTreeMap<u64, Used>,
    /// Nonces up to this number are taken no more: what was known of them is forgotten.
    floor: u64,
}

#[derive(Clone, Copy)]
struct Used {
    born: u64,
    count: u32,
}

/// What is to be thought of a request's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A user of the realm sent it, now and for the first time.
    Proven,
    /// It has no credentials for the realm.
    Missing,
    /// They prove nothing.
    Wrong,
    /// The password is right, and the nonce too old, used up, or not ours: ask again (RFC 7616 3.3 stale).
    Stale,
}

impl Challenger {
    /// `key` is 256 bits from the operating system; `now` is when time begins.
    pub fn new(key: [u8; 32], now: Instant) -> Self {
        Self { key: Zeroizing::new(key), origin: now, minted: 0, used: BTreeMap::new(), floor: 0 }
    }

    /// The values of WWW-Authenticate for `realm`, the strongest first (RFC 8760 2.3): one nonce in all of them.
    pub fn challenge(&mut self, realm: &Realm, source: IpAddr, stale: bool, now: Instant) -> Vec<Bytes> {
        let nonce = self.mint(realm, source, now);
        let stale = if stale { ", stale=true" } else { "" };
        let line = |algorithm| {
            let name = realm.name();
            let text =
                format!("Digest realm=\"{name}\", nonce=\"{nonce}\", qop=\"auth\", algorithm={algorithm}{stale}");
            Bytes::from(text)
        };
        realm.offered().iter().map(line).collect()
    }

    /// Judges the Authorization of a request from `source`. The URI must be the request's own (RFC 7616 3.4.6): a digest
    /// that was seen on the way is good for nothing else.
    pub fn judge(&mut self, realm: &Realm, request: &Request, source: IpAddr, now: Instant) -> Verdict {
        let lines = request.secrets(&HeaderName::Authorization).take(limits::AUTH_HEADERS);
        let ours = |presented: &Presented<'_>| presented.realm == realm.name().as_bytes();
        let mut presented = lines.filter_map(|line| Presented::parse(line.expose())).filter(ours);
        let Some(presented) = presented.next() else { return Verdict::Missing };
        let same_uri = presented.uri == request.uri().to_text().as_bytes();
        // Worked out in any case: how long it takes tells nothing.
        let proven = realm.proves(&presented, request.method().as_str());
        if !proven || !same_uri {
            return Verdict::Wrong;
        }
        if self.spend(realm, &presented, source, now).is_some() { Verdict::Proven } else { Verdict::Stale }
    }

    /// How many nonces are kept.
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    /// Takes the count of a nonce, if it is one of ours, young, and rises.
    fn spend(&mut self, realm: &Realm, presented: &Presented<'_>, source: IpAddr, now: Instant) -> Option<()> {
        let (born, number) = self.read(realm, presented.nonce, source)?;
        let age = self.millis(now).checked_sub(born)?;
        if u128::from(age) > limits::AUTH_NONCE_LIFE.as_millis() || number <= self.floor {
            return None;
        }
        let used = self.used.entry(number).or_insert(Used { born, count: 0 });
        if presented.count <= used.count {
            return None;
        }
        used.count = presented.count;
        self.forget(now);
        Some(())
    }

    /// Forgets the nonces that are too old, and the oldest ones of too many.
    fn forget(&mut self, now: Instant) {
        let now = self.millis(now);
        let life = u64::try_from(limits::AUTH_NONCE_LIFE.as_millis()).unwrap_or(u64::MAX);
        while let Some(oldest) = self.used.first_entry() {
            let is_old = now.saturating_sub(oldest.get().born) > life;
            let number = *oldest.key();
            if !is_old && self.used.len() <= limits::AUTH_NONCES {
                return;
            }
            self.used.remove(&number);
            self.floor = number;
        }
    }

    fn mint(&mut self, realm: &Realm, source: IpAddr, now: Instant) -> String {
        self.minted = self.minted.saturating_add(1);
        let (born, number) = (self.millis(now), self.minted);
        let mut nonce = Vec::with_capacity(16 + SEAL);
        nonce.extend(born.to_be_bytes());
        nonce.extend(number.to_be_bytes());
        nonce.extend(self.seal(born, number, realm, source));
        URL_SAFE_NO_PAD.encode(nonce)
    }

    /// When a nonce was made, and its number; `None` for one that we did not make for this source and realm.
    fn read(&self, realm: &Realm, nonce: &[u8], source: IpAddr) -> Option<(u64, u64)> {
        let mut octets = [0; 16 + SEAL];
        let length = URL_SAFE_NO_PAD.decode_slice(nonce, &mut octets).ok()?;
        let (born, rest) = octets.split_first_chunk::<8>()?;
        let (number, seal) = rest.split_first_chunk::<8>()?;
        let (born, number) = (u64::from_be_bytes(*born), u64::from_be_bytes(*number));
        let is_ours: bool = self.seal(born, number, realm, source).ct_eq(seal).into();
        (is_ours && length == octets.len()).then_some((born, number))
    }

    fn seal(&self, born: u64, number: u64, realm: &Realm, source: IpAddr) -> [u8; SEAL] {
        let source = match source.to_canonical() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        #[expect(clippy::expect_used, reason = "HMAC is defined for keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_slice()).expect("a key of any length");
        mac.update(&born.to_be_bytes());
        mac.update(&number.to_be_bytes());
        mac.update(&source.octets());
        mac.update(realm.name().as_bytes());
        let full = mac.finalize().into_bytes();
        let mut seal = [0; SEAL];
        for (octet, from) in seal.iter_mut().zip(full) {
            *octet = from;
        }
        seal
    }

    fn millis(&self, now: Instant) -> u64 {
        let since: Duration = now.saturating_duration_since(self.origin);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Challenger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenger").field("used", &self.used.len()).finish_non_exhaustive()
    }
}

/// Octets of the keyed part of a nonce: 128 bits.
const SEAL: usize = 16;
