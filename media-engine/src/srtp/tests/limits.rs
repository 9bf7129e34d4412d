use super::*;
use crate::{
    limits::{MAX_PACKET, MAX_SSRCS},
    srtp::{ProtectError, Refusal},
};

const SSRC: Ssrc = Ssrc::new(0xcafe_babe);

fn keys() -> impl Iterator<Item = MasterKey> {
    Suite::ALL.into_iter().map(|suite| MasterKey::new(suite, &[0x5a; 46][..suite.key_len()]).unwrap())
}

#[test]
fn the_48_bit_index_ends() {
    for key in keys() {
        let last = ExtSeq::MAX;
        let mut outbound = outbound_at(&key, SSRC, last);
        let mut inbound = Inbound::new(&key);
        inbound.set_initial_roc(u32::MAX);

        let protected = protect(&mut outbound, &rtp(SSRC, last.seq(), b"last"));
        assert!(unprotect(&mut inbound, &protected).is_ok());

        let mut next = rtp(SSRC, last.seq().next(), b"one too many");
        let len = next.len();
        next.resize(len + 32, 0);
        assert_eq!(outbound.protect_rtp(&mut next, len), Err(ProtectError::KeyExhausted));
        assert_eq!(unprotect(&mut inbound, &next[..len + 16]), Err(Refusal::KeyExhausted));
    }
}

#[test]
fn the_31_bit_index_ends() {
    for key in keys() {
        let mut outbound = Outbound::new(&key);
        let mut inbound = Inbound::new(&key);
        outbound.force_rtcp_index(SSRC, (1 << 31) - 1);
        let protected = protect_rtcp(&mut outbound, &rtcp(SSRC));
        assert_eq!(unprotect_rtcp(&mut inbound, &protected), Ok(rtcp(SSRC)));
        let mut buf = rtcp(SSRC);
        buf.resize(64, 0);
        assert_eq!(outbound.protect_rtcp(&mut buf, 8), Err(ProtectError::KeyExhausted));
        assert_eq!(outbound.protect_rtcp(&mut buf, 8), Err(ProtectError::KeyExhausted));
    }
}

#[test]
fn an_index_is_never_used_twice() {
    for key in keys() {
        let mut outbound = Outbound::new(&key);
        protect(&mut outbound, &rtp(SSRC, Seq::new(100), b"first"));
        for seq in [100, 99, 0, 65_535, 40_000] {
            let mut packet = rtp(SSRC, Seq::new(seq), b"again");
            let len = packet.len();
            packet.resize(len + 32, 0);
            let outcome = outbound.protect_rtp(&mut packet, len);
            // 65535 and 40000 lie before index 100, that is before index 0: they are taken for what is ahead.
            match seq {
                40_000 => assert_eq!(outcome, Err(ProtectError::IndexReused)),
                65_535 => assert!(outcome.is_ok()),
                _ => {
                    assert_eq!(outcome, Err(ProtectError::IndexReused));
                    assert_eq!(packet[12..len], *b"again", "nothing was written");
                }
            }
        }
        assert_eq!(outbound.highest(SSRC), Some(ExtSeq::new(0, Seq::new(65_535))));
    }
}

#[test]
fn ssrcs_are_bounded_and_cost_a_valid_tag() {
    for key in keys() {
        let ssrcs = (0..).map(Ssrc::new);
        let mut inbound = Inbound::new(&key);
        let mut outbound = Outbound::new(&key);
        for ssrc in ssrcs.clone().take(MAX_SSRCS) {
            let protected = protect(&mut outbound, &rtp(ssrc, Seq::new(1), b"x"));
            assert!(unprotect(&mut inbound, &protected).is_ok());
        }
        let mut one_more = rtp(Ssrc::new(99), Seq::new(1), b"x");
        one_more.resize(64, 0);
        assert_eq!(outbound.protect_rtp(&mut one_more, 13), Err(ProtectError::TooManySsrcs));
        let mut report = rtcp(Ssrc::new(99));
        report.resize(64, 0);
        assert_eq!(outbound.protect_rtcp(&mut report, 8), Err(ProtectError::TooManySsrcs));

        let mut other = Outbound::new(&key);
        let valid = protect(&mut other, &rtp(Ssrc::new(99), Seq::new(1), b"x"));
        assert_eq!(unprotect(&mut inbound, &valid), Err(Refusal::TooManySsrcs));
        let valid = protect_rtcp(&mut other, &rtcp(Ssrc::new(99)));
        assert_eq!(unprotect_rtcp(&mut inbound, &valid), Err(Refusal::TooManySsrcs));
        assert_eq!(inbound.ssrcs(), MAX_SSRCS);

        // Those that have a slot go on.
        let protected = protect(&mut outbound, &rtp(Ssrc::new(0), Seq::new(2), b"x"));
        assert!(unprotect(&mut inbound, &protected).is_ok());
    }
}

#[test]
fn lengths_have_an_end() {
    for key in keys() {
        let suite = key.suite();
        let (mut outbound, mut inbound) = (Outbound::new(&key), Inbound::new(&key));
        let longest = MAX_PACKET - suite.rtp_overhead();

        let plain = rtp(SSRC, Seq::new(1), &vec![7; longest - 12]);
        let protected = protect(&mut outbound, &plain);
        assert_eq!(protected.len(), MAX_PACKET);
        assert_eq!(unprotect(&mut inbound, &protected), Ok(plain));

        let mut plain = rtp(SSRC, Seq::new(2), &vec![7; longest - 11]);
        plain.resize(2_000, 0);
        assert_eq!(outbound.protect_rtp(&mut plain, longest + 1), Err(ProtectError::TooLong));
        assert_eq!(outbound.protect_rtp(&mut plain, 2_001), Err(ProtectError::NoRoom));
        assert_eq!(outbound.protect_rtp(&mut plain[..30], 30), Err(ProtectError::NoRoom));
        assert_eq!(outbound.protect_rtp(&mut plain, 11), Err(ProtectError::Malformed));
        assert_eq!(outbound.highest(SSRC), Some(ExtSeq::new(0, Seq::new(1))));
        assert_eq!(inbound.unprotect_rtp(&mut plain[..=MAX_PACKET]), Err(Refusal::TooLong));

        let mut report = rtcp(SSRC);
        report.resize(2_000, 0);
        assert_eq!(outbound.protect_rtcp(&mut report, 7), Err(ProtectError::Malformed));
        assert_eq!(outbound.protect_rtcp(&mut report[..8], 8), Err(ProtectError::NoRoom));
        assert_eq!(outbound.protect_rtcp(&mut report, MAX_PACKET), Err(ProtectError::TooLong));
        assert_eq!(inbound.unprotect_rtcp(&mut report[..=MAX_PACKET]), Err(Refusal::TooLong));
        report[0] = 0x40;
        assert_eq!(outbound.protect_rtcp(&mut report, 8), Err(ProtectError::Malformed));
        assert_eq!(inbound.unprotect_rtcp(&mut report[..64]), Err(Refusal::Malformed));
        assert_eq!(inbound.ssrcs(), 1);
    }
}

#[test]
fn rtcp_must_be_encrypted() {
    for key in keys() {
        let (mut outbound, mut inbound) = (Outbound::new(&key), Inbound::new(&key));
        let mut protected = protect_rtcp(&mut outbound, &rtcp(SSRC));
        let at = if protected.len() == 8 + 14 { 8 } else { 24 };
        assert_eq!(protected[at], 0x80, "the E bit");
        protected[at] = 0;
        assert_eq!(unprotect_rtcp(&mut inbound, &protected), Err(Refusal::Unencrypted));
        assert_eq!(inbound.ssrcs(), 0);
    }
}
