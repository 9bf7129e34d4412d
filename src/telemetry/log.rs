//! The log: one line per event on standard error, JSON for machines or text for people.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::escape::EscapingWriter;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text for a person.
    Human,
    /// One JSON object a line.
    Json,
}

/// Starts logging to standard error. `filter` is a level (`info`) or a list of `target=level`.
///
/// # Errors
/// The filter cannot be read, or logging has been started already.
pub fn init(format: LogFormat, filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("--log-level: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Stderr);
    match format {
        LogFormat::Human => builder.with_ansi(false).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
    }
    .map_err(|error| error.to_string())
}

struct Stderr;

impl MakeWriter<'_> for Stderr {
    type Writer = EscapingWriter<io::Stderr>;

    fn make_writer(&self) -> Self::Writer {
        EscapingWriter::new(io::stderr())
    }
}
