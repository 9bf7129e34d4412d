//! The shell over loopback: real sockets, real TLS, certificates made on the spot.

#![cfg(feature = "net")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sip_core::admission::{Gate, TlsVersion, Transport, Transports, TrunkId, TrunkRule};
use sip_core::endpoint::{Body, Command, Dial, EndReason, EndedBy, Event, NextHop, Refusal};
use sip_core::net::{Config, IncomingCall, Listen, OutgoingCall, Server, TlsClients, serve, tls};
use sip_core::trunk::{Outbound, Registration, RegistrationState, TrunkChange, TrunkState};
use sip_core::wire::{Host, StatusCode, Text, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout};

/// A certificate authority, and those it vouches for.
struct Authority(CertifiedIssuer<'static, KeyPair>);

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn identity(&self, names: &[&str], uris: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    fn server(&self, asks_clients: bool) -> Arc<rustls::ServerConfig> {
        let (chain, key) = self.identity(&["voice.example"], &[]);
        tls::TlsServer { chain, key, client_roots: asks_clients.then(|| self.roots()) }.build().unwrap()
    }
}

fn local() -> TrunkRule {
    TrunkRule::new("peer").peer("127.0.0.0/8".parse().unwrap()).peer("::1".parse().unwrap())
}

fn config(transport: Transport, rules: Vec<TrunkRule>) -> Config {
    let listen = vec![Listen::new(transport, "127.0.0.1:0".parse().unwrap())];
    Config::new(listen, Gate::new(rules, Instant::now().into_std()).unwrap(), [3; 32])
}

fn dial(next_hop: NextHop) -> Dial {
    let uri = || Uri::sip(Some(Text::from_static("bob")), Host::Name(Text::from_static("voice.example")), None);
    Dial {
        trunk: TrunkId::new("peer"),
        next_hop: Some(next_hop),
        target: uri(),
        from: uri(),
        sdp: Some(Body::from(b"v=0 offer".to_vec())),
        headers: Vec::new(),
    }
}

fn address(server: &Server) -> SocketAddr {
    server.listening()[0].address
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), what).await.unwrap()
}

/// A call from one server to the other, answered. Gives both ends.
async fn call(caller: &Server, callee: &mut Server, next_hop: NextHop) -> (OutgoingCall, IncomingCall) {
    let mut out = within(caller.handle().dial(dial(next_hop))).await.unwrap();
    let mut inc = within(callee.next_call()).await.unwrap();
    assert_eq!(inc.invite.get().sdp().unwrap().as_bytes(), b"v=0 offer");
    let ring = Command::Ring { status: StatusCode::RINGING, sdp: None };
    callee.handle().command(inc.key, ring).await.unwrap();
    callee.handle().command(inc.key, Command::Answer { sdp: b"v=0 answer".to_vec().into() }).await.unwrap();
    assert!(matches!(within(out.events.recv()).await, Some(Event::Progress { .. })));
    match within(out.events.recv()).await {
        Some(Event::Answered { sdp: Some(sdp), .. }) => assert_eq!(sdp.as_bytes(), b"v=0 answer"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(within(inc.events.recv()).await, Some(Event::Ack { .. })));
    (out, inc)
}

/// The caller hangs up; both ends hear of it and their channels close.
async fn hang_up(caller: &Server, mut out: OutgoingCall, mut inc: IncomingCall) {
    caller.handle().command(out.key, Command::Hangup { reason: None }).await.unwrap();
    for (events, by) in [(&mut out.events, EndedBy::Local), (&mut inc.events, EndedBy::Remote)] {
        match within(events.recv()).await {
            Some(Event::Ended(ended)) => assert_eq!((ended.by, ended.reason), (by, EndReason::Bye)),
            other => panic!("{other:?}"),
        }
        assert!(within(events.recv()).await.is_none());
    }
}

#[tokio::test]
async fn a_call_over_udp_and_one_over_tcp() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut callee = serve(config(transport, vec![local()])).await.unwrap();
        let caller = serve(config(transport, vec![local()])).await.unwrap();
        let next_hop = NextHop { address: address(&callee), transport, server_name: None };
        let (out, inc) = call(&caller, &mut callee, next_hop).await;
        hang_up(&caller, out, inc).await;
        let stats = callee.handle().stats().await.unwrap();
        assert_eq!((stats.calls, stats.admitted), (0, 1));
    }
}

#[tokio::test]
async fn a_call_over_ipv6() {
    let listen = || vec![Listen::new(Transport::Udp, "[::1]:0".parse().unwrap())];
    let v6 = || Config { listen: listen(), ..config(Transport::Udp, vec![local()]) };
    let (mut callee, caller) = (serve(v6()).await.unwrap(), serve(v6()).await.unwrap());
    let next_hop = NextHop::udp(address(&callee));
    let (out, inc) = call(&caller, &mut callee, next_hop).await;
    hang_up(&caller, out, inc).await;
}

/// A server that asks for certificates and knows its one trunk by name.
fn by_name(authority: &Authority) -> Config {
    let rule = TrunkRule::new("peer").peer("sips:sbc.example".parse().unwrap()).transports(Transports::TLS);
    Config { tls_server: Some(authority.server(true)), ..config(Transport::Tls, vec![rule]) }
}

/// A caller that listens nowhere.
fn caller_with(tls_client: Arc<rustls::ClientConfig>) -> Config {
    Config { listen: Vec::new(), tls_client: Some(tls_client), ..config(Transport::Tls, vec![local()]) }
}

#[tokio::test]
async fn a_call_over_tls_known_by_its_certificate() {
    let authority = Authority::new();
    let mut callee = serve(by_name(&authority)).await.unwrap();
    let identity = authority.identity(&["sbc.example"], &[]);
    let caller = serve(caller_with(tls::client_config(authority.roots(), Some(identity)).unwrap())).await.unwrap();
    let next_hop = NextHop::tls(address(&callee), "voice.example");
    let (out, inc) = call(&caller, &mut callee, next_hop).await;
    let facts = inc.invite.source().tls.clone().unwrap();
    assert_eq!(facts.version, TlsVersion::V1_3);
    assert!(facts.cipher_suite.starts_with("TLS_"), "{}", facts.cipher_suite);
    assert_eq!(facts.identities.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["sbc.example"]);
    // The callee hangs up over the same connection: the caller listens nowhere.
    callee.handle().command(inc.key, Command::Hangup { reason: None }).await.unwrap();
    let mut out = out;
    match within(out.events.recv()).await {
        Some(Event::Ended(ended)) => assert_eq!(ended.by, EndedBy::Remote),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sip_uris_of_a_certificate_go_before_its_dns_names() {
    let authority = Authority::new();
    let mut callee = serve(by_name(&authority)).await.unwrap();
    let identity =
        authority.identity(&["other.example"], &["sip:SBC.example", "sip:user@victim.example", "https://x.example"]);
    let caller = serve(caller_with(tls::client_config(authority.roots(), Some(identity)).unwrap())).await.unwrap();
    let next_hop = NextHop::tls(address(&callee), "voice.example");
    let (_out, inc) = call(&caller, &mut callee, next_hop).await;
    let facts = inc.invite.source().tls.clone().unwrap();
    assert_eq!(facts.identities.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["sbc.example"]);
}

#[tokio::test]
async fn tls_1_2_is_spoken_where_the_peer_knows_no_better() {
    let authority = Authority::new();
    let mut callee =
        serve(Config { tls_server: Some(authority.server(false)), ..config(Transport::Tls, vec![local()]) })
            .await
            .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let old = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(authority.roots())
        .with_no_client_auth();
    let caller = serve(caller_with(Arc::new(old))).await.unwrap();
    let next_hop = NextHop::tls(address(&callee), "voice.example");
    let (out, inc) = call(&caller, &mut callee, next_hop).await;
    let facts = inc.invite.source().tls.clone().unwrap();
    assert_eq!(facts.version, TlsVersion::V1_2);
    assert!(facts.cipher_suite.starts_with("TLS_ECDHE_"), "{}", facts.cipher_suite);
    hang_up(&caller, out, inc).await;
}

/// Places a call that must fail, and says how.
async fn failure(caller: &Server, next_hop: NextHop) -> EndReason {
    let mut out = within(caller.handle().dial(dial(next_hop))).await.unwrap();
    match within(out.events.recv()).await {
        Some(Event::Ended(ended)) => ended.reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_of_another_name_or_authority_is_not_spoken_to() {
    let authority = Authority::new();
    let callee = serve(Config { tls_server: Some(authority.server(false)), ..config(Transport::Tls, vec![local()]) })
        .await
        .unwrap();
    let believes = serve(caller_with(tls::client_config(authority.roots(), None).unwrap())).await.unwrap();
    let wrong_name = NextHop::tls(address(&callee), "bank.example");
    assert_eq!(failure(&believes, wrong_name).await, EndReason::Transport);
    let stranger = serve(caller_with(tls::client_config(Authority::new().roots(), None).unwrap())).await.unwrap();
    let right_name = NextHop::tls(address(&callee), "voice.example");
    assert_eq!(failure(&stranger, right_name).await, EndReason::Transport);
    assert_eq!(callee.handle().stats().await.unwrap().received, 0);
}

/// What a client of ours makes of a server with this certificate, which it wants to be `voice.example`.
async fn is_believed(authority: &Authority, (chain, key): Identity) -> bool {
    let tls_server = Some(tls::TlsServer { chain, key, client_roots: None }.build().unwrap());
    let callee = serve(Config { tls_server, ..config(Transport::Tls, vec![local()]) }).await.unwrap();
    let stream = TcpStream::connect(address(&callee)).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(tls::client_config(authority.roots(), None).unwrap());
    within(connector.connect("voice.example".try_into().unwrap(), stream)).await.is_ok()
}

#[tokio::test]
async fn a_server_is_the_name_that_its_certificate_says_in_whole() {
    let authority = Authority::new();
    let (none, sip): (&[&str], &[&str]) = (&[], &["sip:Voice.Example"]);
    assert!(is_believed(&authority, authority.identity(&["VOICE.example"], none)).await);
    assert!(is_believed(&authority, authority.identity(&["other.example"], sip)).await);
    // RFC 5922 7.2: no wildcard. 7.1: a DNS name is none beside a sip: URI.
    assert!(!is_believed(&authority, authority.identity(&["*.example"], none)).await);
    assert!(!is_believed(&authority, authority.identity(&["voice.example"], &["sip:other.example"])).await);
    assert!(!is_believed(&authority, authority.identity(&["other.example"], &["sip:bob@voice.example"])).await);
    // No common name.
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "voice.example");
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.0).unwrap();
    let by_common_name = (vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap());
    assert!(!is_believed(&authority, by_common_name).await);
}

#[tokio::test]
async fn each_trunk_shows_its_own_certificate_and_a_new_one_goes_to_new_connections() {
    let authority = Authority::new();
    let by_either = || {
        let rule = TrunkRule::new("either").peer("sips:a.example".parse().unwrap());
        let rule = rule.peer("sips:b.example".parse().unwrap()).transports(Transports::TLS);
        Config { tls_server: Some(authority.server(true)), ..config(Transport::Tls, vec![rule]) }
    };
    let (mut first, mut second) = (serve(by_either()).await.unwrap(), serve(by_either()).await.unwrap());
    let third = serve(by_either()).await.unwrap();
    let client = |names: &[&str]| {
        let identity = (!names.is_empty()).then(|| authority.identity(names, &[]));
        tls::client_config(authority.roots(), identity).unwrap()
    };
    let caller = Config {
        gate: Gate::new(vec![local().tls_client("mine")], Instant::now().into_std()).unwrap(),
        tls_clients: [("mine".into(), client(&["a.example"]))].into(),
        ..caller_with(client(&[]))
    };
    let caller = serve(caller).await.unwrap();
    let shown = |call: &IncomingCall| call.invite.source().tls.as_ref().unwrap().identities[0].to_string();
    let to = |server: &Server| NextHop::tls(address(server), "voice.example");

    let (old_out, old_inc) = {
        let hop = to(&first);
        call(&caller, &mut first, hop).await
    };
    assert_eq!(shown(&old_inc), "a.example");
    let named = [("mine".into(), client(&["b.example"]))].into();
    caller.handle().replace_tls_clients(TlsClients { common: None, named }).await.unwrap();
    let hop = to(&second);
    let (out, inc) = call(&caller, &mut second, hop).await;
    assert_eq!(shown(&inc), "b.example");
    hang_up(&caller, out, inc).await;
    hang_up(&caller, old_out, old_inc).await;
    // An identity that is gone is no reason to come without one.
    let clients = TlsClients { common: Some(client(&["a.example"])), ..TlsClients::default() };
    caller.handle().replace_tls_clients(clients).await.unwrap();
    assert_eq!(failure(&caller, to(&third)).await, EndReason::Transport);
}

#[tokio::test]
async fn a_client_without_the_trunks_certificate_is_closed() {
    let authority = Authority::new();
    let callee = serve(by_name(&authority)).await.unwrap();
    let other = authority.identity(&["other.example"], &[]);
    let forged = Authority::new().identity(&["sbc.example"], &[]);
    for identity in [None, Some(other), Some(forged)] {
        let config = Arc::unwrap_or_clone(tls::client_config(authority.roots(), identity).unwrap());
        let stream = TcpStream::connect(address(&callee)).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let handshake = within(connector.connect("voice.example".try_into().unwrap(), stream)).await;
        // In TLS 1.3 the client learns after its handshake that its certificate was refused.
        if let Ok(mut stream) = handshake {
            let sent = stream.write_all(b"OPTIONS sip:x SIP/2.0\r\n\r\n").await;
            let mut answer = Vec::new();
            let read = within(stream.read_to_end(&mut answer)).await;
            assert!(answer.is_empty() && (sent.is_err() || read.is_err() || read.is_ok_and(|length| length == 0)));
        }
    }
    let stats = callee.handle().stats().await.unwrap();
    assert_eq!((stats.received, stats.connections), (0, 0));
}

#[tokio::test]
async fn strangers_get_no_octet_and_trunks_are_served_beside_them() {
    let rule = TrunkRule::new("peer").peer("127.0.0.1".parse().unwrap());
    let mut callee = serve(config(Transport::Udp, vec![rule.clone()])).await.unwrap();
    let stranger = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    for _ in 0..2_000 {
        stranger.send_to(b"OPTIONS sip:x SIP/2.0\r\n\r\n", address(&callee)).await.unwrap();
    }
    let caller = serve(config(Transport::Udp, vec![rule])).await.unwrap();
    let next_hop = NextHop::udp(address(&callee));
    let (out, inc) = call(&caller, &mut callee, next_hop).await;
    hang_up(&caller, out, inc).await;
    assert!(stranger.try_recv(&mut [0; 1]).is_err());
    assert!(callee.handle().stats().await.unwrap().refused(Refusal::UnknownSource) > 0);

    // Over TCP: closed before a word.
    let server =
        serve(config(Transport::Tcp, vec![TrunkRule::new("far").peer("192.0.2.1".parse().unwrap())])).await.unwrap();
    let mut stream = TcpStream::connect(address(&server)).await.unwrap();
    assert!(matches!(within(stream.read(&mut [0; 1])).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_dropped_actor_hangs_up_and_so_does_one_that_does_not_listen() {
    let mut callee = serve(config(Transport::Udp, vec![local()])).await.unwrap();
    let caller = serve(config(Transport::Udp, vec![local()])).await.unwrap();
    let next_hop = NextHop::udp(address(&callee));
    let (mut out, inc) = call(&caller, &mut callee, next_hop).await;
    drop(inc);
    assert!(matches!(within(out.events.recv()).await, Some(Event::Ended(_))));

    // A call that nobody takes any more is refused.
    drop(out);
    let handle = caller.handle().clone();
    callee.handle().drain().await.unwrap();
    let mut out = within(handle.dial(dial(NextHop::udp(address(&callee))))).await.unwrap();
    match within(out.events.recv()).await {
        Some(Event::Ended(ended)) => assert_eq!(ended.reason, EndReason::Refused(StatusCode::SERVICE_UNAVAILABLE)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_shutdown_hangs_up_and_comes_back_when_the_peers_know() {
    let mut callee = serve(config(Transport::Udp, vec![local()])).await.unwrap();
    let caller = serve(config(Transport::Udp, vec![local()])).await.unwrap();
    let next_hop = NextHop::udp(address(&callee));
    let (mut out, mut inc) = call(&caller, &mut callee, next_hop).await;
    let handle = callee.handle().clone();
    let started = Instant::now();
    within(callee.shutdown(Duration::from_secs(15))).await;
    assert!(started.elapsed() < Duration::from_secs(5), "it does not sit out its grace");
    assert!(
        matches!(within(inc.events.recv()).await, Some(Event::Ended(ended)) if ended.reason == EndReason::Shutdown)
    );
    assert!(matches!(within(out.events.recv()).await, Some(Event::Ended(ended)) if ended.by == EndedBy::Remote));
    assert!(handle.stats().await.is_err());
}

#[tokio::test]
async fn a_new_certificate_serves_the_next_connection() {
    let (first, second) = (Authority::new(), Authority::new());
    let mut callee =
        serve(Config { tls_server: Some(first.server(false)), ..config(Transport::Tls, vec![local()]) }).await.unwrap();
    callee.handle().replace_tls(second.server(false)).await.unwrap();
    let caller = serve(caller_with(tls::client_config(second.roots(), None).unwrap())).await.unwrap();
    let next_hop = NextHop::tls(address(&callee), "voice.example");
    let (out, inc) = call(&caller, &mut callee, next_hop).await;
    hang_up(&caller, out, inc).await;
}

#[tokio::test]
async fn what_cannot_be_served_is_said_at_the_start() {
    let any = Listen::new(Transport::Udp, "0.0.0.0:0".parse().unwrap());
    let unadvertised = Config { listen: vec![any], ..config(Transport::Udp, vec![local()]) };
    assert!(serve(unadvertised).await.unwrap_err().to_string().contains("advertise"));
    assert!(serve(config(Transport::Tls, vec![local()])).await.unwrap_err().to_string().contains("certificate"));
    let taken = serve(config(Transport::Udp, vec![local()])).await.unwrap();
    let again = vec![Listen::new(Transport::Udp, address(&taken))];
    let refused = serve(Config { listen: again, ..config(Transport::Udp, vec![local()]) }).await.unwrap_err();
    assert!(refused.to_string().contains("cannot listen"));
}

/// THREATS T33: a peer that does not read fills a bounded queue and is closed; nobody else waits for it.
#[tokio::test]
async fn a_peer_that_does_not_read_is_closed() {
    let server = serve(config(Transport::Tcp, vec![local()])).await.unwrap();
    let mut stream = TcpStream::connect(address(&server)).await.unwrap();
    let padding = "x".repeat(4_000);
    let mut number = 0_u64;
    let flood = async {
        loop {
            number += 1;
            let text = format!(
                "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{number}\r\n\
                 From: <sip:a@b>;tag=1;x={padding}\r\nTo: <sip:a@b>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\n\
                 Content-Length: 0\r\n\r\n"
            );
            if stream.write_all(text.as_bytes()).await.is_err() {
                return;
            }
        }
    };
    timeout(Duration::from_mins(1), flood).await.unwrap();
    let stats = server.handle().stats().await.unwrap();
    assert_eq!((stats.refused(Refusal::BackPressure), stats.connections), (1, 0), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_the_hops_of_a_trunk_that_is_registered() {
    let registrar = within(tokio::net::TcpListener::bind("127.0.0.1:0")).await.unwrap();
    let target = format!("sip:127.0.0.1:{};transport=tcp", registrar.local_addr().unwrap().port());
    let outbound = Outbound::new(target.parse().unwrap()).registration(Registration::new("acme".into()));
    let rules = vec![TrunkRule::new("peer").outbound(outbound)];
    let mut server = within(serve(config(Transport::Tcp, rules))).await.unwrap();
    let mut events = server.take_trunk_events().unwrap();
    assert!(server.take_trunk_events().is_none());

    let (mut stream, _) = within(registrar.accept()).await.unwrap();
    let register = within(read_message(&mut stream)).await;
    assert!(register.starts_with("REGISTER sip:127.0.0.1 SIP/2.0\r\n"), "{register}");
    within(stream.write_all(ok(&register).as_bytes())).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.push(within(events.recv()).await.unwrap().change);
    }
    assert!(
        matches!(seen[..], [TrunkChange::Located { hops: 1 }, TrunkChange::Up, TrunkChange::Registered { .. }]),
        "{seen:?}"
    );
    let status = within(server.handle().trunks()).await.unwrap();
    assert!(matches!(status[0].registration, Some(RegistrationState::Registered { .. })), "{status:?}");
    assert_eq!((status[0].state, status[0].hops.len()), (TrunkState::Up, 1));

    let to_own_hops = Dial { next_hop: None, ..dial(NextHop::tcp("127.0.0.1:1".parse().unwrap())) };
    let _call = within(server.handle().dial(to_own_hops)).await.unwrap();
    assert!(within(read_message(&mut stream)).await.starts_with("INVITE "));
    // Shutting down: the registration is taken back before the connection closes.
    let end = tokio::spawn(server.shutdown(Duration::from_secs(2)));
    let last = within(read_message(&mut stream)).await;
    assert!(last.starts_with("REGISTER ") && last.contains("\r\nExpires: 0\r\n"), "{last}");
    within(stream.write_all(ok(&last).as_bytes())).await.unwrap();
    drop(stream);
    within(end).await.unwrap();
}

/// The octets up to an empty line, and the body that they announce.
async fn read_message(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    loop {
        text.push(stream.read_u8().await.unwrap());
        if text.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let mut text = String::from_utf8(text).unwrap();
    let length = text.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    text.push_str(std::str::from_utf8(&body).unwrap());
    text
}

/// The 200 of a REGISTER.
fn ok(register: &str) -> String {
    let repeated = ["Via", "From", "To", "Call-ID", "CSeq", "Contact", "Expires"];
    let is_repeated = |line: &&str| line.split_once(": ").is_some_and(|(name, _)| repeated.contains(&name));
    let lines: Vec<&str> = register.split("\r\n").filter(is_repeated).collect();
    format!("SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", lines.join("\r\n"))
}
