//! Reads one named thing after the other and collects what is wrong.

use std::sync::Arc;

use ai_bridge::net::{ClientTls, Roots};
use ai_bridge::webhook::{Signer, SigningKey};
use dialplan::{App, SecretRef, StreamStep};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::SecretString;

use super::secrets::Secrets;
use super::{Link, NamedError, pem};

/// A chain of certificates, ours first, and its key.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What is read, and what of it was wrong.
pub(super) struct Loader {
    pub(super) secrets: Secrets,
    pub(super) errors: Vec<NamedError>,
}

impl Loader {
    pub(super) const fn new(secrets: Secrets) -> Self {
        Self { secrets, errors: Vec::new() }
    }

    /// The value, or a problem noted at `place` with all its causes.
    pub(super) fn keep<T, E: std::error::Error>(&mut self, place: &str, outcome: Result<T, E>) -> Option<T> {
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

    /// A password: one line of text that is not empty.
    pub(super) fn password(&mut self, place: &str, reference: &SecretRef) -> Option<SecretString> {
        let place = format!("{place} ({reference})");
        let octets = self.secrets.read_line(reference);
        let octets = self.keep(&place, octets)?;
        let text = std::str::from_utf8(&octets).map_err(|_| PasswordError::NotText);
        let text = text.and_then(|text| match text {
            "" => Err(PasswordError::Empty),
            text if text.chars().any(char::is_control) => Err(PasswordError::Lines),
            text => Ok(SecretString::from(text)),
        });
        self.keep(&place, text)
    }

    /// The certificates of a PEM file.
    pub(super) fn certificates(&mut self, place: &str, reference: &SecretRef) -> Option<Vec<CertificateDer<'static>>> {
        let place = format!("{place} ({reference})");
        let octets = self.secrets.read(reference);
        let octets = self.keep(&place, octets)?;
        self.keep(&place, pem::certificates(&octets))
    }

    /// The roots of a PEM file.
    pub(super) fn roots(&mut self, place: &str, reference: &SecretRef) -> Option<RootCertStore> {
        let place = format!("{place} ({reference})");
        let octets = self.secrets.read(reference);
        let octets = self.keep(&place, octets)?;
        self.keep(&place, pem::roots(&octets))
    }

    /// A chain and its key, both looked at before one of them is given up.
    pub(super) fn identity(&mut self, table: &str, certificate: &SecretRef, key: &SecretRef) -> Option<Identity> {
        let chain = self.certificates(&format!("{table}.certificate"), certificate);
        let place = format!("{table}.key ({key})");
        let secret = self.secrets.read(key);
        let secret = self.keep(&place, secret);
        let secret = secret.and_then(|octets| self.keep(&place, pem::key(&octets)));
        Some((chain?, secret?))
    }

    pub(super) fn app(&mut self, app: &App) -> Option<Link> {
        let place = format!("app `{}`", app.name);
        let signer = self.signer(&place, &app.signing);
        let tls = self.tls(&place, app.ca.as_ref());
        Some(Link { signer: Some(signer?), tls: tls? })
    }

    pub(super) fn stream(&mut self, place: &str, stream: &StreamStep) -> Option<Link> {
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
    pub(super) fn tls(&mut self, place: &str, reference: Option<&SecretRef>) -> Option<ClientTls> {
        let extra = match reference {
            None => Vec::new(),
            Some(reference) => self.certificates(&format!("{place}: ca"), reference)?,
        };
        self.keep(place, ClientTls::new(Roots { system: true, extra }))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("is not text; a signing key is `whsec_` and base64 (make one: echo whsec_$(openssl rand -base64 32))")]
struct KeyNotText;

/// Why something is no password. It is never part of it.
#[derive(Debug, thiserror::Error)]
enum PasswordError {
    #[error("is empty; the password is due there")]
    Empty,
    #[error("is not text; a password is one line of UTF-8")]
    NotText,
    #[error("holds a line break or another control character; a password is one line")]
    Lines,
}
