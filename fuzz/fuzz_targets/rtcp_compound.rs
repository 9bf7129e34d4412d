//! Any compound RTCP packet: read to its end, and the statistics take what it says.

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use media_engine::{
    limits::{MAX_REPORT_BLOCKS, MAX_RTCP_PACKETS},
    rtcp::{Compound, NtpTime, Packet, Reception},
};

fuzz_target!(|octets: &[u8]| {
    let Ok(compound) = Compound::parse(octets) else {
        return;
    };
    let now = Instant::now();
    let mut packets = 0;
    for packet in compound {
        packets += 1;
        assert!(packets <= MAX_RTCP_PACKETS + 1);
        match packet {
            Ok(Packet::SenderReport { ssrc, info, blocks }) => {
                let mut reception = Reception::new(ssrc, 8_000);
                reception.on_sender_report(info.ntp, now);
                let later = now + Duration::from_secs(u64::from(info.packets));
                assert!(reception.report_block(later).is_none());
                assert!(blocks.count() <= MAX_REPORT_BLOCKS);
            }
            Ok(Packet::ReceiverReport { blocks, .. }) => {
                let mut count = 0;
                for block in blocks {
                    count += 1;
                    let arrival = NtpTime::new(u64::from(block.jitter) << 16);
                    assert!(block.round_trip(arrival).is_none_or(|time| time < Duration::from_secs(65_536)));
                }
                assert!(count <= MAX_REPORT_BLOCKS);
            }
            Ok(Packet::SourceDescription { cname, .. }) => assert!(cname.is_none_or(|name| name.len() <= 255)),
            Ok(Packet::Goodbye { ssrcs }) => assert!(ssrcs.count() <= 31),
            Ok(Packet::Other { .. }) | Err(_) => {}
        }
    }
});
