use std::ops::Range;

use crate::{
    buf::PacketBuf,
    rtp::{RtpTimestamp, Seq},
};

/// A packet, and what has been read of it.
#[derive(Debug)]
pub struct Arrival {
    /// The packet.
    pub buf: PacketBuf,
    /// Where in it the payload is.
    pub payload: Range<usize>,
    /// Its sequence number.
    pub seq: Seq,
    /// Its timestamp.
    pub timestamp: RtpTimestamp,
    /// How long it lasts, in ticks.
    pub ticks: u32,
}

/// What is to be played.
#[derive(Debug)]
pub enum Slot {
    /// A packet.
    Packet(Due),
    /// Nothing.
    Missing {
        /// For so many ticks.
        ticks: u32,
        /// Why.
        cause: Cause,
    },
}

/// A packet whose time has come.
#[derive(Debug)]
pub struct Due {
    pub(super) buf: PacketBuf,
    pub(super) payload: Range<usize>,
    /// How long it lasts, in ticks.
    pub ticks: u32,
    /// It does not continue what was played before.
    pub jump: bool,
}

impl Due {
    /// The payload.
    pub fn payload(&self) -> &[u8] {
        self.buf.get(self.payload.clone()).unwrap_or_default()
    }
}

/// Why there is nothing to be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing has come yet, or the first packet still waits.
    Waiting,
    /// Something is lost: what came after it is there.
    Lost,
    /// The sender has paused: no sequence number is missing.
    Pause,
    /// There is nothing more.
    Empty,
}

/// Why a packet was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// Its time is over.
    Late,
    /// It is there, or was.
    Duplicate,
    /// It is far from the others; the next one shows whether it was right.
    Jump,
}
