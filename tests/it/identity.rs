//! Whether somebody answers for the caller's number: a call, its PASSporT, and the certificate on a server of its own.

#[path = "../../sip-core/tests/shaken/mod.rs"]
#[expect(dead_code, reason = "shared with sip-core's own tests, which use all of it")]
mod shaken;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, Runtime};

use crate::harness::{Lab, Phone};
use shaken::{Authority, Call, Signer, identity_line};

const CALLER: &str = "14155550111";
const CALLEE: &str = "14155550100";

/// Serves the signer's certificates on an address of this process alone; gives the URL and the CA.
fn repository(signer: &Signer) -> (Runtime, String, String) {
    let [.., high, low] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, 200, high, low);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![address.to_string()]).unwrap().self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let page = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", signer.pem.len(), signer.pem);
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listening = tokio::net::TcpListener::bind(SocketAddr::new(address.into(), 8443));
    let listener = runtime.block_on(listening).unwrap();
    runtime.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(page.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    (runtime, format!("https://{address}:8443/709J.pem"), certificate.pem())
}

#[test]
fn routes_and_refusals_follow_the_callers_identity() {
    let authority = Authority::root("STI root");
    let signer = authority.signer(|params| params.not_after = rcgen::date_time_ymd(2999, 1, 1));
    let (_repository, url, ca) = repository(&signer);
    let lab = Lab::new();
    fs::write(lab.path("sti-roots.pem"), authority.certificate.pem()).unwrap();
    fs::write(lab.path("repository-ca.pem"), ca).unwrap();
    let host = url.trim_start_matches("https://").split(':').next().unwrap();
    let server = lab.serve(
        "identity = \"refuse\"",
        &format!(
            r#"
[identity]
roots         = {{ file = "sti-roots.pem" }}
ca            = {{ file = "repository-ca.pem" }}
private_hosts = ["{host}"]

[[route]]
name   = "vouched for"
when   = {{ attest = ["A"] }}
reject = {{ status = 480 }}

[[route]]
name   = "the rest"
reject = {{ status = 486 }}
"#
        ),
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let status = |headers: &str| {
        let mut phone = Phone::new(lab.udp);
        phone.request_with("INVITE", headers, "");
        let response = phone.response();
        response.strip_prefix("SIP/2.0 ").unwrap()[..3].to_owned()
    };
    let line = |call: &Call| identity_line(&signer.identity(call)) + "\r\n";
    let call = |attest: &str| Call::new(&url, attest, CALLER, CALLEE, now);
    assert_eq!(status(&line(&call("A"))), "480");
    assert_eq!(status(&line(&call("A"))), "480");
    assert_eq!(status(&line(&call("B"))), "486");
    assert_eq!(status(""), "486");
    // Another caller, another time, an address inside, another signer.
    assert_eq!(status(&line(&Call::new(&url, "A", "14155550112", CALLEE, now))), "438");
    assert_eq!(status(&line(&Call::new(&url, "A", CALLER, CALLEE, now - 3600))), "403");
    assert_eq!(status(&line(&Call::new("https://169.254.169.254/", "A", CALLER, CALLEE, now))), "436");
    let stranger = Authority::root("STI root").signer(|_| {});
    assert_eq!(status(&(identity_line(&stranger.identity(&call("A"))) + "\r\n")), "438");
    let counts = server.identity_counts();
    let count = |name| counts.iter().find(|(known, _)| *known == name).unwrap().1;
    assert_eq!((count("A"), count("B"), count("none")), (2, 1, 1));
    assert_eq!((count("fetches"), count("from_cache")), (2, 3));
    assert_eq!((count("caller"), count("stale"), count("fetch_refused"), count("signature")), (1, 1, 1, 1));
    server.stop(std::time::Duration::from_secs(2));
}
