//! References to secrets. The secret itself never stands in the file.

use std::path::PathBuf;

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::report::Code;
use crate::rule::{Defs, Node, Reader, Rule, Text, ValueError, mask_strings, one_of, table, text};

one_of! {
    /// Where a secret, a key or a certificate comes from. Never the secret itself.
    pub enum SecretRef in "a secret reference" {
        /// A file; a relative path starts at the folder of the dialplan file.
        File(PathBuf) as "file" = text::<PathBuf>(),
        /// A credential handed over by systemd (`LoadCredential=`), by its name.
        Credential(CredentialName) as "credential" = text::<CredentialName>(),
        /// A variable of the environment; only with `[danger] env_secrets = true`.
        Env(EnvName) as "env" = EnvRule,
    }
    later { "vault", "vault-transit", "vault_transit", "aws", "gcp", "azure" }
}

impl std::fmt::Display for SecretRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Credential(name) => write!(f, "credential {}", name.as_str()),
            Self::Env(name) => write!(f, "environment variable {}", name.as_str()),
        }
    }
}

/// A reference to a secret. A literal is refused without being shown.
pub(crate) fn secret() -> impl Rule<Out = SecretRef> {
    SecretRule
}

struct SecretRule;

impl Rule for SecretRule {
    type Out = SecretRef;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<SecretRef> {
        if node.get_ref().is_table() {
            return table::<SecretRef>().read(cx, node);
        }
        mask_strings(cx, node);
        let message = format!("`{}` holds a value where a reference is due", cx.path());
        let help = "put it into a file and write { file = \"/path\" }, or { credential = \"name\" } for systemd; \
                    if it was a real secret, replace it: it has been on disk in the clear";
        cx.error(Code::SecretLiteral, node.span(), message, help);
        None
    }

    fn schema(&self, defs: &mut Defs) -> Value {
        defs.reference::<SecretRef>()
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        !value.is_array()
    }

    fn wants(&self) -> String {
        "a reference such as { file = \"/path\" } or { credential = \"name\" }".to_owned()
    }
}

/// The name of a systemd credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CredentialName(String);

/// The name of a variable of the environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvName(String);

impl CredentialName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EnvName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for CredentialName {
    const WANTS: &'static str = "the name of a systemd credential";
    const HIDDEN_IF_WRONG: bool = true;

    fn constraint() -> Value {
        json!({ "pattern": "^[A-Za-z0-9._-]{1,255}$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        // It becomes the name of a file in $CREDENTIALS_DIRECTORY.
        let plain = text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"._-".contains(&octet));
        if plain && (1..=255).contains(&text.len()) && !text.starts_with('.') {
            return Ok(Self(text.to_owned()));
        }
        let help = "use letters, digits, `.`, `_` and `-`, not starting with `.`: the name after LoadCredential=";
        Err(ValueError::new("is no name of a credential", help))
    }
}

impl Text for EnvName {
    const WANTS: &'static str = "the name of an environment variable";
    const HIDDEN_IF_WRONG: bool = true;

    fn constraint() -> Value {
        json!({ "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,127}$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let plain = text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_');
        let start = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if plain && start && text.len() <= 128 {
            return Ok(Self(text.to_owned()));
        }
        Err(ValueError::new("is no name of an environment variable", "write a name such as \"WEBHOOK_KEY\""))
    }
}

/// Like any text, and notes its place: it needs `[danger] env_secrets`.
struct EnvRule;

impl Rule for EnvRule {
    type Out = EnvName;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<EnvName> {
        cx.from_env.push(node.span());
        text::<EnvName>().read(cx, node)
    }

    fn schema(&self, defs: &mut Defs) -> Value {
        text::<EnvName>().schema(defs)
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        value.is_str()
    }

    fn wants(&self) -> String {
        text::<EnvName>().wants()
    }
}
