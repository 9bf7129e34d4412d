//! Who may use the API: each client is known by a key, of which only the SHA-256 is kept.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dialplan::{Name, NumberPattern, Party};
use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use super::limits::{MAX_API_KEY, MIN_API_KEY};

/// What a client may do.
#[derive(Debug, Clone)]
pub(crate) struct Rights {
    /// Its name in logs.
    pub(crate) name: Name,
    /// The application whose calls it places, sees and commands.
    pub(crate) app: Name,
    /// The trunks over which it places calls, in order of preference.
    pub(crate) trunks: Vec<Name>,
    /// The numbers it may show; all that the trunk may where empty.
    pub(crate) from: Vec<NumberPattern>,
    /// Requests a second, and at once.
    pub(crate) per_second: u32,
}

impl Rights {
    /// Whether it may show this number.
    pub(super) fn may_show(&self, from: &dialplan::Number) -> bool {
        let party = Party::Number(from.clone());
        self.from.is_empty() || self.from.iter().any(|pattern| pattern.matches(&party))
    }
}

/// One client.
pub(crate) struct Client {
    pub(super) rights: Rights,
    digest: [u8; 32],
    allowance: Mutex<Allowance>,
}

impl Client {
    /// Takes one request out of its allowance, or says when there will be one.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        // One assignment: what a panic leaves behind is right.
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner).take(now, self.rights.per_second)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("rights", &self.rights).finish_non_exhaustive()
    }
}

/// A token bucket as one instant (GCRA): when the bucket will be full again.
#[derive(Debug, Default)]
struct Allowance {
    full_at: Option<Instant>,
}

impl Allowance {
    fn take(&mut self, now: Instant, per_second: u32) -> Result<(), Duration> {
        let per_second = per_second.max(1);
        let each = Duration::from_secs(1) / per_second;
        let full_at = self.full_at.map_or(now, |at| at.max(now));
        // A second's worth may come at once.
        let wait = (full_at + each).saturating_duration_since(now).saturating_sub(each * per_second);
        if wait.is_zero() {
            self.full_at = Some(full_at + each);
            Ok(())
        } else {
            Err(wait)
        }
    }
}

/// All clients.
#[derive(Debug, Default)]
pub(crate) struct Clients(Vec<Arc<Client>>);

impl Clients {
    /// Adds one, known by `key`.
    pub(crate) fn add(&mut self, rights: Rights, key: &[u8]) -> Result<(), ApiKeyError> {
        if !(MIN_API_KEY..=MAX_API_KEY).contains(&key.len()) {
            return Err(ApiKeyError::Length { octets: key.len() });
        }
        if !key.iter().all(u8::is_ascii_graphic) {
            return Err(ApiKeyError::Character);
        }
        let digest = digest(key);
        if let Some(twin) = self.0.iter().find(|client| client.digest == digest) {
            return Err(ApiKeyError::Twice(twin.rights.name.clone()));
        }
        self.0.push(Arc::new(Client { rights, digest, allowance: Mutex::default() }));
        Ok(())
    }

    /// The client with this key. It takes as long for a key that is nearly right as for any other, and looks at all clients
    /// always: neither the key nor its place in the list can be found by the clock.
    pub(super) fn find(&self, presented: &[u8]) -> Option<&Arc<Client>> {
        let digest = digest(presented);
        let mut found = 0_u32;
        for (place, client) in (1_u32..).zip(&self.0) {
            found.conditional_assign(&place, client.digest.ct_eq(&digest));
        }
        self.0.get(usize::try_from(found).ok()?.checked_sub(1)?)
    }
}

fn digest(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// Why a text is no API key. No variant holds the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiKeyError {
    /// Too short to be safe, or too long.
    #[error("has {octets} characters; a key has {MIN_API_KEY} to {MAX_API_KEY} (make one: openssl rand -hex 32)")]
    Length {
        /// Its length.
        octets: usize,
    },
    /// White space or what no header can carry.
    #[error("holds a character that is not visible ASCII (make one: openssl rand -hex 32)")]
    Character,
    /// Two clients with one key could not be told apart.
    #[error("is the key of the client `{0}` too: give each its own")]
    Twice(Name),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(name: &str) -> Rights {
        let app = "bot".parse().unwrap();
        Rights { name: name.parse().unwrap(), app, trunks: vec![], from: vec![], per_second: 2 }
    }

    #[test]
    fn a_client_is_found_by_its_whole_key_only() {
        let (a, b) = ("a".repeat(32), "b".repeat(64));
        let mut clients = Clients::default();
        clients.add(rights("a"), a.as_bytes()).unwrap();
        clients.add(rights("b"), b.as_bytes()).unwrap();
        let found = |key: &str| clients.find(key.as_bytes()).map(|client| client.rights.name.to_string());
        assert_eq!((found(&a).as_deref(), found(&b).as_deref()), (Some("a"), Some("b")));
        for wrong in ["", &a[1..], &format!("{a}a"), &"b".repeat(63), "A"] {
            assert_eq!(found(wrong), None);
        }
        assert_eq!(Clients::default().find(a.as_bytes()).map(|_| ()), None, "no client, no key");
        assert!(!format!("{clients:?}").contains(&a));
    }

    #[test]
    fn what_is_no_key_is_refused_at_the_start() {
        let mut clients = Clients::default();
        assert_eq!(clients.add(rights("a"), &[b'x'; 31]), Err(ApiKeyError::Length { octets: 31 }));
        assert_eq!(clients.add(rights("a"), &[b'x'; 257]), Err(ApiKeyError::Length { octets: 257 }));
        assert_eq!(clients.add(rights("a"), &[b' '; 32]), Err(ApiKeyError::Character));
        assert_eq!(clients.add(rights("a"), &[b'x'; 32]), Ok(()));
        assert_eq!(clients.add(rights("b"), &[b'x'; 32]), Err(ApiKeyError::Twice("a".parse().unwrap())));
    }

    #[test]
    fn a_seconds_worth_comes_at_once_and_then_as_the_clock_allows() {
        let (mut allowance, begin) = (Allowance::default(), Instant::now());
        for _ in 0..2 {
            assert_eq!(allowance.take(begin, 2), Ok(()));
        }
        assert_eq!(allowance.take(begin, 2), Err(Duration::from_millis(500)));
        assert_eq!(allowance.take(begin + Duration::from_millis(499), 2), Err(Duration::from_millis(1)));
        assert_eq!(allowance.take(begin + Duration::from_millis(500), 2), Ok(()));
        let later = begin + Duration::from_hours(1);
        assert_eq!(
            [allowance.take(later, 2), allowance.take(later, 2)],
            [Ok(()); 2],
            "no more than a second is saved up"
        );
        assert!(allowance.take(later, 2).is_err());
    }

    #[test]
    fn a_client_shows_the_numbers_it_may() {
        let mut client = rights("a");
        let number = |text: &str| dialplan::Number::new(text).unwrap();
        assert!(client.may_show(&number("+14155550100")));
        client.from = vec!["+1415*".parse().unwrap()];
        assert!(client.may_show(&number("+14155550100")) && !client.may_show(&number("+12125550100")));
    }
}
