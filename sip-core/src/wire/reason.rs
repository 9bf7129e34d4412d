//! Reason (RFC 3326 2): why a call was refused or ended, once per protocol.

use std::fmt;

use bytes::Bytes;

use super::{HeaderError, HeaderName, Headers, Malformed, Text, events::token_and_params, scan};
use crate::limits;

/// One value of Reason.
#[derive(Clone, PartialEq, Eq)]
pub struct ReasonValue {
    /// `Q.850`, `SIP`, `STIR`, ... Compare with [`ReasonValue::is`].
    pub protocol: Text,
    /// The protocol's number.
    pub cause: Option<u16>,
    /// What is said about it, quotes removed: by whoever sent it, and about whomever.
    pub text: Option<Text>,
}

impl ReasonValue {
    /// The value that `text` writes.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        let (protocol, params) = token_and_params(text)?;
        let cause = match params.get("cause").and_then(|param| param.raw()) {
            None => None,
            Some(digits) => Some(scan::number(digits, 5).and_then(|cause| u16::try_from(cause).ok()).ok_or(Malformed)?),
        };
        Ok(Self { protocol, cause, text: params.value("text").map(Text::copy_from) })
    }

    /// Whether this is of `protocol`.
    pub fn is(&self, protocol: &str) -> bool {
        self.protocol.eq_ignore_ascii_case(protocol)
    }
}

// The text may name somebody.
impl fmt::Debug for ReasonValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReasonValue")
            .field("protocol", &self.protocol)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

impl Headers {
    /// Reason
    pub fn reasons(&self) -> Result<Vec<ReasonValue>, HeaderError> {
        self.read_all(&HeaderName::Reason, limits::REASONS, ReasonValue::parse)
    }
}
