use super::{ReportBlock, SenderInfo};
use crate::{
    limits::{MAX_CNAME, MAX_RTCP_PACKETS},
    rtp::Ssrc,
};

pub(super) const SENDER_REPORT: u8 = 200;
pub(super) const RECEIVER_REPORT: u8 = 201;
pub(super) const SOURCE_DESCRIPTION: u8 = 202;
pub(super) const GOODBYE: u8 = 203;

const HEADER_LEN: usize = 4;
pub(super) const CNAME: u8 = 1;

/// A compound RTCP packet whose outer form has been checked (RFC 3550 A.2): version 2 throughout, an SR or RR first,
/// padding at most in the last, and lengths that add up.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// |V=2|P|   RC    |      PT       |  length in words, less one    |
/// ```
#[derive(Clone, Debug)]
pub struct Compound<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Compound<'a> {
    /// Checks the outer form.
    pub fn parse(octets: &'a [u8]) -> Result<Self, RtcpError> {
        let mut rest = octets;
        let mut first = true;
        while first || !rest.is_empty() {
            let (packet, behind) = Raw::split(rest)?;
            if first && !matches!(packet.packet_type, SENDER_REPORT | RECEIVER_REPORT) {
                return Err(RtcpError::NoReportFirst);
            }
            if packet.padded && !behind.is_empty() {
                return Err(RtcpError::Padding);
            }
            first = false;
            rest = behind;
        }
        Ok(Self { rest: octets, left: MAX_RTCP_PACKETS })
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = Result<Packet<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(left) = self.left.checked_sub(1) else {
            self.rest = &[];
            return Some(Err(RtcpError::TooMany));
        };
        self.left = left;
        let packet = match Raw::split(self.rest) {
            Ok((raw, behind)) => {
                self.rest = behind;
                raw.interpret()
            }
            Err(error) => {
                self.rest = &[];
                Err(error)
            }
        };
        Some(packet)
    }
}

/// One packet of a compound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// SR: sent by who sends media.
    SenderReport {
        /// Who reports.
        ssrc: Ssrc,
        /// What it has sent.
        info: SenderInfo,
        /// What it receives.
        blocks: ReportBlocks<'a>,
    },
    /// RR: sent by who only receives.
    ReceiverReport {
        /// Who reports.
        ssrc: Ssrc,
        /// What it receives.
        blocks: ReportBlocks<'a>,
    },
    /// SDES, of which only the first CNAME is of interest.
    SourceDescription {
        /// The first source described, if any.
        ssrc: Option<Ssrc>,
        /// Its canonical name.
        cname: Option<&'a [u8]>,
    },
    /// BYE.
    Goodbye {
        /// Who leaves.
        ssrcs: Ssrcs<'a>,
    },
    /// Anything else: APP, feedback, extended reports.
    Other {
        /// Its packet type.
        packet_type: u8,
    },
}

/// The report blocks of an SR or RR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportBlocks<'a>(&'a [[u8; ReportBlock::LEN]]);

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(ReportBlock::decode(*first))
    }
}

/// The sources of a BYE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssrcs<'a>(&'a [[u8; 4]]);

impl Iterator for Ssrcs<'_> {
    type Item = Ssrc;

    fn next(&mut self) -> Option<Ssrc> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(Ssrc::new(u32::from_be_bytes(*first)))
    }
}

/// Why octets are not (all) RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RtcpError {
    /// Fewer octets than are claimed.
    #[error("shorter than it claims")]
    TooShort,
    /// Not version 2.
    #[error("not RTCP version 2")]
    Version,
    /// Does not begin with a report.
    #[error("the first packet is neither SR nor RR")]
    NoReportFirst,
    /// Padding where there may be none, or more of it than there is packet.
    #[error("padding is wrong")]
    Padding,
    /// More than [`crate::limits::MAX_RTCP_PACKETS`] packets; those that came first have been read.
    #[error("too many packets in one compound")]
    TooMany,
}

/// One packet, delimited but not understood.
struct Raw<'a> {
    padded: bool,
    count: usize,
    packet_type: u8,
    body: &'a [u8],
}

impl<'a> Raw<'a> {
    fn split(octets: &'a [u8]) -> Result<(Self, &'a [u8]), RtcpError> {
        let ([first, packet_type, words0, words1], rest) =
            octets.split_first_chunk::<HEADER_LEN>().ok_or(RtcpError::TooShort)?;
        if first >> 6 != 2 {
            return Err(RtcpError::Version);
        }
        let len = usize::from(u16::from_be_bytes([*words0, *words1])).saturating_mul(4);
        let (body, behind) = rest.split_at_checked(len).ok_or(RtcpError::TooShort)?;
        let raw = Self { padded: first & 0x20 != 0, count: usize::from(first & 0x1f), packet_type: *packet_type, body };
        Ok((raw, behind))
    }

    fn interpret(self) -> Result<Packet<'a>, RtcpError> {
        let body = self.unpadded()?;
        match self.packet_type {
            SENDER_REPORT => {
                let (ssrc, rest) = ssrc(body)?;
                let (info, rest) = rest.split_first_chunk().ok_or(RtcpError::TooShort)?;
                let blocks = ReportBlocks(take(rest, self.count)?);
                Ok(Packet::SenderReport { ssrc, info: SenderInfo::decode(*info), blocks })
            }
            RECEIVER_REPORT => {
                let (ssrc, rest) = ssrc(body)?;
                Ok(Packet::ReceiverReport { ssrc, blocks: ReportBlocks(take(rest, self.count)?) })
            }
            SOURCE_DESCRIPTION if self.count == 0 => Ok(Packet::SourceDescription { ssrc: None, cname: None }),
            SOURCE_DESCRIPTION => {
                let (ssrc, items) = ssrc(body)?;
                Ok(Packet::SourceDescription { ssrc: Some(ssrc), cname: cname(items)? })
            }
            GOODBYE => Ok(Packet::Goodbye { ssrcs: Ssrcs(take(body, self.count)?) }),
            packet_type => Ok(Packet::Other { packet_type }),
        }
    }

    /// RFC 3550 6.4.1: the last octet counts the padding, itself included, in multiples of four.
    fn unpadded(&self) -> Result<&'a [u8], RtcpError> {
        if !self.padded {
            return Ok(self.body);
        }
        let count = usize::from(*self.body.last().ok_or(RtcpError::Padding)?);
        if count == 0 || !count.is_multiple_of(4) {
            return Err(RtcpError::Padding);
        }
        self.body.len().checked_sub(count).and_then(|len| self.body.get(..len)).ok_or(RtcpError::Padding)
    }
}

fn ssrc(body: &[u8]) -> Result<(Ssrc, &[u8]), RtcpError> {
    let (ssrc, rest) = body.split_first_chunk().ok_or(RtcpError::TooShort)?;
    Ok((Ssrc::new(u32::from_be_bytes(*ssrc)), rest))
}

fn take<const N: usize>(octets: &[u8], count: usize) -> Result<&[[u8; N]], RtcpError> {
    octets.as_chunks().0.get(..count).ok_or(RtcpError::TooShort)
}

/// The first CNAME among the items of a chunk (RFC 3550 6.5): type, length, text; type 0 ends the list.
fn cname(mut items: &[u8]) -> Result<Option<&[u8]>, RtcpError> {
    while let Some((&item, rest)) = items.split_first() {
        if item == 0 {
            return Ok(None);
        }
        let (&len, rest) = rest.split_first().ok_or(RtcpError::TooShort)?;
        let (text, rest) = rest.split_at_checked(usize::from(len)).ok_or(RtcpError::TooShort)?;
        if item == CNAME && text.len() <= MAX_CNAME {
            return Ok(Some(text));
        }
        items = rest;
    }
    Ok(None)
}
