//! STIR/SHAKEN: a set of PASSporTs, each with what must become of it (THREATS T42).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod shaken;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use rcgen::{CustomExtension, IsCa, KeyUsagePurpose};
use shaken::{Authority, CALLER, Call, NOW, Signer, identity_line, invite, invite_from, provider, range, tn_auth_list};
use sip_core::identity::{Attestation, Attested, Caller, Chain, Facts, Failure, Identity, Numbering, Roots};
use sip_core::wire::Request;

struct World {
    roots: Roots,
    intermediate: Authority,
    signer: Signer,
}

fn world() -> World {
    let root = Authority::root("root");
    let intermediate = root.below("intermediate", |_| {});
    World { roots: root.roots(), signer: intermediate.signer(|_| {}), intermediate }
}

/// As the server does it, the fetch apart.
fn verify(request: &Request, signer: &Signer, roots: &Roots, now: u64) -> Result<Option<Attested>, Failure> {
    verify_as(request, signer, roots, now, Caller::From)
}

fn verify_as(
    request: &Request,
    signer: &Signer,
    roots: &Roots,
    now: u64,
    caller: Caller,
) -> Result<Option<Attested>, Failure> {
    let Some(identity) = Identity::select(request.headers())? else { return Ok(None) };
    let facts = Facts::of(request, caller, Numbering::International)?;
    identity.check(&facts, now)?;
    identity.verify(&signer.chain()?, roots, &facts, now).map(Some)
}

impl World {
    fn call(&self, call: &Call) -> Result<Option<Attested>, Failure> {
        self.value(&self.signer.identity(call))
    }

    fn value(&self, value: &str) -> Result<Option<Attested>, Failure> {
        verify(&invite(&[identity_line(value)]), &self.signer, &self.roots, NOW)
    }

    /// With a leaf of another kind below the same intermediate.
    fn leaf(&self, signer: &Signer) -> Result<Option<Attested>, Failure> {
        let value = signer.identity(&Call::attested("A"));
        verify(&invite(&[identity_line(&value)]), signer, &self.roots, NOW)
    }
}

#[test]
fn each_attestation_is_told() {
    let world = world();
    for (letter, attest) in [("A", Attestation::A), ("B", Attestation::B), ("C", Attestation::C)] {
        let attested = world.call(&Call::attested(letter)).unwrap().unwrap();
        assert_eq!(attested.attest, attest);
        assert_eq!(attested.attest.as_str(), letter);
        assert_eq!(&*attested.origid, "123e4567-e89b-12d3-a456-426655440000");
    }
}

#[test]
fn more_than_the_needed_claims_and_parameters_are_passed_over() {
    let call = Call::attested("A")
        .claims(r#""attest""#, r#""mky":[{"alg":"sha-256","dig":"00"}],"attest""#)
        .claims(r#"["14155550199"]"#, r#"["14155550111","14155550199"],"uri":["sip:x@y"]"#)
        .header(r#""alg""#, r#""kid":"1","alg""#);
    assert!(world().call(&call).unwrap().is_some());
}

#[test]
fn no_identity_is_none_and_never_a_pass() {
    let world = world();
    assert_eq!(verify(&invite(&[]), &world.signer, &world.roots, NOW), Ok(None));
}

#[test]
fn another_kind_of_passport_is_passed_over() {
    let world = world();
    for call in [
        Call::attested("A").header(r#""ppt":"shaken""#, r#""ppt":"div""#),
        Call::attested("A").header(r#""ppt":"shaken","#, ""),
    ] {
        let value = world.signer.identity(&call);
        let unsaid = value.replace(";ppt=shaken", "");
        let other = value.replace(";ppt=shaken", ";ppt=div");
        assert_eq!(world.value(&unsaid), Ok(None));
        assert_eq!(world.value(&other), Ok(None));
        // The parameter promises what the PASSporT is not.
        assert_eq!(world.value(&value), Err(Failure::Extension));
        // Beside it, the one that counts is found.
        let lines = [identity_line(&other), identity_line(&world.signer.identity(&Call::attested("B")))];
        let attested = verify(&invite(&lines), &world.signer, &world.roots, NOW).unwrap().unwrap();
        assert_eq!(attested.attest, Attestation::B);
    }
}

#[test]
fn two_identities_contradict_each_other() {
    let world = world();
    let lines = ["C", "A"].map(|letter| identity_line(&world.signer.identity(&Call::attested(letter))));
    assert_eq!(verify(&invite(&lines), &world.signer, &world.roots, NOW), Err(Failure::Several));
    let many = vec![identity_line("a.b.c;info=<https://x/y>;ppt=div"); 9];
    assert_eq!(verify(&invite(&many), &world.signer, &world.roots, NOW), Err(Failure::TooMany));
    assert_eq!(verify(&invite(&many[1..]), &world.signer, &world.roots, NOW), Ok(None));
}

#[test]
fn no_other_algorithm_is_taken() {
    let world = world();
    // The key of the certificate as the secret of an HMAC: the attack on whoever asks the token how to verify it.
    let key = world.signer.key.public_key_raw().to_vec();
    let hs256 = Call::attested("A").header("ES256", "HS256");
    let input = hs256.signing_input();
    let tag = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key), input.as_bytes());
    assert_eq!(world.value(&hs256.value(&input, tag.as_ref())), Err(Failure::Algorithm));
    for other in ["none", "None", "ES384", "es256", "RS256", "EdDSA", ""] {
        let call = Call::attested("A").header("ES256", other);
        assert_eq!(world.call(&call), Err(Failure::Algorithm), "{other}");
        // Without a signature too.
        assert_eq!(world.value(&call.value(&call.signing_input(), &[])), Err(Failure::Algorithm), "{other}");
    }
    let value = world.signer.identity(&Call::attested("A")).replace(";alg=ES256", ";alg=none");
    assert_eq!(world.value(&value), Err(Failure::Algorithm));
}

#[test]
fn only_this_minute_counts() {
    let world = world();
    for (iat, expected) in [
        (NOW - 60, None),
        (NOW + 60, None),
        (NOW - 61, Some(Failure::Stale)),
        (NOW + 61, Some(Failure::Stale)),
        (0, Some(Failure::Stale)),
        (u64::MAX, Some(Failure::Stale)),
    ] {
        let call = Call::attested("A").claims(&NOW.to_string(), &iat.to_string());
        assert_eq!(world.call(&call).err(), expected, "{iat}");
    }
    assert_eq!(Failure::Stale.status().code(), 403);
}

#[test]
fn a_date_must_agree() {
    let world = world();
    let identity = identity_line(&world.signer.identity(&Call::attested("A")));
    for (date, expected) in [
        ("Tue, 24 Nov 2026 10:46:00 GMT", None),
        ("Tue, 24 Nov 2026 10:45:20 GMT", Some(Failure::Date)),
        ("Tue, 24 Nov 2026 10:47:22 GMT", Some(Failure::Date)),
        ("24 Nov 2026", Some(Failure::Date)),
    ] {
        let request = invite(&[format!("Date: {date}"), identity.clone()]);
        assert_eq!(verify(&request, &world.signer, &world.roots, NOW).err(), expected, "{date}");
    }
}

#[test]
fn the_passport_is_for_this_caller_and_this_callee() {
    let world = world();
    let other = |orig: &str, dest: &str| world.call(&Call::new(shaken::URL, "A", orig, dest, NOW));
    assert_eq!(other("14155550101", shaken::CALLEE), Err(Failure::Caller));
    assert_eq!(other(CALLER, "14155550198"), Err(Failure::Callee));
    let value = identity_line(&world.signer.identity(&Call::attested("A")));
    let request = invite_from("sip:alice@carrier.example", std::slice::from_ref(&value));
    assert_eq!(verify(&request, &world.signer, &world.roots, NOW), Err(Failure::Caller));
    // Nobody is not everybody.
    let nobody = Call::attested("A").claims(r#"["14155550199"]"#, "[]");
    assert_eq!(world.call(&nobody), Err(Failure::Callee));
}

#[test]
fn an_asserted_identity_is_read_where_the_trunk_may_assert_one() {
    let world = world();
    let value = identity_line(&world.signer.identity(&Call::attested("A")));
    let asserted = "P-Asserted-Identity: \"A\" <tel:+14155550100>".to_owned();
    let request = invite_from("sip:anonymous@anonymous.invalid", &[asserted, value.clone()]);
    assert_eq!(verify(&request, &world.signer, &world.roots, NOW), Err(Failure::Caller));
    assert!(verify_as(&request, &world.signer, &world.roots, NOW, Caller::Asserted).unwrap().is_some());
    // It comes before From, and From counts where there is none.
    let other = "P-Asserted-Identity: <sip:+14155550101@carrier.example>".to_owned();
    let request = invite(&[other, value.clone()]);
    assert_eq!(verify_as(&request, &world.signer, &world.roots, NOW, Caller::Asserted), Err(Failure::Caller));
    assert!(verify_as(&invite(&[value]), &world.signer, &world.roots, NOW, Caller::Asserted).unwrap().is_some());
}

#[test]
fn the_signature_is_over_these_octets() {
    let world = world();
    let call = Call::attested("C");
    let input = call.signing_input();
    let good = world.signer.sign(input.as_bytes());
    assert!(world.value(&call.value(&input, &good)).is_ok());
    // Somebody raises the attestation.
    let raised = Call::attested("A");
    assert_eq!(world.value(&raised.value(&raised.signing_input(), &good)), Err(Failure::Signature));
    for (case, signature) in [
        ("truncated", good[..63].to_vec()),
        ("longer", [&good[..], &[0]].concat()),
        ("empty", vec![]),
        ("zero", vec![0; 64]),
        ("one bit", [&[good[0] ^ 1], &good[1..]].concat()),
        ("halves exchanged", [&good[32..], &good[..32]].concat()),
    ] {
        assert_eq!(world.value(&call.value(&input, &signature)), Err(Failure::Signature), "{case}");
    }
    // Somebody else's key under the same certificate.
    let stranger = Signer { pem: world.signer.pem.clone(), ..world.intermediate.signer(|_| {}) };
    assert_eq!(world.value(&stranger.identity(&call)), Err(Failure::Signature));
}

/// The number of points of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// RFC 7518 3.4 does not ask for the low of the two values of S. It makes a second signature of the same PASSporT,
/// which says the same.
#[test]
fn the_other_half_of_a_signature_says_nothing_else() {
    let world = world();
    let call = Call::attested("B");
    let input = call.signing_input();
    let mut signature = world.signer.sign(input.as_bytes());
    let mut borrow = 0;
    for (octet, order) in signature[32..].iter_mut().zip(ORDER).rev() {
        let difference = i16::from(order) - i16::from(*octet) - borrow;
        borrow = i16::from(difference < 0);
        *octet = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    assert_eq!(world.value(&call.value(&input, &signature)).unwrap().unwrap().attest, Attestation::B);
}

#[test]
fn headers_and_claims_are_read_strictly() {
    let world = world();
    let call = || Call::attested("A");
    for (case, call, expected) in [
        ("typ", call().header("passport", "JWT"), Failure::PassportHeader),
        ("no typ", call().header(r#""typ":"passport","#, ""), Failure::PassportHeader),
        ("crit", call().header(r#""alg""#, r#""crit":["x"],"alg""#), Failure::PassportHeader),
        ("alg twice", call().header(r#""alg""#, r#""alg":"none","alg""#), Failure::PassportHeader),
        ("trailing", call().header("}", "}x"), Failure::PassportHeader),
        ("no x5u", call().header(r#","x5u":"https://certificates.example/709J.pem""#, ""), Failure::PassportHeader),
        ("http", call().header("https:", "http:"), Failure::Url),
        ("file", call().header("https:", "file:"), Failure::Url),
        ("blank", call().header("709J", "70 9J"), Failure::Url),
        ("long", call().header("709J", &"9".repeat(1024)), Failure::Url),
        ("x5u is not info", call().header("709J", "710J"), Failure::Info),
        ("attest", call().claims(r#""A""#, r#""D""#), Failure::PassportClaims),
        ("no attest", call().claims(r#""attest":"A","#, ""), Failure::PassportClaims),
        ("attest twice", call().claims(r#""attest":"A""#, r#""attest":"C","attest":"A""#), Failure::PassportClaims),
        ("orig twice", call().claims(r#""orig":{"#, r#""orig":{"tn":"1"},"orig":{"#), Failure::PassportClaims),
        ("iat is text", call().claims(&NOW.to_string(), &format!("\"{NOW}\"")), Failure::PassportClaims),
        ("iat is broken", call().claims(&NOW.to_string(), &format!("{NOW}.5")), Failure::PassportClaims),
        ("iat is negative", call().claims(&NOW.to_string(), "-1"), Failure::PassportClaims),
        ("orig is a list", call().claims(r#""14155550100""#, r#"["14155550100"]"#), Failure::PassportClaims),
        ("orig with a plus", call().claims(r#""14155550100""#, r#""+14155550100""#), Failure::PassportClaims),
        ("dest is text", call().claims(r#"["14155550199"]"#, r#""14155550199""#), Failure::PassportClaims),
        ("no origid", call().claims(r#""origid""#, r#""other""#), Failure::PassportClaims),
        ("origid is long", call().claims("123e4567", &"1".repeat(64)), Failure::PassportClaims),
        ("origid breaks a line", call().claims("123e4567", r"1\r\n2"), Failure::PassportClaims),
        ("65 callees", call().claims("\"14155550199\"", &["\"1\""; 65].join(",")), Failure::PassportClaims),
        ("deep", call().claims("{\"tn\"", &format!("{}{{\"tn\"", "[".repeat(500))), Failure::PassportClaims),
    ] {
        assert_eq!(world.call(&call), Err(expected), "{case}");
    }
    let good = world.signer.identity(&call());
    let end = good.find(';').unwrap();
    let (token, params) = good.split_at(end);
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    for (case, token, expected) in [
        ("compact form", format!("..{signature}"), Failure::CompactForm),
        ("four parts", format!("{token}.AA"), Failure::PassportHeader),
        ("two parts", format!("{header}.{claims}"), Failure::PassportHeader),
        ("no header", format!(".{claims}.{signature}"), Failure::PassportHeader),
        ("no claims", format!("{header}..{signature}"), Failure::PassportClaims),
        ("padding", format!("{header}=.{claims}.{signature}"), Failure::Header),
        ("not base64url", format!("{header}A.{claims}.{signature}"), Failure::PassportHeader),
    ] {
        assert_eq!(world.value(&(token + params)), Err(expected), "{case}");
    }
}

#[test]
fn the_chain_leads_to_a_root_of_ours() {
    let world = world();
    let value = world.signer.identity(&Call::attested("A"));
    let request = invite(&[identity_line(&value)]);
    let strange = Authority::root("root");
    assert_eq!(verify(&request, &world.signer, &strange.roots(), NOW), Err(Failure::Untrusted));
    assert_eq!(verify(&request, &world.signer, &Roots::default(), NOW), Err(Failure::Untrusted));
    // Without what lies between.
    let end = world.signer.pem.find("-----END CERTIFICATE-----").unwrap();
    let alone = Signer {
        pem: format!("{}-----END CERTIFICATE-----\n", &world.signer.pem[..end]),
        key: rcgen::KeyPair::generate().unwrap(),
    };
    assert_eq!(verify(&request, &alone, &world.roots, NOW), Err(Failure::Untrusted));
    // A leaf signs for another leaf: it is no authority.
    let fake = world.intermediate.below("leaf as an authority", |params| {
        params.is_ca = IsCa::NoCa;
        params.custom_extensions = vec![tn_auth_list(&provider("709J"))];
    });
    let below = fake.signer(|_| {});
    let below = Signer { pem: below.pem.clone() + &world.intermediate.certificate.pem(), key: below.key };
    assert_eq!(world.leaf(&below), Err(Failure::KeyUsage));
    // An authority that may not sign certificates.
    let root = Authority::root("root");
    let unfit = root.below("unfit", |params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature]);
    let signer = unfit.signer(|_| {});
    let value = signer.identity(&Call::attested("A"));
    assert_eq!(verify(&invite(&[identity_line(&value)]), &signer, &root.roots(), NOW), Err(Failure::KeyUsage));
}

#[test]
fn certificates_are_for_a_time() {
    let world = world();
    let from = |year, end| {
        world.intermediate.signer(|params| {
            params.not_before = rcgen::date_time_ymd(year, 1, 1);
            params.not_after = rcgen::date_time_ymd(end, 1, 1);
        })
    };
    assert_eq!(world.leaf(&from(2024, 2025)), Err(Failure::Expired));
    assert_eq!(world.leaf(&from(2027, 2028)), Err(Failure::NotValidYet));
    assert!(world.leaf(&from(2026, 2027)).is_ok());
    assert_eq!(Failure::Expired.status().code(), 437);
}

#[test]
fn a_certificate_says_for_which_numbers_it_is() {
    let world = world();
    let with = |entries: Vec<u8>| {
        world.leaf(&world.intermediate.signer(|params| {
            params.custom_extensions = vec![tn_auth_list(&entries)];
        }))
    };
    assert!(with(range("14155550100", 10)).is_ok());
    assert!(with([range("14155550000", 2), range("14155550100", 2)].concat()).is_ok());
    assert!(with([range("14155550000", 2), provider("709J")].concat()).is_ok());
    assert_eq!(with(range("14155550101", 10)), Err(Failure::NotForNumber));
    assert_eq!(with(vec![]), Err(Failure::TnAuthList));
    assert_eq!(with(vec![0xa0, 0]), Err(Failure::TnAuthList));
    let without = world.intermediate.signer(|params| params.custom_extensions.clear());
    assert_eq!(world.leaf(&without), Err(Failure::TnAuthList));
    let twice = world.intermediate.signer(|params| {
        params.custom_extensions = vec![tn_auth_list(&range("14155550100", 10)), tn_auth_list(&provider("709J"))];
    });
    assert_eq!(world.leaf(&twice), Err(Failure::TnAuthList));
}

/// RFC 9060: whoever holds a certificate for some numbers may hand out certificates for these, not for others.
#[test]
fn a_delegate_has_no_more_than_was_handed_on() {
    let root = Authority::root("root");
    let check = |above: Vec<u8>, below: Vec<u8>| {
        let delegate = root.below("delegate", |params| params.custom_extensions = vec![tn_auth_list(&above)]);
        let signer = delegate.signer(|params| params.custom_extensions = vec![tn_auth_list(&below)]);
        let value = signer.identity(&Call::attested("A"));
        verify(&invite(&[identity_line(&value)]), &signer, &root.roots(), NOW).err()
    };
    assert_eq!(check(provider("709J"), range("14155550100", 2)), None);
    assert_eq!(check(range("14155550100", 10), range("14155550100", 2)), None);
    assert_eq!(check(range("14155550000", 10), range("14155550100", 2)), Some(Failure::NotForNumber));
    assert_eq!(check(range("14155550100", 10), provider("709J")), Some(Failure::NotForNumber));
    assert_eq!(check(provider("709J"), provider("710J")), Some(Failure::NotForNumber));
}

#[test]
fn a_leaf_is_a_key_on_p256_that_signs() {
    let world = world();
    let p384 = world.intermediate.signer_with(&rcgen::PKCS_ECDSA_P384_SHA384, |_| {});
    assert_eq!(p384.chain().err(), Some(Failure::Key));
    let ed25519 = world.intermediate.signer_with(&rcgen::PKCS_ED25519, |_| {});
    assert_eq!(ed25519.chain().err(), Some(Failure::Key));
    for usages in [vec![], vec![KeyUsagePurpose::KeyEncipherment]] {
        let signer = world.intermediate.signer(|params| params.key_usages = usages);
        assert_eq!(signer.chain().err(), Some(Failure::KeyUsage));
    }
    let authority = world.intermediate.signer(|params| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    assert_eq!(world.leaf(&authority), Err(Failure::KeyUsage));
    // A critical extension that nobody here understands.
    let strange = world.intermediate.signer(|params| {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    });
    assert_eq!(world.leaf(&strange), Err(Failure::KeyUsage));
}

#[test]
fn what_is_no_list_of_certificates_is_refused() {
    let world = world();
    let pem = &world.signer.pem;
    for (case, octets) in [
        ("nothing", vec![]),
        ("a page", b"<html>hello</html>".to_vec()),
        ("no DER", vec![0x30; 64]),
        ("a key", world.signer.key.serialize_pem().into_bytes()),
        ("torn", pem.as_bytes()[..200].to_vec()),
        ("too many", pem.repeat(4).into_bytes()),
        ("too long", [pem.as_bytes(), &vec![b'\n'; 16 * 1024]].concat()),
    ] {
        assert_eq!(Chain::read(&octets).err(), Some(Failure::Certificates), "{case}");
    }
    // One certificate may come in DER.
    let root = Authority::root("root");
    let signer = root.signer(|_| {});
    let der = rustls_pki_types::pem::PemObject::from_pem_slice(signer.pem.as_bytes());
    let der: rustls_pki_types::CertificateDer<'_> = der.unwrap();
    assert_eq!(Chain::read(&der).unwrap().check(&root.roots(), NOW), Ok(()));
}

#[test]
fn nothing_shows_a_number() {
    let world = world();
    let value = world.signer.identity(&Call::attested("A"));
    let request = invite(&[identity_line(&value)]);
    let identity = Identity::select(request.headers()).unwrap().unwrap();
    let facts = Facts::of(&request, Caller::From, Numbering::International).unwrap();
    let shown = format!("{identity:?} {facts:?} {:?} {request:?}", world.signer.chain().unwrap());
    assert!(!shown.contains("4155550") && !shown.contains("eyJ"), "{shown}");
    assert_eq!(identity.certificate_url(), shaken::URL);
}

#[test]
fn each_failure_has_a_word_and_a_status() {
    let words: std::collections::BTreeSet<_> = Failure::ALL.iter().map(|failure| failure.as_str()).collect();
    assert_eq!(words.len(), Failure::ALL.len());
    for failure in Failure::ALL {
        assert!(matches!(failure.status().code(), 403 | 436 | 437 | 438), "{failure}");
    }
}

fn never_panics(value: &[u8]) {
    if let Ok(Some(identity)) = Identity::parse(value) {
        assert!(identity.certificate_url().to_ascii_lowercase().starts_with("https://"));
    }
}

#[test]
fn every_prefix_and_every_octet_changed() {
    let world = world();
    let value = world.signer.identity(&Call::attested("A")).into_bytes();
    for at in 0..value.len() {
        never_panics(&value[..at]);
        for octet in [b'.', b';', b'<', b'"', b'=', 0, 0xff, value[at] ^ 1] {
            let mut changed = value.clone();
            changed[at] = octet;
            never_panics(&changed);
        }
    }
    let mut reread = 0;
    for at in (0..world.signer.pem.len()).step_by(7) {
        let mut changed = world.signer.pem.clone().into_bytes();
        changed[at] ^= 1;
        if let Ok(chain) = Chain::read(&changed) {
            assert!(chain.check(&Roots::default(), NOW).is_err());
            reread += usize::from(chain.check(&world.roots, NOW).is_err());
        }
    }
    assert!(reread > 50, "changed certificates are read and refused: {reread}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets(octets in proptest::collection::vec(any::<u8>(), 0..512)) {
        never_panics(&octets);
        prop_assert!(Chain::read(&octets).is_err());
    }

    #[test]
    fn any_json(header in "[ -~]{0,80}", claims in "[ -~]{0,80}", params in "[ -~]{0,40}") {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        never_panics(format!("{}.{}.AA;{params}", encode(&header), encode(&claims)).as_bytes());
    }
}
