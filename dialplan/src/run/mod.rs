//! A call on its way through a route: events in, actions out.
//!
//! The contract: start with [`Event::Start`], carry out the [`Action`] that comes back, report its end as the next
//! event. [`Event::Ended`] may come at any time. After `Reject` or `Hangup` the run is over; whatever comes then is
//! answered with `Wait`. No event is wrong enough to break a run: what does not fit is answered with `Wait`.

mod action;
mod flow;
mod machine;
mod second;
mod steps;
#[cfg(test)]
mod tests;

pub use action::{
    Action, DialFailure, DialPlan, Event, FlowAction, FlowRefusal, HangupCause, StreamPlan, TransferPlan,
};
pub use machine::Run;
