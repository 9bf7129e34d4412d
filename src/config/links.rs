//! What a way to an application needs: the keys that sign, and the roots that are believed.

use std::sync::Arc;

use ai_bridge::net::ClientTls;
use ai_bridge::webhook::Signer;
use dialplan::SecretRef;

/// The keys and roots of one application, or of one stream that a route opens directly.
#[derive(Debug, Clone)]
pub struct Link {
    /// Signs requests and handshakes; `None` where a route streams without signature.
    pub signer: Option<Arc<Signer>>,
    /// Verifies the application's certificate.
    pub tls: ClientTls,
}

/// All links of a dialplan, found by the references that stand in it. They are few: a list is searched faster than hashed.
#[derive(Debug, Default)]
pub struct Links(Vec<(Vec<SecretRef>, Option<SecretRef>, Link)>);

impl Links {
    pub(super) fn add(&mut self, signing: &[SecretRef], ca: Option<&SecretRef>, link: Link) {
        self.0.push((signing.to_vec(), ca.cloned(), link));
    }

    /// The link of these references; `None` for references of another dialplan.
    pub(crate) fn find(&self, signing: &[SecretRef], ca: Option<&SecretRef>) -> Option<&Link> {
        self.0.iter().find(|(keys, roots, _)| keys == signing && roots.as_ref() == ca).map(|(_, _, link)| link)
    }
}
