//! The native dialect, version 1: JSON for control, raw PCM in binary messages. `docs/native-protocol.md` is its
//! contract; the JSON Schema beside it is made from the types here.

mod decode;
mod messages;

pub(super) use self::decode::{Bad, Parsed, parse};
pub(super) use self::messages::start;
pub use self::messages::{FlowState, FromApp, Media, ToApp, schema};

/// The WebSocket subprotocol that is offered and must be selected.
pub const SUBPROTOCOL: &str = "strongline.native.v1";
