use std::fmt;

use super::{
    MasterKey, Refusal, Suite,
    keys::{E_BIT, E_WORD, RTCP_CLEAR, SessionKeys},
    replay::{ReplayWindow, Verdict},
};
use crate::{
    limits::{MAX_PACKET, MAX_SSRCS},
    rtp::{ExtSeq, Header, HeaderError, Seq, Ssrc},
};

/// The receiving half of a leg: one master key, the state of each SSRC seen under it.
pub struct Inbound {
    suite: Suite,
    keys: SessionKeys,
    /// Has room for all that may come, so that it never grows.
    streams: Vec<Stream>,
    initial_roc: u32,
}

/// One SSRC. RTP and RTCP each have their own window: their indices have nothing to do with each other.
struct Stream {
    ssrc: Ssrc,
    rtp: ReplayWindow,
    rtcp: ReplayWindow,
}

impl Inbound {
    /// A context that has received nothing.
    pub fn new(master: &MasterKey) -> Self {
        Self::with_keys(master.suite(), SessionKeys::derive(master))
    }

    pub(super) fn with_keys(suite: Suite, keys: SessionKeys) -> Self {
        Self { suite, keys, streams: Vec::with_capacity(MAX_SSRCS), initial_roc: 0 }
    }

    /// The suite.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The rollover counter at which SSRCs are expected that have sent nothing yet. It is 0 unless signalling says
    /// otherwise, as when joining a stream late.
    pub fn set_initial_roc(&mut self, roc: u32) {
        self.initial_roc = roc;
    }

    /// The highest index received from this SSRC.
    pub fn highest(&self, ssrc: Ssrc) -> Option<ExtSeq> {
        let stream = self.streams.iter().find(|stream| stream.ssrc == ssrc)?;
        stream.rtp.highest().map(ExtSeq::from_value)
    }

    /// How many SSRCs have a place in the context.
    pub fn ssrcs(&self) -> usize {
        self.streams.len()
    }

    /// Authenticates and decrypts in place. Gives the length of the plain packet, which then stands at the front.
    ///
    /// After a refusal nothing in the context has changed, and what `packet` holds is worthless.
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, Refusal> {
        if packet.len() > MAX_PACKET {
            return Err(Refusal::TooLong);
        }
        let header = Header::parse(packet)?;
        let plain_len = packet.len().checked_sub(self.suite.rtp_overhead()).ok_or(Refusal::TooShort)?;
        if header.len() > plain_len {
            return Err(Refusal::TooShort);
        }
        let (body, tag) = packet.split_at_mut_checked(plain_len).ok_or(Refusal::TooShort)?;

        let place = self.streams.iter().position(|stream| stream.ssrc == header.ssrc);
        let highest = place.and_then(|place| self.streams.get(place)).and_then(|stream| stream.rtp.highest());
        let index = match highest {
            Some(highest) => {
                let index = ExtSeq::from_value(highest).nearest(header.seq).ok_or(Refusal::KeyExhausted)?;
                self.keys.open_rtp(body, header.len(), tag, header.ssrc, index, false).then_some(index)
            }
            None => self
                .first_indices(header.seq)
                .find(|&index| self.keys.open_rtp(body, header.len(), tag, header.ssrc, index, true)),
        };
        let index = index.ok_or(Refusal::BadTag)?;

        accept(self.stream_mut(place, header.ssrc, |stream| &mut stream.rtp)?, index.value())?;
        Ok(plain_len)
    }

    /// Authenticates and decrypts a compound RTCP packet in place. Gives the length of the plain packet, which then
    /// stands at the front.
    ///
    /// After a refusal nothing in the context has changed, and what `packet` holds is worthless.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refusal> {
        if packet.len() > MAX_PACKET {
            return Err(Refusal::TooLong);
        }
        let plain_len = packet.len().checked_sub(self.suite.rtcp_overhead()).ok_or(Refusal::TooShort)?;
        if plain_len < RTCP_CLEAR {
            return Err(Refusal::TooShort);
        }
        let ([first, _, _, _, ssrc @ ..], _) = packet.split_first_chunk::<RTCP_CLEAR>().ok_or(Refusal::TooShort)?;
        if first >> 6 != 2 {
            return Err(Refusal::Malformed);
        }
        let ssrc = Ssrc::new(u32::from_be_bytes(*ssrc));
        let word = packet
            .len()
            .checked_sub(self.keys.e_word_from_end())
            .and_then(|at| packet.get(at..)?.first_chunk::<E_WORD>())
            .ok_or(Refusal::TooShort)?;
        let word = u32::from_be_bytes(*word);
        if word & E_BIT == 0 {
            return Err(Refusal::Unencrypted);
        }
        let index = word & !E_BIT;
        if !self.keys.open_rtcp(packet, plain_len, ssrc, index) {
            return Err(Refusal::BadTag);
        }

        let place = self.streams.iter().position(|stream| stream.ssrc == ssrc);
        accept(self.stream_mut(place, ssrc, |stream| &mut stream.rtcp)?, u64::from(index))?;
        Ok(plain_len)
    }

    #[cfg(test)]
    pub(super) fn snapshot(&self) -> Vec<(Ssrc, ReplayWindow, ReplayWindow)> {
        self.streams.iter().map(|stream| (stream.ssrc, stream.rtp, stream.rtcp)).collect()
    }

    /// The indices that the first packet of an SSRC may have. Its sender may have passed a wrap before we heard of it, so
    /// that one rollover to either side is tried.
    fn first_indices(&self, seq: Seq) -> impl Iterator<Item = ExtSeq> + use<> {
        let roc = self.initial_roc;
        [Some(roc), roc.checked_add(1), roc.checked_sub(1)].into_iter().flatten().map(move |roc| ExtSeq::new(roc, seq))
    }

    /// The window of an SSRC whose packet is authentic; a new SSRC gets its slot here.
    fn stream_mut(
        &mut self,
        place: Option<usize>,
        ssrc: Ssrc,
        window: fn(&mut Stream) -> &mut ReplayWindow,
    ) -> Result<&mut ReplayWindow, Refusal> {
        let place = match place {
            Some(place) => place,
            None if self.streams.len() < MAX_SSRCS => {
                self.streams.push(Stream { ssrc, rtp: ReplayWindow::default(), rtcp: ReplayWindow::default() });
                self.streams.len().saturating_sub(1)
            }
            None => return Err(Refusal::TooManySsrcs),
        };
        self.streams.get_mut(place).map(window).ok_or(Refusal::TooManySsrcs)
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("suite", &self.suite)
            .field("ssrcs", &self.streams.len())
            .finish_non_exhaustive()
    }
}

impl From<HeaderError> for Refusal {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::TooShort => Self::TooShort,
            HeaderError::Version | HeaderError::Csrc | HeaderError::Extension | HeaderError::Padding => Self::Malformed,
        }
    }
}

fn accept(window: &mut ReplayWindow, index: u64) -> Result<(), Refusal> {
    match window.check(index) {
        Verdict::New => {
            window.accept(index);
            Ok(())
        }
        Verdict::Seen => Err(Refusal::Replayed),
        Verdict::TooOld => Err(Refusal::TooOld),
    }
}
