//! The value that proves the password (RFC 7616 3.4.1).

use zeroize::Zeroizing;

use super::{Algorithm, Qop};

/// What a digest is made of, but for the secret.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) nonce: &'a [u8],
    /// `None`: as RFC 2069 had it.
    pub(super) protection: Option<Protection<'a>>,
    pub(super) method: &'a str,
    pub(super) uri: &'a [u8],
    /// Hashed for `auth-int` alone.
    pub(super) body: &'a [u8],
}

#[derive(Clone, Copy)]
pub(super) struct Protection<'a> {
    pub(super) qop: Qop,
    /// As it is written: eight hexadecimal digits.
    pub(super) nc: &'a [u8],
    pub(super) cnonce: &'a [u8],
}

/// The digest; `a1` is the hash of user, realm and password.
pub(super) fn response(a1: &[u8], input: &Input<'_>) -> Zeroizing<String> {
    let Input { algorithm, nonce, protection, method, uri, body } = *input;
    let method = method.as_bytes();
    let a2 = match protection {
        Some(Protection { qop: Qop::AuthInt, .. }) => {
            algorithm.hash(&[method, uri, algorithm.hash(&[body]).as_bytes()])
        }
        Some(_) | None => algorithm.hash(&[method, uri]),
    };
    match protection {
        Some(Protection { qop, nc, cnonce }) => {
            algorithm.hash(&[a1, nonce, nc, cnonce, qop.as_str().as_bytes(), a2.as_bytes()])
        }
        None => algorithm.hash(&[a1, nonce, a2.as_bytes()]),
    }
}
