use super::{
    MasterKey, Suite,
    cm::Cm,
    gcm::{Gcm, TAG_LEN},
    kdf::Kdf,
};
use crate::rtp::{ExtSeq, Seq, Ssrc};

/// The E bit of SRTCP: this packet is encrypted (RFC 3711 3.4).
pub(super) const E_BIT: u32 = 1 << 31;

/// Octets of the word that holds the E bit and the SRTCP index.
pub(super) const E_WORD: usize = 4;

/// Octets of an RTCP packet that are never encrypted: the first header and the sender's SSRC.
pub(super) const RTCP_CLEAR: usize = 8;

/// The session keys of one direction, ready to use. Boxed, so that a moved context leaves no key behind.
pub(super) enum SessionKeys {
    Cm(Box<Pair<Cm>>),
    Gcm(Box<Pair<Gcm>>),
}

/// RTP and RTCP have keys of their own.
pub(super) struct Pair<T> {
    pub(super) rtp: T,
    pub(super) rtcp: T,
}

impl SessionKeys {
    pub(super) fn derive(master: &MasterKey) -> Self {
        let suite = master.suite();
        let kdf = Kdf::new(master);
        match suite {
            Suite::AesCm128Sha1_80 | Suite::AesCm128Sha1_32 | Suite::AesCm256Sha1_80 | Suite::AesCm256Sha1_32 => {
                Self::Cm(Box::new(Pair { rtp: Cm::for_rtp(suite, &kdf), rtcp: Cm::for_rtcp(suite, &kdf) }))
            }
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => {
                Self::Gcm(Box::new(Pair { rtp: Gcm::for_rtp(suite, &kdf), rtcp: Gcm::for_rtcp(suite, &kdf) }))
            }
        }
    }

    /// Encrypts `body` past `header_len` and writes the tag. `None` when lengths do not fit.
    ///
    /// ```text
    /// CM and GCM:  | header | payload, encrypted | tag |
    /// ```
    pub(super) fn protect_rtp(
        &self,
        body: &mut [u8],
        header_len: usize,
        tag: &mut [u8],
        ssrc: Ssrc,
        index: ExtSeq,
    ) -> Option<()> {
        match self {
            Self::Cm(keys) => {
                let rtp = &keys.rtp;
                rtp.apply_keystream(ssrc, index, body.get_mut(header_len..)?);
                rtp.sign(body, &index.roc().to_be_bytes(), tag);
                Some(())
            }
            Self::Gcm(keys) => {
                let rtp = &keys.rtp;
                let (header, payload) = body.split_at_mut_checked(header_len)?;
                let tag = tag.first_chunk_mut::<TAG_LEN>()?;
                rtp.seal(rtp.rtp_nonce(ssrc, index), header, payload, tag).then_some(())
            }
        }
    }

    /// Checks the tag as if the packet had this index, and decrypts if it is right. After a failure the packet is as
    /// before if `keep` is set, and may be lost if not.
    pub(super) fn open_rtp(
        &self,
        body: &mut [u8],
        header_len: usize,
        tag: &[u8],
        ssrc: Ssrc,
        index: ExtSeq,
        keep: bool,
    ) -> bool {
        match self {
            Self::Cm(keys) => {
                let rtp = &keys.rtp;
                if !rtp.verify(body, &index.roc().to_be_bytes(), tag) {
                    return false;
                }
                if let Some(payload) = body.get_mut(header_len..) {
                    rtp.apply_keystream(ssrc, index, payload);
                }
                true
            }
            Self::Gcm(keys) => {
                let rtp = &keys.rtp;
                let Some((header, payload)) = body.split_at_mut_checked(header_len) else {
                    return false;
                };
                let nonce = rtp.rtp_nonce(ssrc, index);
                if keep { rtp.open_on_copy(nonce, header, payload, tag) } else { rtp.open(nonce, header, payload, tag) }
            }
        }
    }

    /// Encrypts the RTCP packet of `len` octets at the front of `buf` and appends what belongs behind it. `None` when
    /// lengths do not fit.
    ///
    /// ```text
    /// CM:   | header, SSRC | encrypted | E, index | tag |
    /// GCM:  | header, SSRC | encrypted | tag | E, index |
    /// ```
    pub(super) fn protect_rtcp(&self, buf: &mut [u8], len: usize, ssrc: Ssrc, index: u32) -> Option<()> {
        let word = (E_BIT | index).to_be_bytes();
        match self {
            Self::Cm(keys) => {
                let rtcp = &keys.rtcp;
                rtcp.apply_keystream(ssrc, rtcp_place(index), buf.get_mut(RTCP_CLEAR..len)?);
                let signed = len.checked_add(E_WORD)?;
                *buf.get_mut(len..)?.first_chunk_mut()? = word;
                let (message, tag) = buf.split_at_mut_checked(signed)?;
                rtcp.sign(message, &[], tag.get_mut(..rtcp.tag_len())?);
                Some(())
            }
            Self::Gcm(keys) => {
                let rtcp = &keys.rtcp;
                let (packet, behind) = buf.split_at_mut_checked(len)?;
                let (header, rest) = packet.split_first_chunk_mut::<RTCP_CLEAR>()?;
                let (tag, behind) = behind.split_first_chunk_mut::<TAG_LEN>()?;
                *behind.first_chunk_mut()? = word;
                let aad = rtcp_aad(*header, word);
                rtcp.seal(rtcp.rtcp_nonce(ssrc, index), &aad, rest, tag).then_some(())
            }
        }
    }

    /// Where in a protected RTCP packet the E word stands, seen from the end.
    pub(super) const fn e_word_from_end(&self) -> usize {
        match self {
            Self::Cm(keys) => keys.rtcp.tag_len().saturating_add(E_WORD),
            Self::Gcm(_) => E_WORD,
        }
    }

    /// Checks the tag of a protected RTCP packet with `plain_len` octets of RTCP in it, and decrypts if it is right.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], plain_len: usize, ssrc: Ssrc, index: u32) -> bool {
        self.try_open_rtcp(packet, plain_len, ssrc, index).unwrap_or(false)
    }

    fn try_open_rtcp(&self, packet: &mut [u8], plain_len: usize, ssrc: Ssrc, index: u32) -> Option<bool> {
        match self {
            Self::Cm(keys) => {
                let rtcp = &keys.rtcp;
                let (message, tag) = packet.split_at_mut_checked(plain_len.checked_add(E_WORD)?)?;
                if !rtcp.verify(message, &[], tag) {
                    return Some(false);
                }
                rtcp.apply_keystream(ssrc, rtcp_place(index), message.get_mut(RTCP_CLEAR..plain_len)?);
                Some(true)
            }
            Self::Gcm(keys) => {
                let rtcp = &keys.rtcp;
                let (plain, behind) = packet.split_at_mut_checked(plain_len)?;
                let (header, rest) = plain.split_first_chunk_mut::<RTCP_CLEAR>()?;
                let (tag, word) = behind.split_first_chunk::<TAG_LEN>()?;
                let aad = rtcp_aad(*header, *word.first_chunk()?);
                Some(rtcp.open(rtcp.rtcp_nonce(ssrc, index), &aad, rest, tag))
            }
        }
    }
}

/// RFC 7714 17: header and SSRC, then the E word, are authenticated but not encrypted.
fn rtcp_aad(header: [u8; RTCP_CLEAR], word: [u8; E_WORD]) -> [u8; RTCP_CLEAR + E_WORD] {
    let mut aad = [0; RTCP_CLEAR + E_WORD];
    for (to, from) in aad.iter_mut().zip(header.into_iter().chain(word)) {
        *to = from;
    }
    aad
}

/// RFC 3711 4.1.1: the SRTCP index of 31 bits stands where the index of SRTP has 48.
#[expect(clippy::cast_possible_truncation, reason = "the lower sixteen bits are what is meant")]
const fn rtcp_place(index: u32) -> ExtSeq {
    ExtSeq::new(index >> 16, Seq::new(index as u16))
}
