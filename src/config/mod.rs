//! The dialplan file and all that it names: secrets, certificates, sounds. Read once at start; the only place that opens
//! files or looks at the environment.

mod links;
mod pem;
mod secrets;
mod sip;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use ai_bridge::net::{ClientTls, Roots};
use ai_bridge::webhook::{Signer, SigningKey};
use dialplan::{App, Dialplan, Outcome, SecretRef, Step, StreamStep};

use crate::call::Prompt;
pub use links::{Link, Links};
pub use pem::PemError;
pub use secrets::SecretError;
use secrets::Secrets;

/// A dialplan file larger than this is a mistake.
const LARGEST: u64 = 1024 * 1024;

/// The dialplan with everything it names at hand.
#[derive(Debug)]
pub struct Loaded {
    /// The file.
    pub dialplan: Arc<Dialplan>,
    pub(crate) sounds: HashMap<PathBuf, Prompt>,
    pub(crate) links: Links,
    tls: Option<Arc<rustls::ServerConfig>>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {path} (name another with --dialplan FILE)")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is larger than any dialplan.
    #[error("{path} has {octets} octets; a dialplan has at most {LARGEST}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        octets: u64,
    },
    /// The file is wrong. All that is wrong with it is said at once.
    #[error("{0}")]
    Wrong(dialplan::Errors),
    /// The file is right, but things that it names are missing or wrong. All of them are said at once.
    #[error("{}", lines(.0))]
    Named(Vec<NamedError>),
}

/// Something that the file names and that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct NamedError {
    place: String,
    problem: String,
}

fn lines(errors: &[NamedError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads and checks the file alone.
///
/// # Errors
/// It cannot be read, or is wrong.
pub fn read(path: &Path) -> Result<Dialplan, LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
    let octets = fs::metadata(path).map_err(unreadable)?.len();
    if octets > LARGEST {
        return Err(LoadError::TooLarge { path: path.to_owned(), octets });
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    dialplan::parse(&text, &path.display().to_string()).map_err(LoadError::Wrong)
}

impl Loaded {
    /// Reads the file, and every secret, certificate and sound that it names.
    ///
    /// # Errors
    /// The file is wrong, or something that it names is missing or wrong.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let dialplan = Arc::new(read(path)?);
        let base = path.parent().unwrap_or_else(|| Path::new("."));
        let mut loader = Loader { secrets: Secrets::new(base), errors: Vec::new() };
        let tls = sip::tls(&dialplan, &mut loader);
        let mut links = Links::default();
        for app in &dialplan.apps {
            if let Some(link) = loader.app(app) {
                links.add(&app.signing, app.ca.as_ref(), link);
            }
        }
        let mut sounds = HashMap::new();
        for route in &dialplan.routes {
            let Outcome::Do(steps) = &route.outcome else { continue };
            for step in steps {
                let place = format!("route `{}`", route.name);
                match step {
                    Step::Play(play) => {
                        let file = play.file.path();
                        let sound = Prompt::load(&base.join(file));
                        if let Some(sound) = loader.keep(&format!("{place}: sound {}", file.display()), sound) {
                            sounds.insert(file.to_owned(), sound);
                        }
                    }
                    Step::Stream(stream) => {
                        if let Some(link) = loader.stream(&place, stream) {
                            links.add(&stream.signing, stream.ca.as_ref(), link);
                        }
                    }
                    Step::Ring | Step::Answer | Step::App(_) | Step::Dial(_) | Step::Transfer(_) | Step::Hangup => {}
                }
            }
        }
        if loader.errors.is_empty() {
            Ok(Self { dialplan, sounds, links, tls })
        } else {
            Err(LoadError::Named(loader.errors))
        }
    }
}

/// Reads one named thing after the other and collects what is wrong.
struct Loader {
    secrets: Secrets,
    errors: Vec<NamedError>,
}

impl Loader {
    fn keep<T, E: std::error::Error>(&mut self, place: &str, outcome: Result<T, E>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                let mut problem = error.to_string();
                let mut cause = error.source();
                while let Some(error) = cause {
                    // Some errors repeat their cause in their own text.
                    let text = error.to_string();
                    if !problem.contains(&text) {
                        problem = format!("{problem}: {text}");
                    }
                    cause = error.source();
                }
                self.errors.push(NamedError { place: place.to_owned(), problem });
                None
            }
        }
    }

    fn app(&mut self, app: &App) -> Option<Link> {
        let place = format!("app `{}`", app.name);
        let signer = self.signer(&place, &app.signing);
        let tls = self.tls(&place, app.ca.as_ref());
        Some(Link { signer: Some(signer?), tls: tls? })
    }

    fn stream(&mut self, place: &str, stream: &StreamStep) -> Option<Link> {
        let place = format!("{place}: stream");
        let signer =
            if stream.signing.is_empty() { Some(None) } else { self.signer(&place, &stream.signing).map(Some) };
        let tls = self.tls(&place, stream.ca.as_ref());
        Some(Link { signer: signer?, tls: tls? })
    }

    fn signer(&mut self, place: &str, references: &[SecretRef]) -> Option<Arc<Signer>> {
        let mut keys = Vec::new();
        for reference in references {
            let place = format!("{place}: signing key ({reference})");
            let secret = self.secrets.read_line(reference);
            let Some(secret) = self.keep(&place, secret) else { continue };
            let key = std::str::from_utf8(&secret).map_err(|_| KeyNotText).map(SigningKey::parse);
            let Some(key) = self.keep(&place, key) else { continue };
            keys.extend(self.keep(&place, key));
        }
        if keys.len() < references.len() {
            return None;
        }
        let signer = Signer::new(keys);
        self.keep(place, signer).map(Arc::new)
    }

    /// The system's roots, and the named ones beside them.
    fn tls(&mut self, place: &str, reference: Option<&SecretRef>) -> Option<ClientTls> {
        let extra = match reference {
            None => Vec::new(),
            Some(reference) => {
                let place = format!("{place}: ca ({reference})");
                let octets = self.secrets.read(reference);
                let octets = self.keep(&place, octets)?;
                self.keep(&place, pem::certificates(&octets))?
            }
        };
        self.keep(place, ClientTls::new(Roots { system: true, extra }))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("is not text; a signing key is `whsec_` and base64 (make one: echo whsec_$(openssl rand -base64 32))")]
struct KeyNotText;
