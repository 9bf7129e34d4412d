//! SIP: wire, sdp, admission, transaction, dialog, endpoint

pub mod admission;
pub mod dialog;
pub mod endpoint;
pub mod limits;
#[cfg(feature = "net")]
pub mod net;
pub mod sdp;
pub mod transaction;
pub mod wire;
