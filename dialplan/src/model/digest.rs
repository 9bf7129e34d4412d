//! Digest authentication of a trunk, in both directions.

use crate::check;
use crate::limits::{MAX_DIGEST_USERS, MAX_PREFERENCES};
use crate::rule::{list, optional, or_default, required, table, text, word};
use crate::value::{AuthUser, DigestAlgorithm, Realm, SecretRef, secret};

table! {
    /// How we prove ourselves when the trunk asks for a password (401, 407).
    pub struct Credentials in "`trunk.credentials`" {
        /// The user name.
        user: AuthUser = required(text::<AuthUser>(), "user = \"acme\""),
        /// The password.
        password: SecretRef = required(secret(), "password = { credential = \"carrier-a-password\" }"),
        /// The only realm they are for. Default: whatever realm this trunk names.
        realm: Option<Realm> = optional(text::<Realm>()),
        /// The hashes that may be used. MD5 only if it is listed.
        algorithms: Vec<DigestAlgorithm> = or_default(
            "[\"SHA-512-256\", \"SHA-256\"]",
            list(word::<DigestAlgorithm>(), 1..=MAX_PREFERENCES),
        ),
    }
    check(cx) {
        check::listed_twice(cx, "algorithms", algorithms.as_deref().unwrap_or_default());
    }
}

table! {
    /// Asks whoever calls on this trunk for a password, besides what `peers` says.
    pub struct Challenge in "`trunk.challenge`" {
        /// The realm in the challenge. Default: `sip.domain`.
        realm: Option<Realm> = optional(text::<Realm>()),
        /// Who may call: user names and passwords.
        users: Vec<DigestUser> = required(
            list(table::<DigestUser>(), 1..=MAX_DIGEST_USERS),
            "users = [{ user = \"pbx\", password = { credential = \"pbx-password\" } }]",
        ),
        /// The hashes that may be used. MD5 only if it is listed.
        algorithms: Vec<DigestAlgorithm> = or_default(
            "[\"SHA-512-256\", \"SHA-256\"]",
            list(word::<DigestAlgorithm>(), 1..=MAX_PREFERENCES),
        ),
    }
    check(cx) {
        check::listed_twice(cx, "algorithms", algorithms.as_deref().unwrap_or_default());
        let names: Vec<&AuthUser> = users.iter().flatten().map(|user| &user.user).collect();
        check::users_twice(cx, &names);
    }
}

table! {
    /// A user with a password.
    pub struct DigestUser in "a user" {
        /// The user name.
        user: AuthUser = required(text::<AuthUser>(), "user = \"pbx\""),
        /// The password.
        password: SecretRef = required(secret(), "password = { credential = \"pbx-password\" }"),
    }
}
