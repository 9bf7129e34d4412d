//! A recorded call, played again.

use media_engine::{
    rtp::Ssrc,
    srtp::{Refusal, Suite},
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::kit::{Pair, SSRC, rtcp, rtp};

const PACKETS: usize = 10_000;

fn recording(pair: &mut Pair) -> Vec<Vec<u8>> {
    (0..PACKETS).map(|n| pair.protect(&rtp(SSRC, (60_000 + n) as u16))).collect()
}

fn is_replay(outcome: &Result<Vec<u8>, Refusal>) -> bool {
    matches!(outcome, Err(Refusal::Replayed | Refusal::TooOld))
}

#[test]
fn in_order() {
    for suite in [Suite::AesCm128Sha1_80, Suite::AeadAes256Gcm] {
        let mut pair = Pair::new(suite);
        let recording = recording(&mut pair);
        for packet in &recording {
            assert!(pair.unprotect(packet).is_ok());
            assert_eq!(pair.unprotect(packet), Err(Refusal::Replayed));
        }
        let highest = pair.inbound.highest(SSRC);
        for packet in &recording {
            let outcome = pair.unprotect(packet);
            // A packet of before the wrap is now taken for one of the present turn.
            assert!(is_replay(&outcome) || outcome == Err(Refusal::BadTag), "{outcome:?}");
        }
        assert_eq!(pair.inbound.highest(SSRC), highest);
    }
}

#[test]
fn shuffled() {
    let mut rng = StdRng::seed_from_u64(9);
    for suite in [Suite::AesCm128Sha1_80, Suite::AeadAes256Gcm] {
        let mut pair = Pair::new(suite);
        let mut recording = recording(&mut pair);
        // Reordered by less than the window: each is accepted once.
        let mut accepted = 0;
        for packets in recording.chunks_mut(100) {
            packets.shuffle(&mut rng);
            for packet in &*packets {
                accepted += usize::from(pair.unprotect(packet).is_ok());
            }
        }
        assert_eq!(accepted, PACKETS);
        let highest = pair.inbound.highest(SSRC);
        for _ in 0..2 {
            recording.shuffle(&mut rng);
            for packet in &recording {
                assert!(pair.unprotect(packet).is_err());
            }
        }
        assert_eq!(pair.inbound.highest(SSRC), highest);
    }
}

#[test]
fn shuffled_from_the_start_none_is_accepted_twice() {
    let mut rng = StdRng::seed_from_u64(10);
    let mut pair = Pair::new(Suite::AeadAes128Gcm);
    let recording = recording(&mut pair);
    let mut order: Vec<usize> = (0..3).flat_map(|_| 0..PACKETS).collect();
    order.shuffle(&mut rng);
    let mut accepted = vec![0; PACKETS];
    for n in order {
        accepted[n] += u32::from(pair.unprotect(&recording[n]).is_ok());
    }
    assert!(accepted.iter().all(|&times| times <= 1));
    assert!(accepted.iter().sum::<u32>() > 0);
}

#[test]
fn rtcp_is_accepted_once() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        let recording: Vec<_> = (0..500).map(|_| pair.protect_rtcp(&rtcp(SSRC))).collect();
        for packet in recording.iter().skip(400) {
            assert_eq!(pair.unprotect_rtcp(packet), Ok(rtcp(SSRC)));
            assert_eq!(pair.unprotect_rtcp(packet), Err(Refusal::Replayed));
        }
        for (index, packet) in recording.iter().enumerate() {
            let expected = match index {
                ..=371 => Err(Refusal::TooOld),
                372..400 => Ok(rtcp(SSRC)),
                400.. => Err(Refusal::Replayed),
            };
            assert_eq!(pair.unprotect_rtcp(packet), expected, "index {index}");
        }
    }
}

/// One window for all SSRCs would refuse the reports of a peer that changes its SSRC and counts anew.
#[test]
fn a_new_ssrc_has_a_window_of_its_own() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(suite);
        for _ in 0..300 {
            let report = pair.protect_rtcp(&rtcp(SSRC));
            assert!(pair.unprotect_rtcp(&report).is_ok());
        }
        let packet = pair.protect(&rtp(SSRC, 40_000));
        assert!(pair.unprotect(&packet).is_ok());

        let other = Ssrc::new(0x0bad_cafe);
        let report = pair.protect_rtcp(&rtcp(other));
        assert!(pair.unprotect_rtcp(&report).is_ok(), "{suite:?}: index 0 of a new SSRC");
        assert_eq!(pair.unprotect_rtcp(&report), Err(Refusal::Replayed));
        let packet = pair.protect(&rtp(other, 1));
        assert!(pair.unprotect(&packet).is_ok());
        assert_eq!(pair.unprotect(&packet), Err(Refusal::Replayed));

        // The first goes on where it was.
        let report = pair.protect_rtcp(&rtcp(SSRC));
        assert!(pair.unprotect_rtcp(&report).is_ok());
    }
}
