//! Decisions, and their reasons.

use std::net::IpAddr;

use super::*;
use crate::model::MediaRefusal;
use crate::{Code, parse};

const PLAN: &str = r#"
[sip]
domain = "voice.example.com"
listen = ["udp://192.0.2.1:5060", "tls://192.0.2.1:5061"]
certificate = { file = "c" }
key = { file = "k" }
[media]
public_address = { v4 = "203.0.113.10", v6 = "2001:db8::10" }
[[trunk]]
name = "carrier-a"
peers = ["198.51.100.0/24"]
[[trunk]]
name = "carrier-b"
peers = ["192.0.2.0/24"]
media = { prefixes = ["10.1.0.0/16"] }
[[app]]
name = "bot"
flow_url = "https://bot.example.com/flow"
signing = { credential = "k" }
[[route]]
name = "nuisance"
when = { from = ["+442070000001", "anonymous"] }
reject = { status = 603, reason = "Declined" }
[[route]]
name = "support"
when = { trunk = "carrier-a", to = ["+14155550100", "+1415777*"], direction = "inbound" }
do = [{ ring = {} }, { app = "bot" }, { hangup = {} }]
[[route]]
name = "emergency exercise"
when = { trunk = ["carrier-a", "carrier-b"], to = "112" }
reject = 480
[[route]]
name = "short support"
when = { to = "+14155550100" }
do = [{ stream = { url = "wss://bot.example.com/x?token=hunter2", signing = { credential = "k" } } }]
"#;

fn plan() -> Dialplan {
    parse(PLAN, "test.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

fn name_of(plan: &Dialplan, trunk: &str, from: &str, to: &str) -> String {
    match decide(plan, &CallFacts::inbound(trunk, from, to)) {
        Decision::Route(route) => route.name.to_string(),
        Decision::Reject { reject, route } => format!("{} ({})", route.name, reject.status),
        Decision::NoRoute => "none".to_owned(),
    }
}

#[test]
fn the_first_route_that_fits_is_taken() {
    let plan = plan();
    for (trunk, from, to, expected) in [
        ("carrier-a", "+14155550199", "+14155550100", "support"),
        ("carrier-a", "+14155550199", "+1-415-777-0000;user=phone", "support"),
        ("carrier-a", "+442070000001", "+14155550100", "nuisance (603)"),
        ("carrier-b", "Anonymous", "+14155550100", "nuisance (603)"),
        ("carrier-a", "", "+14155550100", "nuisance (603)"),
        ("carrier-b", "+14155550199", "+14155550100", "short support"),
        ("carrier-b", "alice", "112", "emergency exercise (480)"),
        ("carrier-a", "+14155550199", "14155550100", "none"),
        ("carrier-a", "+14155550199", "bob", "none"),
    ] {
        assert_eq!(name_of(&plan, trunk, from, to), expected, "{trunk} {from} {to}");
    }
}

#[test]
fn explain_gives_the_reasons_and_agrees_with_decide() {
    let plan = plan();
    let calls = [
        ("carrier-a", "+14155550199", "+14155550100"),
        ("carrier-b", "anonymous", "112"),
        ("carrier-x", "+14155550199", "bob"),
    ];
    let texts = calls.map(|(trunk, from, to)| explain(&plan, &CallFacts::inbound(trunk, from, to)).to_string());
    insta::assert_snapshot!(texts.join("\n"));
    let json = explain(&plan, &CallFacts::inbound("carrier-a", "+14155550199", "+14155550100"));
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
    assert!(!texts.concat().contains("hunter2"));
}

#[test]
fn debug_shows_no_number() {
    let facts = CallFacts::inbound("carrier-a", "+14155550199", "alice");
    let shown = format!("{facts:?} {:?}", explain(&plan(), &facts));
    assert!(!shown.contains("4155550199") && !shown.contains("alice"), "{shown}");
}

#[test]
fn media_goes_only_where_the_trunk_says() {
    let plan = plan();
    let admits = |trunk: &str, target: &str, signalling: &str| {
        let (target, signalling): (IpAddr, IpAddr) = (target.parse().unwrap(), signalling.parse().unwrap());
        plan.trunk(trunk).unwrap().media.admits(target, signalling)
    };
    let signalling = "198.51.100.7";
    assert_eq!(admits("carrier-a", signalling, signalling), Ok(()));
    assert_eq!(admits("carrier-a", signalling, "::ffff:198.51.100.7"), Ok(()));
    assert_eq!(admits("carrier-a", "198.51.100.8", signalling), Err(MediaRefusal::NotListed));
    assert_eq!(admits("carrier-a", "127.0.0.1", "127.0.0.1"), Err(MediaRefusal::Local));
    assert_eq!(admits("carrier-a", "::ffff:127.0.0.1", signalling), Err(MediaRefusal::Local));
    assert_eq!(admits("carrier-b", "10.1.2.3", signalling), Ok(()));
    assert_eq!(admits("carrier-b", "::ffff:10.1.2.3", signalling), Ok(()));
    assert_eq!(admits("carrier-b", "10.2.0.1", signalling), Err(MediaRefusal::Local));
    assert_eq!(admits("carrier-b", signalling, signalling), Err(MediaRefusal::NotListed));
    for never in
        ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1"]
    {
        assert_eq!(admits("carrier-b", never, never), Err(MediaRefusal::NeverMedia), "{never}");
    }
}

#[test]
fn media_addresses_by_family() {
    let media = plan().media;
    let v4 = media.address_for("198.51.100.7".parse().unwrap()).unwrap();
    assert_eq!((v4.bind.to_string(), v4.advertise.to_string()), ("0.0.0.0".to_owned(), "203.0.113.10".to_owned()));
    let v6 = media.address_for("2001:db8::7".parse().unwrap()).unwrap();
    assert_eq!((v6.bind.to_string(), v6.advertise.to_string()), ("::".to_owned(), "2001:db8::10".to_owned()));
}

#[test]
fn a_plan_without_errors_keeps_its_warnings() {
    let plan = plan();
    let codes: Vec<Code> = plan.warnings().problems().iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [], "{}", plan.warnings());
}
