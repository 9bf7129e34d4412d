//! What all threads may read.

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::Replacements;
use crate::config::Loaded;
use crate::control::Control;
use crate::identity::Verifier;
use crate::telemetry::{Gauges, PiiKey};
use sip_core::net::SipHandle;

/// The server as a call sees it. Nothing in it is locked by one call while another waits.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) loaded: Loaded,
    pub(crate) sip: SipHandle,
    /// Verifies callers' numbers, where the dialplan asks for it.
    pub(crate) identity: Option<Verifier>,
    /// Where flow requests run: a worker's thread is for media.
    pub(crate) signalling: Handle,
    pub(crate) gauges: Gauges,
    pub(crate) pii: PiiKey,
    /// All calls, as the API sees and commands them.
    pub(crate) control: Control,
    pub(crate) replaceable: Replacements,
    /// Cancelled when the server stops.
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(
        loaded: Loaded,
        sip: SipHandle,
        signalling: Handle,
        gauges: Gauges,
        pii: PiiKey,
        control: Control,
        stop: CancellationToken,
    ) -> Self {
        let identity = loaded.identity.clone().map(|settings| Verifier::new(settings, signalling.clone()));
        Self { loaded, sip, identity, signalling, gauges, pii, control, replaceable: Replacements::default(), stop }
    }
}
