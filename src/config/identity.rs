//! The dialplan's `[identity]` into what identities are verified with.

use ai_bridge::net::AddressGuard;
use sip_core::identity::{Failure, Roots};

use super::loader::Loader;
use crate::identity::Settings;

/// Reads the roots; `None` also when they cannot be read, which the loader knows then.
pub(super) fn settings(identity: &dialplan::Identity, loader: &mut Loader) -> Option<Settings> {
    let place = "identity.roots";
    let certificates = loader.certificates(place, &identity.roots)?;
    let mut roots = Roots::default();
    for certificate in &certificates {
        loader.keep(place, roots.add(certificate).map_err(NotAnAuthority))?;
    }
    let tls = loader.tls("identity", identity.ca.as_ref())?;
    Some(Settings {
        roots,
        tls,
        hosts: identity.x5u_hosts.iter().map(ToString::to_string).collect(),
        guard: AddressGuard::new(identity.private_hosts.iter().map(ToString::to_string)),
    })
}

#[derive(Debug, thiserror::Error)]
#[error("holds a certificate that is no root of an STI authority (PEM, X.509 version 3)")]
struct NotAnAuthority(#[source] Failure);
