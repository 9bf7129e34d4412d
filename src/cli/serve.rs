//! `strongline serve`

use std::path::PathBuf;
use std::time::Duration;

use super::{DIALPLAN, Failed};
use crate::config::Loaded;
use crate::server::{Options, Server};
use crate::telemetry::{self, LogFormat};

/// Take calls.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  strongline serve
  strongline serve --dialplan ./strongline.toml --log json --log-level info,sip_core=debug

SIGTERM or SIGINT ends the calls (each side gets its BYE) and then the server.
SIGHUP reads the certificates of [sip] and of the trunks again; calls go on.
SIGUSR1 logs how many calls, dialogs, transactions, sockets and the like there are now.")]
pub(super) struct Serve {
    /// The dialplan file.
    #[arg(long, value_name = "FILE", default_value = DIALPLAN)]
    dialplan: PathBuf,
    /// How log lines look (on standard error).
    #[arg(long, value_enum, default_value = "human")]
    log: LogFormat,
    /// What is logged: a level (error, warn, info, debug, trace), or a list of `part=level`.
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log_level: String,
    /// Media workers. Default: one for each processor.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Seconds that calls may take to end when the server is stopped.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=3600))]
    grace: u64,
}

impl Serve {
    pub(super) fn run(&self) -> Result<(), Failed> {
        telemetry::init(self.log, &self.log_level).map_err(Failed)?;
        let loaded = Loaded::load(&self.dialplan)?;
        for warning in loaded.dialplan.warnings().problems() {
            tracing::warn!(event = "dialplan.warning", line = warning.line, "{}", warning.message);
        }
        let server = Server::start(loaded, Options { workers: self.workers.map(usize::from) })?;
        server.run_until_signal(Duration::from_secs(self.grace))?;
        Ok(())
    }
}
