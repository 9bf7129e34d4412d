use media_engine::{
    rtp::{HeaderWriter, PayloadType, RtpTimestamp, Seq, Ssrc},
    srtp::{Inbound, MasterKey, Outbound, Refusal, Suite},
};
use rand::{SeedableRng, rngs::StdRng};

pub(crate) const SSRC: Ssrc = Ssrc::new(0xcafe_babe);

/// A sender and a receiver that share a key, and the key.
pub(crate) struct Pair {
    pub(crate) key: MasterKey,
    pub(crate) outbound: Outbound,
    pub(crate) inbound: Inbound,
}

impl Pair {
    pub(crate) fn new(suite: Suite) -> Self {
        let key = MasterKey::generate(suite, &mut StdRng::seed_from_u64(0x5710_119e));
        Self { outbound: Outbound::new(&key), inbound: Inbound::new(&key), key }
    }

    pub(crate) fn protect(&mut self, plain: &[u8]) -> Vec<u8> {
        protect(&mut self.outbound, plain)
    }

    pub(crate) fn unprotect(&mut self, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
        unprotect(&mut self.inbound, packet)
    }

    pub(crate) fn protect_rtcp(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut buf = plain.to_vec();
        buf.resize(plain.len() + 32, 0);
        let len = self.outbound.protect_rtcp(&mut buf, plain.len()).unwrap();
        buf.truncate(len);
        buf
    }

    pub(crate) fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut buf = packet.to_vec();
        let len = self.inbound.unprotect_rtcp(&mut buf)?;
        buf.truncate(len);
        Ok(buf)
    }
}

pub(crate) fn protect(outbound: &mut Outbound, plain: &[u8]) -> Vec<u8> {
    let mut buf = plain.to_vec();
    buf.resize(plain.len() + 32, 0);
    let len = outbound.protect_rtp(&mut buf, plain.len()).unwrap();
    buf.truncate(len);
    buf
}

pub(crate) fn unprotect(inbound: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut buf = packet.to_vec();
    let len = inbound.unprotect_rtp(&mut buf)?;
    buf.truncate(len);
    Ok(buf)
}

/// A plain packet whose payload tells its number.
pub(crate) fn rtp(ssrc: Ssrc, seq: u16) -> Vec<u8> {
    rtp_with(ssrc, seq, &seq.to_be_bytes())
}

pub(crate) fn rtp_with(ssrc: Ssrc, seq: u16, payload: &[u8]) -> Vec<u8> {
    let header = HeaderWriter {
        marker: false,
        payload_type: PayloadType::PCMU,
        seq: Seq::new(seq),
        timestamp: RtpTimestamp::new(u32::from(seq).wrapping_mul(160)),
        ssrc,
    };
    [&header.encode()[..], payload].concat()
}

/// An empty RR.
pub(crate) fn rtcp(ssrc: Ssrc) -> Vec<u8> {
    [&[0x80, 201, 0, 1][..], &ssrc.value().to_be_bytes()].concat()
}
