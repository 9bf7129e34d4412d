//! The play queue: what the application has sent and the caller has not heard yet.
//!
//! Positions are counted in the application's own samples since the stream began; silence that fills up a frame is not
//! counted. Three of them tell the whole story:
//!
//! ```text
//!   0 ─────────── sent ──── popped ─────────────────── pushed
//!     heard or       one frame     queued: a clear
//!     on its way     in hand       throws this away
//! ```
//!
//! A mark stands at the position at which it was asked for and is acknowledged as played once `sent` reaches it: when
//! the last sample before it was given to the network.

mod queue;
mod segments;

#[cfg(test)]
mod tests;

pub use self::queue::{Cleared, Mark, MarkState, MarksFull, PlayQueue, Pushed, QueueLimits};
pub use self::segments::ChunkId;
