use zeroize::{Zeroize, Zeroizing};

use super::{MasterKey, cm::CounterMode};

/// What a session key is for (RFC 3711 4.3.1 and 4.3.2).
#[derive(Clone, Copy, Debug)]
pub(super) enum Label {
    RtpCipher = 0,
    RtpAuth = 1,
    RtpSalt = 2,
    RtcpCipher = 3,
    RtcpAuth = 4,
    RtcpSalt = 5,
}

/// Derives session keys: keystream of AES counter mode under the master key, from a place that label and master salt
/// choose (RFC 3711 4.3.3; for 256 bits RFC 6188 3). The key derivation rate is 0, so that the index is 0 too.
pub(super) struct Kdf {
    cipher: CounterMode,
    /// The master salt, then zeros. The salts of RFC 7714 have 12 octets; the two that lack count as zero (section 11).
    salt: [u8; 16],
}

impl Drop for Kdf {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

impl Kdf {
    pub(super) fn new(master: &MasterKey) -> Self {
        let (key, octets) = master.split();
        let mut salt = [0; 16];
        for (to, from) in salt.iter_mut().zip(octets) {
            *to = *from;
        }
        Self { cipher: CounterMode::new(key), salt }
    }

    pub(super) fn derive<const N: usize>(&self, label: Label) -> Zeroizing<[u8; N]> {
        let mut iv = self.salt;
        // key_id is the label and 48 bits of index, right-aligned with the salt's 112 bits: the label meets octet 7.
        iv[7] ^= label as u8;
        let mut out = Zeroizing::new([0; N]);
        self.cipher.apply_keystream(&iv, &mut *out);
        out
    }
}
