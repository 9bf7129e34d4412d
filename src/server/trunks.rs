//! What happens to the trunks that we call over, for the log.

use sip_core::trunk::{RegistrationFailure, TrunkChange, TrunkEvent};
use tokio::sync::mpsc;

/// Tells of every change until the endpoint stops.
pub(super) async fn watch(mut events: mpsc::Receiver<TrunkEvent>) {
    while let Some(event) = events.recv().await {
        tell(&event);
    }
}

fn tell(TrunkEvent { trunk, change }: &TrunkEvent) {
    match change {
        TrunkChange::Located { hops } => {
            tracing::info!(event = "trunk.located", %trunk, hops, "the trunk's next hops are known");
        }
        TrunkChange::Up => tracing::info!(event = "trunk.up", %trunk, "calls can be placed over the trunk"),
        TrunkChange::Down { why } => {
            tracing::warn!(event = "trunk.down", %trunk, ?why, "no call can be placed over the trunk");
        }
        TrunkChange::Registered { expires } => {
            tracing::info!(event = "trunk.registered", %trunk, seconds = expires.as_secs(), "the carrier knows us");
        }
        TrunkChange::RegistrationFailed { why } => {
            let refused = if let RegistrationFailure::Refused(status) = why { Some(status.code()) } else { None };
            tracing::warn!(event = "trunk.registration_failed", %trunk, ?why, status = refused, "the carrier does not know us: tried again later");
        }
        TrunkChange::Unregistered => {
            tracing::info!(event = "trunk.unregistered", %trunk, "the carrier was told that we leave");
        }
        other => tracing::info!(event = "trunk.changed", %trunk, ?other, "the trunk has changed"),
    }
}
