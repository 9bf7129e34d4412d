//! The server as a child process: the same binary, `serve`, with its JSON log read line by line.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::limits::{EVENT_QUEUE, LAST_LOG_LINES, MAX_LOG_LINE, SERVER_READY, SERVER_STOP};

/// Why the server is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The binary could not be started.
    #[error("cannot start {program}: {source}")]
    Spawn {
        /// Which.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its log could not be kept.
    #[error("cannot write the server's log: {0}")]
    Log(#[source] io::Error),
    /// It ended, or said nothing, before it was ready.
    #[error("{what}{hint}\n{}", last_lines(.lines))]
    NotReady {
        /// In a sentence.
        what: String,
        /// What to do, where we can tell.
        hint: &'static str,
        /// The last it said.
        lines: Vec<String>,
    },
}

/// A running `strongline serve`.
#[derive(Debug)]
pub struct Server {
    child: Child,
    lines: mpsc::Receiver<String>,
    last: VecDeque<String>,
}

impl Server {
    /// Starts `program serve --dialplan FILE --log json`; its log goes to `log` and to [`Server::event`].
    pub fn start(program: &Path, dialplan: &Path, log: &Path) -> Result<Self, ServerError> {
        let log = File::create(log).map_err(ServerError::Log)?;
        let spawned = Command::new(program)
            .arg("serve")
            .arg("--dialplan")
            .arg(dialplan)
            .args(["--log", "json"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(|source| ServerError::Spawn { program: program.into(), source })?;
        let (sender, lines) = mpsc::channel(EVENT_QUEUE);
        if let Some(stderr) = child.stderr.take() {
            std::thread::Builder::new()
                .name("demo-log".into())
                .spawn(move || copy_lines(stderr, log, &sender))
                .map_err(ServerError::Log)?;
        }
        Ok(Self { child, lines, last: VecDeque::new() })
    }

    /// Waits for `ready`. Returns what it listens on, as it says itself.
    pub async fn ready(&mut self) -> Result<Vec<ServerEvent>, ServerError> {
        let mut before = Vec::new();
        let outcome = tokio::time::timeout(SERVER_READY, async {
            while let Some(event) = self.event().await {
                if event.name == "ready" {
                    return true;
                }
                before.push(event);
            }
            false
        })
        .await;
        match outcome {
            Ok(true) => Ok(before),
            Ok(false) => {
                let status = self.wait(Duration::from_secs(1)).await;
                let how = status.map_or_else(String::new, |status| format!(" ({status})"));
                Err(self.not_ready(format!("the server ended before it was ready{how}")))
            }
            Err(_) => {
                Err(self.not_ready(format!("the server did not become ready within {} s", SERVER_READY.as_secs())))
            }
        }
    }

    /// The next event of the log; lines that are none are kept for [`ServerError::NotReady`] only. None when the server
    /// has ended.
    pub async fn event(&mut self) -> Option<ServerEvent> {
        loop {
            let line = self.lines.recv().await?;
            let event = ServerEvent::parse(&line);
            if self.last.len() == LAST_LOG_LINES {
                self.last.pop_front();
            }
            self.last.push_back(line);
            if event.is_some() {
                return event;
            }
        }
    }

    /// The last lines of the log, for an error.
    pub fn last_lines(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop (SIGTERM) and waits; a server that does not stop is killed. True when it ended by itself and well.
    pub async fn stop(mut self) -> bool {
        // It may have ended already: then there is nobody to tell.
        let _gone_already = kill_process(Pid::from_child(&self.child), Signal::TERM);
        self.wait(SERVER_STOP).await.is_some_and(|status| status.success())
    }

    async fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            tokio::time::sleep(POLL).await;
        }
        None
    }

    fn not_ready(&self, what: String) -> ServerError {
        let lines = self.last_lines();
        let said = lines.join("\n").to_lowercase();
        let hint = if said.contains("in use") || said.contains("addrinuse") {
            "; the port is taken: choose another with --port, or leave it out for a free one"
        } else {
            ""
        };
        ServerError::NotReady { what, hint, lines }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of the demo stays behind, whatever ended it.
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// One event of the server's log.
#[derive(Clone, Debug)]
pub struct ServerEvent {
    /// `call.incoming`, `media.negotiated`, ...
    pub name: String,
    fields: Map<String, Value>,
}

impl ServerEvent {
    /// Reads a JSON log line; None when it is no event.
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields: Map<String, Value> = serde_json::from_str(line).ok()?;
        for nested in ["fields", "span"] {
            if let Some(Value::Object(inner)) = fields.remove(nested) {
                for (name, value) in inner {
                    fields.entry(name).or_insert(value);
                }
            }
        }
        let name = fields.get("event")?.as_str()?.to_owned();
        Some(Self { name, fields })
    }

    /// A field as text; empty when it is not there.
    pub fn text(&self, name: &str) -> String {
        match self.fields.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(list)) => {
                let texts: Vec<_> = list.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), Into::into)).collect();
                texts.join(", ")
            }
            Some(Value::Null) | None => String::new(),
            Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => other.to_string(),
        }
    }

    /// A field as a number.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.fields.get(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// Reads to the end, so that the server never waits for us; lines that nobody takes in time are only in the file.
fn copy_lines(from: impl Read, mut log: File, lines: &mpsc::Sender<String>) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(MAX_LOG_LINE as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        // A full disk must not stop the demo.
        drop(log.write_all(&line));
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        drop(lines.try_send(text));
    }
}

fn last_lines(lines: &[String]) -> String {
    if lines.is_empty() {
        return "it said nothing".into();
    }
    let mut text = String::from("its last words:");
    for line in lines {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text
}

const POLL: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn server(script: &str) -> (tempfile::TempDir, Result<Server, ServerError>) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("strongline");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
        let server = Server::start(&program, Path::new("x.toml"), &dir.path().join("log"));
        (dir, server)
    }

    #[tokio::test]
    async fn it_waits_for_ready_and_stops_the_server() {
        let script = r#"trap 'exit 0' TERM; echo "$1 $2 $3 $4 $5" >&2; echo '{"event":"sip.listening","address":"a"}' >&2
            echo '{"event":"ready"}' >&2; while :; do read -r x < /dev/zero; done"#;
        let script = script.replace("read -r x < /dev/zero", "/bin/sleep 0.01");
        let (dir, server) = server(&script);
        let mut server = server.unwrap();
        let before = server.ready().await.unwrap();
        assert_eq!(before.len(), 1);
        assert_eq!(before[0].text("address"), "a");
        assert!(server.stop().await);
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(log.starts_with("serve --dialplan x.toml --log json\n"), "{log}");
    }

    #[tokio::test]
    async fn a_server_that_does_not_start_is_quoted_with_what_to_do() {
        let (_dir, server) = server("echo 'cannot listen: Address already in use' >&2; exit 3");
        let error = server.unwrap().ready().await.unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("--port"), "{error}");
        assert!(error.contains("\n  cannot listen: Address"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Server::start(Path::new("/nonexistent/strongline"), Path::new("x"), Path::new("/dev/null"));
        assert!(error.unwrap_err().to_string().contains("/nonexistent/strongline"));
    }

    #[test]
    fn an_event_is_read_flat_nested_and_from_its_span() {
        for line in [
            r#"{"event":"x","ms":5,"key_ids":["a","b"],"call":"c"}"#,
            r#"{"fields":{"event":"x","ms":"5","key_ids":"a, b"},"span":{"call":"c"}}"#,
        ] {
            let event = ServerEvent::parse(line).unwrap();
            assert_eq!(event.name, "x");
            assert_eq!(event.number("ms"), Some(5.0));
            assert_eq!(event.text("key_ids"), "a, b");
            assert_eq!((event.text("call"), event.text("none")), ("c".into(), String::new()));
        }
        assert!(ServerEvent::parse("plain text").is_none());
        assert!(ServerEvent::parse(r#"{"message":"no event"}"#).is_none());
    }

    #[test]
    fn an_endless_line_is_cut() {
        let (sender, mut lines) = mpsc::channel(64);
        let endless = vec![b'x'; MAX_LOG_LINE * 3];
        copy_lines(&endless[..], File::create("/dev/null").unwrap(), &sender);
        assert_eq!(lines.try_recv().unwrap().len(), MAX_LOG_LINE);
    }
}
