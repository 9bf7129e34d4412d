//! The way to a certificate, over loopback with real TLS and in paused time, so that a deadline takes no time to pass.

#[path = "../../sip-core/tests/shaken/mod.rs"]
#[expect(dead_code, reason = "shared with sip-core's own tests, which use all of it")]
mod shaken;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ai_bridge::net::{Resolve, Resolving, Roots as TlsRoots};
use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use sip_core::wire::{Message, parse_datagram};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use self::shaken::{Authority, CALLEE, CALLER, Call, NOW, Signer, identity_line, invite};
use super::cache::{Cache, ENTRIES, Found, MAX_AGE, NEGATIVE_AGE};
use super::*;

const HOST: &str = "certificates.test";
const URL: &str = "https://certificates.test:8443/709J.pem";
const MARK: Policy =
    Policy { identity: IdentityPolicy::Mark, trusted_identity: false, numbering: dialplan::Numbering::International };

/// Leads names to one list of addresses for each look-up; the last one stays.
struct Names {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Names {
    fn to(answers: Vec<Vec<IpAddr>>) -> Arc<Self> {
        Arc::new(Self { answers, asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> Resolving<'a> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed).min(self.answers.len() - 1);
        let found = self.answers[turn].iter().map(|address| SocketAddr::new(*address, port)).collect();
        Box::pin(async move { Ok(found) })
    }
}

/// A resolver that never answers.
struct Silence;

impl Resolve for Silence {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Resolving<'a> {
        Box::pin(std::future::pending())
    }
}

/// A repository of certificates, and a carrier that signs with them.
struct World {
    address: IpAddr,
    tls_root: rustls_pki_types::CertificateDer<'static>,
    acceptor: TlsAcceptor,
    roots: Roots,
    signer: Signer,
    connections: Arc<AtomicUsize>,
}

impl World {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let tls_root = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![HOST.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        let root = Authority::root("STI root");
        Self {
            address: own_address(),
            tls_root,
            acceptor: Arc::new(config).into(),
            signer: root.below("STI intermediate", |_| {}).signer(|_| {}),
            roots: root.roots(),
            connections: Arc::default(),
        }
    }

    /// Answers each connection with these octets, and closes it; never, when there are none.
    async fn serve(&self, answer: Vec<u8>) {
        let listener = TcpListener::bind((self.address, 8443)).await.unwrap();
        let (acceptor, connections) = (self.acceptor.clone(), Arc::clone(&self.connections));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                connections.fetch_add(1, Ordering::Relaxed);
                let (acceptor, answer) = (acceptor.clone(), answer.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut request = [0; 1024];
                    while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                        if !answer.is_empty() {
                            // The client may have enough before the end.
                            drop(stream.write_all(&answer).await);
                            drop(stream.shutdown().await);
                            return;
                        }
                    }
                });
            }
        });
    }

    async fn serve_certificates(&self) {
        self.serve(page("200 OK", self.signer.pem.as_bytes())).await;
    }

    /// A guard that lets `certificates.test` be at loopback, where the tests are.
    fn guard(&self) -> AddressGuard {
        AddressGuard::new([HOST]).with_resolver(Names::to(vec![vec![self.address]]))
    }

    fn verifier(&self) -> Verifier {
        self.verifier_with(self.guard(), vec![])
    }

    fn verifier_with(&self, guard: AddressGuard, hosts: Vec<String>) -> Verifier {
        let tls = ClientTls::new(TlsRoots { system: false, extra: vec![self.tls_root.clone()] }).unwrap();
        Verifier::new(Settings { roots: self.roots.clone(), tls, hosts, guard }, Handle::current())
    }

    fn invite(&self, url: &str, attest: &str) -> Request {
        let call = Call::new(url, attest, CALLER, CALLEE, NOW);
        invite(&[identity_line(&self.signer.identity(&call))])
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// An address for each test, whose port is the one that certificates come from.
fn own_address() -> IpAddr {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let number = u8::try_from(NEXT.fetch_add(1, Ordering::Relaxed)).unwrap();
    IpAddr::V4(Ipv4Addr::new(127, number, high, low))
}

fn page(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nlocation: {URL}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn count(verifier: &Verifier, name: &str) -> u64 {
    verifier.counts().iter().find(|(known, _)| *known == name).unwrap().1
}

fn failure(verdict: Verdict) -> Failure {
    match verdict {
        Verdict::Failed(failure) => failure,
        other @ (Verdict::Verified(_) | Verdict::NoIdentity) => panic!("it failed: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_attestation_is_told_and_one_fetch_is_enough() {
    let world = World::new();
    world.serve_certificates().await;
    let verifier = world.verifier();
    for (letter, attest) in [("A", Attest::A), ("B", Attest::B), ("C", Attest::C), ("A", Attest::A)] {
        let identified = verifier.identify(&world.invite(URL, letter), MARK, NOW).await;
        assert_eq!(identified, Identified { attest: Some(attest), refusal: None });
    }
    assert_eq!((world.connections(), count(&verifier, "fetches"), count(&verifier, "from_cache")), (1, 1, 3));
    assert_eq!((count(&verifier, "A"), count(&verifier, "B"), count(&verifier, "C")), (2, 1, 1));
    tokio::time::advance(MAX_AGE).await;
    assert_eq!(verifier.identify(&world.invite(URL, "A"), MARK, NOW).await.attest, Some(Attest::A));
    assert_eq!(world.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn calls_that_come_together_share_one_fetch() {
    let world = World::new();
    world.serve_certificates().await;
    let verifier = world.verifier();
    let invite = world.invite(URL, "A");
    let calls = futures_util::future::join_all((0..50).map(|_| verifier.identify(&invite, MARK, NOW))).await;
    assert!(calls.iter().all(|identified| identified.attest == Some(Attest::A)));
    assert_eq!((world.connections(), count(&verifier, "fetches")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_trunk_wants_is_done() {
    let world = World::new();
    world.serve_certificates().await;
    let verifier = world.verifier();
    let refuse = Policy { identity: IdentityPolicy::Refuse, ..MARK };
    let ignore = Policy { identity: IdentityPolicy::Ignore, ..MARK };
    let (good, bad, none) = (world.invite(URL, "A"), world.invite("https://10.0.0.1/", "A"), invite(&[]));
    assert_eq!(verifier.identify(&bad, ignore, NOW).await, Identified::UNSEEN);
    assert_eq!(verifier.identify(&good, ignore, NOW).await, Identified::UNSEEN);
    assert_eq!(count(&verifier, "fetches"), 0);
    assert_eq!(verifier.identify(&good, refuse, NOW).await.refusal, None);
    let unsigned = Identified { attest: Some(Attest::None), refusal: None };
    assert_eq!(verifier.identify(&none, refuse, NOW).await, unsigned);
    assert_eq!(verifier.identify(&bad, MARK, NOW).await, Identified { attest: Some(Attest::Failed), refusal: None });
    let refused = verifier.identify(&bad, refuse, NOW).await.refusal.unwrap();
    assert_eq!((refused, refused.status().code()), (Failure::FetchRefused, 436));
    let stale = verifier.identify(&good, refuse, NOW + 61).await.refusal.unwrap();
    assert_eq!((stale, stale.status().code()), (Failure::Stale, 403));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_for_a_call_that_would_not_be_believed() {
    let world = World::new();
    world.serve_certificates().await;
    let verifier = world.verifier();
    for (call, now, expected) in [
        (Call::new(URL, "A", "14155550101", CALLEE, NOW), NOW, Failure::Caller),
        (Call::new(URL, "A", CALLER, "14155550198", NOW), NOW, Failure::Callee),
        (Call::new(URL, "A", CALLER, CALLEE, NOW), NOW + 61, Failure::Stale),
        (Call::new("http://certificates.test/", "A", CALLER, CALLEE, NOW), NOW, Failure::Url),
        (Call::new("https://u:p@certificates.test:8443/", "A", CALLER, CALLEE, NOW), NOW, Failure::Url),
        (Call::new("https://certificates.test:8443/#x", "A", CALLER, CALLEE, NOW), NOW, Failure::Url),
    ] {
        let invite = invite(&[identity_line(&world.signer.identity(&call))]);
        assert_eq!(failure(verifier.verify(&invite, MARK, now).await), expected);
    }
    assert_eq!((world.connections(), count(&verifier, "fetches")), (0, 0));
}

/// CVE-2022-26499: the URL leads inside.
#[tokio::test(start_paused = true)]
async fn a_url_leads_to_no_address_inside() {
    let world = World::new();
    world.serve_certificates().await;
    let verifier = world.verifier();
    for url in [
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1:8443/",
        "https://10.0.0.1/",
        "https://192.168.1.1:8443/",
        "https://[::1]:8443/",
        "https://[::ffff:127.0.0.1]:8443/",
        "https://[fd00:ec2::254]/",
        // Ports of other services.
        "https://certificates.test:80/",
        "https://certificates.test:22/",
        "https://certificates.test:6443/",
    ] {
        let verdict = verifier.verify(&world.invite(url, "A"), MARK, NOW).await;
        assert_eq!(failure(verdict), Failure::FetchRefused, "{url}");
    }
    assert_eq!(world.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_hostile_message_is_refused_without_a_connection() {
    let world = World::new();
    let verifier = world.verifier();
    let octets = include_bytes!("../../tests/data/hostile/sip/identity_x5u_internal.dat");
    let Message::Request(request) = parse_datagram(Bytes::from_static(octets)).unwrap() else { panic!("a request") };
    let sent = 1_795_327_200;
    assert_eq!(failure(verifier.verify(&request, MARK, sent).await), Failure::PassportClaims);
    assert_eq!(count(&verifier, "fetches"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_looked_up_once_and_its_addresses_are_those_that_are_used() {
    let world = World::new();
    world.serve_certificates().await;
    let inside: IpAddr = "169.254.169.254".parse().unwrap();
    let public: IpAddr = "8.8.8.8".parse().unwrap();
    // The second look-up would lead inside; there is none.
    let names = Names::to(vec![vec![world.address], vec![inside]]);
    let guard = AddressGuard::new([HOST]).with_resolver(Arc::clone(&names) as Arc<dyn Resolve>);
    let verifier = world.verifier_with(guard, vec![]);
    assert_eq!(verifier.identify(&world.invite(URL, "A"), MARK, NOW).await.attest, Some(Attest::A));
    assert_eq!(names.asked.load(Ordering::Relaxed), 1);
    // A name that is outside and inside at once, and one that is inside and not listed.
    for addresses in [vec![public, inside], vec![world.address]] {
        let guard = AddressGuard::default().with_resolver(Names::to(vec![addresses]));
        let verifier = world.verifier_with(guard, vec![]);
        assert_eq!(failure(verifier.verify(&world.invite(URL, "A"), MARK, NOW).await), Failure::FetchRefused);
    }
    assert_eq!(world.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_listed_hosts_are_asked_where_there_is_a_list() {
    let world = World::new();
    world.serve_certificates().await;
    for (host, is_asked) in [("other.test", false), ("Certificates.Test", true)] {
        let verifier = world.verifier_with(world.guard(), vec![host.to_owned()]);
        let verdict = verifier.verify(&world.invite(URL, "A"), MARK, NOW).await;
        assert_eq!(matches!(verdict, Verdict::Verified(_)), is_asked, "{host}: {verdict:?}");
    }
    assert_eq!(world.connections(), 1);
}

/// An answer, and what becomes of it; it is not asked for again at once.
async fn is_no_certificate(answer: Vec<u8>, expected: Failure) {
    let world = World::new();
    world.serve(answer).await;
    let verifier = world.verifier();
    let invite = world.invite(URL, "A");
    for _ in 0..3 {
        assert_eq!(failure(verifier.verify(&invite, MARK, NOW).await), expected);
    }
    assert_eq!((world.connections(), count(&verifier, expected.as_str())), (1, 3));
    tokio::time::advance(NEGATIVE_AGE).await;
    assert_eq!(failure(verifier.verify(&invite, MARK, NOW).await), expected);
    assert_eq!((world.connections(), verifier.fetcher.remembered()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_error_is_no_certificate() {
    is_no_certificate(page("404 Not Found", b""), Failure::Fetch).await;
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed() {
    is_no_certificate(page("302 Found", b""), Failure::FetchRedirect).await;
}

#[tokio::test(start_paused = true)]
async fn a_page_is_no_certificate() {
    is_no_certificate(page("200 OK", b"<html>"), Failure::Certificates).await;
}

#[tokio::test(start_paused = true)]
async fn a_certificate_of_somebody_else_is_not_kept() {
    let other = Authority::root("STI root").signer(|_| {}).pem;
    is_no_certificate(page("200 OK", other.as_bytes()), Failure::Untrusted).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_http_is_no_certificate() {
    is_no_certificate(b"hello\r\n\r\n".to_vec(), Failure::Fetch).await;
}

/// CVE-2022-26498: the certificate is a large file.
#[tokio::test(start_paused = true)]
async fn a_large_file_is_cut() {
    let world = World::new();
    let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    answer.resize(10 * 1024 * 1024, b'a');
    world.serve(answer).await;
    let verifier = world.verifier();
    assert_eq!(failure(verifier.verify(&world.invite(URL, "A"), MARK, NOW).await), Failure::FetchTooLong);
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_costs_two_seconds_and_no_more() {
    let world = World::new();
    world.serve(vec![]).await;
    let verifier = world.verifier();
    let begun = Instant::now();
    assert_eq!(failure(verifier.verify(&world.invite(URL, "A"), MARK, NOW).await), Failure::FetchTimeout);
    assert!(begun.elapsed() < Duration::from_millis(2100), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn fetches_are_few_at_once() {
    let world = World::new();
    let verifier = world.verifier_with(AddressGuard::default().with_resolver(Arc::new(Silence)), vec![]);
    let invites: Vec<_> = (0..40).map(|index| world.invite(&format!("https://{index}.test/"), "A")).collect();
    let verdicts =
        futures_util::future::join_all(invites.iter().map(|invite| verifier.verify(invite, MARK, NOW))).await;
    let failures: Vec<_> = verdicts.into_iter().map(failure).collect();
    assert_eq!(failures.iter().filter(|failure| **failure == Failure::FetchTimeout).count(), 32);
    assert_eq!(failures.iter().filter(|failure| **failure == Failure::FetchBusy).count(), 8);
    // Their places are free again.
    assert_eq!(failure(verifier.verify(&world.invite("https://x.test/", "A"), MARK, NOW).await), Failure::FetchTimeout);
}

#[tokio::test(start_paused = true)]
async fn strangers_fill_the_cache_and_push_out_nobody() {
    let chain = Arc::new(World::new().signer.chain().unwrap());
    let mut cache = Cache::default();
    let mut keep = |url: &str, outcome| {
        let (_, waiting) = tokio::sync::watch::channel(None);
        cache.begin(url, waiting, Instant::now());
        cache.end(url, outcome, Instant::now());
    };
    keep("https://good/", Ok(Arc::clone(&chain)));
    for index in 0..3 * ENTRIES {
        keep(&format!("https://{index}/"), Err(Failure::Fetch));
    }
    assert_eq!(cache.len(), ENTRIES);
    assert!(matches!(cache.find("https://good/", Instant::now()), Found::Known(Ok(_))));
    assert!(matches!(cache.find("https://0/", Instant::now()), Found::Nothing));
    // A fetch whose task is gone is begun anew.
    let (sender, waiting) = tokio::sync::watch::channel(None);
    cache.begin("https://gone/", waiting, Instant::now());
    assert!(matches!(cache.find("https://gone/", Instant::now()), Found::Fetching(_)));
    drop(sender);
    assert!(matches!(cache.find("https://gone/", Instant::now()), Found::Nothing));
}
