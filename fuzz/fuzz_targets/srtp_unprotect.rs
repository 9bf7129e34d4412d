//! A receiver in mid-call, and an attacker who sees all of its packets.
//!
//! The input is a script: the suite, then steps. Noise and altered packets must be refused and change nothing, replays
//! too; genuine packets in order must be accepted whatever came between.

#![no_main]

use libfuzzer_sys::fuzz_target;
use media_engine::{
    rtp::{Seq, Ssrc},
    srtp::{Inbound, MasterKey, Outbound, Suite},
};

fuzz_target!(|script: &[u8]| {
    let Some((&suite, mut script)) = script.split_first() else {
        return;
    };
    let suite = Suite::ALL[usize::from(suite) % Suite::ALL.len()];
    let key = MasterKey::new(suite, &[0xa5; 46][..suite.key_len()]).expect("the right length");
    let (mut outbound, mut inbound) = (Outbound::new(&key), Inbound::new(&key));
    let mut seq = Seq::new(0x7ff0);
    let mut recorded = Vec::new();

    while let Some(([step, len], rest)) = script.split_first_chunk() {
        let (octets, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        script = rest;
        match step % 4 {
            // A genuine packet, after a loss of up to 16,128 others.
            0 => {
                seq = seq.advance(u16::from(step / 4) << 8 | 1);
                let packet = protect(&mut outbound, seq, octets);
                let mut received = packet.clone();
                let len = inbound.unprotect_rtp(&mut received).expect("a genuine packet");
                assert_eq!(received[12..len], *octets);
                recorded.push(packet);
            }
            // Noise.
            1 => {
                let before = state(&inbound);
                assert!(inbound.unprotect_rtp(&mut octets.to_vec()).is_err());
                assert_eq!(state(&inbound), before);
            }
            // A genuine packet that never arrived, altered.
            2 => {
                seq = seq.next();
                let packet = protect(&mut outbound, seq, &[0xd5; 160]);
                let mut altered = packet.clone();
                altered.iter_mut().zip(octets).for_each(|(to, by)| *to ^= by);
                if altered != packet {
                    let before = state(&inbound);
                    assert!(inbound.unprotect_rtp(&mut altered).is_err());
                    assert_eq!(state(&inbound), before);
                }
            }
            // A replay.
            _ => {
                let place = octets.first().map_or(0, |&octet| usize::from(octet));
                if let Some(packet) = recorded.get(place) {
                    assert!(inbound.unprotect_rtp(&mut packet.clone()).is_err());
                }
            }
        }
    }

    let mut last = protect(&mut outbound, seq.next(), b"last");
    assert!(inbound.unprotect_rtp(&mut last).is_ok());
    assert_eq!(inbound.ssrcs(), 1);
});

fn protect(outbound: &mut Outbound, seq: Seq, payload: &[u8]) -> Vec<u8> {
    let [high, low] = seq.value().to_be_bytes();
    let mut packet = vec![0x80, 0, high, low, 0, 0, 0, 0, 0, 0, 0, 7];
    packet.extend(payload);
    let len = packet.len();
    packet.resize(len + 16, 0);
    let len = outbound.protect_rtp(&mut packet, len).expect("the index rises");
    packet.truncate(len);
    packet
}

fn state(inbound: &Inbound) -> String {
    format!("{inbound:?} {:?}", inbound.highest(Ssrc::new(7)))
}
