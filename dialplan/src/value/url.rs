//! URLs of the application: `https` for flow requests, `wss` for streams, nothing else.

use std::fmt::{self, Debug, Formatter};
use std::net::IpAddr;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use url::Url;

use super::{DnsName, Host};
use crate::limits::MAX_URL_OCTETS;
use crate::report::Code;
use crate::rule::{Text, ValueError};

/// What both kinds of URL have. The text is kept as written, octet for octet: it may carry a token, and it is signed.
#[derive(Clone, PartialEq, Eq, Hash)]
struct SecureUrl {
    text: String,
    host: Host,
    port: u16,
}

impl SecureUrl {
    fn parse(text: &str, scheme: &str, weak: &str) -> Result<Self, ValueError> {
        let example = format!("write \"{scheme}://bot.example.com/path\"");
        let wrong = |message: &str| ValueError::new(message, example.clone());
        if text.len() > MAX_URL_OCTETS {
            return Err(wrong(&format!("is longer than {MAX_URL_OCTETS} octets")));
        }
        // The url crate drops tabs and turns backslashes round; what we sign and send must be what was written.
        if !text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'\\') {
            return Err(wrong("holds a character that must be percent-encoded"));
        }
        let (given, rest) = text.split_once("://").ok_or_else(|| wrong("is no URL"))?;
        if given.eq_ignore_ascii_case(weak) {
            let message = format!("is a `{weak}://` URL, which sends everything in the clear");
            return Err(ValueError::new(message, format!("use `{scheme}://`")).with(Code::InsecureUrl));
        }
        if !given.eq_ignore_ascii_case(scheme) {
            return Err(wrong(&format!("is no `{scheme}://` URL")));
        }
        let url = Url::parse(text).map_err(|error| wrong(&format!("is no URL: {error}")))?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.is_empty() {
            return Err(wrong("has no host"));
        }
        if authority.contains('@') {
            let help = "remove it; the server proves itself by its signature";
            return Err(ValueError::new("holds a user name or password", help).with(Code::SecretLiteral));
        }
        if url.fragment().is_some() {
            return Err(wrong("holds a fragment (`#`), which is never sent"));
        }
        let host = match url.host() {
            Some(url::Host::Domain(name)) => Host::Name(DnsName::parse(name).map_err(|_| wrong("has no usable host"))?),
            Some(url::Host::Ipv4(v4)) if authority.starts_with(&v4.to_string()) => Host::Address(IpAddr::V4(v4)),
            Some(url::Host::Ipv4(_)) => {
                return Err(wrong("hides an IPv4 address in an unusual form"));
            }
            Some(url::Host::Ipv6(v6)) => Host::Address(IpAddr::V6(v6)),
            None => return Err(wrong("has no host")),
        };
        let port = url.port_or_known_default().filter(|port| *port > 0).ok_or_else(|| wrong("has no usable port"))?;
        Ok(Self { text: text.to_owned(), host, port })
    }
}

macro_rules! secure_url {
    ($(#[doc = $doc:literal])+ $Name:ident, $scheme:literal, $weak:literal, $wants:literal, $pattern:literal) => {
        $(#[doc = $doc])+
        ///
        /// `Debug` shows scheme and host only, since applications put tokens into paths and queries.
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $Name(SecureUrl);

        impl $Name {
            /// The URL, octet for octet as written. It may hold a token: not for logs.
            pub fn as_str(&self) -> &str {
                &self.0.text
            }

            /// The host.
            pub fn host(&self) -> &Host {
                &self.0.host
            }

            /// The port, 443 if not given.
            pub fn port(&self) -> u16 {
                self.0.port
            }

            /// What may stand in a log: scheme and host.
            pub fn redacted(&self) -> String {
                format!("{}://{}/\u{2026}", $scheme, self.0.host)
            }
        }

        impl Debug for $Name {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str(&self.redacted())
            }
        }

        impl Serialize for $Name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.redacted())
            }
        }

        impl Text for $Name {
            const WANTS: &'static str = $wants;

            fn constraint() -> Value {
                json!({ "pattern": $pattern, "maxLength": MAX_URL_OCTETS })
            }

            fn parse(text: &str) -> Result<Self, ValueError> {
                SecureUrl::parse(text, $scheme, $weak).map(Self)
            }
        }
    };
}

secure_url!(
    /// An `https://` URL.
    HttpsUrl, "https", "http", "an https:// URL", "^[hH][tT][tT][pP][sS]://[^\\s@#]+"
);
secure_url!(
    /// A `wss://` URL.
    WssUrl, "wss", "ws", "a wss:// URL", "^[wW][sS][sS]://[^\\s@#]+"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_and_debug_is_redacted() {
        let url = WssUrl::parse("wss://Bot.Example.com:8443/a%2Fb?token=s3cret").unwrap();
        assert_eq!(url.as_str(), "wss://Bot.Example.com:8443/a%2Fb?token=s3cret");
        assert_eq!((url.host().to_string().as_str(), url.port()), ("bot.example.com", 8443));
        assert_eq!(format!("{url:?}"), "wss://bot.example.com/\u{2026}");
        assert_eq!(HttpsUrl::parse("https://[2001:db8::1]/").unwrap().host().to_string(), "[2001:db8::1]");
    }

    #[test]
    fn what_is_not_secure_or_not_plain_is_refused() {
        for (text, code) in [
            ("http://bot.example.com/", Code::InsecureUrl),
            ("https://user:pw@bot.example.com/", Code::SecretLiteral),
            ("https://bot.example.com/#x", Code::BadValue),
            ("https://0x7f000001/", Code::BadValue),
            ("https://2130706433/", Code::BadValue),
            ("https://bot.example.com\\@evil.example/", Code::BadValue),
            ("https://bot.example.com/ x", Code::BadValue),
            ("https:///x", Code::BadValue),
            ("wss://bot.example.com/", Code::BadValue),
            ("https://bot_1.example.com/", Code::BadValue),
        ] {
            assert_eq!(HttpsUrl::parse(text).map_err(|wrong| wrong.code), Err(code), "{text}");
        }
        assert!(HttpsUrl::parse(&format!("https://a.example/{}", "x".repeat(MAX_URL_OCTETS))).is_err());
    }
}
