//! SIP: wire, sdp, admission, transaction, dialog, endpoint

pub mod limits;
pub mod wire;
