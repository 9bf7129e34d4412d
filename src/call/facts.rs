//! What is known of a call before anything is done with it.

use std::collections::BTreeMap;
use std::time::Instant;

use ai_bridge::flow::{Attestation, Direction};
use dialplan::{Attest, CallFacts, Dialplan, Name};
use sip_core::admission::{Admitted, Invite};
use sip_core::wire::{Calling, HeaderError, Text};
use uuid::Uuid;

use super::leg::Peer;
use crate::control::NewCall;
use crate::telemetry::{Pii, PiiKey};

/// Who calls whom.
#[derive(Debug)]
pub(super) struct Facts {
    /// The call's id: the same in logs, flow requests and streams.
    pub(super) id: Uuid,
    /// Who calls, as the application is shown it: `anonymous` where the caller wants that (RFC 3323).
    pub(super) from: Pii,
    /// Who calls, as the routes know it.
    caller: Pii,
    pub(super) to: Pii,
    pub(super) direction: Direction,
    /// What the caller's identity is worth, where it is looked at.
    pub(super) attest: Option<Attest>,
    /// How many more hops the call may take (RFC 3261 20.22), where it came in with that.
    hops: Option<u8>,
    pub(super) began: Instant,
}

/// Why nothing can be said of a call.
#[derive(Debug, thiserror::Error)]
pub(super) enum FactsError {
    #[error("the trunk is not in the dialplan")]
    Trunk,
    #[error("the From header cannot be read")]
    From(#[from] HeaderError),
}

impl Facts {
    pub(super) fn of(
        invite: &Admitted<Invite>,
        dialplan: &Dialplan,
        pii: &PiiKey,
        id: Uuid,
    ) -> Result<(Self, Peer), FactsError> {
        let trunk = dialplan.trunk(invite.trunk().as_str()).cloned().ok_or(FactsError::Trunk)?;
        let request = invite.get().request();
        let calling = Calling::of(request.headers(), trunk.trusted_identity)?;
        let caller = calling.number().unwrap_or(ANONYMOUS);
        let shown = if calling.is_restricted { ANONYMOUS } else { caller };
        let to = request.uri().user().map_or(ANONYMOUS, Text::as_str);
        tracing::debug!(?calling, "who calls");
        let facts = Self {
            id,
            from: Pii::new(shown, pii),
            caller: Pii::new(caller, pii),
            to: Pii::new(to, pii),
            direction: Direction::Inbound,
            attest: None,
            hops: request.max_forwards().ok().flatten(),
            began: Instant::now(),
        };
        Ok((facts, Peer::new(trunk, invite.source())))
    }

    /// Of a call that we place.
    pub(super) fn placed(id: Uuid, from: &str, to: &str, pii: &PiiKey) -> Self {
        let from = Pii::new(from, pii);
        Self {
            id,
            caller: from.clone(),
            from,
            to: Pii::new(to, pii),
            direction: Direction::Outbound,
            attest: None,
            hops: None,
            began: Instant::now(),
        }
    }

    /// How many hops a call may take that goes on behind this one.
    pub(super) fn hops_left(&self) -> Option<u8> {
        self.hops.map(|hops| hops.saturating_sub(1))
    }

    /// What the dialplan decides by.
    pub(super) fn for_dialplan(&self, peer: &Peer) -> CallFacts {
        CallFacts::inbound(peer.trunk.name.as_str(), self.caller.expose(), self.to.expose())
            .attested(self.attest.unwrap_or(Attest::None))
    }

    /// What the application is told of the caller's identity.
    pub(super) fn attestation(&self) -> Option<Attestation> {
        self.attest.map(|attest| match attest {
            Attest::A => Attestation::A,
            Attest::B => Attestation::B,
            Attest::C => Attestation::C,
            Attest::None => Attestation::None,
            Attest::Failed => Attestation::Failed,
        })
    }

    /// As the API shows it.
    pub(super) fn to_enter(&self, app: Option<Name>) -> NewCall {
        NewCall {
            id: self.id,
            direction: self.direction,
            from: self.from.clone(),
            to: self.to.clone(),
            app,
            status_callback_url: None,
            custom: BTreeMap::new(),
        }
    }

    pub(super) fn log_incoming(&self, peer: &Peer) {
        let (tls_version, tls_cipher) =
            peer.tls.as_ref().map_or(("none", "none"), |(version, cipher)| (*version, &**cipher));
        tracing::info!(
            event = "call.incoming", call = %self.id, trunk = %peer.trunk.name, from = %self.from, to = %self.to,
            transport = %peer.transport, tls_version, tls_cipher, "call"
        );
    }
}

/// A caller who does not say who he is.
const ANONYMOUS: &str = "anonymous";
