//! What we prove ourselves with: a user name and a password.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::{Algorithm, Algorithms};
use crate::wire::scan::has_control;

/// A user of a trunk: whom we say we are when the trunk asks (RFC 3261 22.1).
///
/// ```
/// use sip_core::auth::{Algorithm, Algorithms, Credentials};
///
/// let strong = Credentials::new("alice", "s3cr3t")?.realm("carrier.example")?;
/// // For a carrier that knows nothing better:
/// let weak = Credentials::new("alice", "s3cr3t")?.algorithms(Algorithms::STRONG.with(Algorithm::Md5));
/// assert!(!format!("{strong:?}").contains("s3cr3t"));
/// # Ok::<(), sip_core::auth::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct Credentials {
    user: Arc<str>,
    password: SecretString,
    realm: Option<Arc<str>>,
    algorithms: Algorithms,
}

impl Credentials {
    /// A user and a password, for the algorithms that are not broken. The realm is the first one that the trunk names,
    /// unless [`Credentials::realm`] says which.
    pub fn new(user: &str, password: impl Into<SecretString>) -> Result<Self, CredentialsError> {
        check_user(user)?;
        Ok(Self { user: Arc::from(user), password: password.into(), realm: None, algorithms: Algorithms::STRONG })
    }

    /// Answers challenges of this realm only.
    pub fn realm(mut self, realm: &str) -> Result<Self, CredentialsError> {
        check_realm(realm)?;
        self.realm = Some(Arc::from(realm));
        Ok(self)
    }

    /// Sets the algorithms that may be used. MD5 is used where it is listed here, and nowhere else (THREATS T36).
    #[must_use]
    pub fn algorithms(mut self, algorithms: Algorithms) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// The user name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The one realm that is answered, where it is known beforehand.
    pub fn fixed_realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// The algorithms that may be used.
    pub const fn allowed(&self) -> Algorithms {
        self.algorithms
    }

    /// The hash of user, realm and password (A1 of RFC 7616 3.4.2): as good as the password in that realm.
    pub(super) fn a1(&self, algorithm: Algorithm, realm: &str) -> Zeroizing<String> {
        a1(algorithm, &self.user, realm, &self.password)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("realm", &self.realm)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

/// The hash of user, realm and password.
#[expect(clippy::disallowed_methods, reason = "a digest is made of the password")]
pub(super) fn a1(algorithm: Algorithm, user: &str, realm: &str, password: &SecretString) -> Zeroizing<String> {
    algorithm.hash(&[user.as_bytes(), realm.as_bytes(), password.expose_secret().as_bytes()])
}

/// A user name can be sent as a quoted string, and stands before a colon in what is hashed (RFC 7616 3.4.2).
pub(super) fn check_user(user: &str) -> Result<(), CredentialsError> {
    if user.is_empty() || user.contains([':', '"', '\\']) || has_control(user.as_bytes()) {
        return Err(CredentialsError::User);
    }
    Ok(())
}

/// A realm can be sent as a quoted string without escapes, which two sides could hash in two ways.
pub(super) fn check_realm(realm: &str) -> Result<(), CredentialsError> {
    if realm.is_empty() || realm.contains(['"', '\\']) || has_control(realm.as_bytes()) {
        return Err(CredentialsError::Realm);
    }
    Ok(())
}

/// Why credentials cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The user name is empty, or holds a colon, a quote, a backslash or a control character.
    #[error("not a user name: empty, or with a colon, a quote, a backslash or a control character in it")]
    User,
    /// The realm is empty, or holds a quote, a backslash or a control character.
    #[error("not a realm: empty, or with a quote, a backslash or a control character in it")]
    Realm,
}
