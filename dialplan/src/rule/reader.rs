//! What is collected while a file is read.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeValue;

use super::ValueError;
use crate::report::{Code, Found, Source, did_you_mean, join_words};

/// The tables that have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// `[[trunk]]`
    Trunk,
    /// `[[app]]`
    App,
    /// `[[route]]`
    Route,
    /// `[[api.client]]`
    ApiClient,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Trunk => "trunk",
            Self::App => "app",
            Self::Route => "route",
            Self::ApiClient => "api.client",
        }
    }
}

/// Names with their places.
type Names = Vec<(Kind, String, Range<usize>)>;

/// What `[sip]` offers, for the checks of trunks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// A TLS listener.
    pub(crate) tls: bool,
    /// A UDP listener.
    pub(crate) udp: bool,
    /// Roots for client certificates.
    pub(crate) client_ca: bool,
}

/// The state of one reading.
#[derive(Debug)]
pub(crate) struct Reader<'s> {
    pub(crate) source: &'s Source<'s>,
    path: Vec<String>,
    pub(crate) errors: Vec<Found>,
    pub(crate) warnings: Vec<Found>,
    /// Names that tables gave themselves.
    pub(crate) defined: Names,
    /// Names by which tables refer to others.
    pub(crate) used: Names,
    /// Secrets that come from the environment.
    pub(crate) from_env: Vec<Range<usize>>,
    /// `[danger] env_secrets`; `None` until it is read.
    pub(crate) env_secrets: Option<bool>,
    /// `None` while `[sip]` is not known.
    pub(crate) facts: Option<Facts>,
    /// Places that no excerpt may show.
    pub(crate) masks: Vec<Range<usize>>,
    /// Where each value stands, by its path.
    places: BTreeMap<String, Range<usize>>,
}

impl<'s> Reader<'s> {
    pub(crate) fn new(source: &'s Source<'s>) -> Self {
        Self {
            source,
            path: Vec::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
            defined: Vec::new(),
            used: Vec::new(),
            from_env: Vec::new(),
            env_secrets: None,
            facts: None,
            masks: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    /// Reads something inside the key, or the list entry (`[0]`), named `segment`.
    pub(crate) fn within<T>(&mut self, segment: &str, span: Range<usize>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(segment.to_owned());
        let path = self.path();
        self.places.insert(path, span);
        let out = read(self);
        self.path.pop();
        out
    }

    /// Notes where the entry of a list stands that is the `kept`th of those that could be read.
    pub(crate) fn note_entry(&mut self, kept: usize, span: Range<usize>) {
        let path = format!("{}[{kept}]", self.path());
        self.places.insert(path, span);
    }

    /// The path of the value under the reader, such as `trunk[0].peers[1]`.
    pub(crate) fn path(&self) -> String {
        let mut path = String::new();
        for segment in &self.path {
            if !path.is_empty() && !segment.starts_with('[') {
                path.push('.');
            }
            path.push_str(segment);
        }
        path
    }

    /// Where a value stands that was read before; the start of the file if it was not.
    pub(crate) fn place(&self, path: &str) -> Range<usize> {
        self.places.get(path).cloned().unwrap_or(0..0)
    }

    /// Like [`Self::place`], for a key of the table under the reader; the table itself if the key is not there.
    pub(crate) fn place_of(&self, key: &str) -> Range<usize> {
        let here = self.path();
        let full = if here.is_empty() { key.to_owned() } else { format!("{here}.{key}") };
        self.places.get(&full).cloned().unwrap_or_else(|| self.place(&here))
    }

    /// Like [`Self::place_of`], for an entry of a list; the key itself where a single value stands for the list.
    pub(crate) fn place_of_entry(&self, key: &str, index: usize) -> Range<usize> {
        let full = format!("{}.{key}[{index}]", self.path());
        self.places.get(&full).cloned().unwrap_or_else(|| self.place_of(key))
    }

    pub(crate) fn error(
        &mut self,
        code: Code,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.errors.push(Found { code, span, message: message.into(), help: help.into() });
    }

    pub(crate) fn warn(&mut self, code: Code, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.warnings.push(Found { code, span, message: message.into(), help: help.into() });
    }

    /// Reports a value that has the right type and is wrong.
    pub(crate) fn bad_value(&mut self, span: Range<usize>, wrong: &ValueError) {
        let message = format!("`{}` {}", self.path(), wrong.message);
        self.error(wrong.code, span, message, wrong.help.clone());
    }

    /// Reports a value of the wrong type.
    pub(crate) fn wrong_type(&mut self, span: Range<usize>, wants: &str, found: &DeValue<'_>, help: String) {
        let message = format!("`{}` must be {wants}, not {}", self.path(), with_article(found.type_str()));
        self.error(Code::WrongType, span, message, help);
    }

    /// Reports a key that the table does not have.
    pub(crate) fn unknown_key(&mut self, key: &str, span: Range<usize>, title: &str, known: &[&str], later: &[&str]) {
        let shown: String = key.chars().take(64).map(|c| if c.is_control() { '?' } else { c }).collect();
        if later.contains(&key) {
            let message = format!("`{shown}` in {title} is not available in this version");
            let help = format!("remove it; this version has {}", join_words(known.iter().copied()));
            return self.error(Code::NotAvailable, span, message, help);
        }
        let help = match did_you_mean(key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("{title} has {}", join_words(known.iter().copied())),
        };
        self.error(Code::UnknownKey, span, format!("unknown key `{shown}` in {title}"), help);
    }
}

fn with_article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}
