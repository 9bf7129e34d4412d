//! A server with its trunk, keys and application, in a folder of its own on ports of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use strongline::config::Loaded;
use strongline::demo::align::align;
use strongline::demo::app::{App, AppEvent};
use strongline::demo::caller::{Call, CallError, CallReport, Caller};
use strongline::demo::files::{Workdir, free_port};
use strongline::server::{Options, Server};
use strongline::telemetry::Gauge;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// What the file says under `danger`.
pub(crate) const PLAIN: &str = "danger = { plaintext_media = \"anyone on the path can listen\" }";

/// A folder with certificates and keys, and an application that runs.
pub(crate) struct Lab {
    folder: TempDir,
    pub(crate) keys: Workdir,
    pub(crate) app: App,
    pub(crate) app_events: mpsc::Receiver<AppEvent>,
    pub(crate) tls: SocketAddr,
    pub(crate) udp: SocketAddr,
    pub(crate) tcp: SocketAddr,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Workdir::create(&folder.path().join("keys"), true).unwrap();
        let (events, app_events) = mpsc::channel(4_096);
        let app = App::start(&keys, 0, events).unwrap();
        let address = || SocketAddr::new(Ipv4Addr::LOCALHOST.into(), free_port().unwrap());
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        Self { keys, app, app_events, tls: address(), udp, tcp: address(), folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a dialplan with one trunk (this machine, or the peers that `trunk` names) and these routes.
    pub(crate) fn dialplan(&self, trunk: &str, routes: &str) -> PathBuf {
        let Self { tls, udp, tcp, .. } = self;
        let root = self.keys.root().display();
        let app = self.app.address().port();
        let peers = if trunk.contains("peers") { "" } else { "peers = [\"127.0.0.0/8\"]" };
        let media = if trunk.contains("media = { prefixes") { "" } else { "media = { prefixes = [\"127.0.0.0/8\"] }" };
        let text = format!(
            r#"
[sip]
domain      = "localhost"
listen      = ["tls://{tls}", "udp://{udp}", "tcp://{tcp}"]
certificate = {{ file = "{root}/sip.pem" }}
key         = {{ file = "{root}/sip.key" }}

[media]
ports          = "{ports}"
public_address = "127.0.0.1"
bind           = "127.0.0.1"
rtp_timeout    = 5
# Held still: what is compared with the original must not have been stretched.
jitter         = {{ min_ms = 60, initial_ms = 60, max_ms = 60 }}

[[trunk]]
name             = "lab"
calls_per_second = 1000
max_calls        = 1000
{peers}
{media}
{trunk}

[[app]]
name          = "echo"
flow_url      = "https://localhost:{app}/flow"
ca            = {{ file = "{root}/ca.pem" }}
signing       = [{{ file = "{root}/webhook-new.key" }}, {{ file = "{root}/webhook-old.key" }}]
private_hosts = ["localhost"]
stream        = {{ dialect = "native", rate = 16000, hosts = ["localhost"] }}

{routes}
"#,
            ports = rtp_ports()
        );
        let path = self.path("strongline.toml");
        fs::write(&path, text).unwrap();
        path
    }

    /// Starts the server within this process.
    pub(crate) fn serve(&self, trunk: &str, routes: &str) -> Server {
        let loaded = Loaded::load(&self.dialplan(trunk, routes)).unwrap_or_else(|error| panic!("{error}"));
        Server::start(loaded, Options { workers: Some(2) }).unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// Stops `server`, and starts one with other routes in its place.
    pub(crate) fn serve_again(&self, routes: &str, server: Server) -> Server {
        settle(&server);
        server.stop(Duration::from_secs(1));
        self.serve("", routes)
    }

    pub(crate) fn call(&self) -> Call {
        let mut call = Call::tls(self.tls, "localhost", self.keys.ca_pem.clone());
        "+14155550100".clone_into(&mut call.to);
        "+14155550111".clone_into(&mut call.from);
        call
    }

    /// Writes a tone as a 16-bit WAV, and gives its samples.
    pub(crate) fn tone(&self, name: &str, length: Duration) -> Vec<i16> {
        let samples = tone(length);
        strongline::demo::wav::write(&self.path(name), &samples).unwrap();
        samples
    }
}

/// Each test has RTP ports of its own: tests run side by side.
fn rtp_ports() -> String {
    let seed = free_port().unwrap();
    let first = 20_000 + u32::from(seed) % 200 * 200;
    format!("{first}-{}", first + 199)
}

/// A tone that sweeps: unlike a steady one it fits itself at one shift only.
pub(crate) fn tone(length: Duration) -> Vec<i16> {
    let count = length.as_millis() as usize * 8;
    (0..count)
        .map(|at| {
            let t = at as f64 / 8_000.0;
            let phase = std::f64::consts::TAU * (400.0 * t + 300.0 * t * t / length.as_secs_f64());
            (phase.sin() * 8_000.0) as i16
        })
        .collect()
}

/// Places a call and waits for its end.
pub(crate) fn place(call: Call) -> Result<CallReport, CallError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Caller::place(call))
}

/// How well `said` is found in what was heard, from 0 to 1.
pub(crate) fn likeness(said: &[i16], report: &CallReport) -> f64 {
    align(said, &report.heard.samples, report.heard.samples.len()).map_or(0.0, |found| found.correlation)
}

/// Waits until everything of every call is gone; what is left after ten seconds fails the test.
pub(crate) fn settle(server: &Server) {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let gauges = server.gauges();
        let ours = [&gauges.calls, &gauges.rtp_sockets, &gauges.streams, &gauges.flow_requests].map(Gauge::value);
        let dialogs = server.sip_stats().unwrap().calls;
        if ours == [0; 4] && dialogs == 0 {
            return;
        }
        assert!(Instant::now() < until, "left behind: calls, sockets, streams, requests {ours:?}, dialogs {dialogs}");
        std::thread::yield_now();
    }
}

/// A phone that speaks SIP over UDP word by word, for what the caller of the demo never does.
pub(crate) struct Phone {
    socket: UdpSocket,
    tag: String,
}

impl Phone {
    pub(crate) fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self { socket, tag: String::new() }
    }

    /// Sends a request of the one call.
    pub(crate) fn request(&mut self, method: &str, body: &str) {
        self.request_with(method, "", body);
    }

    /// The same with further header lines, each with its end.
    pub(crate) fn request_with(&mut self, method: &str, headers: &str, body: &str) {
        // A PRACK comes between the INVITE and its ACK.
        let cseq = if method == "PRACK" { 2 } else { 1 };
        let local = self.socket.local_addr().unwrap();
        let (tag, port) = (&self.tag, local.port());
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let request = format!(
            "{method} sip:+14155550100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{port}{method};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+14155550111@127.0.0.1>;tag=phone\r\nTo: <sip:+14155550100@127.0.0.1>{tag}\r\n\
             Call-ID: call-{port}\r\nCSeq: {cseq} {method}\r\nContact: <sip:phone@{local}>\r\n{headers}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.socket.send(request.as_bytes()).unwrap();
    }

    /// The next message that is not a 100.
    pub(crate) fn response(&mut self) -> String {
        loop {
            let mut octets = [0; 4_096];
            let count = self.socket.recv(&mut octets).unwrap();
            let message = String::from_utf8_lossy(&octets[..count]).into_owned();
            if message.starts_with("SIP/2.0 100") {
                continue;
            }
            if let Some(to) = message.lines().find(|line| line.starts_with("To:")).and_then(|to| to.split_once(";tag="))
            {
                self.tag = format!(";tag={}", to.1);
            }
            return message;
        }
    }

    /// Says 200 to a request of the server's.
    pub(crate) fn answer(&self, request: &str) {
        let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let headers: Vec<_> = request.lines().filter(|line| copied.iter().any(|name| line.starts_with(name))).collect();
        let answer = format!("SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", headers.join("\r\n"));
        self.socket.send(answer.as_bytes()).unwrap();
    }
}

/// A plain description for this socket.
pub(crate) fn sdp(media: &UdpSocket) -> String {
    let port = media.local_addr().unwrap().port();
    format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n")
}

/// Waits for so many RTP packets of PCMU, of 20 ms each; fewer when they stop coming.
pub(crate) fn rtp_packets(media: &UdpSocket, wanted: usize) -> usize {
    media.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut octets = [0; 2_048];
    let is_audio = |count: usize, octets: &[u8]| count == 172 && octets[0] == 0x80 && matches!(octets[1], 0x00 | 0x80);
    (0..wanted).take_while(|_| media.recv(&mut octets).is_ok_and(|count| is_audio(count, &octets))).count()
}
