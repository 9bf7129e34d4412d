//! The API as its clients see it: over TCP and TLS, with a call that is placed, seen, commanded and ended.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use strongline::demo::app::Happened;
use strongline::demo::files::free_port;

use crate::harness::{Lab, PLAIN, sdp, settle};

pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef-canary";

/// `[api]` and its one client, for `Lab::dialplan`.
pub(crate) fn api(lab: &Lab, scheme: &str, port: u16) -> String {
    std::fs::write(lab.path("api.key"), format!("{KEY}\n")).unwrap();
    let (key, root) = (lab.path("api.key"), lab.keys.root());
    let certificate = match scheme {
        "tls" => {
            format!("certificate = {{ file = \"{0}/sip.pem\" }}\nkey = {{ file = \"{0}/sip.key\" }}", root.display())
        }
        _ => String::new(),
    };
    format!(
        "[api]\nlisten = \"{scheme}://127.0.0.1:{port}\"\n{certificate}\n[[api.client]]\nname = \"ops\"\n\
         key = {{ file = \"{}\" }}\napp = \"echo\"\ntrunks = [\"lab\"]\n",
        key.display()
    )
}

/// A trunk whose calls go to this socket.
fn callee_trunk(callee: &UdpSocket) -> String {
    let port = callee.local_addr().unwrap().port();
    format!(
        "srtp = \"off\"\n{PLAIN}\noutbound = {{ to = \"sip:127.0.0.1:{port};transport=udp\", destinations = [\"+1415*\"], from = [\"+14155550111\"] }}"
    )
}

pub(crate) struct Got {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Value,
}

/// One request on a connection of its own.
pub(crate) fn exchange(mut stream: impl Read + Write, method: &str, path: &str, key: Option<&str>, body: &str) -> Got {
    let key = key.map_or_else(String::new, |key| format!("x-api-key: {key}\r\n"));
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{key}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream.flush().unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Got { status, head: head.to_ascii_lowercase(), body: serde_json::from_str(body).unwrap() }
}

fn post(address: SocketAddr, path: &str, body: &Value) -> (u16, Value) {
    let got = exchange(TcpStream::connect(address).unwrap(), "POST", path, Some(KEY), &body.to_string());
    (got.status, got.body)
}

fn get(address: SocketAddr, path: &str) -> Value {
    exchange(TcpStream::connect(address).unwrap(), "GET", path, Some(KEY), "").body
}

/// Somebody who is called, over UDP.
pub(crate) struct Callee {
    socket: UdpSocket,
    media: UdpSocket,
    server: SocketAddr,
}

impl Callee {
    pub(crate) fn new(server: SocketAddr) -> Self {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let socket = bind();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { socket, media: bind(), server }
    }

    pub(crate) fn trunk(&self) -> String {
        callee_trunk(&self.socket)
    }

    /// The next request of this method.
    pub(crate) fn request(&self, method: &str) -> String {
        let mut octets = [0; 4_096];
        loop {
            let count = self.socket.recv(&mut octets).unwrap_or_else(|error| panic!("no {method}: {error}"));
            let message = String::from_utf8_lossy(&octets[..count]).into_owned();
            if message.starts_with(method) {
                return message;
            }
        }
    }

    pub(crate) fn respond(&self, request: &str, status: &str, with_sdp: bool) {
        let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let headers = request.lines().filter(|line| copied.iter().any(|name| line.starts_with(name)));
        let headers: Vec<_> = headers
            .map(|line| {
                if line.starts_with("To:") && !line.contains(";tag=") {
                    format!("{line};tag=callee")
                } else {
                    line.to_owned()
                }
            })
            .collect();
        let body = if with_sdp { self.answer(request) } else { String::new() };
        let kind = if with_sdp { "Content-Type: application/sdp\r\n" } else { "" };
        let contact = self.socket.local_addr().unwrap();
        let response = format!(
            "SIP/2.0 {status}\r\n{}\r\nContact: <sip:callee@{contact}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            headers.join("\r\n"),
            body.len()
        );
        self.socket.send_to(response.as_bytes(), self.server).unwrap();
    }

    /// PCMU, and telephone events by the offer's number for them.
    fn answer(&self, invite: &str) -> String {
        let events = invite.lines().find(|line| line.contains("telephone-event/8000")).unwrap();
        let number = events.trim_start_matches("a=rtpmap:").split(' ').next().unwrap();
        sdp(&self.media).replace("RTP/AVP 0\r\n", &format!("RTP/AVP 0 {number}\r\n{events}\r\n"))
    }

    /// Asks for the password of the trunk, and gives the INVITE that proves to know it.
    pub(crate) fn challenge(&self) -> String {
        let invite = self.request("INVITE");
        let challenge = "407 Who are you\r\nProxy-Authenticate: Digest realm=\"callee.test\", nonce=\"nonce-canary\", \
                         algorithm=SHA-256, qop=\"auth\"";
        self.respond(&invite, challenge, false);
        self.request("ACK");
        loop {
            // The first INVITE may come again before its refusal has arrived.
            let invite = self.request("INVITE");
            if invite.contains("Proxy-Authorization: Digest") {
                return invite;
            }
        }
    }

    /// Rings, answers, and waits for the ACK.
    pub(crate) fn pick_up(&self) {
        let invite = self.request("INVITE");
        self.answer_call(&invite);
    }

    pub(crate) fn answer_call(&self, invite: &str) {
        self.respond(invite, "180 Ringing", false);
        self.respond(invite, "200 OK", true);
        self.request("ACK");
    }

    /// Sends a request within the call that `invite` began.
    pub(crate) fn ask(&self, invite: &str, method: &str, cseq: u32, headers: &str, body: &str) {
        let line = |name: &str| invite.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        let (local, contact) = (self.socket.local_addr().unwrap(), line("Contact:"));
        let target = contact.split(['<', '>']).nth(1).unwrap();
        let request = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{method}{cseq}\r\nMax-Forwards: 70\r\n\
             From: {};tag=callee\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            line("To:"),
            line("From:"),
            line("Call-ID:"),
            body.len()
        );
        self.socket.send_to(request.as_bytes(), self.server).unwrap();
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not seen: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_call_is_placed_seen_commanded_and_ended() {
    let mut lab = Lab::new();
    let callee = Callee::new(lab.udp);
    let server = lab.serve(&callee.trunk(), &api(&lab, "http", free_port().unwrap()));
    let address = server.api().unwrap();
    // The example application takes any signed JSON with a call's id at its one address: callbacks are verified there too.
    let url = format!("https://localhost:{}/flow", lab.app.address().port());
    let body = json!({ "from_number": "+14155550111", "to_number": "+14155550122", "flow_url": url, "status_callback_url": url });
    let (status, placed) = post(address, "/api/v1/voice/calls/initiate", &body);
    assert_eq!((status, &placed["message"]), (202, &json!("Call initiated successfully")), "{placed}");
    let path = format!("/v1/calls/{}", placed["data"]["id"].as_str().unwrap());
    assert_eq!(get(address, &path)["state"], "initiated");
    callee.pick_up();
    until("the answer", || (get(address, &path)["state"] == "answered").then_some(()));
    let mut verified = 0;
    let mut look = |what: &Happened| {
        assert!(!matches!(what, Happened::Refused { .. }), "{what:?}");
        verified += usize::from(matches!(what, Happened::FlowVerified { .. }));
        matches!(what, Happened::StreamAccepted { .. })
    };
    until("the stream", || lab.app_events.try_recv().ok().filter(|event| look(&event.what)));
    let (status, _) = post(address, &format!("{path}/hangup"), &json!({ "reason": "DONE" }));
    assert_eq!(status, 202);
    let bye = callee.request("BYE");
    callee.respond(&bye, "200 OK", false);
    let ended = until("the end", || Some(get(address, &path)).filter(|call| call["state"] == "completed"));
    assert_eq!((&ended["direction"], &ended["reason"]), (&json!("outbound"), &json!("DONE")));
    let (status, refused) = post(address, &format!("{path}/hangup"), &json!({}));
    assert_eq!((status, &refused["code"]), (409, &json!("call_not_live")));
    settle(&server);
    server.stop(Duration::from_secs(5));
    assert!(TcpStream::connect(address).is_err(), "the API has stopped with the server");
    // What was not posted yet was posted while the server stopped.
    while let Ok(event) = lab.app_events.try_recv() {
        look(&event.what);
    }
    assert_eq!(verified, 5, "four callbacks and a flow request, each with a right signature");
}

#[test]
fn what_the_dialplan_does_not_allow_is_not_dialled() {
    let lab = Lab::new();
    let callee = Callee::new(lab.udp);
    let server = lab.serve(&callee.trunk(), &api(&lab, "http", free_port().unwrap()));
    let address = server.api().unwrap();
    for (from, to, code) in [
        ("+14155550111", "+19005550122", "destination_not_allowed"),
        ("+14155550199", "+14155550122", "caller_not_allowed"),
    ] {
        let (status, refused) = post(address, "/v1/calls", &json!({ "from": from, "to": to }));
        assert_eq!((status, &refused["code"]), (403, &json!(code)));
    }
    callee.socket.set_nonblocking(true).unwrap();
    assert!(callee.socket.recv(&mut [0; 16]).is_err(), "nobody was called");
    let trunks = get(address, "/v1/trunks");
    let port = callee.socket.local_addr().unwrap().port();
    let hop =
        json!({ "address": format!("127.0.0.1:{port}"), "transport": "udp", "state": "up", "round_trip_ms": null });
    let up = json!({ "name": "lab", "state": "up", "why": null, "hops": [hop], "registration": null, "calls": 0, "calls_24h": 0 });
    assert_eq!(trunks, json!({ "trunks": [up] }));
    server.stop(Duration::from_secs(5));
}

#[test]
fn strangers_get_nothing_and_waste_nothing() {
    let lab = Lab::new();
    let server = lab.serve(&Callee::new(lab.udp).trunk(), &api(&lab, "http", free_port().unwrap()));
    let address = server.api().unwrap();
    let connect = || TcpStream::connect(address).unwrap();
    for key in [None, Some("0123456789abcdef0123456789abcdef-canarz")] {
        let got = exchange(connect(), "POST", "/v1/calls", key, "{}");
        assert_eq!((got.status, &got.body["code"]), (403, &json!("invalid_api_key")));
        assert!(got.head.contains("connection: close") && !got.head.contains("server:"), "{}", got.head);
    }
    assert_eq!(exchange(connect(), "GET", "/", None, "").status, 404);
    // Heads without end, bodies without end: cut, each with its own connection.
    let mut endless = connect();
    endless.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let line = format!("x: {}\r\n", "a".repeat(4_000));
    let mut sent = Ok(());
    for piece in std::iter::once("GET / HTTP/1.1\r\n").chain(std::iter::repeat_n(line.as_str(), 50)) {
        sent = sent.and_then(|()| endless.write_all(piece.as_bytes()));
    }
    let mut answer = Vec::new();
    let told = endless.read_to_end(&mut answer);
    assert!(
        sent.is_err() || told.is_err() || answer.starts_with(b"HTTP/1.1 431"),
        "{:?}",
        String::from_utf8_lossy(&answer)
    );
    let got = exchange(connect(), "POST", "/v1/calls", Some(KEY), &" ".repeat(70_000));
    assert_eq!(got.status, 413);
    server.stop(Duration::from_secs(5));
}

#[test]
fn over_tls_the_certificate_is_the_one_of_the_file() {
    let lab = Lab::new();
    let server = lab.serve(&Callee::new(lab.udp).trunk(), &api(&lab, "tls", free_port().unwrap()));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(lab.keys.ca_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = rustls::StreamOwned::new(client, TcpStream::connect(server.api().unwrap()).unwrap());
    let got = exchange(stream, "GET", "/v1/calls/x", Some(KEY), "");
    assert_eq!((got.status, &got.body["code"]), (404, &json!("call_not_found")));
    let mut plain = TcpStream::connect(server.api().unwrap()).unwrap();
    plain.write_all(b"GET /v1/calls/x HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    assert!(plain.read_to_end(&mut answer).is_err() || !answer.starts_with(b"HTTP"), "plain HTTP gets no answer");
    server.stop(Duration::from_secs(5));
}

fn referring_trunk(callee: &Callee) -> String {
    let trunk = callee.trunk().replace("from = [", "calls_per_second = 10, max_calls = 10, from = [");
    format!("refer = \"accept\"\n{trunk}")
}

/// RFC 5589 6.1: who hands a call on may hang up at once. The call goes on with whom it was handed to.
#[test]
fn a_peer_that_hands_the_call_on_may_hang_up_before_it_is_taken() {
    let lab = Lab::new();
    let callee = Callee::new(lab.udp);
    let trunk = referring_trunk(&callee);
    let server = lab.serve(&trunk, &api(&lab, "http", free_port().unwrap()));
    let address = server.api().unwrap();
    let (status, placed) = post(address, "/v1/calls", &json!({ "from": "+14155550111", "to": "+14155550122" }));
    assert_eq!(status, 202, "{placed}");
    let path = format!("/v1/calls/{}", placed["id"].as_str().unwrap());
    let first = callee.request("INVITE");
    callee.answer_call(&first);
    until("the answer", || (get(address, &path)["state"] == "answered").then_some(()));
    let refer = "Contact: <sip:callee@127.0.0.1>\r\nRefer-To: <sip:+14155550133@127.0.0.1>\r\n";
    callee.ask(&first, "REFER", 2, refer, "");
    let second = callee.request("INVITE sip:+14155550133@");
    callee.respond(&second, "180 Ringing", false);
    callee.ask(&first, "BYE", 3, "", "");
    callee.request("SIP/2.0 200 OK");
    callee.respond(&second, "200 OK", true);
    callee.request("ACK sip:callee@");
    assert_eq!(get(address, &path)["state"], "answered");
    assert_eq!(post(address, &format!("{path}/hangup"), &json!({})).0, 202);
    let bye = callee.request("BYE");
    let call_id = |message: &str| message.lines().find(|line| line.starts_with("Call-ID:")).unwrap().to_owned();
    assert_eq!(call_id(&bye), call_id(&second));
    callee.respond(&bye, "200 OK", false);
    settle(&server);
    server.stop(Duration::from_secs(5));
}

/// It is not taken: then it is over, and so is the call.
#[test]
fn a_call_that_was_handed_on_and_is_not_taken_ends() {
    let lab = Lab::new();
    let callee = Callee::new(lab.udp);
    let trunk = referring_trunk(&callee);
    let server = lab.serve(&trunk, &api(&lab, "http", free_port().unwrap()));
    let address = server.api().unwrap();
    let (_, placed) = post(address, "/v1/calls", &json!({ "from": "+14155550111", "to": "+14155550122" }));
    let path = format!("/v1/calls/{}", placed["id"].as_str().unwrap());
    let first = callee.request("INVITE");
    callee.answer_call(&first);
    until("the answer", || (get(address, &path)["state"] == "answered").then_some(()));
    let refer = "Contact: <sip:callee@127.0.0.1>\r\nRefer-To: <sip:+14155550133@127.0.0.1>\r\n";
    callee.ask(&first, "REFER", 2, refer, "");
    let second = callee.request("INVITE sip:+14155550133@");
    callee.ask(&first, "BYE", 3, "", "");
    callee.request("SIP/2.0 200 OK");
    callee.respond(&second, "486 Busy Here", false);
    callee.request("ACK");
    until("the end", || (get(address, &path)["state"] == "completed").then_some(()));
    settle(&server);
    server.stop(Duration::from_secs(5));
}
