//! Renewed certificates, without a restart: SIGHUP.

use sip_core::net::Closed;

use super::Server;
use crate::config::Certificates;

impl Server {
    /// Reads the certificates again and uses them for the connections to come; those that are up stay, and so do their
    /// calls. If one of them cannot be used, all stay as they are.
    pub(super) async fn renew_certificates(&self) {
        let path = self.shared.loaded.path.clone();
        let read = tokio::task::spawn_blocking(move || Certificates::load(&path)).await;
        let renewed = match read {
            Ok(Ok(certificates)) => self.take_over(certificates).await.map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match renewed {
            Ok(()) => tracing::info!(event = "certificates.renewed", "the certificates were read again"),
            Err(problem) => tracing::error!(event = "certificates.kept", problem, "the certificates stay as they were"),
        }
    }

    async fn take_over(&self, certificates: Certificates) -> Result<(), Closed> {
        if let Some(server) = certificates.server {
            self.sip.replace_tls(server).await?;
        }
        self.sip.replace_tls_clients(certificates.clients).await
    }
}
