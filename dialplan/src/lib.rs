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
    Api, ApiClient, App, AppStep, AppStream, Challenge, Credentials, Danger, DialStep, Dialplan, DigestUser, Identity,
    Jitter, Keepalive, Media, MediaAddress, MediaRefusal, Outbound, OutboundRefusal, Outcome, PlayStep, Reason,
    Register, Reject, Route, Sip, Step, StreamFormat, StreamStep, TransferStep, Trunk, TrunkDanger, TrunkMedia,
    TrunkTls, When,
};
pub use parse::parse;
pub use report::{Code, Errors, Problem, Warnings};
pub use run::{
    Action, DialFailure, DialPlan, Event, FlowAction, FlowRefusal, HangupCause, Run, StreamPlan, TransferPlan,
};
pub use schema::schema;
pub use value::{
    Addresses, ApiListen, Attest, AuthUser, Codec, CredentialName, DialTarget, Dialect, DigestAlgorithm, Digits,
    Direction, DnsName, EnvName, Hop, Host, HttpsUrl, IdentityPolicy, InDialog, Listen, MediaSource, Name, Number,
    NumberPattern, Numbering, OnEnd, OnFailure, OnStreamEnd, Party, Peer, PortRange, Prefix, Rate, Realm, Reliable,
    SecretRef, SipUri, SoundFile, SrtpPolicy, Suite, TransferMode, Transport, UriPattern, UserPart, ValueError, WssUrl,
    unmap,
};
