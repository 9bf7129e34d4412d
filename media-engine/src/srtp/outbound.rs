use std::fmt;

use super::{
    MasterKey, Suite,
    keys::{E_BIT, RTCP_CLEAR, SessionKeys},
};
use crate::{
    limits::{MAX_PACKET, MAX_SSRCS},
    rtp::{ExtSeq, Header, HeaderError, Ssrc},
};

/// The sending half of a leg: one master key, the state of each SSRC we send under it.
///
/// The index of an SSRC only rises, whatever the caller does, so that no keystream is used twice (RFC 3711 9.1).
pub struct Outbound {
    suite: Suite,
    keys: SessionKeys,
    /// Has room for all that may come, so that it never grows.
    streams: Vec<Stream>,
}

struct Stream {
    ssrc: Ssrc,
    /// The last index that was used.
    rtp: Option<ExtSeq>,
    /// The next SRTCP index to use.
    rtcp: u32,
}

impl Outbound {
    /// A context that has sent nothing. The first sequence number of an SSRC is to be random and below 2^15, so that a
    /// receiver that misses the first packets guesses the rollover counter right.
    pub fn new(master: &MasterKey) -> Self {
        Self::with_keys(master.suite(), SessionKeys::derive(master))
    }

    pub(super) fn with_keys(suite: Suite, keys: SessionKeys) -> Self {
        Self { suite, keys, streams: Vec::with_capacity(MAX_SSRCS) }
    }

    /// The suite.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The last index sent by this SSRC.
    pub fn highest(&self, ssrc: Ssrc) -> Option<ExtSeq> {
        self.streams.iter().find(|stream| stream.ssrc == ssrc)?.rtp
    }

    /// Encrypts in place the RTP packet of `len` octets at the front of `buf` and appends the tag. Gives the new length.
    ///
    /// After an error nothing in the context has changed.
    pub fn protect_rtp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let plain = buf.get(..len).ok_or(ProtectError::NoRoom)?;
        let header = Header::parse(plain)?;
        let total = fit(buf.len(), len, self.suite.rtp_overhead())?;
        let place = self.place_of(header.ssrc)?;
        let stream = self.streams.get_mut(place).ok_or(ProtectError::TooManySsrcs)?;

        let index = match stream.rtp {
            None => ExtSeq::new(0, header.seq),
            Some(highest) => {
                let index = highest.nearest(header.seq).ok_or(ProtectError::KeyExhausted)?;
                if index <= highest {
                    return Err(ProtectError::IndexReused);
                }
                index
            }
        };
        let (body, tag) =
            buf.get_mut(..total).and_then(|buf| buf.split_at_mut_checked(len)).ok_or(ProtectError::NoRoom)?;
        // Used from here on, even if encryption should fail half-way.
        stream.rtp = Some(index);
        self.keys.protect_rtp(body, header.len(), tag, header.ssrc, index).ok_or(ProtectError::NoRoom)?;
        Ok(total)
    }

    /// Encrypts in place the compound RTCP packet of `len` octets at the front of `buf` and appends index and tag. Gives
    /// the new length.
    ///
    /// After an error nothing in the context has changed.
    pub fn protect_rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let plain = buf.get(..len).ok_or(ProtectError::NoRoom)?;
        let ([first, _, _, _, ssrc @ ..], _) =
            plain.split_first_chunk::<RTCP_CLEAR>().ok_or(ProtectError::Malformed)?;
        if first >> 6 != 2 {
            return Err(ProtectError::Malformed);
        }
        let ssrc = Ssrc::new(u32::from_be_bytes(*ssrc));
        let total = fit(buf.len(), len, self.suite.rtcp_overhead())?;
        let place = self.place_of(ssrc)?;
        let stream = self.streams.get_mut(place).ok_or(ProtectError::TooManySsrcs)?;

        // RFC 3711 3.4: the index starts at 0; 9.2: after 2^31 packets the key is used up.
        let index = stream.rtcp;
        if index >= E_BIT {
            return Err(ProtectError::KeyExhausted);
        }
        stream.rtcp = index.saturating_add(1);
        self.keys.protect_rtcp(buf, len, ssrc, index).ok_or(ProtectError::NoRoom)?;
        Ok(total)
    }

    /// As if `index` had been sent.
    #[cfg(test)]
    pub(super) fn force_highest(&mut self, ssrc: Ssrc, index: ExtSeq) {
        if let Some(stream) = self.place_of(ssrc).ok().and_then(|place| self.streams.get_mut(place)) {
            stream.rtp = Some(index);
        }
    }

    /// The next SRTCP packet is to have this index.
    #[cfg(test)]
    pub(super) fn force_rtcp_index(&mut self, ssrc: Ssrc, index: u32) {
        if let Some(stream) = self.place_of(ssrc).ok().and_then(|place| self.streams.get_mut(place)) {
            stream.rtcp = index;
        }
    }

    fn place_of(&mut self, ssrc: Ssrc) -> Result<usize, ProtectError> {
        if let Some(place) = self.streams.iter().position(|stream| stream.ssrc == ssrc) {
            return Ok(place);
        }
        if self.streams.len() >= MAX_SSRCS {
            return Err(ProtectError::TooManySsrcs);
        }
        self.streams.push(Stream { ssrc, rtp: None, rtcp: 0 });
        Ok(self.streams.len().saturating_sub(1))
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("suite", &self.suite)
            .field("ssrcs", &self.streams.len())
            .finish_non_exhaustive()
    }
}

/// Why a packet was not protected. All of these are our own mistakes or the end of a key; nothing is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ProtectError {
    /// The buffer does not hold the packet and what protection adds.
    #[error("no room for the protected packet")]
    NoRoom,
    /// The protected packet would be longer than [`crate::limits::MAX_PACKET`].
    #[error("longer than any packet may be")]
    TooLong,
    /// Not an RTP or RTCP packet.
    #[error("malformed header")]
    Malformed,
    /// The sequence number is not after the last one: its keystream may have been used.
    #[error("packet index was used before")]
    IndexReused,
    /// The last index has been used (RFC 3711 9.2): a new key is needed.
    #[error("packet index exhausted")]
    KeyExhausted,
    /// One SSRC more than [`crate::limits::MAX_SSRCS`].
    #[error("too many SSRCs under one key")]
    TooManySsrcs,
}

impl From<HeaderError> for ProtectError {
    fn from(_: HeaderError) -> Self {
        Self::Malformed
    }
}

fn fit(room: usize, len: usize, overhead: usize) -> Result<usize, ProtectError> {
    let total = len.saturating_add(overhead);
    if total > MAX_PACKET {
        Err(ProtectError::TooLong)
    } else if total > room {
        Err(ProtectError::NoRoom)
    } else {
        Ok(total)
    }
}
