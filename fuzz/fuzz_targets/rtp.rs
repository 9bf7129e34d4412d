//! Any datagram: sorted, read, and every part of it inside what was received.

#![no_main]

use libfuzzer_sys::fuzz_target;
use media_engine::rtp::{Header, Packet, Protocol, demux};

fuzz_target!(|datagram: &[u8]| {
    let protocol = demux(datagram);
    let header = Header::parse(datagram);
    if header.is_ok() {
        assert!(matches!(protocol, Protocol::Rtp | Protocol::Rtcp));
    }
    if let Ok(packet) = Packet::parse(datagram) {
        assert_eq!(Ok(packet.header), header);
        assert!(packet.header.len() >= 12);
        assert!(packet.header.len() + packet.payload.len() <= datagram.len());
        let range = packet.header.payload_range(datagram).expect("it was read");
        assert_eq!(&datagram[range], packet.payload);
    }
});
