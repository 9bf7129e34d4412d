//! The shell over loopback, with real TLS and made-up authorities. Both ends run on one thread in paused time, so that a
//! deadline takes no time to pass.

mod guard;
mod hostile;
mod http;
mod socket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{AddressGuard, ClientTls, Resolve, Resolving, Roots};
use crate::webhook::{MessageId, Signer, SigningKey};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn signer() -> Signer {
    Signer::new(vec![SigningKey::parse(SECRET).unwrap()]).unwrap()
}

fn id() -> MessageId {
    MessageId::new("ws_01J00000000000000000000000").unwrap()
}

/// A certificate authority of our own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        let name = format!("authority {:02x?}", &key.public_key_raw()[..16]);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), root }
    }

    /// A client that trusts this authority and no other.
    fn client(&self) -> ClientTls {
        ClientTls::new(Roots { system: false, extra: vec![self.root.clone()] }).unwrap()
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Arc::new(config).into()
    }
}

/// An application at `bot.test`, which every name leads to.
struct App {
    authority: Authority,
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl App {
    async fn new() -> Self {
        Self::named("bot.test").await
    }

    async fn named(name: &str) -> Self {
        let authority = Authority::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let acceptor = authority.acceptor(name);
        Self { authority, listener, acceptor }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://bot.test:{}{path}", self.port())
    }

    async fn accept(&self) -> TlsStream<TcpStream> {
        let (stream, _) = self.listener.accept().await.unwrap();
        // Or the kernel would wait for an acknowledgement, and paused time would not.
        stream.set_nodelay(true).unwrap();
        self.acceptor.accept(stream).await.unwrap()
    }
}

/// Leads every name to the given addresses, and counts.
#[derive(Default)]
struct Names {
    /// One list for each look-up; the last one stays.
    answers: Vec<Vec<&'static str>>,
    asked: AtomicUsize,
}

impl Names {
    fn to(answers: Vec<Vec<&'static str>>) -> Arc<Self> {
        Arc::new(Self { answers, asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> Resolving<'a> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed).min(self.answers.len() - 1);
        let found = self.answers[turn].iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect();
        Box::pin(async move { Ok(found) })
    }
}

/// A resolver that never answers.
struct Silence;

impl Resolve for Silence {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Resolving<'a> {
        Box::pin(std::future::pending::<io::Result<Vec<SocketAddr>>>())
    }
}

/// A guard that lets `bot.test` be at loopback, where the tests are.
fn guard() -> AddressGuard {
    AddressGuard::new(["bot.test"]).with_resolver(Names::to(vec![vec!["127.0.0.1"]]))
}
