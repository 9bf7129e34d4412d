use serde::Deserialize;

use super::*;
use crate::{
    rtp::Header,
    srtp::{
        Refusal,
        cm::CounterMode,
        kdf::{Kdf, Label},
    },
};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/vectors/srtp_vectors.json");

#[derive(Deserialize)]
struct Vectors {
    #[serde(rename = "rfc3711_B2_aes_cm_128_keystream")]
    rfc3711_b2: Keystream,
    #[serde(rename = "rfc3711_B3_key_derivation_aes128")]
    rfc3711_b3: Derivation128,
    rfc6188_7_1_aes_256_cm_keystream: Keystream,
    rfc6188_7_4_kdf_aes_256_cm_prf: Derivation256,
    full_packets: Vec<Full>,
    negative_packets: Vec<Negative>,
}

#[derive(Deserialize)]
struct Keystream {
    session_key: String,
    blocks: Vec<Block>,
}

#[derive(Deserialize)]
struct Block {
    counter_block: String,
    keystream: String,
}

#[derive(Deserialize)]
struct Derivation128 {
    master_key: String,
    master_salt: String,
    cipher_key: String,
    cipher_salt: String,
    auth_key_94_octets: String,
    srtcp_labels_computed: DerivationRtcp,
}

#[derive(Deserialize)]
struct DerivationRtcp {
    cipher_key_label3: String,
    auth_key_label4_20: String,
    cipher_salt_label5: String,
}

#[derive(Deserialize)]
struct Derivation256 {
    master_key: String,
    master_salt: String,
    cipher_key: String,
    cipher_salt: String,
    auth_key: String,
}

#[derive(Deserialize)]
struct Full {
    name: String,
    master_key: String,
    master_salt: String,
    roc: Option<u32>,
    srtcp_index: Option<u32>,
    plain: String,
    protected: String,
    tag_len: Option<usize>,
}

#[derive(Deserialize)]
struct Negative {
    name: String,
    packet: Option<String>,
    #[serde(default)]
    packets: Vec<String>,
}

fn vectors() -> Vectors {
    serde_json::from_str(&std::fs::read_to_string(VECTORS).unwrap()).unwrap()
}

impl Full {
    fn master(&self) -> MasterKey {
        let (key, salt) = (hex(&self.master_key), hex(&self.master_salt));
        let suite = match (key.len(), salt.len(), self.tag_len) {
            (16, 14, Some(4)) => Suite::AesCm128Sha1_32,
            (16, 14, _) => Suite::AesCm128Sha1_80,
            (32, 14, _) => Suite::AesCm256Sha1_80,
            (16, 12, _) => Suite::AeadAes128Gcm,
            (32, 12, _) => Suite::AeadAes256Gcm,
            lengths => panic!("{}: no suite has {lengths:?}", self.name),
        };
        master(suite, &key, &salt)
    }
}

#[test]
fn keystreams_of_rfc_3711_b2_and_rfc_6188_7_1() {
    let vectors = vectors();
    let mut blocks = 0;
    for vector in [vectors.rfc3711_b2, vectors.rfc6188_7_1_aes_256_cm_keystream] {
        let cipher = CounterMode::new(&hex(&vector.session_key));
        for block in vector.blocks {
            let mut data = [0; 16];
            cipher.apply_keystream(&hex(&block.counter_block).try_into().unwrap(), &mut data);
            assert_eq!(data[..], hex(&block.keystream)[..], "{}", block.counter_block);
            blocks += 1;
        }
    }
    assert_eq!(blocks, 12);
}

#[test]
fn key_derivation_of_rfc_3711_b3() {
    let vector = vectors().rfc3711_b3;
    let (key, salt) = (hex(&vector.master_key), hex(&vector.master_salt));
    let kdf = Kdf::new(&master(Suite::AesCm128Sha1_80, &key, &salt));
    assert_eq!(kdf.derive::<16>(Label::RtpCipher)[..], hex(&vector.cipher_key)[..]);
    assert_eq!(kdf.derive::<14>(Label::RtpSalt)[..], hex(&vector.cipher_salt)[..]);
    let auth = hex(&vector.auth_key_94_octets);
    assert!(auth.len() >= 75);
    assert_eq!(kdf.derive::<75>(Label::RtpAuth)[..], auth[..75]);
    let rtcp = vector.srtcp_labels_computed;
    assert_eq!(kdf.derive::<16>(Label::RtcpCipher)[..], hex(&rtcp.cipher_key_label3)[..]);
    assert_eq!(kdf.derive::<20>(Label::RtcpAuth)[..], hex(&rtcp.auth_key_label4_20)[..]);
    assert_eq!(kdf.derive::<14>(Label::RtcpSalt)[..], hex(&rtcp.cipher_salt_label5)[..]);
}

#[test]
fn key_derivation_of_rfc_6188_7_4() {
    let vector = vectors().rfc6188_7_4_kdf_aes_256_cm_prf;
    let (key, salt) = (hex(&vector.master_key), hex(&vector.master_salt));
    let kdf = Kdf::new(&master(Suite::AesCm256Sha1_80, &key, &salt));
    assert_eq!(kdf.derive::<32>(Label::RtpCipher)[..], hex(&vector.cipher_key)[..]);
    assert_eq!(kdf.derive::<14>(Label::RtpSalt)[..], hex(&vector.cipher_salt)[..]);
    assert_eq!(kdf.derive::<20>(Label::RtpAuth)[..], hex(&vector.auth_key)[..]);
}

#[test]
fn good_packets_both_ways() {
    let vectors = vectors().full_packets;
    assert_eq!(vectors.len(), 46);
    for vector in vectors {
        let (plain, protected, key) = (hex(&vector.plain), hex(&vector.protected), vector.master());
        let (mut outbound, mut inbound) = (Outbound::new(&key), Inbound::new(&key));
        if let Some(index) = vector.srtcp_index {
            for _ in 0..index {
                protect_rtcp(&mut outbound, &plain);
            }
            assert_eq!(protect_rtcp(&mut outbound, &plain), protected, "{}", vector.name);
            assert_eq!(unprotect_rtcp(&mut inbound, &protected), Ok(plain), "{}", vector.name);
        } else {
            let (roc, header) = (vector.roc.unwrap(), Header::parse(&plain).unwrap());
            let mut outbound = outbound_at(&key, header.ssrc, ExtSeq::new(roc, header.seq));
            assert_eq!(protect(&mut outbound, &plain), protected, "{}", vector.name);
            inbound.set_initial_roc(roc);
            assert_eq!(unprotect(&mut inbound, &protected), Ok(plain), "{}", vector.name);
            assert_eq!(unprotect(&mut inbound, &protected), Err(Refusal::Replayed), "{}", vector.name);
        }
    }
}

#[test]
fn bad_packets_change_nothing() {
    let vectors = vectors();
    let good = &vectors.full_packets[0];
    let (plain, protected) = (hex(&good.plain), hex(&good.protected));
    let mut seen = 0;
    for vector in &vectors.negative_packets {
        for packet in vector.packet.iter().chain(&vector.packets) {
            let mut inbound = Inbound::new(&good.master());
            // The last of them is right but for its rollover counter, which only a receiver in step can know.
            let in_step = vector.name.contains("wrong ROC");
            if in_step {
                assert_eq!(unprotect(&mut inbound, &protected), Ok(plain.clone()));
            }
            let before = inbound.snapshot();
            let refusal = unprotect(&mut inbound, &hex(packet)).expect_err(&vector.name);
            let expected = match vector.name.as_str() {
                "tag truncated by one octet"
                | "flip payload bit"
                | "flip header marker bit"
                | "flip last tag bit"
                | "plain RTP on a secured stream" => Refusal::BadTag,
                "shorter than header+tag (21 octets)" | "12 octets only" | "empty" => Refusal::TooShort,
                "CC=15 claims 60 octets of CSRC that are not there"
                | "X=1, extension length 0xFFFF"
                | "version 0/1/3" => Refusal::Malformed,
                _ if in_step => Refusal::BadTag,
                name => panic!("no expectation for {name}"),
            };
            assert_eq!(refusal, expected, "{}", vector.name);
            assert_eq!(inbound.snapshot(), before, "{}", vector.name);
            if !in_step {
                assert_eq!(unprotect(&mut inbound, &protected), Ok(plain.clone()), "{}", vector.name);
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 14);
}
