//! The vectors of the RFCs, and both sides against each other.

#![expect(clippy::disallowed_methods, reason = "an Instant can be had from the clock only")]
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use super::digest::{Input, Protection, response};
use super::{
    Algorithm, Algorithms, Asker, Challenge, Challenger, Credentials, CredentialsError, Declined, Keyring, Presented,
    Qop, Realm, Verdict,
};
use crate::limits;
use crate::wire::{HeaderName, Headers, Method, Request, StatusCode, Uri};

#[derive(serde::Deserialize)]
struct Vector {
    source: String,
    algorithm: String,
    user: String,
    realm: String,
    pw: String,
    method: String,
    uri: String,
    nonce: String,
    nc: String,
    cnonce: String,
    qop: String,
    response: String,
    userhash: Option<String>,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../../../tests/data/vectors/digest_vectors.json")).unwrap()
}

#[test]
fn every_vector_comes_out() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 7);
    for vector in &vectors {
        let algorithm = Algorithm::known(vector.algorithm.as_bytes()).unwrap();
        assert_eq!((algorithm.as_str(), vector.qop.as_str()), (vector.algorithm.as_str(), "auth"));
        let a1 = Credentials::new(&vector.user, vector.pw.as_str()).unwrap().a1(algorithm, &vector.realm);
        let protection = Protection { qop: Qop::Auth, nc: vector.nc.as_bytes(), cnonce: vector.cnonce.as_bytes() };
        let input = Input {
            algorithm,
            nonce: vector.nonce.as_bytes(),
            protection: Some(protection),
            method: &vector.method,
            uri: vector.uri.as_bytes(),
            body: b"",
        };
        assert_eq!(*response(a1.as_bytes(), &input), vector.response, "{} {}", vector.source, vector.algorithm);
        if let Some(userhash) = &vector.userhash {
            assert_eq!(*algorithm.hash(&[vector.user.as_bytes(), vector.realm.as_bytes()]), *userhash);
        }
    }
}

/// The vectors with a server's eyes: what they present proves the password, and one changed octet does not.
#[test]
fn every_vector_proves_its_password_to_a_realm() {
    for vector in vectors() {
        let realm = Realm::new(&vector.realm).unwrap().user(&vector.user, vector.pw.as_str()).unwrap();
        let realm = realm.algorithms(Algorithms::STRONG.with(Algorithm::Md5));
        let line = |response: &str| {
            format!(
                "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\", algorithm={}, \
                 cnonce=\"{}\", qop={}, nc={}",
                vector.user,
                vector.realm,
                vector.nonce,
                vector.uri,
                vector.algorithm,
                vector.cnonce,
                vector.qop,
                vector.nc
            )
        };
        let good = line(&vector.response);
        assert!(realm.proves(&Presented::parse(good.as_bytes()).unwrap(), &vector.method));
        assert!(!realm.proves(&Presented::parse(good.as_bytes()).unwrap(), "BYE"));
        let upper = line(&vector.response.to_ascii_uppercase());
        assert!(realm.proves(&Presented::parse(upper.as_bytes()).unwrap(), &vector.method));
        for at in 0..vector.response.len() {
            let mut wrong = vector.response.clone().into_bytes();
            wrong[at] = if wrong[at] == b'0' { b'1' } else { b'0' };
            let wrong = line(std::str::from_utf8(&wrong).unwrap());
            assert!(!realm.proves(&Presented::parse(wrong.as_bytes()).unwrap(), &vector.method), "{at}");
        }
        let strong = realm.clone().algorithms(Algorithms::STRONG);
        let is_weak = vector.algorithm == "MD5";
        assert_eq!(strong.proves(&Presented::parse(good.as_bytes()).unwrap(), &vector.method), !is_weak);
    }
}

/// RFC 2617 with `auth-int` and RFC 2069, worked out by hand from their formulas.
#[test]
fn a_body_is_hashed_for_auth_int_and_nothing_but_the_nonce_without_qop() {
    let input = |protection, body| Input {
        algorithm: Algorithm::Md5,
        nonce: b"n",
        protection,
        method: "BYE",
        uri: b"sip:a",
        body,
    };
    let a2 = Algorithm::Md5.hash(&[b"BYE", b"sip:a"]);
    let plain = Algorithm::Md5.hash(&[b"secret", b"n", a2.as_bytes()]);
    assert_eq!(response(b"secret", &input(None, b"body")), plain);
    let body = Algorithm::Md5.hash(&[b"body"]);
    let a2 = Algorithm::Md5.hash(&[b"BYE", b"sip:a", body.as_bytes()]);
    let whole = Algorithm::Md5.hash(&[b"secret", b"n", b"00000001", b"c", b"auth-int", a2.as_bytes()]);
    let protection = Protection { qop: Qop::AuthInt, nc: b"00000001", cnonce: b"c" };
    assert_eq!(response(b"secret", &input(Some(protection), b"body")), whole);
}

fn realms(line: &str) -> Vec<(String, Algorithm, Option<Qop>)> {
    let challenges = Challenge::of_line(line.as_bytes());
    challenges.iter().map(|c| (String::from_utf8_lossy(c.realm).into_owned(), c.algorithm, c.qop)).collect()
}

#[test]
fn challenges_are_read_as_they_occur() {
    use Algorithm::{Md5, Sha256, Sha512_256};
    let one = |line: &str| match realms(line).as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    };
    let auth = Some(Qop::Auth);
    assert_eq!(
        one("Digest realm=\"a, b=\\\"c\\\"\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\""),
        Some(("a, b=\\\"c\\\"".into(), Sha256, auth))
    );
    // Blanks, order, case, what is not known, and no quotes where there should be some.
    let odd = "digest\tQOP = \"auth-int , auth\" , x=\"y\",,foo=bar ,NONCE=n,Realm = \"r\",algorithm=\"sha-512-256\"";
    assert_eq!(one(odd), Some(("r".into(), Sha512_256, auth)));
    assert_eq!(
        one("Digest realm=\"r\",nonce=\"n\",qop=\"auth-int\",algorithm=MD5"),
        Some(("r".into(), Md5, Some(Qop::AuthInt)))
    );
    // RFC 2069: MD5 where nothing is said, and no qop.
    assert_eq!(one("Digest realm=\"r\",nonce=\"n\""), Some(("r".into(), Md5, None)));
    // Several in one line, of which two are ours to answer.
    let several = "Basic realm=\"b\", Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256, Negotiate, \
                   NTLM abcd==, Digest realm=\"s\", nonce=\"n\", qop=auth, algorithm=MD5";
    assert_eq!(realms(several), [("r".into(), Sha256, auth), ("s".into(), Md5, auth)]);
}

#[test]
fn challenges_that_cannot_be_answered_are_passed_over() {
    for line in [
        "",
        ",",
        "Digest",
        "Basic realm=\"r\"",
        "Digest realm=\"r\"",
        "Digest nonce=\"n\", qop=\"auth\"",
        "Digest realm=\"\", nonce=\"n\"",
        "Digest realm=\"r\", nonce=\"\"",
        "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-1",
        "Digest realm=\"r\", nonce=\"n\", algorithm=MD5-sess, qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256-sess, qop=\"auth\"",
        // RFC 7616 3.3: qop is REQUIRED; only MD5 is as old as its absence.
        "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256",
        "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"token\"",
        "Digest realm=\"r\", nonce=\"n\", qop=\"\"",
        // Two readings, or none.
        "Digest realm=\"r\", realm=\"s\", nonce=\"n\"",
        "Digest realm=\"r\" nonce=\"n\"",
        "Digest realm=\"r, nonce=n",
        "Digest realm=\"r\", nonce=\"n\\",
        "Digest realm=\"r\", nonce=",
        "Digest realm=\"r\", nonce=\"n\", =x",
    ] {
        assert_eq!(realms(line), [], "{line}");
    }
    let long = format!("Digest realm=\"r\", nonce=\"{}\"", "n".repeat(limits::AUTH_VALUE + 1));
    assert_eq!(realms(&long), []);
    let many = format!("Digest realm=\"r\"{}, nonce=\"n\"", ", x=y".repeat(limits::AUTH_PARAMS));
    assert_eq!(realms(&many), []);
}

#[test]
fn credentials_are_read_whole_or_not_at_all() {
    let good =
        "Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:a\",response=\"0\",cnonce=\"c\",nc=0000000a,qop=auth";
    let presented = Presented::parse(good.as_bytes()).unwrap();
    assert_eq!((presented.count(), presented.realm(), presented.algorithm), (10, &b"r"[..], Algorithm::Md5));
    for name in ["username", "realm", "nonce", "uri", "response", "cnonce", "nc", "qop"] {
        let without = good.replacen(&format!("{name}="), "other=", 1);
        assert_eq!(Presented::parse(without.as_bytes()), None, "{name}");
        let twice = format!("{good},{name}=\"1\"");
        assert_eq!(Presented::parse(twice.as_bytes()), None, "{name}");
    }
    for (from, to) in [
        ("Digest", "Basic"),
        ("qop=auth", "qop=auth-int"),
        ("nc=0000000a", "nc=a"),
        ("nc=0000000a", "nc=+000000a"),
        ("nc=0000000a", "nc=00000000a"),
        ("qop=auth", "qop=auth,userhash=true"),
        ("qop=auth", "qop=auth,algorithm=MD5-sess"),
        ("qop=auth", "qop=auth, Digest realm=\"s\""),
    ] {
        assert_eq!(Presented::parse(good.replacen(from, to, 1).as_bytes()), None, "{to}");
    }
}

#[test]
fn names_that_two_sides_could_hash_in_two_ways_are_refused() {
    for user in ["", "a:b", "a\"b", "a\\b", "a\r\nb"] {
        assert_eq!(Credentials::new(user, "x").unwrap_err(), CredentialsError::User);
        assert_eq!(Realm::new("r").unwrap().user(user, "x").unwrap_err(), CredentialsError::User);
    }
    for realm in ["", "a\"b", "a\\b", "a\nb"] {
        assert_eq!(Realm::new(realm).unwrap_err(), CredentialsError::Realm);
        assert_eq!(Credentials::new("u", "x").unwrap().realm(realm).unwrap_err(), CredentialsError::Realm);
    }
}

const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

fn alice() -> Credentials {
    Credentials::new("alice", "s3cr3t").unwrap()
}

fn ours() -> Realm {
    Realm::new("us.example").unwrap().user("bob", "other").unwrap().user("alice", "s3cr3t").unwrap()
}

fn request() -> Request {
    Request::new(Method::Invite, Uri::parse(&Bytes::from_static(b"sip:100@us.example")).unwrap())
}

fn asks(lines: impl IntoIterator<Item = impl Into<Bytes>>) -> Headers {
    let mut headers = Headers::new();
    for line in lines {
        headers.push(HeaderName::WwwAuthenticate, line);
    }
    headers
}

/// A client and a server that has challenged it.
struct Both {
    keyring: Keyring<u8>,
    challenger: Challenger,
    realm: Realm,
    now: Instant,
}

impl Both {
    fn new(credentials: &Credentials) -> Self {
        let now = Instant::now();
        let mut both = Self { keyring: Keyring::new(), challenger: Challenger::new([7; 32], now), realm: ours(), now };
        both.ask(credentials, false).unwrap();
        both
    }

    fn ask(&mut self, credentials: &Credentials, stale: bool) -> Result<(), Declined> {
        let lines = self.challenger.challenge(&self.realm, SOURCE, stale, self.now);
        self.keyring.accept(&1, credentials, Asker::Server, &asks(lines), stale)
    }

    fn signed(&mut self) -> Request {
        let mut request = request();
        for (name, value) in self.keyring.authorize(&1, &request, || "cnonce".into()) {
            request.headers_mut().push(name, value);
        }
        request
    }

    fn judge(&mut self, request: &Request) -> Verdict {
        self.challenger.judge(&self.realm, request, SOURCE, self.now)
    }
}

#[test]
fn the_client_proves_itself_to_the_server_again_and_again_with_one_nonce() {
    let mut both = Both::new(&alice());
    assert_eq!(both.judge(&request()), Verdict::Missing);
    for count in 1..=20 {
        let signed = both.signed();
        let line = signed.secrets(&HeaderName::Authorization).next().unwrap().expose().clone();
        let presented = Presented::parse(&line).unwrap();
        assert_eq!((presented.count(), presented.algorithm), (count, Algorithm::Sha512_256));
        assert_eq!(both.judge(&signed), Verdict::Proven);
    }
    assert_eq!(both.challenger.len(), 1);
}

#[test]
fn a_nonce_is_good_once_per_count_for_a_minute_and_for_its_source() {
    let mut both = Both::new(&alice());
    let (first, second, third) = (both.signed(), both.signed(), both.signed());
    assert_eq!(both.judge(&second), Verdict::Proven);
    // The same again, and one that was overtaken: strictly rising.
    assert_eq!(both.judge(&second), Verdict::Stale);
    assert_eq!(both.judge(&first), Verdict::Stale);
    let elsewhere = "198.51.100.8".parse().unwrap();
    assert_eq!(both.challenger.judge(&both.realm, &third, elsewhere, both.now), Verdict::Stale);
    both.now += limits::AUTH_NONCE_LIFE;
    assert_eq!(both.judge(&third), Verdict::Proven);
    let fourth = both.signed();
    both.now += Duration::from_millis(1);
    assert_eq!(both.judge(&fourth), Verdict::Stale);
    // Asked again, the client goes on.
    both.ask(&alice(), true).unwrap();
    let fifth = both.signed();
    assert_eq!(both.judge(&fifth), Verdict::Proven);
    assert_eq!(both.challenger.len(), 1, "what is too old is forgotten");
    assert_eq!(both.judge(&third), Verdict::Stale, "and not taken again");
}

#[test]
fn what_proves_nothing_is_wrong_and_never_stale() {
    let mut both = Both::new(&Credentials::new("alice", "S3cr3t").unwrap());
    let wrong_password = both.signed();
    assert_eq!(both.judge(&wrong_password), Verdict::Wrong);
    both = Both::new(&Credentials::new("nobody", "s3cr3t").unwrap());
    let nobody = both.signed();
    assert_eq!(both.judge(&nobody), Verdict::Wrong);
    // Too old as well: still no word of it.
    both.now += Duration::from_hours(1);
    assert_eq!(both.judge(&nobody), Verdict::Wrong);

    let mut both = Both::new(&alice());
    // For another target or method than it was made for.
    let mut moved = both.signed();
    moved.set_uri(Uri::parse(&Bytes::from_static(b"sip:900@us.example")).unwrap());
    assert_eq!(both.judge(&moved), Verdict::Wrong);
    // A nonce that we did not make, with the right password: ask again.
    let invented = "Digest realm=\"us.example\", nonce=\"bm9uY2U\", qop=\"auth\", algorithm=SHA-256";
    both.keyring.accept(&1, &alice(), Asker::Server, &asks([invented]), false).unwrap();
    let foreign = both.signed();
    assert_eq!(both.judge(&foreign), Verdict::Stale);
    assert!(both.challenger.is_empty());
    // Another endpoint's nonces are not ours.
    let mut other = Challenger::new([8; 32], both.now);
    let lines = other.challenge(&both.realm, SOURCE, false, both.now);
    both.keyring.accept(&1, &alice(), Asker::Server, &asks(lines), false).unwrap();
    let others = both.signed();
    assert_eq!(both.judge(&others), Verdict::Stale);
}

#[test]
fn nonces_that_make_room_are_taken_no_more() {
    let mut both = Both::new(&alice());
    let first = both.signed();
    assert_eq!(both.judge(&first), Verdict::Proven);
    let overtaken = both.signed();
    for _ in 0..limits::AUTH_NONCES {
        both.ask(&alice(), true).unwrap();
        let signed = both.signed();
        assert_eq!(both.judge(&signed), Verdict::Proven);
    }
    assert_eq!(both.challenger.len(), limits::AUTH_NONCES);
    assert_eq!(both.judge(&first), Verdict::Stale);
    assert_eq!(both.judge(&overtaken), Verdict::Stale);
}

#[test]
fn the_strongest_challenge_that_is_allowed_is_answered() {
    let line = |algorithm| format!("Digest realm=\"r\", nonce=\"{algorithm}\", qop=\"auth\", algorithm={algorithm}");
    let all = asks(["MD5", "SHA-256", "SHA-512-256"].map(line));
    let chosen = |allowed: Algorithms, headers: &Headers| {
        let name = HeaderName::WwwAuthenticate;
        Challenge::best(&Challenge::of(headers, &name), allowed, None).map(|challenge| challenge.algorithm)
    };
    let everything = Algorithms::STRONG.with(Algorithm::Md5);
    assert_eq!(chosen(everything, &all), Some(Algorithm::Sha512_256));
    assert_eq!(chosen(Algorithms::NONE.with(Algorithm::Sha256).with(Algorithm::Md5), &all), Some(Algorithm::Sha256));
    let weak = asks(["MD5"].map(line));
    assert_eq!(chosen(Algorithms::STRONG, &weak), None);
    assert_eq!(chosen(everything, &weak), Some(Algorithm::Md5));
}

#[test]
fn the_first_realm_of_a_place_is_its_only_one() {
    let line = |realm: &str| format!("Digest realm=\"{realm}\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256");
    let mut keyring: Keyring<usize> = Keyring::new();
    let accept = |keyring: &mut Keyring<usize>, place, credentials: &Credentials, realm, asker: Asker| {
        let mut headers = Headers::new();
        headers.push(asker.challenge(), line(realm));
        keyring.accept(&place, credentials, asker, &headers, false)
    };
    assert_eq!(accept(&mut keyring, 1, &alice(), "good", Asker::Server), Ok(()));
    assert_eq!(accept(&mut keyring, 1, &alice(), "evil", Asker::Server), Err(Declined::Realm));
    assert_eq!(accept(&mut keyring, 1, &alice(), "evil", Asker::Proxy), Err(Declined::Realm));
    assert_eq!(accept(&mut keyring, 1, &alice(), "good", Asker::Proxy), Ok(()));
    let names: Vec<HeaderName> =
        keyring.authorize(&1, &request(), || "c".into()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [HeaderName::Authorization, HeaderName::ProxyAuthorization]);
    // Elsewhere nothing is known, and nothing said.
    assert!(keyring.authorize(&2, &request(), || "c".into()).is_empty());
    let fixed = alice().realm("good").unwrap();
    assert_eq!(accept(&mut keyring, 2, &fixed, "evil", Asker::Server), Err(Declined::Realm));
    assert!(!keyring.knows(&2));
    // Too many places: the one that was used longest ago is forgotten.
    for place in 3..limits::AUTH_PLACES + 3 {
        keyring.authorize(&1, &request(), || "c".into());
        accept(&mut keyring, place, &alice(), "r", Asker::Server).unwrap();
    }
    assert!(keyring.knows(&1) && !keyring.knows(&3) && keyring.knows(&4));
}

#[test]
fn credentials_that_were_refused_are_not_sent_again_unless_the_nonce_was_stale() {
    let mut both = Both::new(&alice());
    let again = both.challenger.challenge(&both.realm, SOURCE, false, both.now);
    assert_eq!(both.keyring.accept(&1, &alice(), Asker::Server, &asks(again), true), Err(Declined::Refused));
    assert_eq!(both.ask(&alice(), true), Ok(()));
}

#[test]
fn the_next_nonce_is_used_when_one_is_given() {
    let mut both = Both::new(&alice());
    both.signed();
    let mut headers = Headers::new();
    headers.push(HeaderName::AuthenticationInfo, "qop=auth, nextnonce=\"next\", rspauth=\"0\"");
    both.keyring.renew(&1, &headers);
    let signed = both.signed();
    let line = signed.secrets(&HeaderName::Authorization).next().unwrap().expose().clone();
    let presented = Presented::parse(&line).unwrap();
    assert_eq!((presented.nonce, presented.count()), (&b"next"[..], 1));
}

#[test]
fn a_count_begins_at_one() {
    let mut both = Both::new(&alice());
    let signed = both.signed();
    let line = signed.secrets(&HeaderName::Authorization).next().unwrap().expose().clone();
    let zero = String::from_utf8(line.to_vec()).unwrap().replace("nc=00000001", "nc=00000000");
    assert!(Presented::parse(&line).is_some() && Presented::parse(zero.as_bytes()).is_none());
}

#[test]
fn an_asker_has_headers_of_its_own() {
    assert_eq!(Asker::of(StatusCode::UNAUTHORIZED), Some(Asker::Server));
    assert_eq!(Asker::of(StatusCode::PROXY_AUTHENTICATION_REQUIRED), Some(Asker::Proxy));
    assert_eq!(Asker::of(StatusCode::FORBIDDEN), None);
}

#[test]
fn nothing_shows_a_secret() {
    let mut both = Both::new(&alice());
    let signed = both.signed();
    let line = signed.secrets(&HeaderName::Authorization).next().unwrap().expose().clone();
    let presented = Presented::parse(&line).unwrap();
    let shown =
        format!("{:?} {:?} {:?} {:?} {:?} {signed:?}", alice(), both.realm, both.keyring, both.challenger, presented);
    let response = String::from_utf8(presented.response.to_vec()).unwrap();
    for secret in ["s3cr3t", &response, &alice().a1(Algorithm::Sha512_256, "us.example")] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What a server could ask comes back as it was asked, whatever stands between the quotes.
    #[test]
    fn what_was_quoted_is_sent_back_as_it_was(nonce in "[ -!#-\\[\\]-~]{1,40}", opaque in "[ -!#-\\[\\]-~]{0,40}") {
        let line = format!("Digest realm=\"us.example\", nonce=\"{nonce}\", opaque=\"{opaque}\", qop=\"auth\", algorithm=SHA-256");
        let mut keyring: Keyring<u8> = Keyring::new();
        keyring.accept(&1, &alice(), Asker::Server, &asks([line]), false).unwrap();
        let (_, value) = keyring.authorize(&1, &request(), || "c".into()).pop().unwrap();
        let presented = Presented::parse(&value).unwrap();
        prop_assert_eq!(presented.nonce, nonce.as_bytes());
        prop_assert!(ours().proves(&presented, "INVITE"));
        let expected = format!("opaque=\"{opaque}\"");
        prop_assert!(String::from_utf8_lossy(&value).contains(&expected));
    }

    #[test]
    fn any_octets_are_read_without_panic(octets in proptest::collection::vec(any::<u8>(), 0..256)) {
        Challenge::of_line(&octets);
        Presented::parse(&octets);
        Presented::parse(&[b"Digest ".as_slice(), &octets].concat());
    }
}
