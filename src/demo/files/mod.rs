//! The demo's folder: a throw-away CA with two certificates, two webhook keys, the dialplan, and what the demo leaves.

mod dialplan;
mod pki;

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use self::dialplan::DialplanFacts;
use self::pki::Authority;
pub(crate) use self::pki::LOOPBACK_NAME;
pub use self::pki::{Identity, PkiError};

/// Why the folder could not be made ready.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// A file or folder could not be written.
    #[error("cannot write {path}: {source}; choose another folder with --dir")]
    Write {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder named by --dir is open to others and was not made by the demo.
    #[error("{path} can be read by other users, and keys will be written there; run: chmod 700 {path}")]
    Open {
        /// The folder.
        path: PathBuf,
    },
    /// The certificates could not be made.
    #[error("cannot make the throw-away certificates: {0}")]
    Pki(#[from] PkiError),
    /// The system gave no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

/// The demo's folder with everything made fresh for one run.
pub struct Workdir {
    root: PathBuf,
    /// Certificate of the CA, in PEM. Its key is dropped as soon as both certificates are signed.
    pub ca_pem: String,
    /// Certificate and key of the SIP side.
    pub sip: Identity,
    /// Certificate and key of the example application.
    pub app: Identity,
    /// The webhook key that signs first.
    pub new_key: WebhookKey,
    /// The webhook key that is on its way out; both are valid.
    pub old_key: WebhookKey,
}

/// A webhook key in Standard Webhooks form, `whsec_` and base64.
pub struct WebhookKey {
    /// `new` or `old`.
    pub name: &'static str,
    /// The id by which the server's log names it: part of a hash, never the key.
    pub id: String,
    secret: Zeroizing<String>,
}

impl Workdir {
    /// Makes the folder (mode 0700) and writes fresh certificates and keys; what an earlier run left is replaced.
    pub fn create(root: &Path, made_by_us: bool) -> Result<Self, FilesError> {
        private_folder(root, made_by_us)?;
        let authority = Authority::new()?;
        let dir = Self {
            root: fs::canonicalize(root).map_err(|source| at(root, source))?,
            ca_pem: authority.pem(),
            sip: authority.issue("Strongline demo SIP server")?,
            app: authority.issue("Strongline demo application")?,
            new_key: WebhookKey::generate("new")?,
            old_key: WebhookKey::generate("old")?,
        };
        dir.write(CA, dir.ca_pem.as_bytes())?;
        dir.write(SIP_CERTIFICATE, dir.sip.certificate_pem.as_bytes())?;
        dir.write(SIP_KEY, dir.sip.key_pem.as_bytes())?;
        dir.write(NEW_KEY, dir.new_key.secret.as_bytes())?;
        dir.write(OLD_KEY, dir.old_key.secret.as_bytes())?;
        Ok(dir)
    }

    /// Writes the example dialplan and returns its path.
    pub fn write_dialplan(&self, facts: &DialplanFacts) -> Result<PathBuf, FilesError> {
        let text = facts.render(&self.root);
        self.write(DIALPLAN, text.as_bytes())?;
        Ok(self.path(DIALPLAN))
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The CA certificate, for one's own softphone.
    pub fn ca(&self) -> PathBuf {
        self.path(CA)
    }

    /// Where the received audio goes.
    pub fn received_wav(&self) -> PathBuf {
        self.path("received.wav")
    }

    /// Where the server's log goes.
    pub fn server_log(&self) -> PathBuf {
        self.path("server.log")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes a file that only its owner reads, also when a file of that name was there before with another mode.
    fn write(&self, name: &str, content: &[u8]) -> Result<(), FilesError> {
        let path = self.path(name);
        let written = match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .and_then(|mut file| file.write_all(content)),
        };
        written.map_err(|source| at(&path, source))
    }
}

impl std::fmt::Debug for Workdir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workdir").field("root", &self.root).finish_non_exhaustive()
    }
}

impl WebhookKey {
    /// A fresh random key.
    pub fn generate(name: &'static str) -> Result<Self, FilesError> {
        use base64::Engine;
        use rand::TryRng;

        let mut octets = Zeroizing::new([0_u8; WEBHOOK_KEY_OCTETS]);
        rand::rngs::SysRng.try_fill_bytes(octets.as_mut()).map_err(|error| FilesError::Random(error.to_string()))?;
        let text = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(octets.as_ref()));
        let secret = Zeroizing::new(format!("whsec_{}", text.as_str()));
        let key =
            ai_bridge::webhook::SigningKey::parse(&secret).map_err(|error| FilesError::Random(error.to_string()))?;
        Ok(Self { name, id: key.id().to_string(), secret })
    }

    /// The key in the form in which the stock libraries take it.
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }
}

impl std::fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookKey").field("name", &self.name).field("id", &self.id).finish_non_exhaustive()
    }
}

/// A certificate for an endpoint that nobody is asked to trust.
pub(crate) fn own_certificate() -> Result<Identity, PkiError> {
    Authority::new()?.issue("Strongline caller")
}

/// A free port on the loopback address. Between this and the server's own bind another program may take it: the
/// server then says so, and the demo repeats what it said.
pub fn free_port() -> io::Result<u16> {
    let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    Ok(listener.local_addr()?.port())
}

fn private_folder(root: &Path, made_by_us: bool) -> Result<(), FilesError> {
    if !root.exists() {
        return DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(|source| at(root, source));
    }
    let mode = fs::metadata(root).map_err(|source| at(root, source))?.permissions().mode();
    let others = mode & 0o077;
    if others == 0 {
        return Ok(());
    }
    if !made_by_us {
        return Err(FilesError::Open { path: root.into() });
    }
    fs::set_permissions(root, fs::Permissions::from_mode(0o700)).map_err(|source| at(root, source))
}

fn at(path: &Path, source: io::Error) -> FilesError {
    FilesError::Write { path: path.into(), source }
}

const CA: &str = "ca.pem";
const SIP_CERTIFICATE: &str = "sip.pem";
const SIP_KEY: &str = "sip.key";
const NEW_KEY: &str = "webhook-new.key";
const OLD_KEY: &str = "webhook-old.key";
const DIALPLAN: &str = "dialplan.toml";
const WEBHOOK_KEY_OCTETS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_reads_folder_and_files_also_on_a_second_run() {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().join("a/demo");
        for _ in 0..2 {
            let dir = Workdir::create(&root, true).unwrap();
            assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
            for name in [CA, SIP_CERTIFICATE, SIP_KEY, NEW_KEY, OLD_KEY] {
                let mode = fs::metadata(dir.path(name)).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{name}");
            }
            fs::set_permissions(dir.path(SIP_KEY), fs::Permissions::from_mode(0o644)).unwrap();
        }
    }

    #[test]
    fn a_folder_of_somebody_else_that_others_read_is_refused() {
        let base = tempfile::tempdir().unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let error = Workdir::create(base.path(), false).unwrap_err().to_string();
        assert!(error.contains("chmod 700"), "{error}");
    }

    #[test]
    fn keys_differ_and_do_not_show() {
        let (a, b) = (WebhookKey::generate("new").unwrap(), WebhookKey::generate("old").unwrap());
        assert_ne!(a.secret(), b.secret());
        assert!(!format!("{a:?}").contains(&a.secret()[6..16]));
        assert!(standardwebhooks::Webhook::new(a.secret()).is_ok());
    }
}
