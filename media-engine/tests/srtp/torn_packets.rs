//! Packets that end too soon, or never began.

use media_engine::srtp::{Refusal, Suite};
use proptest::prelude::*;

use crate::kit::{Pair, SSRC, rtcp, rtp, rtp_with};

#[test]
fn every_prefix_of_a_good_packet_is_refused() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        let mut with_all = rtp_with(SSRC, 7, &[1, 2, 3, 4]);
        with_all[0] |= 0x12;
        with_all.splice(12..12, [0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
        for plain in [rtp(SSRC, 1), rtp_with(SSRC, 2, &[]), rtp_with(SSRC, 3, &[0x7f; 160]), with_all] {
            let packet = pair.protect(&plain);
            for len in 0..packet.len() {
                let refusal = pair.unprotect(&packet[..len]).expect_err("a prefix");
                let expected: &[Refusal] = match len {
                    ..12 => &[Refusal::TooShort],
                    _ => &[Refusal::TooShort, Refusal::Malformed, Refusal::BadTag],
                };
                assert!(expected.contains(&refusal), "{suite:?}, {len} of {}: {refusal}", packet.len());
            }
            assert_eq!(pair.unprotect(&packet), Ok(plain));
        }
    }
}

#[test]
fn every_prefix_of_a_good_report_is_refused() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        for plain in [rtcp(SSRC), [rtcp(SSRC), vec![0x80, 203, 0, 0]].concat()] {
            let packet = pair.protect_rtcp(&plain);
            for len in 0..packet.len() {
                let refusal = pair.unprotect_rtcp(&packet[..len]).expect_err("a prefix");
                let expected: &[Refusal] = if len < 8 + suite.rtcp_overhead() {
                    &[Refusal::TooShort]
                } else {
                    &[Refusal::BadTag, Refusal::Unencrypted]
                };
                assert!(expected.contains(&refusal), "{suite:?}, {len} of {}: {refusal}", packet.len());
            }
            assert_eq!(pair.unprotect_rtcp(&packet), Ok(plain));
        }
    }
}

#[test]
fn every_bit_counts() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        let (plain, report) = (rtp_with(SSRC, 1, b"payload"), rtcp(SSRC));
        let (packet, protected_report) = (pair.protect(&plain), pair.protect_rtcp(&report));
        for bit in 0..packet.len() * 8 {
            let mut flipped = packet.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(pair.unprotect(&flipped).is_err(), "{suite:?}, bit {bit}");
        }
        for bit in 0..protected_report.len() * 8 {
            let mut flipped = protected_report.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(pair.unprotect_rtcp(&flipped).is_err(), "{suite:?}, bit {bit}");
        }
        assert_eq!(pair.unprotect(&packet), Ok(plain));
        assert_eq!(pair.unprotect_rtcp(&protected_report), Ok(report));
    }
}

proptest! {
    #[test]
    fn any_octets_are_survived(
        suite in prop::sample::select(Suite::ALL.to_vec()),
        octets in prop::collection::vec(any::<u8>(), 0..1_600),
        first in 0x80..=0xbf_u8,
    ) {
        let mut pair = Pair::new(suite);
        prop_assert!(pair.unprotect(&octets).is_err());
        prop_assert!(pair.unprotect_rtcp(&octets).is_err());
        let mut octets = octets;
        if let Some(octet) = octets.first_mut() {
            *octet = first;
        }
        prop_assert!(pair.unprotect(&octets).is_err());
        prop_assert!(pair.unprotect_rtcp(&octets).is_err());
        prop_assert_eq!(pair.inbound.ssrcs(), 0);
    }
}
