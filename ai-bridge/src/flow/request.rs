//! The flow request: who calls whom.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

/// Which way the call came to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// A caller rang the server.
    Inbound,
    /// The server rang somebody.
    Outbound,
}

/// The body of the flow request, in Teler's schema: all five fields are always there.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct FlowRequest {
    /// The call, by the id it has everywhere: flow, stream, log.
    pub call_id: String,
    /// The account of the application.
    pub account_id: String,
    /// The calling number.
    pub from_number: String,
    /// The called number.
    pub to_number: String,
    /// Which way the call came.
    pub direction: Direction,
}

impl FlowRequest {
    /// The JSON body that is signed and sent.
    pub fn encode(&self) -> Bytes {
        // Four strings and a unit variant always serialize.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

impl fmt::Debug for FlowRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowRequest")
            .field("call_id", &self.call_id)
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}
