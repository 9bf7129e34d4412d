//! Status callbacks: what becomes of a call is posted, signed, to the address that was given with it.
//!
//! The events of one call go out one after the other, in order; those of different calls at the same time. Each is tried
//! [`TRIES`] times. They wait in memory: a server that is stopped gives up those it cannot deliver in its grace time.
//!
//! `queue` decides and knows no network; `event` writes; `task` posts.

mod event;
mod queue;
mod task;

use std::time::Duration;

pub(crate) use task::Callbacks;

/// Times that one event is posted at most.
const TRIES: u32 = 3;
/// Pause before the second try; before each further one four times as long.
const PAUSE: Duration = Duration::from_secs(1);
/// Events that wait or are under way. One more is lost, and that is logged.
const MAX_WAITING: usize = 4_096;
/// Events under way at a time.
const MAX_UNDER_WAY: usize = 32;
/// Of these, those of one application: a slow one does not hold up the others.
const MAX_UNDER_WAY_PER_APP: usize = 8;
