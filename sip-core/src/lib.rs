//! SIP: wire, sdp, admission, transaction, dialog, endpoint

pub mod admission;
pub mod dialog;
pub mod endpoint;
pub mod limits;
pub mod sdp;
#[cfg(feature = "net")]
pub mod net;
pub mod transaction;
pub mod wire;
