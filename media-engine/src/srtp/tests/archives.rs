//! Vectors of third parties that do not stand in this repository. `STRONGLINE_ARCHIVES` names the folder they are in;
//! without it these tests fail, because who turns on the feature wants them run.

use std::{collections::HashMap, path::PathBuf};

use aws_lc_rs::aead::Nonce;
use serde::Deserialize;

use super::*;
use crate::srtp::{
    Refusal,
    cm::{Cm, CounterMode},
    gcm::Gcm,
    keys::{Pair, SessionKeys},
};

/// RFC 7714 16: the salt of all examples is "Quid pro quo".
const SALT: &[u8; 12] = b"Quid pro quo";

fn archive(path: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "a test that is told where its vectors are")]
    let folder = std::env::var_os("STRONGLINE_ARCHIVES");
    let path = PathBuf::from(folder.expect("STRONGLINE_ARCHIVES names the folder")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The sections of an RFC's text by number, each with its title and its packets by caption.
fn sections(text: &str) -> HashMap<String, Section> {
    let mut sections = HashMap::new();
    let mut current: Option<(String, Section)> = None;
    let mut caption: Option<String> = None;
    for line in text.lines() {
        if line.starts_with(|c: char| c.is_ascii_digit()) {
            sections.extend(current.take());
            let (number, title) = line.split_once("  ").unwrap_or((line, ""));
            let section = Section { title: title.to_owned(), packets: HashMap::new() };
            current = Some((number.to_owned(), section));
            caption = None;
        } else if let Some(text) = line.trim().strip_suffix("packet:") {
            caption = Some(text.trim().to_owned());
        } else if let (Some((_, section)), Some(caption)) = (&mut current, &caption)
            && line.starts_with("        ")
            && line.chars().all(|c| c == ' ' || c.is_ascii_hexdigit())
        {
            section.packets.entry(caption.clone()).or_default().extend(hex(line));
        } else if !line.trim().is_empty() {
            caption = None;
        }
    }
    sections.extend(current);
    sections
}

struct Section {
    title: String,
    packets: HashMap<String, Vec<u8>>,
}

impl Section {
    fn session_keys(&self) -> (Suite, SessionKeys) {
        let long = self.title.contains("AES_256");
        let key: Vec<u8> = (0..if long { 32 } else { 16 }).collect();
        let gcm = || Gcm::new(&key, *SALT);
        let suite = if long { Suite::AeadAes256Gcm } else { Suite::AeadAes128Gcm };
        (suite, SessionKeys::Gcm(Box::new(Pair { rtp: gcm(), rtcp: gcm() })))
    }

    fn inbound(&self) -> Inbound {
        let (suite, keys) = self.session_keys();
        Inbound::with_keys(suite, keys)
    }

    fn outbound(&self) -> Outbound {
        let (suite, keys) = self.session_keys();
        Outbound::with_keys(suite, keys)
    }
}

#[test]
fn rtp_packets_of_rfc_7714_16() {
    let sections = sections(&archive("rfc7714/rtp-vectors.txt"));
    for number in ["16.1.", "16.2."] {
        let encryption = &sections[&format!("{number}1.")];
        let plain = &encryption.packets["Encrypting the following"];
        let protected = &encryption.packets["Encrypted and tagged"];
        assert_eq!(&protect(&mut encryption.outbound(), plain), protected, "{}", encryption.title);
        assert_eq!(unprotect(&mut encryption.inbound(), protected).as_ref(), Ok(plain));

        let decryption = &sections[&format!("{number}2.")];
        assert_eq!(&decryption.packets["Decrypting the following"], protected);
        // The RFC's caption notwithstanding, this is the decrypted payload.
        assert_eq!(decryption.packets["Verified and tagged"], plain[12..], "{}", decryption.title);

        // Authentication without encryption belongs to no suite of SDP.
        let tagged = &sections[&format!("{number}3.")].packets["Tagged"];
        assert_eq!(unprotect(&mut encryption.inbound(), tagged), Err(Refusal::BadTag));
    }
}

#[test]
fn rtcp_packets_of_rfc_7714_17() {
    const INDEX: u32 = 0x5d4;
    let sections = sections(&archive("rfc7714/rtcp-vectors.txt"));

    let encryption = &sections["17.1."];
    let plain = &encryption.packets["Encrypting the following"];
    let decryption = &sections["17.2."];
    assert_eq!(&decryption.packets["Verified and decrypted"], plain);
    for (section, protected) in [
        (encryption, &encryption.packets["Encrypted and tagged"]),
        (decryption, &decryption.packets["Decrypting the following"]),
    ] {
        let mut outbound = section.outbound();
        outbound.force_rtcp_index(Ssrc::new(0x4d61_7273), INDEX);
        assert_eq!(&protect_rtcp(&mut outbound, plain), protected, "{}", section.title);
        assert_eq!(unprotect_rtcp(&mut section.inbound(), protected).as_ref(), Ok(plain));
    }

    for (number, caption) in [("17.3.", "Tagged"), ("17.4.", "Verifying the following")] {
        let section = &sections[number];
        let refusal = unprotect_rtcp(&mut section.inbound(), &section.packets[caption]);
        assert_eq!(refusal, Err(Refusal::Unencrypted), "{}", section.title);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wycheproof<T> {
    test_groups: Vec<Group<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group<T> {
    key_size: usize,
    iv_size: Option<usize>,
    tag_size: usize,
    tests: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AeadTest {
    tc_id: u32,
    key: String,
    iv: String,
    aad: String,
    msg: String,
    ct: String,
    tag: String,
    result: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MacTest {
    tc_id: u32,
    key: String,
    msg: String,
    tag: String,
    result: String,
}

#[test]
fn aes_gcm_of_wycheproof() {
    let suite: Wycheproof<AeadTest> = serde_json::from_str(&archive("wycheproof/aes_gcm_test.json")).unwrap();
    let mut seen = (0, 0);
    for group in suite.test_groups {
        if !matches!((group.key_size, group.iv_size, group.tag_size), (128 | 256, Some(96), 128)) {
            continue;
        }
        for test in group.tests {
            let gcm = Gcm::new(&hex(&test.key), [0; 12]);
            let nonce = || Nonce::try_assume_unique_for_key(&hex(&test.iv)).unwrap();
            let (aad, tag, msg) = (hex(&test.aad), hex(&test.tag), hex(&test.msg));
            let valid = test.result == "valid";

            let mut data = hex(&test.ct);
            assert_eq!(gcm.open_on_copy(nonce(), &aad, &mut data, &tag), valid, "test {}", test.tc_id);
            assert_eq!(data, if valid { msg.clone() } else { hex(&test.ct) }, "test {}", test.tc_id);

            let mut data = hex(&test.ct);
            assert_eq!(gcm.open(nonce(), &aad, &mut data, &tag), valid, "test {}", test.tc_id);
            if valid {
                assert_eq!(data, msg, "test {}", test.tc_id);
                let mut written = [0; 16];
                assert!(gcm.seal(nonce(), &aad, &mut data, &mut written));
                assert_eq!((data, &written[..]), (hex(&test.ct), &tag[..]), "test {}", test.tc_id);
                seen.0 += 1;
            } else {
                seen.1 += 1;
            }
        }
    }
    assert!(seen.0 > 50 && seen.1 > 30, "{seen:?}");
}

#[test]
fn hmac_sha1_of_wycheproof() {
    let suite: Wycheproof<MacTest> = serde_json::from_str(&archive("wycheproof/hmac_sha1_test.json")).unwrap();
    let mut seen = (0, 0);
    for group in suite.test_groups {
        for test in group.tests {
            let cm = Cm::new(CounterMode::new(&[0; 16]), [0; 16], &hex(&test.key), group.tag_size / 8);
            let (msg, tag) = (hex(&test.msg), hex(&test.tag));
            let valid = test.result == "valid";
            assert_eq!(cm.verify(&msg, &[], &tag), valid, "test {}", test.tc_id);
            let (head, tail) = msg.split_at(msg.len() / 2);
            assert_eq!(cm.verify(head, tail, &tag), valid, "test {}", test.tc_id);
            if valid {
                seen.0 += 1;
            } else {
                seen.1 += 1;
            }
        }
    }
    assert!(seen.0 > 50 && seen.1 > 50, "{seen:?}");
}
