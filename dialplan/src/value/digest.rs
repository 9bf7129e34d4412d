//! What digest authentication is written with.

use std::fmt::{self, Debug, Display, Formatter};

use serde_json::{Value, json};

use crate::limits::MAX_AUTH_OCTETS;
use crate::rule::{Text, ValueError};

/// The realm of digest credentials (RFC 7616, section 3.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Realm(String);

/// The user name of digest credentials (RFC 7616, section 3.4). `Debug` shows its length only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AuthUser(String);

impl Realm {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AuthUser {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Realm {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Debug for AuthUser {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "AuthUser({} octets)", self.0.len())
    }
}

impl Text for Realm {
    const WANTS: &'static str = "a realm such as \"carrier.example\"";

    fn constraint() -> Value {
        json!({ "pattern": "^[ !#-\\[\\]-~]{1,128}$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        if fits_in_quotes(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(ValueError::new("is no realm", "write 1 to 128 plain ASCII characters without `\"` and `\\`"))
    }
}

impl Text for AuthUser {
    const WANTS: &'static str = "a user name";

    fn constraint() -> Value {
        json!({ "pattern": "^[ !#-9;-\\[\\]-~]{1,128}$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        // A colon would let two users share one hash (RFC 7616, section 3.4.2).
        if fits_in_quotes(text) && !text.contains(':') {
            return Ok(Self(text.to_owned()));
        }
        let help = "write 1 to 128 plain ASCII characters without `\"`, `\\` and `:`";
        Err(ValueError::new("is no user name of digest authentication", help))
    }
}

/// It stands inside quotes of a header as it is: neither a quote nor an escape nor a line break may come in here.
fn fits_in_quotes(text: &str) -> bool {
    let plain = |octet: u8| (b' '..=b'~').contains(&octet) && octet != b'"' && octet != b'\\';
    (1..=MAX_AUTH_OCTETS).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        assert!(AuthUser::parse("acme@carrier.example").is_ok() && Realm::parse("Voice of Acme").is_ok());
        for wrong in ["", "a\"b", "a\\b", "a\r\nb", "\u{fc}", &"a".repeat(MAX_AUTH_OCTETS + 1)] {
            assert!(AuthUser::parse(wrong).is_err() && Realm::parse(wrong).is_err(), "{wrong}");
        }
        assert!(AuthUser::parse("a:b").is_err());
        assert_eq!(format!("{:?}", AuthUser::parse("acme").unwrap()), "AuthUser(4 octets)");
    }
}
