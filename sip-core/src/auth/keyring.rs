//! Whom our credentials went to, and the challenges that are answered there (THREATS T35).

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use bytes::Bytes;

use super::params::{Item, Items, set};
use super::session::Session;
use super::{Asker, Challenge, Credentials};
use crate::limits;
use crate::wire::{HeaderName, Headers, Request};

/// What is known of each place that asked for credentials and got them: one realm a place, and a session for each who
/// asks there. `K` names the place: a trunk and its next hop.
pub struct Keyring<K> {
    places: HashMap<K, Place>,
    /// Counts uses, so that the place that was not used for longest makes room.
    uses: u64,
}

struct Place {
    /// The realm of the first challenge that was answered here: no other is answered.
    realm: Bytes,
    server: Option<Session>,
    proxy: Option<Session>,
    used: u64,
}

/// Why a challenge is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Declined {
    /// No challenge that we know how to answer, or may.
    #[error("no challenge with an algorithm that may be used")]
    Unusable,
    /// Another realm than the one that the credentials are for.
    #[error("the challenge is for another realm")]
    Realm,
    /// The same credentials were refused just now (RFC 3261 22.1).
    #[error("the credentials were refused")]
    Refused,
}

impl<K: Hash + Eq + Clone> Keyring<K> {
    /// Nothing is known.
    pub fn new() -> Self {
        Self { places: HashMap::new(), uses: 0 }
    }

    /// Forgets everything: the credentials may be others now.
    pub fn clear(&mut self) {
        self.places.clear();
    }

    /// Whether credentials went there.
    pub fn knows(&self, place: &K) -> bool {
        self.places.contains_key(place)
    }

    /// Takes in the challenge of a response from `place`. `refused`: the request had answered such a challenge before,
    /// and only a stale nonce makes another try worth while.
    pub fn accept(
        &mut self,
        place: &K,
        credentials: &Credentials,
        asker: Asker,
        response: &Headers,
        refused: bool,
    ) -> Result<(), Declined> {
        let name = asker.challenge();
        let challenges = Challenge::of(response, &name);
        let pinned = self.places.get(place).map(|place| place.realm.clone());
        let fixed = credentials.fixed_realm().map(str::as_bytes);
        let realm = fixed.or(pinned.as_deref());
        let Some(challenge) = Challenge::best(&challenges, credentials.allowed(), realm) else {
            let elsewhere = realm.is_some_and(|realm| challenges.iter().any(|challenge| challenge.realm != realm));
            return Err(if elsewhere { Declined::Realm } else { Declined::Unusable });
        };
        if refused && !challenge.stale {
            return Err(Declined::Refused);
        }
        let session = Session::new(&challenge, credentials).ok_or(Declined::Unusable)?;
        self.make_room(place);
        let used = self.next_use();
        let known = self.places.entry(place.clone()).or_insert_with(|| Place {
            realm: Bytes::copy_from_slice(challenge.realm),
            server: None,
            proxy: None,
            used,
        });
        known.used = used;
        *known.session_mut(asker) = Some(session);
        Ok(())
    }

    /// The headers that prove who we are to `place`, where it asked before. `cnonce` makes a new one each time.
    pub fn authorize(
        &mut self,
        place: &K,
        request: &Request,
        mut cnonce: impl FnMut() -> String,
    ) -> Vec<(HeaderName, Bytes)> {
        let used = self.next_use();
        let Some(place) = self.places.get_mut(place) else { return Vec::new() };
        place.used = used;
        let mut headers = Vec::new();
        for asker in Asker::ALL {
            let slot = place.session_mut(asker);
            let Some(session) = slot else { continue };
            match session.authorize(request, &cnonce()) {
                Some(value) => headers.push((asker.answer(), value)),
                None => *slot = None,
            }
        }
        headers
    }

    /// Takes in the nonce that a 2xx from `place` wants to see next (RFC 7616 3.5 Authentication-Info).
    pub fn renew(&mut self, place: &K, response: &Headers) {
        let Some(place) = self.places.get_mut(place) else { return };
        for asker in Asker::ALL {
            let name = asker.info();
            let nonce = response.secrets(&name).next().and_then(|line| next_nonce(line.expose()));
            if let (Some(nonce), Some(session)) = (nonce, place.session_mut(asker)) {
                session.renew(nonce);
            }
        }
    }

    fn next_use(&mut self) -> u64 {
        self.uses = self.uses.saturating_add(1);
        self.uses
    }

    fn make_room(&mut self, place: &K) {
        if self.places.len() < limits::AUTH_PLACES || self.places.contains_key(place) {
            return;
        }
        let oldest = self.places.iter().min_by_key(|(_, place)| place.used).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            self.places.remove(&oldest);
        }
    }
}

impl<K: Hash + Eq + Clone> Default for Keyring<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    const fn session_mut(&mut self, asker: Asker) -> &mut Option<Session> {
        match asker {
            Asker::Server => &mut self.server,
            Asker::Proxy => &mut self.proxy,
        }
    }
}

fn next_nonce(line: &[u8]) -> Option<&[u8]> {
    let mut found = None;
    for item in Items::new(line).take(limits::AUTH_PARAMS) {
        if let Item::Param(name, value) = item.ok()?
            && name.eq_ignore_ascii_case(b"nextnonce")
        {
            set(&mut found, value).ok()?;
        }
    }
    found.filter(|nonce| !nonce.is_empty())
}

impl<K> fmt::Debug for Keyring<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("places", &self.places.len()).finish_non_exhaustive()
    }
}
