//! Replaces: the dialog whose place a new one takes (RFC 3891 6.1), as a header and as a header within a URI.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Malformed, Params, Text, Uri,
    scan::{self, class},
    typed::check_call_id,
    uri_headers,
};
use crate::limits;

/// The dialog that a new call takes the place of. The tags are named from the side of whoever gets the INVITE: `to_tag`
/// is its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Replaces {
    /// Call-ID
    pub call_id: Text,
    /// The receiver's tag.
    pub to_tag: Text,
    /// The tag of the receiver's peer.
    pub from_tag: Text,
    /// Only while the dialog is early (RFC 3891 6.1).
    pub early_only: bool,
}

impl Replaces {
    /// The value that `text` writes: a Call-ID and both tags. One without is no dialog's name (THREATS T39).
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        let text = text.slice_ref(scan::trim(text));
        let end = memchr::memchr(b';', &text).ok_or(Malformed)?;
        let (call_id, params) = scan::split(&text, end);
        check_call_id(call_id)?;
        Params::check(params, limits::PARAMS, |_| Ok(()))?;
        let params = Params::checked(text.slice_ref(params));
        let tag = |name: &str| {
            let tag = params.get(name).and_then(|param| param.raw()).ok_or(Malformed)?;
            let is_right = scan::all(tag, class::TOKEN) && tag.len() <= limits::TAG;
            std::str::from_utf8(tag).ok().filter(|_| is_right).map(Text::copy_from).ok_or(Malformed)
        };
        let call_id = std::str::from_utf8(scan::trim(call_id)).map_err(|_| Malformed)?;
        Ok(Self {
            call_id: Text::copy_from(call_id),
            to_tag: tag("to-tag")?,
            from_tag: tag("from-tag")?,
            early_only: params.contains("early-only"),
        })
    }

    /// What a Refer-To URI brings along (RFC 3891 4). `None` where it brings none; twice is an error.
    pub fn of_uri(uri: &Uri) -> Result<Option<Self>, Malformed> {
        let Some(headers) = uri.as_sip().and_then(|uri| uri.headers.as_ref()) else { return Ok(None) };
        let mut values = uri_headers::values(headers.as_bytes(), "Replaces");
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Self::parse(&Bytes::from(value?)).map(Some),
            (Some(_), Some(_)) => Err(Malformed),
        }
    }

    /// The Replaces as a header value.
    pub fn to_value(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_slice(self.call_id.as_bytes());
        out.put_slice(b";to-tag=");
        out.put_slice(self.to_tag.as_bytes());
        out.put_slice(b";from-tag=");
        out.put_slice(self.from_tag.as_bytes());
        if self.early_only {
            out.put_slice(b";early-only");
        }
        out.freeze()
    }

    /// `Replaces=…`, escaped for what follows the `?` of a URI.
    pub fn to_uri_header(&self) -> Text {
        let mut out = BytesMut::from(&b"Replaces="[..]);
        uri_headers::escape(&self.to_value(), &mut out);
        Text::from_utf8(out.freeze()).unwrap_or_default()
    }
}

impl fmt::Debug for Replaces {
    /// The identifiers are what an attacker needs for a forged BYE (THREATS T40): a log shows none of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replaces").field("early_only", &self.early_only).finish_non_exhaustive()
    }
}
