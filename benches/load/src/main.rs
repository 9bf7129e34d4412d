//! The measuring instrument of `make bench` and of the hundred-call test.
//!
//!     load steady --target 127.0.0.1:5061 --ca ca.pem --name sip.test --calls 100 --pid PID --json out.json
//!     load setup  --target 127.0.0.1:5061 --ca ca.pem --name sip.test --per-second 100 --seconds 10
//!     load echo   --listen 127.0.0.1:8443 --folder DIR        (the application: flow answers and a WSS echo)

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::wildcard_enum_match_arm,
    clippy::disallowed_methods,
    clippy::format_push_string,
    clippy::struct_field_names,
    clippy::large_stack_arrays,
    reason = "a command-line instrument that turns counts into figures; what waits in its one channel is bounded by the calls asked for"
)]

mod calls;
mod echo;
mod media;
mod sip;
mod stamp;
mod system;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use clap::Parser;
use media_engine::srtp::Suite;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

#[derive(Parser)]
#[command(about = "SRTP calls with stamped audio, and an application that echoes")]
enum Command {
    /// Sets up calls, measures while all are up, hangs up.
    Steady(Steady),
    /// Offers calls at a fixed rate and hangs each up after a while.
    Setup(Setup),
    /// The application: answers flow requests and echoes every stream.
    Echo(echo::Echo),
}

#[derive(clap::Args)]
struct Target {
    /// The server's SIP address.
    #[arg(long)]
    target: SocketAddr,
    /// The number to call.
    #[arg(long, default_value = "+14155550100")]
    number: String,
    /// CA file: signalling goes over TLS, media over SRTP. Without it: UDP and plain RTP.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// The name in the server's certificate.
    #[arg(long, default_value = "localhost")]
    name: String,
    /// The SRTP suite.
    #[arg(long, default_value = "AES_CM_128_HMAC_SHA1_80")]
    suite: String,
    /// The server's process, for processor time and memory.
    #[arg(long)]
    pid: Option<u32>,
    /// Stay on this processor.
    #[arg(long)]
    cpu: Option<usize>,
    /// Write the result here as JSON (standard output without it).
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Steady {
    #[command(flatten)]
    target: Target,
    /// How many calls.
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// Set-ups a second.
    #[arg(long, default_value_t = 20.0)]
    per_second: f64,
    /// Seconds between the last set-up and the measurement.
    #[arg(long, default_value_t = 2)]
    settle: u64,
    /// Seconds measured.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
}

#[derive(clap::Args)]
struct Setup {
    #[command(flatten)]
    target: Target,
    /// Set-ups a second.
    #[arg(long, default_value_t = 100.0)]
    per_second: f64,
    /// For how many seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seconds that each call stays up.
    #[arg(long, default_value_t = 1)]
    hold: u64,
    /// Send and measure audio too.
    #[arg(long)]
    media: bool,
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Steady(steady) => run_steady(&steady),
        Command::Setup(setup) => run_setup(&setup),
        Command::Echo(echo) => echo.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_steady(steady: &Steady) -> io::Result<()> {
    let target = &steady.target;
    let before_kib = target.pid.map(system::resident_kib);
    let (orders, media) = start_media(target)?;
    let mut caller = target.caller(orders.clone(), true, None)?;
    caller.offer(steady.calls, steady.per_second)?;
    caller.keep(Duration::from_secs(steady.settle))?;
    let finished = |_| io::Error::other("the media thread has ended");
    orders.send(media::Order::Measure).map_err(finished)?;
    let (cpu_before, start) = (target.pid.map(system::cpu), Instant::now());
    caller.keep(Duration::from_secs(steady.seconds))?;
    let (cpu_after, measured_s) = (target.pid.map(system::cpu), start.elapsed().as_secs_f64());
    let with_calls_kib = target.pid.map(system::resident_kib);
    orders.send(media::Order::Finish).map_err(finished)?;
    let measured = media.join().map_err(|_| io::Error::other("the media thread failed"))??;
    caller.hang_up()?;
    let up = caller.succeeded().max(1) as f64;
    let cpu_us = cpu_after
        .zip(cpu_before)
        .map(|(after, before)| after.saturating_sub(before).as_secs_f64() * 1e6 / measured_s / up);
    let kib = with_calls_kib.zip(before_kib).map(|(with, before)| with.saturating_sub(before) as f64 / up);
    target.report(&serde_json::json!({
        "calls": caller.offered(), "succeeded": caller.succeeded(), "failures": caller.failures,
        "sip_retransmissions": caller.retransmissions, "setup_ms": caller.setup_ms.summary(),
        "first_audio_ms": measured.first_audio_ms.summary(), "delay_ms": measured.delay_ms.summary(),
        "frames_sent": measured.sent, "frames_returned": measured.returned,
        "lost_share": 1.0 - measured.returned as f64 / measured.sent.max(1) as f64,
        "late_share": measured.late as f64 / measured.returned.max(1) as f64,
        "duplicates": measured.duplicates, "foreign": measured.foreign, "srtp_refused": measured.refused,
        "instrument_late_ticks": measured.late_ticks,
        "cpu_us_per_call_s": cpu_us, "kib_per_call": kib,
    }))
}

fn run_setup(setup: &Setup) -> io::Result<()> {
    let target = &setup.target;
    let (orders, media) = start_media(target)?;
    let mut caller = target.caller(orders.clone(), setup.media, Some(Duration::from_secs(setup.hold)))?;
    let (cpu_before, start) = (target.pid.map(system::cpu), Instant::now());
    caller.offer((setup.per_second * setup.seconds as f64) as usize, setup.per_second)?;
    let offered_s = start.elapsed().as_secs_f64();
    caller.keep(Duration::from_secs(setup.hold))?;
    caller.hang_up()?;
    let cpu_us = target
        .pid
        .map(system::cpu)
        .zip(cpu_before)
        .map(|(after, before)| after.saturating_sub(before).as_secs_f64() * 1e6 / caller.offered().max(1) as f64);
    orders.send(media::Order::Finish).map_err(|_| io::Error::other("the media thread has ended"))?;
    let measured = media.join().map_err(|_| io::Error::other("the media thread failed"))??;
    target.report(&serde_json::json!({
        "calls": caller.offered(), "succeeded": caller.succeeded(), "failures": caller.failures,
        "sip_retransmissions": caller.retransmissions, "setup_ms": caller.setup_ms.summary(),
        "first_audio_ms": measured.first_audio_ms.summary(),
        "achieved_per_second": caller.offered() as f64 / offered_s, "cpu_us_per_setup": cpu_us,
    }))
}

type Media = thread::JoinHandle<Result<media::Measured, nix::Error>>;

fn start_media(target: &Target) -> io::Result<(mpsc::Sender<media::Order>, Media)> {
    system::raise_open_files()?;
    if let Some(cpu) = target.cpu {
        system::pin(cpu)?;
    }
    let (orders, inbox) = mpsc::channel();
    Ok((orders, thread::Builder::new().name("media".into()).spawn(move || media::run(&inbox))?))
}

impl Target {
    fn caller(
        &self,
        orders: mpsc::Sender<media::Order>,
        with_media: bool,
        hold: Option<Duration>,
    ) -> io::Result<calls::Caller> {
        let suite = Suite::from_name(&self.suite)
            .ok_or_else(|| io::Error::other(format!("no such SRTP suite: {}", self.suite)))?;
        let host = &self.name;
        let (line, to, suite) = match &self.ca {
            None => (sip::Line::udp(self.target)?, format!("sip:{}@{host}", self.number), None),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_file_iter(ca).map_err(io::Error::other)?.flatten() {
                    roots.add(certificate).map_err(io::Error::other)?;
                }
                let config =
                    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                        .with_safe_default_protocol_versions()
                        .map_err(io::Error::other)?
                        .with_root_certificates(roots)
                        .with_no_client_auth();
                (
                    sip::Line::tls(self.target, host, Arc::new(config))?,
                    format!("sips:{}@{host}", self.number),
                    Some(suite),
                )
            }
        };
        calls::Caller::new(line, to, suite, orders, with_media, hold)
    }

    fn report(&self, result: &serde_json::Value) -> io::Result<()> {
        let text = serde_json::to_string_pretty(result)?;
        if let Some(path) = &self.json {
            return fs::write(path, text + "\n");
        }
        println!("{text}");
        Ok(())
    }
}
