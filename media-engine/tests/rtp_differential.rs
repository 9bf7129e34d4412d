//! Another implementation reads and writes the same headers. It sees well-formed packets only: on others it may panic.

use media_engine::rtp::{Header, HeaderWriter, Packet, PayloadType, RtpTimestamp, Seq, Ssrc};
use proptest::prelude::*;
use webrtc_util::marshal::{Marshal, Unmarshal};

proptest! {
    #[test]
    fn it_reads_what_we_write(marker: bool, payload_type in 0..128_u8, seq: u16, timestamp: u32, ssrc: u32) {
        let ours = HeaderWriter {
            marker,
            payload_type: PayloadType::new(payload_type).unwrap(),
            seq: Seq::new(seq),
            timestamp: RtpTimestamp::new(timestamp),
            ssrc: Ssrc::new(ssrc),
        };
        let theirs = rtp::packet::Packet::unmarshal(&mut &ours.encode()[..]).unwrap().header;
        prop_assert_eq!(
            (theirs.marker, theirs.payload_type, theirs.sequence_number, theirs.timestamp, theirs.ssrc),
            (marker, payload_type, seq, timestamp, ssrc)
        );
    }

    #[test]
    fn we_read_what_it_writes(
        marker: bool, payload_type in 0..128_u8, seq: u16, timestamp: u32, ssrc: u32,
        csrc in prop::collection::vec(any::<u32>(), 0..16),
        payload in prop::collection::vec(any::<u8>(), 1..200),
        extension in prop::collection::vec(any::<u8>(), 0..16),
    ) {
        let mut theirs = rtp::packet::Packet {
            header: rtp::header::Header {
                version: 2, marker, payload_type, sequence_number: seq, timestamp, ssrc, csrc,
                ..Default::default()
            },
            payload: payload.clone().into(),
        };
        if !extension.is_empty() {
            theirs.header.set_extension(1, extension.into()).unwrap();
        }
        let octets = theirs.marshal().unwrap();
        let ours = Packet::parse(&octets).unwrap();
        prop_assert_eq!(ours.payload, &payload[..]);
        let Header { marker: m, payload_type: pt, seq: s, timestamp: ts, ssrc: source, .. } = ours.header;
        prop_assert_eq!(
            (m, pt.value(), s.value(), ts.value(), source.value()),
            (marker, payload_type, seq, timestamp, ssrc)
        );
    }
}
