//! Whom a call of ours may reach: numbers, and the SIP URIs that are listed.

use std::fmt::{self, Debug, Display, Formatter};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::peer::split_port;
use super::{Host, Number};
use crate::limits::MAX_USER_OCTETS;
use crate::rule::{Text, ValueError};

/// Whom to call: a number, or a SIP URI.
///
/// `Debug` shows the kind only: it is personal data.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum DialTarget {
    /// A number, as the trunk takes it.
    Number(Number),
    /// A `sip:` or `sips:` URI.
    Uri(SipUri),
}

impl DialTarget {
    /// As written in the file. It is personal data: not for logs.
    pub fn expose(&self) -> String {
        match self {
            Self::Number(number) => number.as_str().to_owned(),
            Self::Uri(uri) => uri.expose(),
        }
    }
}

impl DialTarget {
    /// Reads a number, or a `sip:` or `sips:` URI without parameters.
    pub fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl Debug for DialTarget {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Uri(uri) => uri.fmt(f),
        }
    }
}

impl Text for DialTarget {
    const WANTS: &'static str = "a number or a SIP URI";

    fn constraint() -> Value {
        json!({ "pattern": "^(\\+?[0-9]{1,20}|[Ss][Ii][Pp][Ss]?:[^?;]+)$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        if text.contains(':') {
            return SipUri::parse(text).map(Self::Uri);
        }
        Number::parse(text).map(Self::Number)
    }
}

impl Text for Number {
    const WANTS: &'static str = "a number such as \"+14155550100\"";

    fn constraint() -> Value {
        json!({ "pattern": "^\\+?[0-9]{1,20}$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        Self::new(text).ok_or_else(|| super::number::wrong_number(text, "write \"+14155550100\" or \"112\""))
    }
}

/// A `sip:` or `sips:` URI of a user at a host, and nothing more: neither parameters nor headers.
///
/// `Debug` shows scheme and host only: the user is personal data.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SipUri {
    secure: bool,
    user: UserPart,
    host: Host,
    port: Option<u16>,
}

impl SipUri {
    /// Whether it is a `sips:` URI.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The user.
    pub fn user(&self) -> &UserPart {
        &self.user
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, if it is given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The whole URI. It is personal data: not for logs.
    pub fn expose(&self) -> String {
        written(self.secure, self.user.as_str(), &self.host, self.port)
    }
}

impl Debug for SipUri {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&written(self.secure, "\u{2026}", &self.host, self.port))
    }
}

impl Text for SipUri {
    const WANTS: &'static str = "a SIP URI such as \"sip:alice@pbx.example\"";

    fn constraint() -> Value {
        json!({ "pattern": "^[Ss][Ii][Pp][Ss]?:[^?;]+$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let (secure, user, host, port) = split(text, "write \"sip:alice@pbx.example\"")?;
        Ok(Self { secure, user: UserPart::parse(user)?, host, port })
    }
}

/// Which SIP URIs may be called: `sip:*@pbx.example` (everybody there) or `sips:alice@pbx.example`.
///
/// `sip:` in a pattern lets `sips:` through too; a port must be the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UriPattern {
    secure: bool,
    /// `None` is `*`.
    user: Option<UserPart>,
    host: Host,
    port: Option<u16>,
}

impl UriPattern {
    /// Whether the URI fits.
    pub fn matches(&self, uri: &SipUri) -> bool {
        (uri.secure || !self.secure)
            && self.user.as_ref().is_none_or(|user| *user == uri.user)
            && self.host == uri.host
            && self.port == uri.port
    }
}

impl Display for UriPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map_or("*", UserPart::as_str);
        f.write_str(&written(self.secure, user, &self.host, self.port))
    }
}

impl Serialize for UriPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Text for UriPattern {
    const WANTS: &'static str = "a URI pattern such as \"sip:*@pbx.example\"";

    fn constraint() -> Value {
        json!({ "pattern": "^[Ss][Ii][Pp][Ss]?:[^?;]+$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let (secure, user, host, port) = split(text, "write \"sip:*@pbx.example\" or \"sip:alice@pbx.example\"")?;
        let user = if user == "*" { None } else { Some(UserPart::parse(user)?) };
        Ok(Self { secure, user, host, port })
    }
}

/// The user part of a SIP URI, in plain characters (RFC 3261, section 25.1: `unreserved` and some of `user-unreserved`).
///
/// `Debug` shows its length only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserPart(String);

impl UserPart {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Debug for UserPart {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "UserPart({} octets)", self.0.len())
    }
}

impl Text for UserPart {
    const WANTS: &'static str = "the user part of a SIP URI";

    fn constraint() -> Value {
        json!({ "pattern": "^[A-Za-z0-9_.!~'()&=+$,-]{1,128}$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"_.!~'()&=+$,-".contains(&octet);
        if (1..=MAX_USER_OCTETS).contains(&text.len()) && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        let help = "use letters, digits and `_.!~'()&=+$,-`; no password, no `%`, no parameters";
        Err(ValueError::new("has no usable user part", help))
    }
}

fn split<'t>(text: &'t str, help: &str) -> Result<(bool, &'t str, Host, Option<u16>), ValueError> {
    let wrong = |message: &str| ValueError::new(message, help);
    let (scheme, rest) = text.split_once(':').ok_or_else(|| wrong("is no SIP URI"))?;
    let secure = scheme.eq_ignore_ascii_case("sips");
    if !secure && !scheme.eq_ignore_ascii_case("sip") {
        return Err(wrong("is no SIP URI"));
    }
    if rest.contains([';', '?']) {
        return Err(wrong("holds parameters or headers; a user, a host and a port may be given"));
    }
    let (user, address) = rest.split_once('@').ok_or_else(|| wrong("names no user before `@`"))?;
    let (host, port) = split_port(address).ok_or_else(|| wrong("has no usable host or port"))?;
    Ok((secure, user, Host::parse(host)?, port))
}

fn written(secure: bool, user: &str, host: &Host, port: Option<u16>) -> String {
    let scheme = if secure { "sips" } else { "sip" };
    match port {
        Some(port) => format!("{scheme}:{user}@{host}:{port}"),
        None => format!("{scheme}:{user}@{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> UriPattern {
        UriPattern::parse(text).unwrap()
    }

    fn uri(text: &str) -> SipUri {
        SipUri::parse(text).unwrap()
    }

    #[test]
    fn targets_are_numbers_or_uris() {
        assert_eq!(DialTarget::parse("+14155550100").unwrap().expose(), "+14155550100");
        assert_eq!(DialTarget::parse("112").unwrap().expose(), "112");
        assert_eq!(DialTarget::parse("SIPS:alice@PBX.example:5071").unwrap().expose(), "sips:alice@pbx.example:5071");
        for wrong in [
            "",
            "bob",
            "+1 415",
            "tel:+14155550100",
            "sip:pbx.example",
            "sip:*@pbx.example",
            "sip:a:pw@pbx.example",
            "sip:a@b@pbx.example",
            "sip:a@pbx.example;transport=udp",
            "sip:a@pbx.example?Replaces=x",
            "sip:%61@pbx.example",
            "sip:a@pbx.example:99999",
            "sip:a@",
        ] {
            assert!(DialTarget::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn debug_shows_nobody() {
        assert_eq!(format!("{:?}", DialTarget::parse("sip:alice@pbx.example").unwrap()), "sip:\u{2026}@pbx.example");
        assert_eq!(format!("{:?}", DialTarget::parse("+14155550100").unwrap()), "Number(12 characters)");
    }

    #[test]
    fn patterns_let_through_what_they_say() {
        assert!(pattern("sip:*@pbx.example").matches(&uri("sip:alice@PBX.example")));
        assert!(pattern("sip:*@pbx.example").matches(&uri("sips:alice@pbx.example")));
        assert!(!pattern("sips:*@pbx.example").matches(&uri("sip:alice@pbx.example")));
        assert!(!pattern("sip:*@pbx.example").matches(&uri("sip:alice@pbx.example:5070")));
        assert!(!pattern("sip:*@pbx.example").matches(&uri("sip:alice@evil-pbx.example")));
        assert!(!pattern("sip:alice@pbx.example").matches(&uri("sip:Alice@pbx.example")));
        for wrong in ["sip:*@*", "sip:a*@pbx.example", "sip:*@*.example", "*", "sip:pbx.example"] {
            assert!(UriPattern::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(pattern("sip:*@pbx.example:5070").to_string(), "sip:*@pbx.example:5070");
    }
}
