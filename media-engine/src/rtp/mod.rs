//! RTP (RFC 3550): sequence arithmetic, headers, telephone events, and which protocol a datagram belongs to.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod demux;
mod event;
mod header;
mod seq;
mod units;

pub use demux::{Protocol, demux};
pub use event::{EventError, TelephoneEvent};
pub use header::{FIXED_HEADER_LEN, Header, HeaderError, HeaderWriter, Packet};
pub use seq::{ExtSeq, Seq};
pub use units::{PayloadType, RtpTimestamp, Ssrc};
