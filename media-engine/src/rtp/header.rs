use std::ops::Range;

use super::{PayloadType, RtpTimestamp, Seq, Ssrc};

/// The length of a header with neither CSRCs nor extension.
pub const FIXED_HEADER_LEN: usize = 12;

/// The header of an RTP packet, read and checked.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
/// |                           timestamp                           |
/// |                             SSRC                              |
/// |                   CSRC, CC of them                            |
/// |   extension profile (if X)    | extension length in words     |
/// ```
///
/// It holds no reference, so that it can be kept beside the buffer it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The marker bit: first packet of a talk spurt or of an event.
    pub marker: bool,
    /// The payload type.
    pub payload_type: PayloadType,
    /// The sequence number.
    pub seq: Seq,
    /// The timestamp.
    pub timestamp: RtpTimestamp,
    /// The synchronisation source.
    pub ssrc: Ssrc,
    padded: bool,
    len: usize,
}

impl Header {
    /// Reads the header. CSRCs and extension are skipped, after it is certain that they are there.
    ///
    /// The padding is not looked at: in an SRTP packet its length is still encrypted.
    pub fn parse(packet: &[u8]) -> Result<Self, HeaderError> {
        let (fixed, rest) = packet.split_first_chunk::<FIXED_HEADER_LEN>().ok_or(HeaderError::TooShort)?;
        let [first, second, seq0, seq1, ts0, ts1, ts2, ts3, ssrc0, ssrc1, ssrc2, ssrc3] = *fixed;
        if first >> 6 != 2 {
            return Err(HeaderError::Version);
        }
        let csrcs = usize::from(first & 0x0f).saturating_mul(4);
        let after_csrcs = rest.get(csrcs..).ok_or(HeaderError::Csrc)?;
        let mut len = FIXED_HEADER_LEN.saturating_add(csrcs);
        if first & 0x10 != 0 {
            let ([_, _, words0, words1], extension) = after_csrcs.split_first_chunk().ok_or(HeaderError::Extension)?;
            let octets = usize::from(u16::from_be_bytes([*words0, *words1])).saturating_mul(4);
            if octets > extension.len() {
                return Err(HeaderError::Extension);
            }
            len = len.saturating_add(4).saturating_add(octets);
        }
        Ok(Self {
            marker: second & 0x80 != 0,
            payload_type: PayloadType::from_octet(second),
            seq: Seq::new(u16::from_be_bytes([seq0, seq1])),
            timestamp: RtpTimestamp::new(u32::from_be_bytes([ts0, ts1, ts2, ts3])),
            ssrc: Ssrc::new(u32::from_be_bytes([ssrc0, ssrc1, ssrc2, ssrc3])),
            padded: first & 0x20 != 0,
            len,
        })
    }

    /// Where the payload begins.
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Where in `packet`, the plain packet this header was read from, the payload stands, padding excluded.
    pub fn payload_range(&self, packet: &[u8]) -> Result<Range<usize>, HeaderError> {
        let after_header = packet.len().checked_sub(self.len).ok_or(HeaderError::TooShort)?;
        let padding = match packet.last() {
            Some(&count) if self.padded => usize::from(count),
            _ => 0,
        };
        // RFC 3550 5.1: the count includes itself, so that 0 is a lie too.
        if (self.padded && padding == 0) || padding > after_header {
            return Err(HeaderError::Padding);
        }
        Ok(self.len..packet.len().saturating_sub(padding))
    }
}

/// A plain RTP packet: its header, and its payload without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The header.
    pub header: Header,
    /// The payload, possibly empty.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads and checks a plain packet.
    pub fn parse(packet: &'a [u8]) -> Result<Self, HeaderError> {
        let header = Header::parse(packet)?;
        let payload = packet.get(header.payload_range(packet)?).ok_or(HeaderError::TooShort)?;
        Ok(Self { header, payload })
    }
}

/// Why octets are not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HeaderError {
    /// Fewer octets than a header has.
    #[error("shorter than an RTP header")]
    TooShort,
    /// Not version 2.
    #[error("not RTP version 2")]
    Version,
    /// Claims more CSRCs than there are octets.
    #[error("CSRC count exceeds the packet")]
    Csrc,
    /// Claims an extension that exceeds the packet.
    #[error("header extension exceeds the packet")]
    Extension,
    /// Claims more padding than there is payload, or none.
    #[error("padding count is a lie")]
    Padding,
}

/// The header of a packet to be sent: no CSRC, no extension, no padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderWriter {
    /// The marker bit.
    pub marker: bool,
    /// The payload type.
    pub payload_type: PayloadType,
    /// The sequence number.
    pub seq: Seq,
    /// The timestamp.
    pub timestamp: RtpTimestamp,
    /// The synchronisation source.
    pub ssrc: Ssrc,
}

impl HeaderWriter {
    /// The twelve octets.
    pub fn encode(&self) -> [u8; FIXED_HEADER_LEN] {
        let [seq0, seq1] = self.seq.value().to_be_bytes();
        let [ts0, ts1, ts2, ts3] = self.timestamp.value().to_be_bytes();
        let [ssrc0, ssrc1, ssrc2, ssrc3] = self.ssrc.value().to_be_bytes();
        let second = (u8::from(self.marker) << 7) | self.payload_type.value();
        [0x80, second, seq0, seq1, ts0, ts1, ts2, ts3, ssrc0, ssrc1, ssrc2, ssrc3]
    }

    /// Writes the header to the front of `out` and gives back the room for the payload; `None` when there is none for
    /// the header.
    pub fn write<'a>(&self, out: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let (head, payload) = out.split_first_chunk_mut::<FIXED_HEADER_LEN>()?;
        *head = self.encode();
        Some(payload)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    const PLAIN: [u8; 16] = [0x80, 0x80, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe, 1, 2, 3, 4];

    #[test]
    fn a_plain_packet_is_read() {
        let packet = Packet::parse(&PLAIN).unwrap();
        assert_eq!(packet.payload, [1, 2, 3, 4]);
        let header = packet.header;
        assert!(header.marker);
        assert_eq!(header.payload_type, PayloadType::PCMU);
        assert_eq!(header.seq.value(), 0x1234);
        assert_eq!(header.timestamp.value(), 0xdeca_fbad);
        assert_eq!(header.ssrc.value(), 0xcafe_babe);
        assert_eq!(header.len(), 12);
    }

    #[test]
    fn csrcs_and_extension_are_skipped() {
        let mut packet = vec![0x92, 0x08, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        packet.extend([0x11; 8]);
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
        packet.extend([9, 9]);
        let read = Packet::parse(&packet).unwrap();
        assert_eq!(read.payload, [9, 9]);
        assert_eq!(read.header.len(), 28);
        for len in 0..28 {
            assert!(Packet::parse(&packet[..len]).is_err(), "prefix of {len}");
        }
    }

    #[test]
    fn lies_are_refused() {
        let with = |at: usize, octet: u8| {
            let mut packet = PLAIN;
            packet[at] = octet;
            Packet::parse(&packet).map(|read| read.payload.len())
        };
        assert_eq!(with(0, 0x00), Err(HeaderError::Version));
        assert_eq!(with(0, 0x40), Err(HeaderError::Version));
        assert_eq!(with(0, 0xc0), Err(HeaderError::Version));
        assert_eq!(with(0, 0x81), Ok(0), "one CSRC, no payload");
        assert_eq!(with(0, 0x8f), Err(HeaderError::Csrc));
        assert_eq!(with(0, 0x90), Err(HeaderError::Extension));
        assert_eq!(with(0, 0x91), Err(HeaderError::Extension), "no octet left for the extension");
        assert_eq!(with(0, 0xa0), Ok(0), "all of it is padding");
        let padded = |count: u8| {
            let mut packet = PLAIN;
            packet[0] = 0xa0;
            packet[15] = count;
            Packet::parse(&packet).map(|read| read.payload.len())
        };
        assert_eq!(padded(0), Err(HeaderError::Padding));
        assert_eq!(padded(1), Ok(3));
        assert_eq!(padded(4), Ok(0));
        assert_eq!(padded(5), Err(HeaderError::Padding));
        assert_eq!(padded(255), Err(HeaderError::Padding));
        let mut header_only = [0; 12];
        header_only.copy_from_slice(&PLAIN[..12]);
        header_only[0] = 0xa0;
        assert_eq!(Packet::parse(&header_only), Err(HeaderError::Padding), "padding without payload");
    }

    #[test]
    fn there_must_be_room_to_write() {
        let writer = HeaderWriter {
            marker: false,
            payload_type: PayloadType::PCMA,
            seq: Seq::new(1),
            timestamp: RtpTimestamp::new(2),
            ssrc: Ssrc::new(3),
        };
        assert!(writer.write(&mut [0; 11]).is_none());
        assert_eq!(writer.write(&mut [0; 13]).map(|payload| payload.len()), Some(1));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(marker: bool, payload_type in 0_u8..128, seq: u16, timestamp: u32, ssrc: u32) {
            let writer = HeaderWriter {
                marker,
                payload_type: PayloadType::new(payload_type).unwrap(),
                seq: Seq::new(seq),
                timestamp: RtpTimestamp::new(timestamp),
                ssrc: Ssrc::new(ssrc),
            };
            let read = Header::parse(&writer.encode()).unwrap();
            prop_assert_eq!(read.marker, writer.marker);
            prop_assert_eq!(read.payload_type, writer.payload_type);
            prop_assert_eq!(read.seq, writer.seq);
            prop_assert_eq!(read.timestamp, writer.timestamp);
            prop_assert_eq!(read.ssrc, writer.ssrc);
            prop_assert_eq!(read.len(), 12);
        }

        #[test]
        fn any_octets_are_survived(octets in prop::collection::vec(any::<u8>(), 0..96)) {
            if let Ok(packet) = Packet::parse(&octets) {
                prop_assert!(packet.header.len() + packet.payload.len() <= octets.len());
            }
        }
    }
}
