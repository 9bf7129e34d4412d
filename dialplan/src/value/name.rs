//! Names of trunks, applications and routes, and other short words.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use serde_json::{Value, json};

use crate::limits::MAX_NAME_CHARS;
use crate::rule::{Text, ValueError};

/// The name of a trunk, application or route. It may stand in a log or a metric as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Name(String);

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl Text for Name {
    const WANTS: &'static str = "a name";

    fn constraint() -> Value {
        json!({ "minLength": 1, "maxLength": MAX_NAME_CHARS })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let plain = |c: char| c.is_alphanumeric() || " -_.".contains(c);
        let edges = text.starts_with(char::is_alphanumeric) && text.ends_with(char::is_alphanumeric);
        if edges && text.chars().count() <= MAX_NAME_CHARS && text.chars().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(ValueError::new(
            "is no usable name",
            format!(
                "use 1 to {MAX_NAME_CHARS} letters, digits, spaces, `-`, `_` and `.`, with a letter or digit at both ends"
            ),
        ))
    }
}
