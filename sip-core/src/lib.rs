//! SIP for one side of a call: from the octets of a socket to the events of a call, and back.
//!
//! The cores here do no input or output: they are given messages and the time, and give back messages, events and the
//! next deadline. Mutate once (`handle_input`), drain fully (`poll_output`), then mutate again. What touches a socket
//! stands in `net`, behind the feature of that name, and holds no rules.
//!
//! Read in this order: `wire` makes messages of octets, `sdp` reads what they carry, `admission` decides whose they may
//! be, `auth` proves who somebody is, `transaction` and `dialog` hold one machine of RFC 3261 each, and `endpoint` is all
//! of them together. `identity` says whether a caller's number is vouched for.

pub mod limits;

pub mod sdp;
pub mod wire;

pub mod admission;
pub mod auth;
pub mod dialog;
pub mod endpoint;
pub mod identity;
pub mod info;
pub mod locate;
pub mod transaction;
pub mod trunk;

#[cfg(feature = "net")]
pub mod net;
