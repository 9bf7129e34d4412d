//! The headers of a call transfer (RFC 3515, RFC 3891, RFC 3892, RFC 4488, RFC 6665).

use super::{HeaderError, HeaderName, Headers, Malformed, NameAddr, Replaces, scan};

impl Headers {
    /// Refer-To (RFC 3515 2.1)
    pub fn refer_to(&self) -> Result<Option<NameAddr>, HeaderError> {
        self.read(HeaderName::ReferTo, NameAddr::parse)
    }

    /// Referred-By (RFC 3892 3). Said by the peer, proven by nobody.
    pub fn referred_by(&self) -> Result<Option<NameAddr>, HeaderError> {
        self.read(HeaderName::ReferredBy, NameAddr::parse)
    }

    /// Replaces (RFC 3891 6.1)
    pub fn replaces(&self) -> Result<Option<Replaces>, HeaderError> {
        self.read(HeaderName::Replaces, Replaces::parse)
    }

    /// Refer-Sub (RFC 4488 4): whether the REFER shall make a subscription.
    pub fn refer_sub(&self) -> Result<Option<bool>, HeaderError> {
        self.read(HeaderName::ReferSub, |text| {
            let end = memchr::memchr(b';', text).unwrap_or(text.len());
            let (value, _) = scan::split(text, end);
            match scan::trim(value) {
                value if value.eq_ignore_ascii_case(b"true") => Ok(true),
                value if value.eq_ignore_ascii_case(b"false") => Ok(false),
                _ => Err(Malformed),
            }
        })
    }
}
