//! Calls that take the place of others (RFC 3891).

use crate::admission::TrunkId;
use crate::dialog::DialogId;
use crate::wire::{HeaderName, Replaces, Request, StatusCode, Text};

use super::call::Phase;
use super::respond::Refuse;
use super::{CallKey, Endpoint, Refusal};

impl Endpoint {
    /// The call whose place an INVITE wants, where it has a Replaces (RFC 3891 3). Call-ID and both tags must name a call
    /// of the very trunk that the INVITE came over (THREATS T39).
    pub(super) fn replaced_by(&self, request: &Request, trunk: &TrunkId) -> Result<Option<CallKey>, Refuse> {
        if !request.contains(&HeaderName::Replaces) {
            return Ok(None);
        }
        let unknown = || Refuse::new(StatusCode::CALL_DOES_NOT_EXIST, Refusal::Replaces);
        // Where nothing may be replaced, whatever is named does not exist: the answer tells nobody what does.
        if !self.gate.rule(trunk).is_some_and(|rule| rule.replaces) {
            return Err(unknown());
        }
        let malformed = |_| Refuse::new(StatusCode::BAD_REQUEST, Refusal::ReplacesMalformed);
        let replaces = request.replaces().map_err(malformed)?.ok_or_else(unknown)?;
        let key = self.named_by(&replaces, trunk).ok_or_else(unknown)?;
        let call = self.calls.get(&key).ok_or_else(unknown)?;
        if call.is_over {
            return Err(Refuse::new(StatusCode::DECLINE, Refusal::ReplacesOver));
        }
        match &call.phase {
            // An early dialog that the peer began is not the peer's to replace.
            Phase::Ringing(_) | Phase::Gone => Err(unknown()),
            Phase::Up(_) if replaces.early_only => Err(Refuse::new(StatusCode::BUSY_HERE, Refusal::ReplacesEarlyOnly)),
            Phase::Calling(_) | Phase::Up(_) => Ok(Some(key)),
        }
    }

    /// The call of a trunk that a Replaces names, from our side of it.
    pub(super) fn named_by(&self, replaces: &Replaces, trunk: &TrunkId) -> Option<CallKey> {
        let name = |remote_tag: &Text| DialogId {
            call_id: replaces.call_id.clone(),
            local_tag: replaces.to_tag.clone(),
            remote_tag: remote_tag.clone(),
        };
        let found = self.dialogs.get(&name(&replaces.from_tag));
        // RFC 3891 3: a tag of `0` also names a peer of RFC 2543 that has none.
        let without_tag = || (replaces.from_tag == *"0").then(|| self.dialogs.get(&name(&Text::EMPTY))).flatten();
        let key = found.or_else(without_tag).copied()?;
        self.calls.get(&key).filter(|call| call.trunk == *trunk).map(|_| key)
    }
}
