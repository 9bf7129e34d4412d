//! Secrets by reference: the dialplan file names where a secret stands, never the secret itself.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use dialplan::SecretRef;
use zeroize::Zeroizing;

/// A secret file larger than this is a mistake (a key, a certificate chain or a token is meant).
const LARGEST: u64 = 256 * 1024;

/// Where references are looked up.
#[derive(Debug)]
pub(crate) struct Secrets {
    base: PathBuf,
    credentials: Option<PathBuf>,
}

/// Why a secret could not be had. The secret's value is never part of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file is missing or cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is far larger than any secret.
    #[error("{path} has {octets} octets; a secret has at most {LARGEST}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        octets: u64,
    },
    /// `credential` is used outside systemd.
    #[error(
        "credential `{0}` is asked for, but the service was not started with credentials: add LoadCredential={0}:/path to the unit, or set CREDENTIALS_DIRECTORY"
    )]
    NoCredentials(String),
    /// The environment variable is not set.
    #[error("environment variable `{0}` is not set")]
    NotInEnvironment(String),
}

impl Secrets {
    /// References to files are relative to `base`, the folder of the dialplan file.
    pub(crate) fn new(base: &Path) -> Self {
        Self { base: base.to_owned(), credentials: env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from) }
    }

    /// Reads what `reference` names, as it stands; wiped when dropped.
    pub(crate) fn read(&self, reference: &SecretRef) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        match reference {
            SecretRef::File(path) => read_file(&self.base.join(path)),
            SecretRef::Credential(name) => match &self.credentials {
                Some(folder) => read_file(&folder.join(name.as_str())),
                None => Err(SecretError::NoCredentials(name.as_str().to_owned())),
            },
            SecretRef::Env(name) => env::var(name.as_str())
                .map(|value| Zeroizing::new(value.into_bytes()))
                .map_err(|_| SecretError::NotInEnvironment(name.as_str().to_owned())),
        }
    }

    /// As [`Secrets::read`], for secrets that are one line of text: the line end that editors add is dropped.
    pub(crate) fn read_line(&self, reference: &SecretRef) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let mut secret = self.read(reference)?;
        while secret.last().is_some_and(u8::is_ascii_whitespace) {
            secret.pop();
        }
        Ok(secret)
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    let octets = fs::metadata(path).map_err(failed)?.len();
    if octets > LARGEST {
        return Err(SecretError::TooLarge { path: path.to_owned(), octets });
    }
    fs::read(path).map(Zeroizing::new).map_err(failed)
}
