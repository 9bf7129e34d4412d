//! The policy for media security, held to every case of `tests/data/hostile/sdp_security_cases.json`, and the rules beside it.

use std::sync::Arc;

use dialplan::Dialplan;
use rand::SeedableRng;
use rand::rngs::StdRng;

use sip_core::sdp::SessionDescription;

use super::*;

const SIGNALLING: &str = "198.51.100.7";

fn plan(trunk: &str) -> Dialplan {
    let text = format!(
        "[sip]\ndomain = \"voice.example.com\"\nlisten = [\"tls://0.0.0.0:5061\"]\ncertificate = {{ file = \"c\" }}\nkey = {{ file = \"k\" }}\n[media]\npublic_address = \"203.0.113.10\"\n\
         [[trunk]]\nname = \"t\"\npeers = [\"{SIGNALLING}\"]\n{trunk}\n[[route]]\nname = \"r\"\nreject = 404\n"
    );
    dialplan::parse(&text, "test.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

fn trunk(lines: &str) -> Arc<Trunk> {
    Arc::clone(&plan(lines).trunks[0])
}

const REQUIRED: &str = "srtp = \"required\"";
const PREFERRED: &str = "srtp = \"preferred\"\ndanger = { plaintext_media = \"anyone on the path can listen\" }";
const OFF: &str = "srtp = \"off\"\ndanger = { plaintext_media = \"anyone on the path can listen\" }";

fn policy(trunk: &Trunk) -> Policy<'_> {
    Policy { trunk, signalling: SIGNALLING.parse().unwrap(), over_tls: true, secured: false, own: None }
}

fn description(media: &str) -> SessionDescription {
    let text = format!("v=0\r\no=- 1 1 IN IP4 {SIGNALLING}\r\ns=-\r\nc=IN IP4 {SIGNALLING}\r\nt=0 0\r\n{media}");
    SessionDescription::parse(text.as_bytes()).unwrap()
}

fn read(media: &str, policy: &Policy<'_>) -> Result<Choice, Refused> {
    let text = format!("v=0\r\no=- 1 1 IN IP4 {SIGNALLING}\r\ns=-\r\nc=IN IP4 {SIGNALLING}\r\nt=0 0\r\n{media}");
    read_offer(&SessionDescription::parse(text.as_bytes())?, policy)
}

#[test]
fn every_policy_case_has_its_reaction() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hostile/sdp_security_cases.json");
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut checked = 0;
    for case in file["cases"].as_array().unwrap() {
        let text = |key: &str| case[key].as_str().unwrap().to_owned();
        let (name, expect) = (text("name"), text("expect"));
        let attributes = case["attrs"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned());
        let media: String =
            std::iter::once(text("m")).chain(attributes).flat_map(|line| [line, "\r\n".to_owned()]).collect();
        let policies: &[&str] = match text("policy").as_str() {
            "srtp-required" => &[REQUIRED],
            "srtp-prefer" | "srtp-prefer, stream already secure" => &[PREFERRED],
            "any" => &[REQUIRED, PREFERRED, OFF],
            "as offerer" => &[REQUIRED],
            other => panic!("{name}: no such policy: {other}"),
        };
        for lines in policies {
            let trunk = trunk(lines);
            let policy = Policy {
                over_tls: text("signalling") == "tls",
                secured: text("policy").contains("already secure"),
                ..policy(&trunk)
            };
            if text("policy") == "as offerer" {
                let offered = Offered::generate(&trunk, &mut StdRng::seed_from_u64(1));
                assert_eq!(
                    read_answer(&description(&media), &offered, &policy).unwrap_err(),
                    Refused::Answer,
                    "{name}"
                );
                checked += 1;
                continue;
            }
            let read = read(&media, &policy);
            match expect.as_str() {
                "accept" => assert!(read.unwrap().key.is_some(), "{name}"),
                // No trunk of these lists the suite with the short tag.
                expect if expect.starts_with("accept only when the operator allowed") => {
                    assert_eq!(read.unwrap_err(), Refused::NoUsableKey, "{name} under {lines}");
                }
                expect if expect.starts_with("accept with MKI or 488") => {
                    assert_eq!(read.unwrap_err(), Refused::NoUsableKey, "{name} under {lines}");
                }
                expect if expect.starts_with("accept, call flagged insecure") => {
                    assert!(read.unwrap().key.is_none(), "{name}");
                }
                // This version answers no DTLS offer, so no handshake and no mismatch can come of one.
                expect if expect.starts_with("488") || expect.starts_with("handshake ends") => {
                    let refused = read.unwrap_err();
                    assert_eq!(refused.status().code(), 488, "{name} under {lines}: {refused}");
                }
                other => panic!("{name}: no such reaction: {other}"),
            }
            checked += 1;
        }
    }
    assert!(checked >= 17, "only {checked} cases were looked at");
}

const KEY: &str = "inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";
const GCM_KEY: &str = "inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=";

#[test]
fn the_short_tag_is_taken_where_the_trunk_lists_it() {
    let trunk = trunk("suites = [\"AES_CM_128_HMAC_SHA1_32\"]");
    let offer = format!("m=audio 40000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_32 {KEY}\r\n");
    assert_eq!(read(&offer, &policy(&trunk)).unwrap().key.unwrap().1.suite().name(), "AES_CM_128_HMAC_SHA1_32");
}

#[test]
fn the_strongest_suite_is_taken_whatever_the_order_of_the_offer() {
    let trunk = trunk(REQUIRED);
    let offer = format!(
        "m=audio 40000 RTP/SAVP 0\r\na=crypto:1 NULL_HMAC_SHA1_80 {KEY}\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 {KEY}\r\n\
         a=crypto:3 AES_CM_128_HMAC_SHA1_80 {KEY}\r\na=crypto:4 AEAD_AES_256_GCM {GCM_KEY}\r\n"
    );
    let (tag, key) = read(&offer, &policy(&trunk)).unwrap().key.unwrap();
    assert_eq!((tag, key.suite().name()), (4, "AEAD_AES_256_GCM"));
}

#[test]
fn of_a_stream_offered_twice_the_secure_one_is_taken() {
    let trunk = trunk(PREFERRED);
    let offer =
        format!("m=audio 40000 RTP/AVP 0\r\nm=audio 40002 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n");
    let choice = read(&offer, &policy(&trunk)).unwrap();
    assert_eq!((choice.line, choice.remote.port()), (1, 40_002));
    assert!(choice.key.is_some());
}

#[test]
fn the_answer_has_the_offers_lines_and_a_key_of_its_own() {
    let trunk = trunk(REQUIRED);
    let offer = description(&format!(
        "m=video 40004 RTP/AVP 96\r\nm=audio 40000 RTP/SAVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
         a=rtcp-mux\r\na=crypto:7 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n"
    ));
    let choice = read_offer(&offer, &policy(&trunk)).unwrap();
    let ours = MasterKey::generate(choice.key.as_ref().unwrap().1.suite(), &mut StdRng::seed_from_u64(2));
    let mut description = Description::new(42 << 1, "203.0.113.10:20000".parse().unwrap());
    let answer = description.answer(&offer, &choice, Some(&ours));
    let text = String::from_utf8(answer.to_vec()).unwrap();
    insta::assert_snapshot!(text.replace("\r\n", "\n"));
    // The same answer again is the same description; another direction is a new version of it.
    assert_eq!(answer, description.answer(&offer, &choice, Some(&ours)));
    let held = Choice { direction: Direction::RecvOnly, ..choice };
    let changed = String::from_utf8(description.answer(&offer, &held, Some(&ours)).to_vec()).unwrap();
    assert!(changed.contains("o=- 42 2 IN IP4 203.0.113.10") && changed.contains("a=recvonly"), "{changed}");
}

#[test]
fn hold_in_the_old_way_and_in_the_new() {
    let trunk = trunk(REQUIRED);
    let policy = policy(&trunk);
    let crypto = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n");
    for (lines, direction) in [
        ("c=IN IP4 0.0.0.0\r\n", Direction::RecvOnly),
        ("c=IN IP4 0.0.0.0\r\na=sendonly\r\n", Direction::RecvOnly),
        ("c=IN IP4 0.0.0.0\r\na=recvonly\r\n", Direction::Inactive),
        ("a=sendonly\r\n", Direction::RecvOnly),
        ("a=recvonly\r\n", Direction::SendOnly),
        ("a=inactive\r\n", Direction::Inactive),
        ("", Direction::SendRecv),
    ] {
        let choice = read(&format!("m=audio 40000 RTP/SAVP 0\r\n{lines}{crypto}"), &policy).unwrap();
        assert_eq!(choice.direction, direction, "{lines:?}");
    }
}

#[test]
fn media_goes_only_where_the_trunk_says() {
    let offer = |address: &str| {
        let family = if address.contains(':') { "IP6" } else { "IP4" };
        format!("m=audio 40000 RTP/SAVP 0\r\nc=IN {family} {address}\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n")
    };
    let (closed, listed) = (trunk(REQUIRED), trunk("media = { prefixes = [\"192.0.2.0/24\", \"10.1.0.0/16\"] }"));
    assert!(read(&offer(SIGNALLING), &policy(&closed)).is_ok());
    assert!(read(&offer("192.0.2.9"), &policy(&listed)).is_ok());
    assert!(read(&offer("10.1.2.3"), &policy(&listed)).is_ok());
    for target in [
        "192.0.2.9",
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::ffff:127.0.0.1",
    ] {
        let refused = read(&offer(target), &policy(&closed)).unwrap_err();
        assert!(matches!(refused, Refused::Target(_) | Refused::TargetNotListed), "{target}: {refused}");
    }
    // Another network inside IPv6 is seen through.
    for target in ["64:ff9b::10.0.0.1", "2002:0a00:0001::1", "::ffff:192.0.2.9"] {
        assert!(read(&offer(target), &policy(&closed)).is_err(), "{target}");
    }
    let own = Policy { own: Some(SIGNALLING.parse().unwrap()), ..policy(&closed) };
    assert!(matches!(read(&offer(SIGNALLING), &own), Err(Refused::Target(_))));
    let name = "m=audio 40000 RTP/SAVP 0\r\nc=IN IP4 victim.example\r\n".to_owned()
        + &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n");
    assert!(matches!(read(&name, &policy(&closed)), Err(Refused::Target(_))));
    let rtcp = offer(SIGNALLING) + "a=rtcp:40001 IN IP4 10.0.0.1\r\n";
    assert!(read(&rtcp, &policy(&closed)).is_err(), "RTCP is media too");
}

#[test]
fn an_answer_to_our_offer_must_fit_it() {
    let trunk = trunk(REQUIRED);
    let policy = policy(&trunk);
    let offered = || Offered::generate(&trunk, &mut StdRng::seed_from_u64(3));
    let answer = |media: &str| read_answer(&description(media), &offered(), &policy);
    let good = format!("m=audio 40000 RTP/SAVP 0\r\na=crypto:4 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n");
    let choice = answer(&good).unwrap();
    assert_eq!(offered().take(choice.key.unwrap().0).unwrap().suite().name(), "AES_CM_128_HMAC_SHA1_80");
    for (media, refused) in [
        ("m=audio 40000 RTP/AVP 0\r\n".to_owned(), Refused::Answer),
        ("m=audio 0 RTP/SAVP 0\r\n".to_owned(), Refused::NoAudio),
        ("m=audio 40000 RTP/SAVP 0\r\n".to_owned(), Refused::Answer),
        // The tag of one line with the suite of another.
        (good.replace("crypto:4", "crypto:1"), Refused::NoUsableKey),
        (good.clone() + &format!("a=crypto:3 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n"), Refused::Answer),
    ] {
        assert_eq!(answer(&media).unwrap_err(), refused, "{media}");
    }
}

#[test]
fn lifetimes_that_a_call_could_reach_are_declined() {
    let trunk = trunk(REQUIRED);
    for (lifetime, accepted) in
        [("2^48", true), ("2^31", true), ("2^24", true), ("2^20", false), ("100", false), ("2^49", false)]
    {
        let offer = format!("m=audio 40000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}|{lifetime}\r\n");
        assert_eq!(read(&offer, &policy(&trunk)).is_ok(), accepted, "{lifetime}");
    }
}
