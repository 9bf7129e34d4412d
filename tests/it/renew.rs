//! Renewed certificates, without a restart.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use strongline::demo::files::Workdir;

use crate::harness::Lab;

/// A server as a process of its own, which a signal reaches alone. It goes with its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Whether who listens there shows a certificate that leads to this authority.
fn shows(address: SocketAddr, ca_pem: &str) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
    let Ok(mut socket) = TcpStream::connect(address) else { return false };
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut connection = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    while connection.is_handshaking() {
        if connection.complete_io(&mut socket).is_err() {
            return false;
        }
    }
    true
}

/// Waits until it is so; what takes longer than ten seconds fails the test.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_renewed_certificate_is_shown_after_a_signal_and_a_broken_one_never() {
    let lab = Lab::new();
    let path = lab.dialplan("", "[[route]]\nname = \"all\"\nreject = 404");
    let log = lab.path("log");
    let logged = |event: &str| std::fs::read_to_string(&log).is_ok_and(|lines| lines.contains(event));
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongline"));
    let command = command.arg("serve").args(["--log", "json", "--dialplan"]).arg(&path);
    let child = command.stderr(Stdio::from(std::fs::File::create(&log).unwrap())).spawn().unwrap();
    let server = Process(child);
    let pid = Pid::from_raw(i32::try_from(server.0.id()).unwrap()).unwrap();
    until("the server does not start", || shows(lab.tls, &lab.keys.ca_pem));

    let renewed = Workdir::create(&lab.path("renewed"), true).unwrap();
    let copy = |name: &str| std::fs::copy(renewed.root().join(name), lab.keys.root().join(name)).unwrap();
    // The certificate without its key: nothing changes.
    copy("sip.pem");
    kill_process(pid, Signal::HUP).unwrap();
    until("the broken certificate is not reported", || logged("certificates.kept"));
    assert!(shows(lab.tls, &lab.keys.ca_pem) && !shows(lab.tls, &renewed.ca_pem));
    copy("sip.key");
    kill_process(pid, Signal::HUP).unwrap();
    until("the renewed certificate is not shown", || shows(lab.tls, &renewed.ca_pem));
    assert!(!shows(lab.tls, &lab.keys.ca_pem), "the old one is shown no more");
}
