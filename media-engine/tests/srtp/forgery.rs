//! Forged packets, by the million, change nothing.

use media_engine::{
    rtp::{Seq, Ssrc},
    srtp::{Refusal, Suite},
};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

use crate::kit::{Pair, SSRC, rtcp, rtp, rtp_with};

/// Sends `count` forgeries of all kinds to a receiver in mid-call; the next genuine packet must get through.
fn flood(suite: Suite, count: usize) {
    let mut pair = Pair::new(suite);
    let mut rng = StdRng::seed_from_u64(3);
    for seq in 65_500..65_535 {
        let packet = pair.protect(&rtp(SSRC, seq));
        pair.unprotect(&packet).unwrap();
    }
    let before = pair.inbound.highest(SSRC);
    let genuine = pair.protect(&rtp_with(SSRC, 65_535, &[0x55; 160]));
    let mut refused = [0_usize; Refusal::ALL.len()];

    // A debug build makes random octets slowly; a window that wanders over a supply of them will do.
    let mut supply = vec![0; 65_536];
    rng.fill_bytes(&mut supply);
    let mut noise = |octets: &mut [u8]| {
        let at = rng.next_u32() as usize % (supply.len() - octets.len());
        octets.copy_from_slice(&supply[at..at + octets.len()]);
    };

    let mut buf = [0; 1_500];
    for n in 0..count {
        let len = genuine.len();
        buf[..len].copy_from_slice(&genuine);
        let packet = &mut buf[..len];
        match n % 5 {
            // One bit of the genuine packet.
            0 => packet[1 + n / 5 % (len - 1)] ^= 1 << (n / 5 / len % 8),
            // Our SSRC, the next sequence numbers, the rest at random.
            1 => {
                packet[2..4].copy_from_slice(&Seq::new(65_535).advance(n as u16).value().to_be_bytes());
                noise(&mut packet[12..]);
            }
            // SSRCs without end.
            2 => noise(&mut packet[8..]),
            // A tag at random.
            3 => noise(&mut packet[len - 4..]),
            // Noise of version 2.
            _ => {
                noise(packet);
                packet[0] = 0x80 | packet[0] & 0x3f;
            }
        }
        if packet == genuine {
            continue;
        }
        let refusal = pair.inbound.unprotect_rtp(packet).expect_err("a forgery");
        refused[refusal.index()] += 1;
    }
    assert!(refused[Refusal::BadTag.index()] > count * 4 / 5, "{refused:?}");
    assert_eq!(pair.inbound.ssrcs(), 1);
    assert_eq!(pair.inbound.highest(SSRC), before);
    assert!(pair.unprotect(&genuine).is_ok());
}

#[test]
fn a_million_forged_packets_change_nothing() {
    flood(Suite::AeadAes128Gcm, 1_000_000);
}

#[test]
fn nor_do_those_of_the_other_suites() {
    for suite in Suite::ALL {
        flood(suite, 10_000);
    }
}

#[test]
fn forged_rtcp_changes_nothing() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        let mut rng = StdRng::seed_from_u64(4);
        let first = pair.protect_rtcp(&rtcp(SSRC));
        pair.unprotect_rtcp(&first).unwrap();
        let genuine = pair.protect_rtcp(&rtcp(SSRC));
        for n in 0..10_000 {
            let mut packet = genuine.clone();
            let len = packet.len();
            match n % 3 {
                0 => packet[rng.random_range(0..len)] ^= 1 << rng.random_range(0..8),
                1 => rng.fill_bytes(&mut packet[4..]),
                // The highest index there is, to push the window away.
                _ => {
                    let at = if suite.rtp_overhead() == 16 { len - 4 } else { len - 14 };
                    packet[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
                }
            }
            assert!(packet == genuine || pair.inbound.unprotect_rtcp(&mut packet).is_err());
        }
        assert_eq!(pair.inbound.ssrcs(), 1);
        assert_eq!(pair.unprotect_rtcp(&genuine), Ok(rtcp(SSRC)));
    }
}

#[test]
fn a_packet_under_another_key_or_suite_is_refused() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        let packet = pair.protect(&rtp(SSRC, 1));
        for other in Suite::ALL.into_iter().filter(|&other| other != suite) {
            let mut receiver = Pair::new(other);
            assert!(receiver.unprotect(&packet).is_err(), "{suite:?} read as {other:?}");
            assert_eq!(receiver.inbound.ssrcs(), 0);
        }
    }
}

#[test]
fn an_mki_is_not_skipped() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        let mut packet = pair.protect(&rtp(SSRC, 1));
        let tag = packet.len() - suite.rtp_overhead();
        packet.splice(tag..tag, [0, 0, 0, 1]);
        assert_eq!(pair.unprotect(&packet), Err(Refusal::BadTag));
    }
}

#[test]
fn plain_rtp_is_refused_on_a_secure_leg() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        assert_eq!(pair.unprotect(&rtp_with(SSRC, 1, &[0xff; 160])), Err(Refusal::BadTag));
        let long = [&rtcp(SSRC)[..], &[0x80, 0, 0, 0x7f], &[0xff; 508]].concat();
        assert!(matches!(pair.unprotect_rtcp(&long), Err(Refusal::BadTag | Refusal::Unencrypted)));
        assert_eq!(pair.inbound.ssrcs(), 0);
    }
}

#[test]
fn debug_shows_no_key() {
    let pair = Pair::new(Suite::AeadAes256Gcm);
    let shown = format!("{:?} {:?}", pair.inbound, pair.outbound);
    assert_eq!(shown, "Inbound { suite: AeadAes256Gcm, ssrcs: 0, .. } Outbound { suite: AeadAes256Gcm, ssrcs: 0, .. }");
    assert_eq!(pair.inbound.highest(Ssrc::new(1)), None);
}
