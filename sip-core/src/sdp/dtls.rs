//! `a=fingerprint` (RFC 8122) and `a=setup` (RFC 4145, RFC 5763).

/// The hash of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// The hash function, in lower case: `sha-256`.
    pub hash: String,
    /// The hash.
    pub value: Vec<u8>,
}

impl Fingerprint {
    /// `hash AA:BB:..`, hexadecimal digits of either case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (hash, value) = text.trim().split_once(' ')?;
        let is_name = !hash.is_empty() && hash.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        let octet = |pair: &str| {
            let is_pair = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            u8::from_str_radix(pair, 16).ok().filter(|_| is_pair)
        };
        let value = value.trim().split(':').map(octet).collect::<Option<Vec<_>>>()?;
        // SHA-512 is the longest that is registered.
        (is_name && value.len() <= 64).then(|| Self { hash: hash.to_ascii_lowercase(), value })
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.hash)?;
        let mut separator = ' ';
        for octet in &self.value {
            write!(f, "{separator}{octet:02X}")?;
            separator = ':';
        }
        Ok(())
    }
}

/// Who starts the DTLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setup {
    /// The writer starts it.
    Active,
    /// The reader starts it.
    Passive,
    /// Either may, the answerer decides.
    Actpass,
    /// Nobody, for now.
    Holdconn,
}

impl Setup {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text.trim() {
            text if text.eq_ignore_ascii_case("active") => Self::Active,
            text if text.eq_ignore_ascii_case("passive") => Self::Passive,
            text if text.eq_ignore_ascii_case("actpass") => Self::Actpass,
            text if text.eq_ignore_ascii_case("holdconn") => Self::Holdconn,
            _ => return None,
        })
    }

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::Actpass => "actpass",
            Self::Holdconn => "holdconn",
        }
    }
}
