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
