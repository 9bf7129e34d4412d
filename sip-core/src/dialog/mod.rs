//! Dialogs (RFC 3261 12): who is at the other end, how requests get there, and which requests belong to the call.
//!
//! A [`Dialog`] makes the requests we send within a call and checks those that come. [`SessionTimer`] keeps a call from
//! outliving its peer (RFC 4028), [`Unacked`] repeats a 2xx until its ACK comes (RFC 3261 13.3.1.4), and [`Limiter`]
//! bounds how often a peer may change the session.

mod id;
mod limiter;
mod route_set;
mod session_timer;
mod state;
mod unacked;

pub use id::DialogId;
pub use limiter::Limiter;
pub use route_set::RouteSet;
pub use session_timer::{Due, IntervalTooSmall, Negotiated, Party, SessionPolicy, SessionTimer};
pub use state::{CSeqOrder, Dialog, DialogError};
pub use unacked::{Unacked, UnackedTimeout};
