//! A whole call at TRACE with canaries in every field: one hit in the log fails.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use media_engine::dtmf::Key;
use strongline::demo::caller::{HangUp, Sound, Touch};

use crate::api::{Callee, KEY, api, exchange};
use crate::harness::{Lab, place, tone};

/// Digits that stand for a card number: as a whole they may stand nowhere.
const CARD: &str = "4929316074918036";

#[test]
fn nothing_secret_or_personal_is_in_the_log_at_trace() {
    let lab = Lab::new();
    let dialplan = lab.dialplan("", "[[route]]\nname = \"app\"\ndo = [{ app = \"echo\" }]");
    let mut server = Command::new(env!("CARGO_BIN_EXE_strongline"))
        .args(["serve", "--log", "json", "--log-level", "trace", "--workers", "1", "--dialplan"])
        .arg(&dialplan)
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = server.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut log = String::new();
        stderr.read_to_string(&mut log).unwrap();
        log
    });
    let until = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(lab.tls).is_err() {
        assert!(Instant::now() < until, "the server did not start");
    }
    let mut call =
        lab.call().say(Sound::Speech(tone(Duration::from_secs(1)))).hang_up(HangUp::After(Duration::from_secs(3)));
    "+14155550142".clone_into(&mut call.from);
    "+14155550173".clone_into(&mut call.to);
    call.digits = CARD
        .chars()
        .enumerate()
        .map(|(place, key)| Touch {
            after: Duration::from_millis(200 + 150 * place as u64),
            key: Key::from_char(key).unwrap(),
            length: Duration::from_millis(60),
        })
        .collect();
    place(call).unwrap();
    assert!(Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap().success());
    assert!(server.wait().unwrap().success());
    let log = reader.join().unwrap();
    let lines: Vec<_> = log.lines().collect();
    for line in &lines {
        serde_json::from_str::<serde_json::Value>(line)
            .unwrap_or_else(|error| panic!("not one JSON record a line: {error}: {line}"));
    }
    assert!(log.contains("call.ended") && log.contains("TRACE"), "the whole call is in the log, at TRACE");
    let secret = |name: &str| {
        let key = std::fs::read_to_string(lab.keys.root().join(name)).unwrap();
        key.trim().trim_start_matches("whsec_").to_owned()
    };
    let private = std::fs::read_to_string(lab.keys.root().join("sip.key")).unwrap();
    let private = private.lines().nth(1).unwrap().to_owned();
    for (what, canary) in [
        ("the caller's number", "4155550142".to_owned()),
        ("the number called", "4155550173".to_owned()),
        ("the digits", CARD.to_owned()),
        ("the new webhook key", secret("webhook-new.key")),
        ("the old webhook key", secret("webhook-old.key")),
        ("the TLS key", private),
        ("an SRTP key", "inline:".to_owned()),
        ("a session description", "a=crypto".to_owned()),
        ("a webhook signature", "v1,".to_owned()),
    ] {
        assert!(!log.contains(&canary), "{what} is in the log");
    }
    // Single digits must not be told by their events either: sixteen lines with one digit each are a card number.
    let told: Vec<_> = lines.iter().filter(|line| line.contains("media.digit")).collect();
    assert_eq!(told.len(), CARD.len(), "each key press is seen");
    assert!(told.iter().all(|line| !line.contains("\"digit\":")), "and none is named");
}

#[test]
fn nothing_that_a_client_of_the_api_sends_is_in_the_log_at_trace() {
    let lab = Lab::new();
    let callee = Callee::new(lab.udp);
    let port = strongline::demo::files::free_port().unwrap();
    std::fs::write(lab.path("trunk.password"), "password-canary-81\n").unwrap();
    let credentials = format!(
        "credentials = {{ user = \"user\", password = {{ file = \"{}\" }} }}",
        lab.path("trunk.password").display()
    );
    let dialplan = lab.dialplan(&format!("{}\n{credentials}", callee.trunk()), &api(&lab, "http", port));
    let mut server = Command::new(env!("CARGO_BIN_EXE_strongline"))
        .args(["serve", "--log", "json", "--log-level", "trace", "--workers", "1", "--dialplan"])
        .arg(&dialplan)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = server.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut log = String::new();
        stderr.read_to_string(&mut log).unwrap();
        log
    });
    let until = Instant::now() + Duration::from_secs(20);
    let connect = || loop {
        match std::net::TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, port)) {
            Ok(stream) => return stream,
            Err(_) => assert!(Instant::now() < until, "the server did not start"),
        }
    };
    let wrong_key = "stranger-0123456789abcdef0123456789abcdef";
    let post = |path: &str, key: &str, body: &str| exchange(connect(), "POST", path, Some(key), body);
    assert_eq!(post("/v1/calls", wrong_key, "{}").status, 403);
    let url = format!("https://localhost:{}/flow?token=callback-canary", lab.app.address().port());
    let order = serde_json::json!({
        "from": "+14155550111", "to": "+14155550173", "status_callback_url": url, "custom": { "note": "custom-canary" }
    });
    let placed = post("/v1/calls", KEY, &order.to_string());
    assert_eq!(placed.status, 202, "{}", placed.body);
    let invite = callee.challenge();
    let proof = invite.lines().find(|line| line.starts_with("Proxy-Authorization")).unwrap();
    let proof = proof.split("response=\"").nth(1).unwrap()[..32].to_owned();
    callee.answer_call(&invite);
    let path = format!("/v1/calls/{}", placed.body["id"].as_str().unwrap());
    let state = |wanted: &str| {
        while exchange(connect(), "GET", &path, Some(KEY), "").body["state"] != wanted {
            assert!(Instant::now() < until, "the call is not {wanted}");
        }
    };
    state("answered");
    for (cseq, key) in (1..).zip("5551234".chars()) {
        let relay = format!("Signal={key}\r\nDuration=160\r\n");
        callee.ask(&invite, "INFO", cseq, "Content-Type: application/dtmf-relay\r\n", &relay);
        callee.request("SIP/2.0 200");
    }
    let digits = post(&format!("{path}/dtmf"), KEY, &format!("{{\"digits\":\"{CARD}\"}}"));
    assert_eq!(post(&format!("{path}/dtmf"), KEY, "{\"digits\":\"4929316074918036x\"}").status, 422);
    assert_eq!(post("/v1/calls", KEY, "{\"from\":\"+14155550111x\",\"to\":\"+19005550173\"}").status, 422);
    let refused = post(&format!("{path}/transfer"), KEY, "{\"to\":\"+19005550173\"}");
    assert!((400..500).contains(&refused.status), "{}", refused.body);
    assert_eq!(post(&format!("{path}/hangup"), KEY, "{}").status, 202);
    let bye = callee.request("BYE");
    callee.respond(&bye, "200 OK", false);
    state("completed");
    assert_eq!(digits.status, 202, "{}", digits.body);
    assert!(Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap().success());
    assert!(server.wait().unwrap().success());
    let log = reader.join().unwrap();
    for wanted in ["api.placed", "api.ordered", "api.refused", "callback.", "media.digit", "call.ended", "DEBUG"] {
        assert!(log.contains(wanted), "{wanted} is not in the log");
    }
    for (what, canary) in [
        ("the API key", KEY),
        ("a wrong key", wrong_key),
        ("the number that calls", "4155550111"),
        ("the number called", "4155550173"),
        ("a number that was refused", "9005550173"),
        ("the digits", CARD),
        ("a digit by INFO", "Signal="),
        ("the trunk's password", "password-canary-81"),
        ("what proves it", &proof),
        ("the nonce", "nonce-canary"),
        ("the callback's token", "callback-canary"),
        ("the application's values", "custom-canary"),
        ("a webhook signature", "v1,"),
    ] {
        assert!(!log.contains(canary), "{what} is in the log");
    }
}
