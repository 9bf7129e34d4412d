//! One problem, and the list of all of them.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

/// The class of a problem; `docs/dialplan.md` has a section for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The text is not TOML.
    Syntax,
    /// A key that no table of this kind has.
    UnknownKey,
    /// A key or value that a later version may bring; this one does not have it.
    NotAvailable,
    /// A key that must be there is missing.
    MissingKey,
    /// A string where a number is due, and the like.
    WrongType,
    /// The type is right, the value is not.
    BadValue,
    /// A number, or the length of a list, outside its range.
    OutOfRange,
    /// Two tables of one kind share a name, or a list names something twice.
    Duplicate,
    /// A name that no table has.
    UnknownName,
    /// A secret stands in the file itself.
    SecretLiteral,
    /// A URL whose scheme protects nothing.
    InsecureUrl,
    /// Something that lowers security without its key under `danger`.
    NeedsDanger,
    /// Each value is right alone, together they cannot work.
    Conflict,
    /// Warning: a route or step that no call can reach.
    Unreachable,
    /// Warning: two trunks claim the same peers.
    Overlap,
    /// Warning: something is defined and never used, or has no effect.
    Unused,
    /// Warning: a key under `danger` is in use.
    DangerInUse,
    /// Warning: works, but is probably not meant.
    Doubtful,
}

impl Code {
    /// Every class, in the order of the documentation.
    pub const ALL: [Self; 18] = [
        Self::Syntax,
        Self::UnknownKey,
        Self::NotAvailable,
        Self::MissingKey,
        Self::WrongType,
        Self::BadValue,
        Self::OutOfRange,
        Self::Duplicate,
        Self::UnknownName,
        Self::SecretLiteral,
        Self::InsecureUrl,
        Self::NeedsDanger,
        Self::Conflict,
        Self::Unreachable,
        Self::Overlap,
        Self::Unused,
        Self::DangerInUse,
        Self::Doubtful,
    ];

    /// The word printed in brackets after `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::UnknownKey => "unknown-key",
            Self::NotAvailable => "not-available",
            Self::MissingKey => "missing-key",
            Self::WrongType => "wrong-type",
            Self::BadValue => "bad-value",
            Self::OutOfRange => "out-of-range",
            Self::Duplicate => "duplicate",
            Self::UnknownName => "unknown-name",
            Self::SecretLiteral => "secret-literal",
            Self::InsecureUrl => "insecure-url",
            Self::NeedsDanger => "needs-danger",
            Self::Conflict => "conflict",
            Self::Unreachable => "unreachable",
            Self::Overlap => "overlap",
            Self::Unused => "unused",
            Self::DangerInUse => "danger-in-use",
            Self::Doubtful => "doubtful",
        }
    }
}

/// One problem at one place of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Its class.
    pub code: Code,
    /// What is wrong. Holds no value of a secret.
    pub message: String,
    /// What to do.
    pub help: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line, scrubbed of what might be a secret.
    pub excerpt: String,
    /// Where the marked part of `excerpt` starts, and its length, in characters.
    pub mark: (usize, usize),
}

impl Problem {
    fn write(&self, f: &mut Formatter<'_>, kind: &str, file: &str) -> fmt::Result {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let (start, length) = self.mark;
        writeln!(f, "{kind}[{}]: {}", self.code.as_str(), self.message)?;
        writeln!(f, "{gutter}--> {file}:{}:{}", self.line, self.column)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {}", self.excerpt)?;
        writeln!(f, "{gutter} | {}{}", " ".repeat(start), "^".repeat(length.max(1)))?;
        writeln!(f, "{gutter} = help: {}", self.help)
    }
}

/// All that is wrong with a file. Its `Display` is what `strongline check` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors {
    file: String,
    problems: Vec<Problem>,
    count: usize,
    warnings: Warnings,
}

impl Errors {
    pub(crate) fn new(file: &str, (problems, count): (Vec<Problem>, usize), warnings: Warnings) -> Self {
        Self { file: file.to_owned(), problems, count, warnings }
    }

    /// The first errors in the order of the file, at most [`MAX_PROBLEMS`](crate::limits::MAX_PROBLEMS). Never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many errors there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The warnings found on the way.
    pub fn warnings(&self) -> &Warnings {
        &self.warnings
    }
}

impl Display for Errors {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_all(f, "error", &self.file, &self.problems, self.count)
    }
}

impl std::error::Error for Errors {}

/// What works but deserves a look. Its `Display` is empty when there is nothing to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    file: String,
    problems: Vec<Problem>,
    count: usize,
}

impl Warnings {
    pub(crate) fn new(file: &str, (problems, count): (Vec<Problem>, usize)) -> Self {
        Self { file: file.to_owned(), problems, count }
    }

    /// The first warnings in the order of the file, at most [`MAX_PROBLEMS`](crate::limits::MAX_PROBLEMS).
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many warnings there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether there is nothing to warn about.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Display for Warnings {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.problems.is_empty() { Ok(()) } else { write_all(f, "warning", &self.file, &self.problems, self.count) }
    }
}

fn write_all(f: &mut Formatter<'_>, kind: &str, file: &str, problems: &[Problem], count: usize) -> fmt::Result {
    for problem in problems {
        problem.write(f, kind, file)?;
        writeln!(f)?;
    }
    if count > problems.len() {
        writeln!(f, "... and {} more", count - problems.len())?;
    }
    writeln!(f, "{file}: {count} {kind}{}", if count == 1 { "" } else { "s" })
}
