//! What can be wrong with a flow answer. Each text tells the application's developer what to mend.

use super::url::UrlError;
use crate::limits::{CHUNK_STEP_MS, MAX_CHUNK_MS, MAX_FLOW_ANSWER};

/// Why a flow answer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// The body is too long.
    #[error("the flow answer has {octets} octets, at most {MAX_FLOW_ANSWER} are read: answer with one action object")]
    TooLong {
        /// Its length.
        octets: usize,
    },
    /// The body is not JSON.
    #[error(
        "the flow answer is not JSON (line {line}, column {column}): answer with one object such as {{\"action\": \"hangup\"}}"
    )]
    NotJson {
        /// Where the parser stopped.
        line: usize,
        /// Where the parser stopped.
        column: usize,
    },
    /// The body is JSON, but not an object.
    #[error("the flow answer must be one JSON object with an `action`, not a list or a bare value")]
    NotAnObject,
    /// A field that must be there is not.
    #[error("the flow answer lacks `{field}`: {hint}")]
    Missing {
        /// The field.
        field: &'static str,
        /// What it should hold.
        hint: &'static str,
    },
    /// A field holds something else than it should.
    #[error("`{field}` in the flow answer must be {expected}, not {found}")]
    Wrong {
        /// The field.
        field: &'static str,
        /// What it should hold.
        expected: &'static str,
        /// What it holds, cut short.
        found: String,
    },
    /// An action the server does not know.
    #[error("the flow answer asks for the action {found}, which is not one of `stream`, `play` and `hangup`")]
    UnknownAction {
        /// What it asks for, cut short.
        found: String,
    },
    /// A URL that cannot be used.
    #[error("`{field}` in the flow answer cannot be used: {source}")]
    Url {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        source: UrlError,
    },
    /// A piece length the server does not cut.
    #[error(
        "`chunk_size` in the flow answer is {found} ms: it must be a multiple of {CHUNK_STEP_MS} from {CHUNK_STEP_MS} to {MAX_CHUNK_MS}"
    )]
    ChunkSize {
        /// What was asked for.
        found: u64,
    },
    /// A rate the chosen dialect does not have.
    #[error(
        "`sample_rate` in the flow answer is \"24k\", which only the native dialect has: use \"16k\" or add `\"protocol\": \"native.v1\"`"
    )]
    RateNeedsNative,
}
