use aes::{Aes128Enc, Aes256Enc};
use ctr::{
    CtrCore,
    cipher::{InnerIvInit, KeyInit, StreamCipherCore},
    flavors::Ctr128BE,
};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{
    Suite,
    kdf::{Kdf, Label},
};
use crate::rtp::{ExtSeq, Ssrc};

/// AES in counter mode. A block is counted in the last two octets of the IV, so that one packet can have 2^16 of them.
pub(super) enum CounterMode {
    Aes128(Aes128Enc),
    Aes256(Aes256Enc),
}

impl CounterMode {
    #[expect(clippy::expect_used, reason = "a Suite has keys of 16 or 32 octets and MasterKey::new checks the length")]
    pub(super) fn new(key: &[u8]) -> Self {
        if key.len() == 16 {
            Self::Aes128(Aes128Enc::new_from_slice(key).expect("16 octets"))
        } else {
            Self::Aes256(Aes256Enc::new_from_slice(key).expect("32 octets"))
        }
    }

    #[inline]
    pub(super) fn apply_keystream(&self, iv: &[u8; 16], data: &mut [u8]) {
        match self {
            Self::Aes128(cipher) => {
                CtrCore::<_, Ctr128BE>::inner_iv_init(cipher, iv.into()).apply_keystream_partial(data.into());
            }
            Self::Aes256(cipher) => {
                CtrCore::<_, Ctr128BE>::inner_iv_init(cipher, iv.into()).apply_keystream_partial(data.into());
            }
        }
    }
}

/// AES-CM with HMAC-SHA1, for RTP or for RTCP (RFC 3711 4.1.1, 4.2.1; RFC 6188).
pub(super) struct Cm {
    cipher: CounterMode,
    /// The session salt; the last two octets, where blocks are counted, are zero.
    salt: [u8; 16],
    mac: Hmac<Sha1>,
    tag_len: usize,
}

impl Cm {
    pub(super) fn for_rtp(suite: Suite, kdf: &Kdf) -> Self {
        Self::derive(suite, kdf, [Label::RtpCipher, Label::RtpAuth, Label::RtpSalt], suite.rtp_overhead())
    }

    pub(super) fn for_rtcp(suite: Suite, kdf: &Kdf) -> Self {
        let tag_len = suite.rtcp_overhead().saturating_sub(4);
        Self::derive(suite, kdf, [Label::RtcpCipher, Label::RtcpAuth, Label::RtcpSalt], tag_len)
    }

    fn derive(suite: Suite, kdf: &Kdf, [cipher, auth, salt]: [Label; 3], tag_len: usize) -> Self {
        let mut session_salt = [0; 16];
        for (to, from) in session_salt.iter_mut().zip(kdf.derive::<14>(salt).iter()) {
            *to = *from;
        }
        let cipher = if suite.cipher_key_len() == 16 {
            CounterMode::new(&*kdf.derive::<16>(cipher))
        } else {
            CounterMode::new(&*kdf.derive::<32>(cipher))
        };
        Self::new(cipher, session_salt, &*kdf.derive::<20>(auth), tag_len)
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub(super) fn new(cipher: CounterMode, salt: [u8; 16], auth: &[u8], tag_len: usize) -> Self {
        let mac = Hmac::new_from_slice(auth).expect("a key of any length");
        Self { cipher, salt, mac, tag_len }
    }

    pub(super) const fn tag_len(&self) -> usize {
        self.tag_len
    }

    /// Writes the tag over `message` and `tail` (the rollover counter for RTP; nothing for RTCP).
    pub(super) fn sign(&self, message: &[u8], tail: &[u8], tag: &mut [u8]) {
        for (to, from) in tag.iter_mut().zip(self.compute(message, tail)) {
            *to = from;
        }
    }

    /// Whether the tag is right, found out in constant time.
    pub(super) fn verify(&self, message: &[u8], tail: &[u8], tag: &[u8]) -> bool {
        let computed = self.compute(message, tail);
        computed.get(..self.tag_len).is_some_and(|computed| computed.ct_eq(tag).into())
    }

    /// Encrypts or decrypts: IV = salt * 2^16 ^ SSRC * 2^64 ^ index * 2^16 (RFC 3711 4.1.1).
    pub(super) fn apply_keystream(&self, ssrc: Ssrc, index: ExtSeq, data: &mut [u8]) {
        let place = (u128::from(ssrc.value()) << 64) | (u128::from(index.value()) << 16);
        let iv = (u128::from_be_bytes(self.salt) ^ place).to_be_bytes();
        self.cipher.apply_keystream(&iv, data);
    }

    fn compute(&self, message: &[u8], tail: &[u8]) -> [u8; 20] {
        let mut mac = self.mac.clone();
        mac.update(message);
        mac.update(tail);
        mac.finalize().into_bytes().into()
    }
}

impl Drop for Cm {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}
