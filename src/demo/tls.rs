//! TLS on both sides of the demo: what a connection is secured with, and the two configurations.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::files::Identity;

/// What secures a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// Name of the cipher suite.
    pub cipher: &'static str,
}

impl TlsFacts {
    /// From a finished handshake.
    pub fn of(connection: &rustls::CommonState) -> Self {
        Self {
            version: match connection.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
                _ => "TLS ?",
            },
            cipher: connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or("unknown cipher"),
        }
    }
}

impl std::fmt::Display for TlsFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.version, short_cipher(self.cipher))
    }
}

/// `TLS13_AES_256_GCM_SHA384` without the words every suite has.
pub(crate) fn short_cipher(name: &str) -> &str {
    name.strip_prefix("TLS13_").or_else(|| name.strip_prefix("TLS_")).unwrap_or(name)
}

/// `1.3`, `TLSv1_3` and `TLSv1.3` as people write it.
pub(crate) fn short_version(name: &str) -> String {
    format!("TLS {}", name.trim_start_matches("TLSv").replace('_', "."))
}

/// The example application's side.
pub(crate) fn acceptor(identity: &Identity) -> Result<TlsAcceptor, rustls::Error> {
    let mut config = Arc::unwrap_or_clone(server(identity)?);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A server's side.
pub(crate) fn server(identity: &Identity) -> Result<Arc<ServerConfig>, rustls::Error> {
    let broken = |_| rustls::Error::General("the certificate or key is not PEM".into());
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(broken)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).map_err(broken)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

/// The caller's side: `ca_pem` and nothing else is trusted.
pub(crate) fn client(ca_pem: &str) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.map_err(|_| rustls::Error::General("the CA is not PEM".into()))?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Connects from `source` and finishes the handshake: the peer has shown that it is `name`.
pub(crate) async fn connect(
    to: SocketAddr,
    source: IpAddr,
    name: &str,
    config: Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(source, 0))?;
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(config).connect(name, socket.connect(to).await?).await
}
