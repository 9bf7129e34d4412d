//! The dialplan file: parse, check, explain, decide.
//!
//! Pure: text and facts in, typed values and decisions out. No file is opened, no clock read, no variable looked up.
//!
//! - [`parse`] reads a file into a [`Dialplan`], or gives all that is wrong with it at once.
//! - [`decide`] finds the route of a call, [`explain`] says why.
//! - [`Run`] takes a call through its route: events in, actions out.
//! - [`schema`] is the JSON Schema of the file, made from the same description as the reader.

mod check;
mod decide;
pub mod limits;
mod model;
mod parse;
mod report;
mod rule;
mod run;
mod schema;
mod value;

pub use decide::{CallFacts, Condition, Decision, Explanation, RouteExplanation, Verdict, decide, explain};
pub use model::{
    App, AppStep, AppStream, Danger, Dialplan, Jitter, Media, MediaAddress, MediaRefusal, Outcome, PlayStep, Reason,
    Reject, Route, Sip, Step, StreamFormat, StreamStep, Trunk, TrunkDanger, TrunkMedia, When,
};
pub use parse::parse;
pub use report::{Code, Errors, Problem, Warnings};
pub use run::{Action, Event, FlowAction, FlowRefusal, HangupCause, Run, StreamPlan};
pub use schema::schema;
pub use value::{
    Addresses, Codec, CredentialName, Dialect, Direction, DnsName, EnvName, Host, HttpsUrl, Listen, MediaSource, Name,
    Number, NumberPattern, OnFailure, OnStreamEnd, Party, Peer, PortRange, Prefix, Rate, SecretRef, SoundFile,
    SrtpPolicy, Suite, Transport, ValueError, WssUrl, unmap,
};
