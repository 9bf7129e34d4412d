//! URLs that an application hands to the server: checked once, kept byte for byte, never shown whole.

use std::fmt;

use http::Uri;

use crate::limits::MAX_URL;

/// Where a stream goes: `wss` only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WssUrl(Checked);

/// Where a request goes: `https` only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HttpsUrl(Checked);

macro_rules! url_type {
    ($name:ident, $scheme:literal) => {
        impl $name {
            /// Checks the text. What it accepts is kept byte for byte: applications put tokens into path and query.
            pub fn parse(text: &str) -> Result<Self, UrlError> {
                Checked::parse(text, $scheme).map(Self)
            }

            /// The URL as the application wrote it. It may hold a token: do not log it.
            pub fn as_str(&self) -> &str {
                &self.0.text
            }

            /// The host without port or brackets, safe to log.
            pub fn host(&self) -> &str {
                &self.0.host
            }

            /// The port, 443 unless written.
            pub fn port(&self) -> u16 {
                self.0.port
            }

            /// Path and query as they stand in the request line.
            pub fn target(&self) -> &str {
                self.0.uri.path_and_query().map_or("/", |target| target.as_str())
            }

            /// Host and port as they stand in the Host header.
            pub fn authority(&self) -> &str {
                self.0.uri.authority().map_or("", |authority| authority.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($scheme, "://{}/…"), self.authority())
            }
        }
    };
}

url_type!(WssUrl, "wss");
url_type!(HttpsUrl, "https");

#[derive(Clone, PartialEq, Eq, Hash)]
struct Checked {
    text: String,
    uri: Uri,
    host: String,
    port: u16,
}

impl Checked {
    fn parse(text: &str, scheme: &'static str) -> Result<Self, UrlError> {
        if text.len() > MAX_URL {
            return Err(UrlError::TooLong);
        }
        if text.bytes().any(|b| !b.is_ascii_graphic()) {
            return Err(UrlError::Character);
        }
        // A fragment never goes to a server: whoever writes one expects something that does not happen.
        if text.contains('#') {
            return Err(UrlError::Fragment);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Malformed)?;
        match uri.scheme_str() {
            Some(given) if given.eq_ignore_ascii_case(scheme) => {}
            Some(_) => return Err(UrlError::Scheme { needed: scheme }),
            None => return Err(UrlError::Malformed),
        }
        let authority = uri.authority().ok_or(UrlError::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::UserInfo);
        }
        // The request line would begin with the `?`, and to put a `/` before it is to sign another URL than the one sent.
        if uri.path_and_query().is_some_and(|target| !target.as_str().starts_with('/')) {
            return Err(UrlError::NoPath);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(UrlError::Malformed);
        }
        let port = match authority.port_u16() {
            Some(0) => return Err(UrlError::Malformed),
            Some(port) => port,
            // `host:` or a port beyond 65535 leaves something behind the host that is not a port.
            None if authority.as_str().len() != authority.host().len() => return Err(UrlError::Malformed),
            None => 443,
        };
        Ok(Self { text: text.to_owned(), host, port, uri })
    }
}

/// Why a text is not a URL the server connects to. No variant repeats the text: it may hold a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Too long.
    #[error("it is longer than {MAX_URL} octets: shorten its path or query")]
    TooLong,
    /// White space, a control character or a character beyond ASCII.
    #[error(
        "it has a space, a control character or a character beyond ASCII: percent-encode it, use punycode for the host"
    )]
    Character,
    /// A `#fragment`.
    #[error("it has a `#fragment`, which is never sent: use a query parameter instead")]
    Fragment,
    /// The wrong scheme.
    #[error("it must begin with `{needed}://`: the server speaks TLS only")]
    Scheme {
        /// The scheme that is needed.
        needed: &'static str,
    },
    /// A user name or password before the host.
    #[error("it has a user name or password before the host: the server signs its requests instead, take it out")]
    UserInfo,
    /// A query directly behind the host.
    #[error("its `?query` stands directly behind the host: write a `/` before the `?`")]
    NoPath,
    /// Anything else.
    #[error("it is not a whole URL with a host and, if any, a port from 1 to 65535")]
    Malformed,
}
