//! One description of the file's keys; the reader and the JSON Schema both come out of it, so they cannot diverge.
//!
//! A [`Rule`] says what one value must be, and how to read it. The `table!` macro turns a list of keys with their
//! rules into a struct, its reader and its schema; `one_of!` does so for a table of which exactly one key is
//! given; `words!` for a closed list of words.

mod compound;
mod describe;
mod field;
mod macros;
mod reader;
mod scalar;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use compound::{
    alternative, checked, empty, list, mapped, mask_strings, one_of, one_or_many, reject_unknown, table,
};
pub(crate) use describe::{describe_choice, describe_table};
pub(crate) use field::{Field, optional, or_default, or_nothing, required, tables};
pub(crate) use macros::{key, one_of, table, words};
pub(crate) use reader::{Facts, Kind, Reader};
pub(crate) use scalar::{Text, Word, consent, defined, flag, int, millis, reference, seconds, text, word};

/// A value of the file, with its place.
pub(crate) type Node<'n> = Spanned<DeValue<'n>>;

/// What one value must be.
pub(crate) trait Rule {
    /// What it is read into.
    type Out;

    /// Reads a value. `None` means that a problem was reported. `Some` may be partial when one was.
    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<Self::Out>;

    /// The JSON Schema of the value. Never stricter than `read`.
    fn schema(&self, defs: &mut Defs) -> Value;

    /// Whether the value has the right type; used to choose between alternatives.
    fn accepts(&self, value: &DeValue<'_>) -> bool;

    /// The type in words, for "expected ...".
    fn wants(&self) -> String;
}

/// Reports that the value has not the type the rule wants. What is inside is not shown: it is not known what it is.
pub(crate) fn wrong_type(cx: &mut Reader<'_>, rule: &impl Rule, node: &Node<'_>) {
    if node.get_ref().is_array() || node.get_ref().is_table() {
        mask_strings(cx, node);
    }
    let wants = rule.wants();
    cx.wrong_type(node.span(), &wants, node.get_ref(), format!("write {wants}"));
}

/// A table of the file: a struct made by `table!`, or an enum made by `one_of!`.
pub(crate) trait Table: Sized {
    /// Its name among the definitions of the schema.
    const NAME: &'static str;
    /// What it is called in messages.
    const TITLE: &'static str;

    /// Reads its keys.
    fn read(cx: &mut Reader<'_>, table: &DeTable<'_>, span: std::ops::Range<usize>) -> Option<Self>;

    /// Its schema.
    fn describe(defs: &mut Defs) -> Value;
}

/// The definitions collected for the schema.
#[derive(Debug, Default)]
pub(crate) struct Defs(pub(crate) Map<String, Value>);

impl Defs {
    /// A reference to the definition of a table, which is made on first use.
    pub(crate) fn reference<T: Table>(&mut self) -> Value {
        if !self.0.contains_key(T::NAME) {
            self.0.insert(T::NAME.to_owned(), Value::Null);
            let described = T::describe(self);
            self.0.insert(T::NAME.to_owned(), described);
        }
        serde_json::json!({ "$ref": format!("#/$defs/{}", T::NAME) })
    }
}

/// What is wrong with a value that has the right type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    pub(crate) code: crate::report::Code,
    pub(crate) message: String,
    pub(crate) help: String,
}

impl ValueError {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code: crate::report::Code::BadValue, message: message.into(), help: help.into() }
    }

    pub(crate) fn with(self, code: crate::report::Code) -> Self {
        Self { code, ..self }
    }

    /// What to do about it.
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl std::fmt::Display for ValueError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}
