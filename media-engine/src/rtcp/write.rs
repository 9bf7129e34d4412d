use std::fmt;

use super::{
    ReportBlock, SenderInfo,
    parse::{CNAME, GOODBYE, RECEIVER_REPORT, SENDER_REPORT, SOURCE_DESCRIPTION},
};
use crate::{
    limits::{MAX_CNAME, MAX_REPORT_BLOCKS},
    rtp::Ssrc,
};

/// A canonical name (RFC 3550 6.5.1). It should be random (RFC 7022) and so say nothing of who we are.
#[derive(Clone, PartialEq, Eq)]
pub struct Cname(Box<[u8]>);

impl Cname {
    /// Takes 1 to 255 octets of UTF-8.
    pub fn new(name: &str) -> Result<Self, CnameError> {
        match name.len() {
            0 => Err(CnameError::Empty),
            1..=MAX_CNAME => Ok(Self(name.as_bytes().into())),
            _ => Err(CnameError::TooLong),
        }
    }

    /// Makes a short-term persistent name out of 96 random bits (RFC 7022 4.2).
    pub fn generate(rng: &mut impl rand::Rng) -> Self {
        const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut octets = [0_u8; 16];
        rng.fill_bytes(&mut octets);
        let name = octets.map(|octet| SYMBOLS.get(usize::from(octet & 0x3f)).copied().unwrap_or(b'A'));
        Self(name.into())
    }

    /// The name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Cname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cname").field(&String::from_utf8_lossy(&self.0)).finish()
    }
}

/// Why a text is not a canonical name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CnameError {
    /// No octet.
    #[error("empty CNAME")]
    Empty,
    /// More than 255 octets.
    #[error("CNAME of more than 255 octets")]
    TooLong,
}

/// A compound packet to be sent: SR or RR, then SDES with the CNAME, then perhaps BYE (RFC 3550 6.1).
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Who we are.
    pub ssrc: Ssrc,
    /// What we have sent since the last two reports; `None` makes it an RR.
    pub sender: Option<SenderInfo>,
    /// What we receive; at most 31 are sent.
    pub blocks: &'a [ReportBlock],
    /// Our name.
    pub cname: &'a Cname,
    /// We leave.
    pub goodbye: bool,
}

impl Report<'_> {
    /// Writes the plain compound packet to the front of `out` and gives its length; `None` when there is no room.
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let mut out = Cursor { out, at: 0 };
        let blocks = self.blocks.get(..self.blocks.len().min(MAX_REPORT_BLOCKS))?;
        let count = u8::try_from(blocks.len()).ok()?;

        out.packet(if self.sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT }, count, |out| {
            out.put(&self.ssrc.value().to_be_bytes())?;
            if let Some(sender) = &self.sender {
                out.put(&sender.encode())?;
            }
            blocks.iter().try_for_each(|block| out.put(&block.encode()))
        })?;
        out.packet(SOURCE_DESCRIPTION, 1, |out| {
            out.put(&self.ssrc.value().to_be_bytes())?;
            out.put(&[CNAME, u8::try_from(self.cname.0.len()).ok()?])?;
            out.put(&self.cname.0)?;
            // At least one zero octet ends the list of items, more fill the word.
            out.put(&[0])?;
            while !out.at.is_multiple_of(4) {
                out.put(&[0])?;
            }
            Some(())
        })?;
        if self.goodbye {
            out.packet(GOODBYE, 1, |out| out.put(&self.ssrc.value().to_be_bytes()))?;
        }
        Some(out.at)
    }
}

struct Cursor<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Cursor<'_> {
    fn put(&mut self, octets: &[u8]) -> Option<()> {
        let end = self.at.checked_add(octets.len())?;
        self.out.get_mut(self.at..end)?.copy_from_slice(octets);
        self.at = end;
        Some(())
    }

    /// Writes one packet, then its length into its header.
    fn packet(&mut self, packet_type: u8, count: u8, body: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let start = self.at;
        self.put(&[0x80 | count, packet_type, 0, 0])?;
        body(self)?;
        let words = u16::try_from(self.at.checked_sub(start)? / 4).ok()?.checked_sub(1)?;
        let [_, _, length @ ..] = self.out.get_mut(start..)?.first_chunk_mut::<4>()?;
        *length = words.to_be_bytes();
        Some(())
    }
}
