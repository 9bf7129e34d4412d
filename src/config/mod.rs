//! The dialplan file and all that it names: secrets, certificates, sounds. Read once at start; the only place that opens
//! files or looks at the environment.

mod api;
mod certificates;
mod identity;
mod links;
mod loader;
mod pem;
mod rule;
mod secrets;
mod sip;
#[cfg(test)]
mod tests;
mod trunks;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

use dialplan::{Dialplan, Outcome, Step};

use crate::call::Prompt;
pub(crate) use api::ApiSecrets;
pub(crate) use certificates::Certificates;
pub use links::{Link, Links};
use loader::Loader;
pub use pem::PemError;
pub(crate) use rule::target;
pub use secrets::SecretError;
use secrets::Secrets;
use trunks::Trunks;

/// A dialplan file larger than this is a mistake.
const LARGEST: u64 = 1024 * 1024;

/// The dialplan with everything it names at hand.
pub struct Loaded {
    /// The file.
    pub dialplan: Arc<Dialplan>,
    /// Where it stands.
    pub(crate) path: PathBuf,
    pub(crate) sounds: HashMap<PathBuf, Prompt>,
    pub(crate) links: Links,
    /// What `[api]` names, if there is one.
    pub(crate) api: Option<ApiSecrets>,
    /// What identities (STIR) are verified with, if there is an `[identity]`.
    pub(crate) identity: Option<crate::identity::Settings>,
    trunks: Trunks,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("trunks", &self.trunks)
            .field("api", &self.api)
            .field("identity", &self.identity)
            .field("sounds", &self.sounds.len())
            .finish_non_exhaustive()
    }
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
        let mut loader = Loader::new(Secrets::new(base));
        let tls = sip::tls(&dialplan, &mut loader);
        let trunks = Trunks::load(&dialplan, &mut loader);
        let api = ApiSecrets::load(&dialplan, &mut loader);
        let identity = dialplan.identity.as_ref().and_then(|table| identity::settings(table, &mut loader));
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
            Ok(Self { dialplan, path: path.to_owned(), sounds, links, api, identity, trunks, tls })
        } else {
            Err(LoadError::Named(loader.errors))
        }
    }
}
