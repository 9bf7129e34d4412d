//! What is known of a call before anything is done with it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use dialplan::{CallFacts, Dialplan, Trunk};
use sip_core::admission::{Admitted, Invite, Transport};
use sip_core::wire::HeaderError;
use uuid::Uuid;

use super::negotiate::Policy;
use crate::telemetry::{Pii, PiiKey};

/// Who calls whom, over which trunk, secured how.
#[derive(Debug)]
pub(super) struct Facts {
    /// The call's id: the same in logs, flow requests and streams.
    pub(super) id: Uuid,
    pub(super) trunk: Arc<Trunk>,
    pub(super) from: Pii,
    pub(super) to: Pii,
    /// Where the signalling came from.
    pub(super) signalling: IpAddr,
    pub(super) transport: Transport,
    /// TLS version and cipher suite of the signalling.
    pub(super) tls: Option<(&'static str, Arc<str>)>,
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
    ) -> Result<Self, FactsError> {
        let trunk = dialplan.trunk(invite.trunk().as_str()).cloned().ok_or(FactsError::Trunk)?;
        let request = invite.get().request();
        let from = request.headers().from()?;
        let user = |uri: &sip_core::wire::Uri| {
            uri.user().map_or_else(|| "anonymous".to_owned(), |user| user.as_str().to_owned())
        };
        let source = invite.source();
        Ok(Self {
            id,
            trunk,
            from: Pii::new(user(&from.uri), pii),
            to: Pii::new(user(request.uri()), pii),
            signalling: source.address.ip(),
            transport: source.transport,
            tls: source.tls.as_ref().map(|tls| (tls.version.as_str(), Arc::clone(&tls.cipher_suite))),
            began: Instant::now(),
        })
    }

    /// What the dialplan decides by.
    pub(super) fn for_dialplan(&self) -> CallFacts {
        CallFacts::inbound(self.trunk.name.as_str(), self.from.expose(), self.to.expose())
    }

    pub(super) fn over_tls(&self) -> bool {
        self.transport == Transport::Tls
    }
}

impl Facts {
    /// What session descriptions of this call are held against.
    pub(super) fn policy(&self, secured: bool, own: Option<IpAddr>) -> Policy<'_> {
        Policy { trunk: &self.trunk, signalling: self.signalling, over_tls: self.over_tls(), secured, own }
    }

    pub(super) fn log_incoming(&self) {
        let (tls_version, tls_cipher) =
            self.tls.as_ref().map_or(("none", "none"), |(version, cipher)| (*version, &**cipher));
        tracing::info!(
            event = "call.incoming", call = %self.id, trunk = %self.trunk.name, from = %self.from, to = %self.to,
            transport = %self.transport, tls_version, tls_cipher, "call"
        );
    }
}
