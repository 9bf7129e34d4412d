//! The four transaction machines of RFC 3261 17, with the corrections of RFC 4320 and RFC 6026. One file per machine.
//!
//! A machine is told what happened and says what to do; it holds no socket, no clock and no message but those it must be
//! able to send again. [`crate::endpoint`] owns the table of them.

mod client_invite;
mod client_noninvite;
mod key;
mod server_invite;
mod server_noninvite;
mod timers;

pub use client_invite::{ClientInvite, Received, Timeout as ClientInviteTimeout};
pub use client_noninvite::{ClientNonInvite, Timeout as ClientNonInviteTimeout};
pub use key::{ClientKey, ServerKey};
pub use server_invite::{AlreadyAnswered, ServerInvite, Timeout as ServerInviteTimeout};
pub use server_noninvite::ServerNonInvite;
pub use timers::Timers;
