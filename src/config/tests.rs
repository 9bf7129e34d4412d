//! What the file names is read, and what of it is wrong is said all at once, without a secret.

use std::fs;
use std::path::Path;
use std::time::Instant;

use rcgen::{CertificateParams, KeyPair};
use sip_core::admission::{Rel100, Transport, TrunkId};
use tempfile::TempDir;

use super::{Certificates, LoadError, Loaded};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A trunk that uses every reference, and an API.
const FILE: &str = r#"
[sip]
domain = "voice.example.com"
listen = ["udp://127.0.0.1:5060"]
[media]
bind = "127.0.0.1"
[identity]
roots = { file = "ca.pem" }
[api]
listen = "tls://127.0.0.1:8443"
certificate = { file = "chain.pem" }
key = { file = "key.pem" }
[[api.client]]
name = "crm"
key = { file = "crm.key" }
app = "bot"
trunks = ["carrier-a"]
[[api.client]]
name = "batch"
key = { file = "batch.key" }
app = "bot"
trunks = ["carrier-a"]
[[trunk]]
name = "carrier-a"
reliable = "required"
replaces = "accept"
outbound = { to = "sips:sbc.carrier.example", destinations = "+1415*", from = "+14155550100", redirects = 2, calls_per_day = 7, fail_over_after = 9 }
credentials = { user = "acme", password = { file = "out.password" }, realm = "carrier.example", algorithms = ["SHA-256"] }
challenge = { users = [{ user = "one", password = { file = "one.password" } }, { user = "two", password = { file = "two.password" } }] }
register = { user = "acme", domain = "carrier.example", expires = 300, contact_user = "14155550100" }
keepalive = { options = 20, crlf = 30, hold_down = 40 }
tls = { certificate = { file = "chain.pem" }, key = { file = "key.pem" }, ca = { file = "ca.pem" } }
[[app]]
name = "bot"
flow_url = "https://bot.example.com/flow"
signing = { file = "signing.key" }
ca = { file = "ca.pem" }
"#;

/// A folder with the file and all that it names.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["voice.example.com".to_owned()]).unwrap().self_signed(&key).unwrap();
    for (name, text) in [
        ("strongline.toml", FILE),
        ("ca.pem", &certificate.pem()),
        ("chain.pem", &certificate.pem()),
        ("key.pem", &key.serialize_pem()),
        ("crm.key", &format!("{KEY}\n")),
        ("batch.key", &KEY.replace('0', "x")),
        ("out.password", "hunter2\n"),
        ("one.password", "swordfish"),
        ("two.password", "correct horse"),
        ("signing.key", "whsec_bm90LWEtcmVhbC1zZWNyZXQtYnV0LWxvbmctZW5vdWdo"),
    ] {
        write(folder.path(), name, text.as_bytes());
    }
    folder
}

fn write(folder: &Path, name: &str, octets: &[u8]) {
    fs::write(folder.join(name), octets).unwrap();
}

/// What loading says is wrong, line by line.
fn problems(folder: &Path) -> Vec<String> {
    match Loaded::load(&folder.join("strongline.toml")).map(|_| ()).unwrap_err() {
        LoadError::Named(errors) => errors.iter().map(ToString::to_string).collect(),
        other @ (LoadError::Unreadable { .. } | LoadError::TooLarge { .. } | LoadError::Wrong(_)) => panic!("{other}"),
    }
}

#[test]
fn what_a_trunk_says_becomes_its_rule() {
    let folder = folder();
    let loaded = Loaded::load(&folder.path().join("strongline.toml")).unwrap();
    assert_eq!(loaded.identity.as_ref().map(|identity| identity.roots.len()), Some(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = runtime.block_on(loaded.sip_config([7; 32], Instant::now())).unwrap();
    assert!(config.tls_client.is_none(), "its own roots, and nobody needs the system's");
    assert!(config.tls_clients.contains_key("carrier-a"));
    let rule = config.gate.rule(&TrunkId::new("carrier-a")).unwrap();
    assert_eq!(rule.tls_client.as_deref(), Some("carrier-a"));
    assert_eq!((rule.rel100, rule.redirects, rule.refer, rule.replaces), (Rel100::Required, 2, false, true));
    assert!(rule.transports.contains(Transport::Tls) && !rule.transports.contains(Transport::Udp));
    let credentials = rule.credentials.as_ref().unwrap();
    assert_eq!((credentials.user(), credentials.fixed_realm()), ("acme", Some("carrier.example")));
    assert_eq!(rule.challenge.as_ref().map(|realm| realm.name().to_owned()).as_deref(), Some("voice.example.com"));
    let outbound = rule.outbound.as_ref().unwrap();
    assert_eq!(outbound.target, "sips:sbc.carrier.example".parse().unwrap());
    assert_eq!((outbound.limits.per_day, outbound.hold_down.as_secs()), (Some(7), 40));
    assert_eq!(outbound.fail_over_after.as_secs(), 9);
    assert_eq!(
        (outbound.ping.map(|each| each.as_secs()), rule.keepalive.map(|each| each.as_secs())),
        (Some(20), Some(30))
    );
    let targets = rule.redirect_targets.as_ref().unwrap();
    for (uri, may) in [("sip:+14155550177@x.example;user=phone", true), ("sip:+19005550100@x.example", false)] {
        assert_eq!(
            targets.permit(&uri.parse().unwrap()),
            may,
            "a callee may send calls only where the trunk may: {uri}"
        );
    }
    assert!(!targets.permit(&"sip:%2B14155550177@x.example".parse().unwrap()));
    let registration = outbound.registration.as_ref().unwrap();
    assert_eq!((registration.user.as_str(), registration.expires.as_secs()), ("acme", 300));
    assert_eq!(registration.contact_user.as_ref().map(sip_core::wire::Text::as_str), Some("14155550100"));
    let shown = format!("{loaded:?} {rule:?}");
    for secret in [KEY, "hunter2", "swordfish", "horse"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn all_that_is_missing_or_wrong_is_said_at_once() {
    let folder = folder();
    for (name, octets) in [
        ("ca.pem", b"hello".as_slice()),
        ("chain.pem", b"hello"),
        ("crm.key", b"too-short"),
        ("batch.key", b"with a blank in it, and long enough for a key"),
        ("out.password", b"\n"),
        ("one.password", b"two\nlines"),
        ("two.password", b"\xff\xfe"),
    ] {
        write(folder.path(), name, octets);
    }
    fs::remove_file(folder.path().join("key.pem")).unwrap();
    let problems = problems(folder.path());
    let all = problems.join("\n");
    for expected in [
        "trunk `carrier-a`: credentials.password (file out.password): is empty",
        "trunk `carrier-a`: challenge.users[0].password (file one.password): holds a line break",
        "trunk `carrier-a`: challenge.users[1].password (file two.password): is not text",
        "trunk `carrier-a`: tls.certificate (file chain.pem): holds no certificate",
        "trunk `carrier-a`: tls.key (file key.pem): cannot read",
        "trunk `carrier-a`: tls.ca (file ca.pem): holds no certificate",
        "api.certificate (file chain.pem): holds no certificate",
        "api.key (file key.pem): cannot read",
        "api client `crm`: key (file crm.key): has 9 characters",
        "api client `batch`: key (file batch.key): holds a character",
        "identity.roots (file ca.pem): holds no certificate",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(expected)), "{expected}\n{all}");
    }
    assert!(!all.contains("too-short") && !all.contains("blank"), "{all}");
}

#[test]
fn two_clients_have_two_keys() {
    let folder = folder();
    write(folder.path(), "batch.key", KEY.as_bytes());
    let problems = problems(folder.path());
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("api client `batch`: key (file batch.key): is the key of the client `crm` too"));
}

#[test]
fn certificates_are_read_again_all_or_none() {
    let folder = folder();
    let path = folder.path().join("strongline.toml");
    let first = Certificates::load(&path).unwrap();
    assert!(first.server.is_none() && first.clients.named.contains_key("carrier-a"));
    write(folder.path(), "chain.pem", b"half a file");
    let error = Certificates::load(&path).unwrap_err().to_string();
    assert!(error.contains("trunk `carrier-a`: tls.certificate"), "{error}");
    // Sounds and signing keys are not looked at.
    fs::remove_file(folder.path().join("signing.key")).unwrap();
    assert_eq!(Certificates::load(&path).unwrap_err().to_string(), error);
}
