//! What needs the inside of a context: published vectors, and states that take too long to reach from outside.

#![expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

#[cfg(feature = "archives")]
mod archives;
mod limits;
mod vectors;

use super::{Inbound, MasterKey, Outbound, Suite};
use crate::rtp::{ExtSeq, Seq, Ssrc};

fn master(suite: Suite, key: &[u8], salt: &[u8]) -> MasterKey {
    MasterKey::new(suite, &[key, salt].concat()).unwrap()
}

/// A sender that is about to send `index`.
fn outbound_at(master: &MasterKey, ssrc: Ssrc, index: ExtSeq) -> Outbound {
    let mut outbound = Outbound::new(master);
    if let Some(before) = index.value().checked_sub(1) {
        outbound.force_highest(ssrc, ExtSeq::from_value(before));
    }
    outbound
}

fn protect(outbound: &mut Outbound, plain: &[u8]) -> Vec<u8> {
    let mut buf = plain.to_vec();
    buf.resize(plain.len() + 64, 0);
    let len = outbound.protect_rtp(&mut buf, plain.len()).unwrap();
    buf.truncate(len);
    buf
}

fn protect_rtcp(outbound: &mut Outbound, plain: &[u8]) -> Vec<u8> {
    let mut buf = plain.to_vec();
    buf.resize(plain.len() + 64, 0);
    let len = outbound.protect_rtcp(&mut buf, plain.len()).unwrap();
    buf.truncate(len);
    buf
}

fn unprotect(inbound: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, super::Refusal> {
    let mut buf = packet.to_vec();
    let len = inbound.unprotect_rtp(&mut buf)?;
    buf.truncate(len);
    Ok(buf)
}

fn unprotect_rtcp(inbound: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, super::Refusal> {
    let mut buf = packet.to_vec();
    let len = inbound.unprotect_rtcp(&mut buf)?;
    buf.truncate(len);
    Ok(buf)
}

fn rtp(ssrc: Ssrc, seq: Seq, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(seq.value().to_be_bytes());
    packet.extend(u32::from(seq.value()).wrapping_mul(160).to_be_bytes());
    packet.extend(ssrc.value().to_be_bytes());
    packet.extend(payload);
    packet
}

fn rtcp(ssrc: Ssrc) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.value().to_be_bytes());
    packet
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
