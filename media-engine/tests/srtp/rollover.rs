//! Sender and receiver agree on the rollover counter, whatever is lost.

use media_engine::{
    rtp::{ExtSeq, Seq, Ssrc},
    srtp::{Inbound, MasterKey, Refusal, Suite},
};
use proptest::prelude::*;

use crate::kit::{Pair, SSRC, rtp};

/// Sends all packets from `first` to `last` (indices), and lets the receiver have those that `arrives` says.
///
/// To be quick in a debug build, of the packets that do not arrive only the first and one in a thousand are protected:
/// the sender's counter needs no more.
fn run(pair: &mut Pair, first: u32, last: u32, arrives: impl Fn(u32) -> bool) {
    for n in first..=last {
        let arrives = arrives(n);
        if !arrives && n != first && n % 1_000 != 0 {
            continue;
        }
        let plain = rtp(SSRC, n as u16);
        let packet = pair.protect(&plain);
        if arrives {
            assert_eq!(pair.unprotect(&packet), Ok(plain), "packet {n}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_loss_of_30_000_round_each_of_three_wraps(
        suite in prop::sample::select(Suite::ALL.to_vec()),
        start in 0..32_768_u32,
        gaps in prop::collection::vec((0..30_000_u32, 0..30_000_u32), 3),
    ) {
        let mut pair = Pair::new(suite);
        let lost: Vec<_> = (1..)
            .zip(&gaps)
            .map(|(wrap, &(before, len))| wrap * 65_536 - before.min(len)..wrap * 65_536 - before.min(len) + len)
            .collect();
        // Everything that arrives is one packet in 500, and both neighbours of each gap.
        let edge = |n: u32| lost.iter().any(|gap| n + 1 == gap.start || n == gap.end);
        let arrives = |n: u32| !lost.iter().any(|gap| gap.contains(&n)) && (n == start || n.is_multiple_of(500) || edge(n));
        run(&mut pair, start, 3 * 65_536 + 40_000, arrives);
        prop_assert_eq!(pair.inbound.highest(SSRC).unwrap().roc(), 3);
    }
}

/// The case in which libsrtp never recovered: a start just before the wrap, and the first packets lost.
#[test]
fn the_first_packets_are_lost_with_the_wrap() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        run(&mut pair, 65_534, 70_000, |n| n >= 65_540 && n % 10 == 0);
        assert_eq!(pair.inbound.highest(SSRC), Some(ExtSeq::new(1, Seq::new((70_000 - 65_536) as u16))));
    }
}

#[test]
fn packets_change_places_at_the_wrap() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        let order = [65_534_u32, 65_537, 65_535, 65_538, 65_536, 65_533];
        let mut packets: Vec<_> = (65_533..=65_538_u32).map(|n| (n, pair.protect(&rtp(SSRC, n as u16)))).collect();
        packets.sort_by_key(|(n, _)| order.iter().position(|m| m == n));
        for (n, packet) in packets {
            assert_eq!(pair.unprotect(&packet), Ok(rtp(SSRC, n as u16)), "packet {n}");
        }
    }
}

#[test]
fn the_wrap_is_the_first_that_arrives_and_then_what_came_before() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        let packets: Vec<_> = (65_535..=65_537_u32).map(|n| pair.protect(&rtp(SSRC, n as u16))).collect();
        for n in [1, 0, 2] {
            assert!(pair.unprotect(&packets[n]).is_ok(), "{suite:?}, packet {n}");
        }
    }
}

#[test]
fn forty_eight_hours() {
    for suite in [Suite::AesCm128Sha1_80, Suite::AeadAes256Gcm] {
        let mut pair = Pair::new(suite);
        // 50 packets a second; of those the receiver has one in 9,973.
        let last = 48 * 3_600 * 50;
        for n in (0..=last).step_by(9_973) {
            let plain = rtp(SSRC, n as u16);
            let packet = pair.protect(&plain);
            assert_eq!(pair.unprotect(&packet), Ok(plain), "packet {n}");
        }
        assert_eq!(pair.inbound.highest(SSRC).unwrap().roc(), 131);
        assert_eq!(pair.outbound.highest(SSRC), pair.inbound.highest(SSRC));
    }
}

#[test]
fn each_ssrc_has_a_counter_of_its_own_and_keeps_it() {
    let other = Ssrc::new(7);
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        run(&mut pair, 65_000, 66_000, |_| true);
        // The other one has not wrapped.
        let plain = rtp(other, 300);
        let packet = pair.protect(&plain);
        assert_eq!(pair.unprotect(&packet), Ok(plain));
        // After a hold the first comes back where it was.
        run(&mut pair, 66_001, 66_010, |_| true);
        assert_eq!(pair.inbound.highest(SSRC).unwrap().roc(), 1);
        assert_eq!(pair.inbound.highest(other).unwrap().roc(), 0);
    }
}

#[test]
fn a_context_is_kept_over_a_re_invite_with_the_same_key() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        run(&mut pair, 65_530, 65_540, |_| true);
        let offered = MasterKey::new(suite, pair.key.expose()).unwrap();
        assert!(offered.is_same(&pair.key));

        // Kept: it moves, and the recording of before is refused.
        let replay = {
            let mut again = Pair::new(suite);
            again.protect(&rtp(SSRC, 65_535))
        };
        let Pair { inbound, outbound, key } = pair;
        let mut pair = Pair { key, outbound, inbound };
        assert_eq!(pair.unprotect(&replay), Err(Refusal::Replayed));
        run(&mut pair, 65_541, 65_550, |_| true);
    }
}

#[test]
fn who_joins_late_is_told_the_counter() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        let plain = rtp(SSRC, 5 * 65_536_u32 as u16);
        run(&mut pair, 0, 5 * 65_536 - 1, |_| false);
        let packet = pair.protect(&plain);

        assert_eq!(pair.unprotect(&packet), Err(Refusal::BadTag), "{suite:?}: the counter is 5");
        for (roc, ok) in [(3, false), (4, true), (5, true), (6, true), (7, false)] {
            let mut late = Inbound::new(&pair.key);
            late.set_initial_roc(roc);
            assert_eq!(late.unprotect_rtp(&mut packet.clone()).is_ok(), ok, "{suite:?}: told {roc}");
            assert_eq!(late.highest(SSRC).map(ExtSeq::roc), ok.then_some(5));
        }
    }
}

/// Once a packet has been accepted there is no guessing.
#[test]
fn a_receiver_in_step_searches_no_counter() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        let early = pair.protect(&rtp(SSRC, 1_000));
        assert!(pair.unprotect(&early).is_ok());
        run(&mut pair, 1_001, 65_536 + 999, |_| false);
        let a_turn_later = pair.protect(&rtp(SSRC, 1_000));
        assert_eq!(pair.unprotect(&a_turn_later), Err(Refusal::BadTag));
        assert_eq!(pair.inbound.highest(SSRC), Some(ExtSeq::new(0, Seq::new(1_000))));
    }
}
