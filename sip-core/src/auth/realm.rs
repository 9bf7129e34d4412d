//! Who may prove himself to us: a realm and its users.

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use zeroize::Zeroizing;

use super::credentials::{a1, check_realm, check_user};
use super::digest::{self, Input, Protection};
use super::{Algorithm, Algorithms, CredentialsError, Presented, Qop};

/// The users that a trunk's requests may come from, under one name (RFC 3261 22.4).
///
/// Passwords are not kept: only what RFC 7616 3.4.2 hashes of them.
///
/// ```
/// use sip_core::auth::Realm;
///
/// let realm = Realm::new("strongline.example")?.user("carrier-a", "s3cr3t")?;
/// assert!(!format!("{realm:?}").contains("s3cr3t"));
/// # Ok::<(), sip_core::auth::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct Realm {
    name: Arc<str>,
    users: Vec<Arc<User>>,
    algorithms: Algorithms,
}

struct User {
    /// Names of any length compare in the same time.
    name: Zeroizing<String>,
    /// By [`Algorithm::ALL`].
    a1: [Zeroizing<String>; 3],
}

impl Realm {
    /// A realm without users, for the algorithms that are not broken.
    pub fn new(name: &str) -> Result<Self, CredentialsError> {
        check_realm(name)?;
        Ok(Self { name: Arc::from(name), users: Vec::new(), algorithms: Algorithms::STRONG })
    }

    /// Adds a user.
    pub fn user(mut self, user: &str, password: impl Into<SecretString>) -> Result<Self, CredentialsError> {
        check_user(user)?;
        let password = password.into();
        let a1 = Algorithm::ALL.map(|algorithm| a1(algorithm, user, &self.name, &password));
        self.users.push(Arc::new(User { name: fingerprint(user.as_bytes()), a1 }));
        Ok(self)
    }

    /// Sets the algorithms that are asked for and taken. MD5 only where it is listed here (THREATS T36).
    #[must_use]
    pub fn algorithms(mut self, algorithms: Algorithms) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The algorithms that are asked for.
    pub const fn offered(&self) -> Algorithms {
        self.algorithms
    }

    /// Whether `presented` proves the password of a user, for a request with this method. The same work for each user and
    /// for one that does not exist (THREATS T38).
    pub(super) fn proves(&self, presented: &Presented<'_>, method: &str) -> bool {
        let algorithm = presented.algorithm;
        if presented.realm != self.name.as_bytes() || !self.algorithms.contains(algorithm) {
            return false;
        }
        let name = fingerprint(presented.user);
        // Something of the right length, for a user that does not exist.
        let mut secret = algorithm.hash(&[]).as_bytes().to_vec();
        let mut found = Choice::from(0);
        for user in &self.users {
            let is_this = user.name.as_bytes().ct_eq(name.as_bytes());
            found |= is_this;
            for (kept, own) in secret.iter_mut().zip(user.a1(algorithm).as_bytes()) {
                kept.conditional_assign(own, is_this);
            }
        }
        let secret = Zeroizing::new(secret);
        let input = Input {
            algorithm,
            nonce: presented.nonce,
            protection: Some(Protection { qop: Qop::Auth, nc: presented.nc, cnonce: presented.cnonce }),
            method,
            uri: presented.uri,
            body: &[],
        };
        let expected = digest::response(&secret, &input);
        let given = presented.response.to_ascii_lowercase();
        (found & expected.as_bytes().ct_eq(&given)).into()
    }
}

impl User {
    fn a1(&self, algorithm: Algorithm) -> &str {
        let [sha512_256, sha256, md5] = &self.a1;
        match algorithm {
            Algorithm::Sha512_256 => sha512_256,
            Algorithm::Sha256 => sha256,
            Algorithm::Md5 => md5,
        }
    }
}

impl fmt::Debug for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Realm")
            .field("name", &self.name)
            .field("users", &self.users.len())
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

fn fingerprint(name: &[u8]) -> Zeroizing<String> {
    Algorithm::Sha256.hash(&[name])
}
