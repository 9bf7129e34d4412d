//! By whose hands a call went: Diversion (RFC 5806) and History-Info (RFC 7044).

use std::fmt;

use bytes::Bytes;

use super::{
    HeaderError, HeaderName, Headers, Malformed, NameAddr, Params, Privacy, PrivacyKind, ReasonValue, Text, Uri, scan,
    uri_headers,
};
use crate::limits;

/// One value of Diversion. They stand in the order of the latest first (RFC 5806 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diversion {
    /// Who sent the call on.
    pub from: NameAddr,
    /// `user-busy`, `no-answer`, `unconditional`, ... as written.
    pub reason: Option<Text>,
    /// How many diversions this value stands for: 1 where it is not said.
    pub counter: u32,
    /// Who sent the call on shall not be shown.
    pub is_private: bool,
}

impl Diversion {
    /// The value that `text` writes.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        let from = NameAddr::parse(text)?;
        let reason = from.params.value("reason").map(Text::copy_from);
        let counter = from.params.value("counter").and_then(|count| scan::number(count.as_bytes(), 9));
        let counter = counter.and_then(|count| u32::try_from(count).ok()).unwrap_or(1);
        let privacy = from.params.value("privacy").unwrap_or("off");
        let is_private = !privacy.eq_ignore_ascii_case("off") && !privacy.eq_ignore_ascii_case("none");
        Ok(Self { from, reason, counter, is_private })
    }
}

/// One value of History-Info: a place that the call was sent to.
#[derive(Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Where to, without the headers that were written into it.
    pub target: Uri,
    /// Its place in the tree of all targets: `1`, `1.1`, `1.2.1`.
    pub index: Text,
    /// Why it was sent there: the `cause` of the URI (RFC 4458), a SIP status.
    pub cause: Option<u16>,
    /// From which entry on it was sent there (`rc`, `mp` or `np`, RFC 7044 10.3).
    pub parent: Option<Text>,
    /// Why it went on from there (RFC 7044 10.2).
    pub reason: Option<ReasonValue>,
    /// The entry shall not be shown (RFC 7044 10.1.3).
    pub is_private: bool,
}

impl HistoryEntry {
    /// The value that `text` writes.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        let NameAddr { uri: mut target, params, .. } = NameAddr::parse(text)?;
        let (mut reason, mut is_private) = (None, false);
        if let Uri::Sip(sip) = &mut target
            && let Some(headers) = sip.headers.take()
        {
            let header =
                |name| uri_headers::values(headers.as_bytes(), name).next().and_then(Result::ok).map(Bytes::from);
            reason = header("Reason").and_then(|value| ReasonValue::parse(&value).ok());
            let privacy = header("Privacy").and_then(|value| Privacy::parse(&value).ok()).unwrap_or_default();
            is_private = privacy.contains(PrivacyKind::History) || privacy.hides_caller();
        }
        let cause = target.params().value("cause").and_then(|cause| scan::number(cause.as_bytes(), 5));
        let cause = cause.and_then(|cause| u16::try_from(cause).ok());
        let parent = ["mp", "rc", "np"].into_iter().find_map(|name| index(&params, name));
        Ok(Self { target, index: index(&params, "index").ok_or(Malformed)?, cause, parent, reason, is_private })
    }
}

// A target is somebody's number.
impl fmt::Debug for HistoryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoryEntry")
            .field("target", &self.target)
            .field("index", &self.index)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

impl Headers {
    /// Diversion, the latest first.
    pub fn diversions(&self) -> Result<Vec<Diversion>, HeaderError> {
        self.read_all(&HeaderName::Diversion, limits::DIVERSIONS, Diversion::parse)
    }

    /// History-Info, the first target first.
    pub fn history(&self) -> Result<Vec<HistoryEntry>, HeaderError> {
        self.read_all(&HeaderName::HistoryInfo, limits::DIVERSIONS, HistoryEntry::parse)
    }
}

/// An index of History-Info: numbers and dots.
fn index(params: &Params, name: &str) -> Option<Text> {
    let value = params.value(name)?;
    let is_right =
        value.len() <= limits::HISTORY_INDEX && value.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
    (is_right && !value.is_empty()).then(|| Text::copy_from(value))
}
