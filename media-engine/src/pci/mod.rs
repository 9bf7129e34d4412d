//! The guard between a caller and everything that listens: the application, a recorder, a bridged leg.
//!
//! [`Raw`] is what a decoder made; nobody can look into it. [`Guard`] takes it and gives back [`Cleared`], the only form
//! in which sinks accept audio. `Cleared` is made in this module and nowhere else: it has no public constructor, no
//! `From`, no `Default` and no deserialiser.

mod cleared;
mod guard;
mod raw;

pub use cleared::Cleared;
pub use guard::{Guard, Mode};
pub use raw::Raw;
