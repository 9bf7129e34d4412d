//! Connections.
use std::sync::Arc;
use sip_core::admission::{TlsFacts, TlsVersion};

/// What TLS found out of a peer with these identities.
pub(crate) fn tls_facts(identities: &[&str]) -> TlsFacts {
    TlsFacts {
        version: TlsVersion::V1_3,
        cipher_suite: Arc::from("TLS_AES_256_GCM_SHA384"),
        identities: identities.iter().map(|name| Arc::from(*name)).collect(),
    }
}
