//! Attributes that this server does not read.

use std::fmt;

/// An attribute, kept as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The name.
    pub name: String,
    /// What follows the colon.
    pub value: Option<String>,
}

impl Attribute {
    /// An attribute with a value.
    pub fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: Some(value.to_owned()) }
    }

    /// An attribute without a value.
    pub fn flag(name: &str) -> Self {
        Self { name: name.to_owned(), value: None }
    }
}

// ICE passwords and the keys of later standards come as attributes.
impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attribute").field("name", &self.name).finish_non_exhaustive()
    }
}
