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

/// How far somebody answers for the calling number (STIR/SHAKEN: RFC 8588). `none` is no pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, schemars::JsonSchema)]
pub enum Attestation {
    /// Full: the carrier knows its customer, and that the number is theirs.
    A,
    /// Partial: the carrier knows its customer, not whether the number is theirs.
    B,
    /// Gateway: the carrier knows only where the call entered its network.
    C,
    /// Nobody answers for it.
    #[serde(rename = "none")]
    None,
    /// Somebody seemed to, and it does not hold.
    #[serde(rename = "failed")]
    Failed,
}

impl Attestation {
    /// The header of a flow request that says it. A header, because a body with more than the five fields is more than
    /// some applications read. It is not under the signature: believe it where the signature verifies.
    pub const HEADER: &str = "x-strongline-attestation";

    /// The word for it: `A`, `B`, `C`, `none`, `failed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::None => "none",
            Self::Failed => "failed",
        }
    }
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
