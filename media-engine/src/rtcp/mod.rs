//! RTCP (RFC 3550 6): reports read and written, the statistics they carry, and when they are due.
//!
//! Nothing that arrives here can do more than change statistics: a BYE is reported, it ends no call.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod ntp;
mod parse;
mod reception;
mod report;
mod schedule;
#[cfg(test)]
mod tests;
mod transmission;
mod write;

pub use ntp::{NtpAnchor, NtpTime};
pub use parse::{Compound, Packet, ReportBlocks, RtcpError, Ssrcs};
pub use reception::Reception;
pub use report::{ReportBlock, SenderInfo};
pub use schedule::Schedule;
pub use transmission::Transmission;
pub use write::{Cname, CnameError, Report};
