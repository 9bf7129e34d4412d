use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroize;

use super::{
    Suite,
    kdf::{Kdf, Label},
};
use crate::{
    limits::MAX_PACKET,
    rtp::{ExtSeq, Ssrc},
};

/// Octets of the tag; the suites with shorter ones were withdrawn (RFC 7714 13.2).
pub(super) const TAG_LEN: usize = 16;

/// AES-GCM, for RTP or for RTCP (RFC 7714). The library wipes its key when it frees it.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Gcm {
    pub(super) fn for_rtp(suite: Suite, kdf: &Kdf) -> Self {
        Self::derive(suite, kdf, [Label::RtpCipher, Label::RtpSalt])
    }

    pub(super) fn for_rtcp(suite: Suite, kdf: &Kdf) -> Self {
        Self::derive(suite, kdf, [Label::RtcpCipher, Label::RtcpSalt])
    }

    fn derive(suite: Suite, kdf: &Kdf, [cipher, salt]: [Label; 2]) -> Self {
        let salt = kdf.derive::<12>(salt);
        if suite.cipher_key_len() == 16 {
            Self::new(&*kdf.derive::<16>(cipher), *salt)
        } else {
            Self::new(&*kdf.derive::<32>(cipher), *salt)
        }
    }

    #[expect(clippy::expect_used, reason = "a Suite has keys of 16 or 32 octets and MasterKey::new checks the length")]
    pub(super) fn new(key: &[u8], salt: [u8; 12]) -> Self {
        let algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
        let key = UnboundKey::new(algorithm, key).expect("a key of 16 or 32 octets");
        Self { key: LessSafeKey::new(key), salt }
    }

    /// Encrypts in place and writes the tag. `false` when the library refuses, which it does not for packets.
    #[must_use]
    pub(super) fn seal(&self, nonce: Nonce, aad: &[u8], data: &mut [u8], tag: &mut [u8; TAG_LEN]) -> bool {
        match self.key.seal_in_place_separate_tag(nonce, Aad::from(aad), data) {
            Ok(computed) => {
                for (to, from) in tag.iter_mut().zip(computed.as_ref()) {
                    *to = *from;
                }
                true
            }
            Err(_) => false,
        }
    }

    /// Decrypts in place if the tag is right. If not, `data` is lost.
    #[must_use]
    pub(super) fn open(&self, nonce: Nonce, aad: &[u8], data: &mut [u8], tag: &[u8]) -> bool {
        self.key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, data).is_ok()
    }

    /// As [`Gcm::open`], but if the tag is wrong, `data` is as before, so that another nonce can be tried.
    #[must_use]
    pub(super) fn open_on_copy(&self, nonce: Nonce, aad: &[u8], data: &mut [u8], tag: &[u8]) -> bool {
        let mut room = [0; MAX_PACKET];
        let Some(copy) = room.get_mut(..data.len()) else {
            return false;
        };
        let opened = self.key.open_separate_gather(nonce, Aad::from(aad), data, tag, copy).is_ok();
        if opened {
            data.copy_from_slice(copy);
            copy.zeroize();
        }
        opened
    }

    /// The nonce of an RTP packet (RFC 7714 8.1): two zero octets, SSRC and index, under the salt.
    pub(super) fn rtp_nonce(&self, ssrc: Ssrc, index: ExtSeq) -> Nonce {
        self.nonce((u128::from(ssrc.value()) << 48) | u128::from(index.value()))
    }

    /// The nonce of an RTCP packet (RFC 7714 9.1): the same, with an index of 31 bits.
    pub(super) fn rtcp_nonce(&self, ssrc: Ssrc, index: u32) -> Nonce {
        self.nonce((u128::from(ssrc.value()) << 48) | u128::from(index))
    }

    fn nonce(&self, place: u128) -> Nonce {
        let [_, _, _, _, place @ ..] = place.to_be_bytes();
        let mut nonce = self.salt;
        for (to, from) in nonce.iter_mut().zip(place) {
            *to ^= from;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

impl Drop for Gcm {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}
