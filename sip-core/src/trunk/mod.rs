//! The life of a trunk that we call over: where it is, whether it is there, and that it knows where we are.
//!
//! Machines without socket, clock or random source, one per concern; `endpoint::trunks` holds one set for each trunk
//! whose rule has an [`Outbound`] and turns what they want into requests.
//!
//! - `place`: the next hops of a URI, kept up to date (RFC 3263).
//! - `health`: whether one hop is there, by OPTIONS and by what calls meet, with hold-down.
//! - `register`: one registration (RFC 3261 10.2, RFC 5626 4.5).
//! - `meter`: how many calls we may place.

mod event;
mod health;
mod meter;
mod outbound;
mod place;
mod register;
mod wait;

pub use event::{
    DownReason, HopState, HopStatus, RegistrationFailure, RegistrationState, TrunkChange, TrunkEvent, TrunkState,
    TrunkStatus,
};
pub use meter::{Limit, Meter};
pub use outbound::{Limits, Outbound, Registration};

pub(crate) use health::shows_life;
pub(crate) use place::{Hop, HopKey, Place};
pub(crate) use register::{Next, Outcome, Register, outcome, seconds, service_route};
