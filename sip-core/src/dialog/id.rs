//! A dialog's identity.

use std::fmt;

use crate::wire::{HeaderError, Request, Response, Text};

/// Call-ID and both tags (RFC 3261 12). A tag that the peer did not send is empty (RFC 3261 12.1.1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DialogId {
    /// Call-ID
    pub call_id: Text,
    /// The tag we chose.
    pub local_tag: Text,
    /// The tag the peer chose.
    pub remote_tag: Text,
}

impl DialogId {
    /// The dialog that a request from the peer claims to be in: `None` when its To has no tag, so that it is in none.
    pub fn of_request(request: &Request) -> Result<Option<Self>, HeaderError> {
        let to = request.to()?;
        let Some(local_tag) = to.tag() else { return Ok(None) };
        Ok(Some(Self {
            call_id: Text::copy_from(&request.call_id()?),
            local_tag: Text::copy_from(local_tag),
            remote_tag: Text::copy_from(request.from()?.tag().unwrap_or_default()),
        }))
    }

    /// The dialog that a response from the peer makes or is in.
    pub fn of_response(response: &Response) -> Result<Self, HeaderError> {
        Ok(Self {
            call_id: Text::copy_from(&response.call_id()?),
            local_tag: Text::copy_from(response.from()?.tag().unwrap_or_default()),
            remote_tag: Text::copy_from(response.to()?.tag().unwrap_or_default()),
        })
    }
}

impl fmt::Debug for DialogId {
    /// The identifiers are what an attacker needs for a forged BYE (THREATS T40): a log shows none of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialogId").finish_non_exhaustive()
    }
}
