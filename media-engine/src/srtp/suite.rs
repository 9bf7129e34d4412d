/// A crypto suite of SDP security descriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// RFC 4568 6.2.1.
    AesCm128Sha1_80,
    /// RFC 4568 6.2.2.
    AesCm128Sha1_32,
    /// RFC 6188 2.
    AesCm256Sha1_80,
    /// RFC 6188 2.
    AesCm256Sha1_32,
    /// RFC 7714 14.2.
    AeadAes128Gcm,
    /// RFC 7714 14.2.
    AeadAes256Gcm,
}

impl Suite {
    /// All of them, the strongest first.
    pub const ALL: [Self; 6] = [
        Self::AeadAes256Gcm,
        Self::AeadAes128Gcm,
        Self::AesCm256Sha1_80,
        Self::AesCm128Sha1_80,
        Self::AesCm256Sha1_32,
        Self::AesCm128Sha1_32,
    ];

    /// The suite with this SDP name. Names are compared as RFC 4568 9.2 writes them, in capitals.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// The name in SDP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128Sha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128Sha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AesCm256Sha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm256Sha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// Octets of master key and master salt together: what the `inline:` parameter of SDP carries.
    pub const fn key_len(self) -> usize {
        match self {
            Self::AesCm128Sha1_80 | Self::AesCm128Sha1_32 => 16 + 14,
            Self::AesCm256Sha1_80 | Self::AesCm256Sha1_32 => 32 + 14,
            Self::AeadAes128Gcm => 16 + 12,
            Self::AeadAes256Gcm => 32 + 12,
        }
    }

    /// Octets of the master key alone.
    pub(super) const fn cipher_key_len(self) -> usize {
        match self {
            Self::AesCm128Sha1_80 | Self::AesCm128Sha1_32 | Self::AeadAes128Gcm => 16,
            Self::AesCm256Sha1_80 | Self::AesCm256Sha1_32 | Self::AeadAes256Gcm => 32,
        }
    }

    /// By how many octets protection lengthens an RTP packet.
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::AesCm128Sha1_80 | Self::AesCm256Sha1_80 => 10,
            Self::AesCm128Sha1_32 | Self::AesCm256Sha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// By how many octets protection lengthens an RTCP packet: the tag, which has 80 bits for the `_32` suites too
    /// (RFC 4568 6.2.2), and the E bit with the SRTCP index.
    pub const fn rtcp_overhead(self) -> usize {
        match self {
            Self::AesCm128Sha1_80 | Self::AesCm128Sha1_32 | Self::AesCm256Sha1_80 | Self::AesCm256Sha1_32 => 10 + 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16 + 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_to_one() {
        for suite in Suite::ALL {
            assert_eq!(Suite::from_name(suite.name()), Some(suite));
        }
        for unknown in
            ["", "aes_cm_128_hmac_sha1_80", "AES_CM_128_NULL_AUTH", "F8_128_HMAC_SHA1_80", "AEAD_AES_256_GCM_8"]
        {
            assert_eq!(Suite::from_name(unknown), None);
        }
    }
}
