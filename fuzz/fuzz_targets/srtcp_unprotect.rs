//! As `srtp_unprotect`, for the reports.

#![no_main]

use libfuzzer_sys::fuzz_target;
use media_engine::srtp::{Inbound, MasterKey, Outbound, Suite};

fuzz_target!(|script: &[u8]| {
    let Some((&suite, mut script)) = script.split_first() else {
        return;
    };
    let suite = Suite::ALL[usize::from(suite) % Suite::ALL.len()];
    let key = MasterKey::new(suite, &[0xa5; 46][..suite.key_len()]).expect("the right length");
    let (mut outbound, mut inbound) = (Outbound::new(&key), Inbound::new(&key));
    let mut recorded = Vec::new();

    while let Some(([step, len], rest)) = script.split_first_chunk() {
        let (octets, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        script = rest;
        match step % 4 {
            // A genuine report.
            0 => {
                let packet = protect(&mut outbound, octets);
                let mut received = packet.clone();
                let len = inbound.unprotect_rtcp(&mut received).expect("a genuine report");
                assert_eq!(received[8..len], *octets);
                recorded.push(packet);
            }
            // Noise.
            1 => assert!(inbound.unprotect_rtcp(&mut octets.to_vec()).is_err()),
            // A genuine report that never arrived, altered.
            2 => {
                let packet = protect(&mut outbound, &[0xd5; 24]);
                let mut altered = packet.clone();
                altered.iter_mut().rev().zip(octets).for_each(|(to, by)| *to ^= by);
                assert!(altered == packet || inbound.unprotect_rtcp(&mut altered).is_err());
            }
            // A replay.
            _ => {
                let place = octets.first().map_or(0, |&octet| usize::from(octet));
                if let Some(packet) = recorded.get(place) {
                    assert!(inbound.unprotect_rtcp(&mut packet.clone()).is_err());
                }
            }
        }
    }

    let mut last = protect(&mut outbound, &[]);
    assert_eq!(inbound.unprotect_rtcp(&mut last), Ok(8));
    assert_eq!(inbound.ssrcs(), 1);
});

fn protect(outbound: &mut Outbound, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, 7];
    packet.extend(rest);
    let len = packet.len();
    packet.resize(len + 20, 0);
    let len = outbound.protect_rtcp(&mut packet, len).expect("the index rises");
    packet.truncate(len);
    packet
}
