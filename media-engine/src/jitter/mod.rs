//! Packets that arrive when they like, given out when they are due.
//!
//! [`JitterBuffer`] holds the packets themselves, in order. Its delay follows what the network does: it measures by how
//! much packets come later than the fastest of the last seconds, and wants to wait as long as all but three in two hundred
//! need. [`Advice`] says when audio should be left out or repeated to get there.

mod buffer;
mod config;
mod control;
mod delay;
mod slot;

pub use buffer::JitterBuffer;
pub use config::JitterConfig;
pub use control::Advice;
pub use slot::{Arrival, Cause, Due, Refused, Slot};
