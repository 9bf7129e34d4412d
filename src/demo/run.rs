//! From the first file to the last figure.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::app::{App, AppError, AppEvent, Happened, TalkEvent};
use super::args::DemoArgs;
use super::caller::{Call, CallError, CallReport, Caller, CallerEvent, HangUp, Sound};
use super::files::{self, DialplanFacts, FilesError, LOOPBACK_NAME, Workdir};
use super::limits::EVENT_QUEUE;
use super::probe;
use super::result::{DemoResult, Interruption};
use super::screen::{Screen, Style};
use super::server::{Server, ServerError, ServerEvent};
use super::speech;
use super::story::{Step, Story};
use super::wav::{self, WavError};

/// Why the demo could not be held.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The folder.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The example application.
    #[error(transparent)]
    App(#[from] AppError),
    /// The server did not start.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The server ended during the call.
    #[error("the server ended during the call; its log is {log}\n  {}", .lines.join("\n  "))]
    ServerDied {
        /// Where its log is.
        log: PathBuf,
        /// The last it said.
        lines: Vec<String>,
    },
    /// The call.
    #[error("{source}\n  the server's log is {log}")]
    Call {
        /// Where the server's log is.
        log: PathBuf,
        /// Why.
        source: CallError,
    },
    /// The WAV to say, or the recording.
    #[error("{path}: {source}")]
    Wav {
        /// Which.
        path: PathBuf,
        /// Why.
        source: WavError,
    },
    /// The example application did not refuse a forged request.
    #[error("the example application answered a forged flow request with {0} and not with 401")]
    Forgery(u16),
    /// Something of the system.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// Ctrl-C, or SIGTERM.
    #[error("interrupted")]
    Interrupted,
}

/// Holds the demo. The exit code is 0 only if the speech came back.
pub fn run(args: &DemoArgs) -> ExitCode {
    let mut screen = if args.json { Screen::silent() } else { Screen::stdout(args.no_color) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(system("no runtime")).and_then(|runtime| runtime.block_on(hold(args, &mut screen)));
    match outcome {
        Ok(result) => {
            if args.json {
                let json = serde_json::to_string_pretty(&result).unwrap_or_default();
                Screen::stdout(true).line(&json);
            }
            if result.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            if args.json {
                let json = serde_json::json!({"passed": false, "reasons": [error.to_string()]});
                Screen::stdout(true).line(&format!("{json:#}"));
            }
            screen.line("");
            Screen::stderr(args.no_color).fail(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// What runs during the call, and what is known of it.
struct Stage {
    dir: Workdir,
    /// Stops when dropped, and so outlives the call.
    _app: App,
    app_events: mpsc::Receiver<AppEvent>,
    server: Server,
    sip: SocketAddr,
    story: Story,
    steps: Vec<Step>,
    interruption: Interruption,
    call_ended: bool,
    stream_ended: bool,
    stop: Stop,
}

async fn hold(args: &DemoArgs, screen: &mut Screen) -> Result<DemoResult, DemoError> {
    let speech = speech_to_say(args)?;
    let title = screen.paint(Style::Strong, "strongline demo");
    screen.line(&format!("\n  {title}   one call on this machine, encrypted all the way\n"));
    let mut stage = set_up(args, screen).await?;
    let outcome = stage.play(args, &speech, screen).await;
    stage.server.stop().await;
    outcome
}

async fn set_up(args: &DemoArgs, screen: &mut Screen) -> Result<Stage, DemoError> {
    let stop = Stop::new()?;
    let (folder, made_by_us) = args.folder();
    let dir = Workdir::create(&folder, made_by_us)?;
    screen.ready(&format!("a CA for this run, certificates and two webhook keys in {}", dir.root().display()));

    let (sender, app_events) = mpsc::channel(EVENT_QUEUE);
    let app = App::start(&dir, 0, sender)?;
    let forged = probe::forged_flow_request(app.address(), &dir.ca_pem)
        .await
        .map_err(system("the example application does not answer"))?;
    if forged != 401 {
        return Err(DemoError::Forgery(forged));
    }
    let mut story = Story::default();
    story.on_forgery(forged);
    screen.ready(&format!(
        "the example application answers on https://{LOOPBACK_NAME}:{}, and refuses a forged request",
        app.address().port()
    ));

    let facts = DialplanFacts {
        sip: SocketAddr::from((Ipv4Addr::LOCALHOST, sip_port(args)?)),
        app: app.address(),
        rtp_ports: rtp_ports(),
    };
    let dialplan = dir.write_dialplan(&facts)?;
    let program = std::env::current_exe().map_err(system("cannot find this program's own file"))?;
    let mut server = Server::start(&program, &dialplan, &dir.server_log())?;
    server.ready().await?;
    screen.ready(&format!("the server listens on tls://{}, with the dialplan {}", facts.sip, dialplan.display()));
    Ok(Stage {
        dir,
        _app: app,
        app_events,
        server,
        sip: facts.sip,
        story,
        steps: Vec::new(),
        interruption: Interruption::default(),
        call_ended: false,
        stream_ended: false,
        stop,
    })
}

impl Stage {
    /// The call, its figures, and with --stay whatever comes after.
    async fn play(&mut self, args: &DemoArgs, speech: &[i16], screen: &mut Screen) -> Result<DemoResult, DemoError> {
        screen.line("");
        let report = self.call(speech, screen).await?;
        self.rest_of_the_story(screen).await;
        let wav = self.dir.received_wav();
        wav::write(&wav, &report.heard.samples).map_err(|source| DemoError::Wav { path: wav.clone(), source })?;
        let steps = std::mem::take(&mut self.steps);
        let result = DemoResult::new(&report, speech, self.interruption, steps, &wav);
        result.show(screen);
        self.softphone(args, screen);
        if args.stay {
            self.stay(screen).await?;
        }
        Ok(result)
    }

    /// Places the call and tells what happens.
    async fn call(&mut self, speech: &[i16], screen: &mut Screen) -> Result<CallReport, DemoError> {
        let (sender, mut events) = mpsc::channel(EVENT_QUEUE);
        let mut call = Call::tls(self.sip, LOOPBACK_NAME, self.dir.ca_pem.clone())
            .say(Sound::Speech(speech.to_vec()))
            .hang_up(HangUp::AfterSpeech(LISTEN_ON));
        call.say_after = LISTEN_FIRST;
        call.events = Some(sender);
        let mut call = std::pin::pin!(Caller::place(call));
        loop {
            tokio::select! {
                outcome = &mut call => {
                    return outcome.map_err(|source| DemoError::Call { log: self.dir.server_log(), source });
                }
                Some(event) = self.app_events.recv() => self.on_app(&event),
                Some(event) = events.recv() => {
                    self.story.on_caller(&event);
                    show_progress(&event, screen);
                }
                event = self.server.event() => match event {
                    Some(event) => self.on_server(&event),
                    None => return Err(DemoError::ServerDied {
                        log: self.dir.server_log(),
                        lines: self.server.last_lines(),
                    }),
                },
                () = self.stop.wanted() => return Err(DemoError::Interrupted),
            }
            self.show_steps(screen);
        }
    }

    /// The caller has hung up: the last reports are on their way.
    async fn rest_of_the_story(&mut self, screen: &mut Screen) {
        let last_words = async {
            while !(self.call_ended && self.stream_ended) {
                tokio::select! {
                    Some(event) = self.app_events.recv() => self.on_app(&event),
                    Some(event) = self.server.event() => self.on_server(&event),
                    else => return,
                }
            }
        };
        // What is not told by then is told as missing.
        drop(timeout(LAST_WORDS, last_words).await);
        self.story.end();
        self.show_steps(screen);
    }

    fn on_app(&mut self, event: &AppEvent) {
        match &event.what {
            Happened::Talk(TalkEvent::Interrupted) => self.interruption.at = Some(event.at),
            Happened::Talk(TalkEvent::Cleared { played_ms, .. }) => self.interruption.played_ms = Some(*played_ms),
            Happened::StreamEnded { .. } => self.stream_ended = true,
            Happened::Talk(_)
            | Happened::FlowVerified { .. }
            | Happened::StreamAccepted { .. }
            | Happened::Refused { .. } => {}
        }
        self.story.on_app(event);
    }

    fn on_server(&mut self, event: &ServerEvent) {
        self.call_ended |= event.name == "call.ended";
        self.story.on_server(event);
    }

    fn show_steps(&mut self, screen: &mut Screen) {
        while let Some(step) = self.story.poll_step() {
            screen.step(&step);
            self.steps.push(step);
        }
    }

    fn softphone(&self, args: &DemoArgs, screen: &mut Screen) {
        let program = std::env::args().next().unwrap_or_else(|| "strongline".into());
        let (first, address) = if args.stay {
            ("Call it with your own softphone on this machine:".into(), self.sip)
        } else {
            (
                format!("To call it with your own softphone, run {program} demo --stay and dial"),
                SocketAddr::from((Ipv4Addr::LOCALHOST, STAY_PORT)),
            )
        };
        let address = format!("demo@{LOOPBACK_NAME}:{}", address.port());
        screen.line(&format!("\n  {first} sip:{address} over TLS (or sips:{address})"));
        screen.line(&format!(
            "  Signalling TLS, media SRTP (SDES) mandatory, codec PCMU or PCMA, and trust the CA in {}",
            self.dir.ca().display()
        ));
    }

    /// Tells of each call of a guest until Ctrl-C.
    async fn stay(&mut self, screen: &mut Screen) -> Result<(), DemoError> {
        screen.line("\n  The server and the application keep running; Ctrl-C ends them.");
        loop {
            tokio::select! {
                Some(event) = self.app_events.recv() => {
                    self.story.on_app(&event);
                    if let Happened::Talk(TalkEvent::Cleared { played_ms, .. }) = event.what {
                        screen.line(&format!("      interrupted by the caller after {played_ms} ms: clear"));
                    }
                }
                event = self.server.event() => match event {
                    Some(event) => self.on_guest(&event, screen),
                    None => return Err(DemoError::ServerDied {
                        log: self.dir.server_log(),
                        lines: self.server.last_lines(),
                    }),
                },
                () = self.stop.wanted() => return Ok(()),
            }
            while let Some(step) = self.story.poll_step() {
                screen.step(&step);
            }
        }
    }

    fn on_guest(&mut self, event: &ServerEvent, screen: &mut Screen) {
        if event.name == "call.incoming" {
            screen.line("");
            self.story = Story::of_a_guest();
        }
        self.story.on_server(event);
        if event.name == "call.ended" {
            self.story.end();
            while let Some(step) = self.story.poll_step() {
                screen.step(&step);
            }
            let seconds = event.number("duration_ms").unwrap_or(0.0) / 1_000.0;
            screen.line(&format!("  the call ended after {seconds:.1} s, by {}", event.text("by")));
        }
    }
}

fn speech_to_say(args: &DemoArgs) -> Result<Vec<i16>, DemoError> {
    let Some(path) = &args.wav else {
        return speech::caller().map_err(|source| DemoError::Wav { path: "the recorded speech".into(), source });
    };
    let bytes = std::fs::read(path)
        .map_err(|source| DemoError::Wav { path: path.clone(), source: WavError::Unreadable(source.into()) })?;
    wav::decode(&bytes).map_err(|source| DemoError::Wav { path: path.clone(), source })
}

fn sip_port(args: &DemoArgs) -> Result<u16, DemoError> {
    if let Some(port) = args.port {
        return Ok(port);
    }
    if args.stay && std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, STAY_PORT)).is_ok() {
        return Ok(STAY_PORT);
    }
    files::free_port().map_err(system("no free port on the loopback address"))
}

/// Anywhere below the ports that the kernel gives out by itself, so that two demos on one machine seldom meet.
fn rtp_ports() -> (u16, u16) {
    use rand::TryRng;

    let random = rand::rngs::SysRng.try_next_u32().unwrap_or(0) % 6_000;
    let first = 20_000 + 2 * u16::try_from(random).unwrap_or(0);
    (first, first + RTP_PORTS - 1)
}

fn show_progress(event: &CallerEvent, screen: &mut Screen) {
    if let CallerEvent::Tick { talked, planned, sent, received } = event {
        let planned = planned.unwrap_or(*talked).as_secs_f64().max(f64::MIN_POSITIVE);
        let talked = talked.as_secs_f64();
        let text = format!("{talked:4.1} of {planned:.1} s   {sent} packets sent, {received} received");
        screen.progress(talked / planned, &text);
    }
}

fn system(what: &'static str) -> impl Fn(io::Error) -> DemoError {
    move |source| DemoError::System { what, source }
}

/// Ctrl-C or SIGTERM: whatever the demo started ends with it.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> Result<Self, DemoError> {
        let hear = |kind| signal(kind).map_err(system("cannot listen for signals"));
        Ok(Self { interrupt: hear(SignalKind::interrupt())?, terminate: hear(SignalKind::terminate())? })
    }

    async fn wanted(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The caller lets the application say its welcome, and more; then he interrupts it in the middle of a word ("you start
/// to speak", 4.16 to 4.46 s), so that the silence after it is not a pause of its own.
const LISTEN_FIRST: Duration = Duration::from_millis(4_200);
/// Until the echo of the last word has come, with time to spare.
const LISTEN_ON: Duration = Duration::from_millis(1_500);
const LAST_WORDS: Duration = Duration::from_secs(3);
/// RFC 3261 section 19.1.2
const STAY_PORT: u16 = 5_061;
const RTP_PORTS: u16 = 40;
