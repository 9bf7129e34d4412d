//! The reference vectors, the stock crate as oracle in both directions, and what must be refused.

use proptest::prelude::*;
use serde_json::Value;
use zeroize::Zeroizing;

use super::key::hmac_sha256;
use super::*;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";

fn vectors(name: &str) -> Value {
    let path = format!("{}/../tests/data/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn key(secret: &str) -> SigningKey {
    SigningKey::parse(secret).unwrap()
}

fn check(keys: &[SigningKey], headers: &SignedHeaders, body: &[u8], now: u64) -> Result<(), VerifyError> {
    verify(keys, headers.id.as_str(), &headers.timestamp, &headers.signature, body, now)
}

#[expect(clippy::disallowed_methods, reason = "the stock crate asks the system clock, so its oracle must too")]
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn stock_headers(id: &str, timestamp: &str, signature: &str) -> http::HeaderMap {
    let mut map = http::HeaderMap::new();
    map.insert(HEADER_ID, id.parse().unwrap());
    map.insert(HEADER_TIMESTAMP, timestamp.parse().unwrap());
    map.insert(HEADER_SIGNATURE, signature.parse().unwrap());
    map
}

#[test]
fn signs_the_reference_vectors() {
    let file = vectors("standard_webhooks.json");
    let cases = file["positive"].as_array().unwrap();
    assert!(cases.len() >= 5);
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let body = match text("body") {
            "<\"x\" repeated 65536>" => "x".repeat(65_536),
            body => body.to_owned(),
        };
        let signer = Signer::new(vec![key(text("secret"))]).unwrap();
        let id = MessageId::new(text("webhook-id")).unwrap();
        let timestamp: u64 = text("webhook-timestamp").parse().unwrap();
        let headers = signer.sign(&id, timestamp, body.as_bytes());
        assert_eq!(headers.signature, text("webhook-signature"));
        assert_eq!(check(signer.keys(), &headers, body.as_bytes(), timestamp), Ok(()));
    }
}

#[test]
fn mac_equals_rfc_4231() {
    let cases = vectors("hmac_sha256_rfc4231.json");
    for case in cases.as_array().unwrap() {
        let octets = |name: &str| hex(case[name].as_str().unwrap());
        assert_eq!(hmac_sha256(&octets("key"), &[&octets("data")]).as_slice(), octets("hmac_sha256"));
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_stock_crate_accepts_both_keys_during_rotation() {
    let signer = Signer::new(vec![key(SECRET), key(OLD)]).unwrap();
    let body = br#"{"call_id":"1"}"#;
    let headers = signer.sign(&MessageId::new(ID).unwrap(), now(), body);
    assert_eq!(headers.signature.split(' ').count(), 2);
    let map = stock_headers(ID, &headers.timestamp, &headers.signature);
    for secret in [SECRET, OLD] {
        let stock = standardwebhooks::Webhook::new(secret).unwrap();
        stock.verify(body, &map).unwrap();
        stock.verify(br#"{"call_id":"2"}"#, &map).unwrap_err();
    }
    let stranger = standardwebhooks::Webhook::new("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
    stranger.verify(body, &map).unwrap_err();
    let stale = signer.sign(&MessageId::new(ID).unwrap(), now() - 301, body);
    let stale = stock_headers(ID, &stale.timestamp, &stale.signature);
    standardwebhooks::Webhook::new(SECRET).unwrap().verify(body, &stale).unwrap_err();
}

#[test]
fn accepts_what_the_stock_crate_signs() {
    let stock = standardwebhooks::Webhook::new(OLD).unwrap();
    let signature = stock.sign(ID, 1_649_367_553, b"hello").unwrap();
    let keys = [key(SECRET), key(OLD)];
    assert_eq!(verify(&keys, ID, "1649367553", &signature, b"hello", 1_649_367_600), Ok(()));
    assert_eq!(verify(&keys[..1], ID, "1649367553", &signature, b"hello", 1_649_367_600), Err(VerifyError::Signature));
}

/// Made with Python: hmac.new(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hexdigest()
#[test]
fn telers_signature_is_keyed_with_the_secret_as_it_is_written() {
    let signer = Signer::new(vec![key(SECRET), key(OLD)]).unwrap();
    let signature = signer.sign_for_teler(1_649_367_553, br#"{"type":"call.answered"}"#);
    assert_eq!(signature, "bc239ca27ace37f0f61102e756ee89f83803ed34a33389dfc1c3b5baa57c61bb");
}

#[test]
fn skips_versions_it_does_not_know() {
    let file = vectors("standard_webhooks.json");
    let list = file["rotation"]["example"].as_str().unwrap();
    let keys = [key(OLD)];
    let verdict =
        verify(&keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", list, br#"{"test": 2432232314}"#, 1_614_265_330);
    assert_eq!(verdict, Ok(()));
}

#[test]
fn refuses_stale_future_and_malformed() {
    let signer = Signer::new(vec![key(SECRET)]).unwrap();
    let headers = signer.sign(&MessageId::new(ID).unwrap(), 10_000, b"x");
    let sig = headers.signature.as_str();
    let keys = signer.keys();
    assert_eq!(check(keys, &headers, b"x", 10_300), Ok(()));
    assert_eq!(check(keys, &headers, b"x", 10_301), Err(VerifyError::TooOld));
    assert_eq!(check(keys, &headers, b"x", 9_700), Ok(()));
    assert_eq!(check(keys, &headers, b"x", 9_699), Err(VerifyError::TooNew));
    assert_eq!(check(keys, &headers, b"X", 10_000), Err(VerifyError::Signature));
    assert_eq!(verify(keys, ID, "soon", sig, b"x", 10_000), Err(VerifyError::Timestamp));
    assert_eq!(verify(keys, "a.b", "10000", sig, b"x", 10_000), Err(VerifyError::Id));
    assert_eq!(verify(keys, "", "10000", sig, b"x", 10_000), Err(VerifyError::Id));
    for bad in ["", "v1,", "v1", "v2,abc", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLawdd"] {
        assert_eq!(verify(keys, ID, "10000", bad, b"x", 10_000), Err(VerifyError::Signature), "{bad}");
    }
    let many = vec![sig; 17].join(" ");
    assert_eq!(verify(keys, ID, "10000", &many, b"x", 10_000), Err(VerifyError::TooManySignatures));
}

#[test]
fn refuses_unfit_keys_without_repeating_them() {
    assert_eq!(SigningKey::parse("C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap_err(), KeyError::Prefix);
    assert_eq!(SigningKey::parse("whsec_*").unwrap_err(), KeyError::Base64);
    assert_eq!(SigningKey::parse("whsec_AAAA").unwrap_err(), KeyError::Length { octets: 3 });
    assert!(SigningKey::from_octets(Zeroizing::new(vec![7; 65])).is_err());
    assert!(SigningKey::parse(&format!("{SECRET}\n")).is_ok());
    assert_eq!(Signer::new(vec![]).unwrap_err(), SignerError::NoKey);
    let five = (0..5).map(|_| key(SECRET)).collect();
    assert_eq!(Signer::new(five).unwrap_err(), SignerError::TooManyKeys { count: 5 });
}

#[test]
fn debug_shows_the_key_id_only() {
    let shown = format!("{:?}", Signer::new(vec![key(SECRET)]).unwrap());
    assert!(shown.contains(&key(SECRET).id().to_string()), "{shown}");
    assert!(!shown.contains("C2FV"), "{shown}");
    assert_eq!(key(SECRET).id().to_string().len(), 8);
    assert_ne!(key(SECRET).id(), key(OLD).id());
}

#[test]
fn generated_ids_are_ulids_in_order_of_time() {
    use rand::SeedableRng as _;
    let mut rng = rand::rngs::StdRng::seed_from_u64(1);
    let early = MessageId::generate("ws", 1_700_000_000_000, &mut rng).unwrap();
    let late = MessageId::generate("ws", 1_700_000_000_001, &mut rng).unwrap();
    assert_eq!(early.as_str().len(), 29);
    assert!(early.as_str() < late.as_str());
    assert_eq!(early.as_str()[3..13], ulid_time(1_700_000_000_000));
}

/// The first ten digits of a ULID by the specification's own arithmetic.
fn ulid_time(mut ms: u64) -> String {
    let digits = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut out = [b'0'; 10];
    for digit in out.iter_mut().rev() {
        *digit = digits[usize::try_from(ms % 32).unwrap()];
        ms /= 32;
    }
    String::from_utf8(out.to_vec()).unwrap()
}

proptest! {
    #[test]
    fn one_flipped_bit_is_refused(body in proptest::collection::vec(any::<u8>(), 1..200), at: proptest::sample::Index, bit in 0u8..8) {
        let signer = Signer::new(vec![key(SECRET), key(OLD)]).unwrap();
        let headers = signer.sign(&MessageId::new(ID).unwrap(), 5, &body);
        prop_assert_eq!(check(&signer.keys()[1..], &headers, &body, 5), Ok(()));
        let mut forged = body.clone();
        forged[at.index(body.len())] ^= 1 << bit;
        prop_assert_eq!(check(signer.keys(), &headers, &forged, 5), Err(VerifyError::Signature));
    }

    #[test]
    fn never_panics_on_headers(id in ".*", ts in ".*", sig in ".*") {
        prop_assert!(verify(&[key(SECRET)], &id, &ts, &sig, b"", 0).is_err());
    }
}
