//! The HTTP API by which an application's developer places and commands calls: Teler's schema for existing clients, and a
//! schema of our own. `docs/api.md` is its manual.
//!
//! ```text
//! listener (TLS, or plain on loopback) -> key -> allowance -> body -> Idempotency-Key -> control
//! ```
//!
//! It has a thread of its own: whoever floods it with handshakes takes nothing from signalling or media. Nothing that a client
//! writes is logged; a call is named by its id, a client by its name in the dialplan.

mod answer;
mod bodies;
mod clients;
mod fields;
mod idempotency;
mod limits;
mod native;
mod order;
mod router;
mod serve;
mod teler;
mod time;
mod trunks;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use dialplan::Dialplan;
use sip_core::net::SipHandle;

#[cfg(fuzzing)]
pub(crate) use bodies::read_all as fuzz_bodies;

pub(crate) use clients::{Clients, Rights};
pub use serve::ApiListenError;
pub(crate) use serve::{ApiServer, Listen};
pub(crate) use time::rfc3339;

use crate::control::Control;
use idempotency::Idempotency;

/// What all requests share.
#[derive(Clone, Debug)]
pub(crate) struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clients: Arc<Clients>,
    control: Control,
    dialplan: Arc<Dialplan>,
    idempotency: Idempotency,
    /// The endpoint, which knows how the trunks are.
    sip: Option<SipHandle>,
}

impl Api {
    /// An API for these clients, over these calls.
    pub(crate) fn new(
        clients: Arc<Clients>,
        control: Control,
        dialplan: Arc<Dialplan>,
        sip: Option<SipHandle>,
    ) -> Self {
        Self(Arc::new(Inner { clients, control, dialplan, idempotency: Idempotency::default(), sip }))
    }
}
