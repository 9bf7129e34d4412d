//! Flows: the question a call puts to its application, and the one action the application answers with.
//!
//! The schema is Teler's, so that applications written for it work unmodified. `"protocol": "native.v1"` in a `stream`
//! action selects the native dialect; without it the dialect is the one the dialplan gives the application. A peer's
//! subprotocol selection never decides it.

mod answer;
mod error;
mod read;
mod request;
mod url;

#[cfg(test)]
mod tests;

pub use self::answer::{FlowAnswer, PlayAction, Protocol, StreamAction, StreamPlan, parse_answer};
pub use self::error::FlowError;
pub(crate) use self::read::cut;
pub use self::request::{Attestation, Direction, FlowRequest};
pub use self::url::{HttpsUrl, UrlError, WssUrl};
