//! Another implementation reads what we write, and we read what it writes. It knows two of our suites; the others are
//! held to published vectors.

use media_engine::srtp::{Inbound, MasterKey, Outbound, Suite};
use proptest::prelude::*;
use webrtc_srtp::{context::Context, protection_profile::ProtectionProfile};

use crate::kit::{Pair, SSRC, protect, rtcp, rtp, rtp_with, unprotect};

const SHARED: [(Suite, ProtectionProfile, usize); 2] = [
    (Suite::AesCm128Sha1_80, ProtectionProfile::Aes128CmHmacSha1_80, 16),
    (Suite::AeadAes128Gcm, ProtectionProfile::AeadAes128Gcm, 16),
];

fn theirs(key: &MasterKey, profile: ProtectionProfile, key_len: usize) -> Context {
    let (key, salt) = key.expose().split_at(key_len);
    Context::new(key, salt, profile, None, None).unwrap()
}

#[test]
fn rtp_both_ways_over_three_wraps() {
    for (suite, profile, key_len) in SHARED {
        let mut pair = Pair::new(suite);
        let mut their_reader = theirs(&pair.key, profile, key_len);
        let mut their_writer = theirs(&pair.key, profile, key_len);
        // In steps, so that a debug build gets round three times; but each packet near the wraps, because the other
        // implementation falls out of step when more than a hundred are lost there.
        let near_a_wrap = |n: u32| n.wrapping_add(200) % 65_536 < 400;
        for n in (30_000..4 * 65_536_u32).filter(|&n| n % 1_009 == 0 || near_a_wrap(n)) {
            let plain = rtp(SSRC, n as u16);
            let ours = pair.protect(&plain);
            let read = their_reader.decrypt_rtp(&ours).unwrap();
            assert_eq!(read, plain, "{suite:?}, packet {n}");

            let written = their_writer.encrypt_rtp(&plain).unwrap();
            assert_eq!(written, ours, "{suite:?}, packet {n}");
            assert_eq!(pair.unprotect(&written), Ok(plain), "{suite:?}, packet {n}");
        }
        assert_eq!(pair.inbound.highest(SSRC).unwrap().roc(), 3);
    }
}

#[test]
fn rtcp_both_ways() {
    for (suite, profile, key_len) in SHARED {
        let mut pair = Pair::new(suite);
        let mut their_reader = theirs(&pair.key, profile, key_len);
        let mut their_writer = theirs(&pair.key, profile, key_len);
        for n in 0..300 {
            let mut plain = rtcp(SSRC);
            plain.extend([0x81, 203, 0, 1, 0, 0, 0, n as u8]);
            let ours = pair.protect_rtcp(&plain);
            assert_eq!(their_reader.decrypt_rtcp(&ours).unwrap(), plain, "{suite:?}, packet {n}");
            let written = their_writer.encrypt_rtcp(&plain).unwrap();
            assert_eq!(pair.unprotect_rtcp(&written), Ok(plain), "{suite:?}, packet {n}");
        }
    }
}

proptest! {
    #[test]
    fn headers_and_payloads_of_all_shapes(
        payload in prop::collection::vec(any::<u8>(), 0..1_300),
        seq in 0..32_768_u16,
        csrcs in 0..4_u8,
        extension in prop::option::of(0..4_u8),
        octets: [u8; 46],
    ) {
        let mut plain = rtp_with(SSRC, seq, &[]);
        plain[0] |= csrcs;
        for csrc in 0..csrcs {
            plain.extend([1, 2, 3, csrc]);
        }
        if let Some(words) = extension {
            plain[0] |= 0x10;
            plain.extend([0, 0, 0, words]);
            plain.extend(vec![9; usize::from(words) * 4]);
        }
        plain.extend(payload);
        for (suite, profile, key_len) in SHARED {
            let key = MasterKey::new(suite, &octets[..suite.key_len()]).unwrap();
            let ours = protect(&mut Outbound::new(&key), &plain);
            prop_assert_eq!(theirs(&key, profile, key_len).decrypt_rtp(&ours).unwrap(), &plain[..]);
            let written = theirs(&key, profile, key_len).encrypt_rtp(&plain).unwrap();
            prop_assert_eq!(unprotect(&mut Inbound::new(&key), &written).unwrap(), &plain[..]);
        }
    }
}
