//! Decisions, and their reasons.

use std::net::IpAddr;

use super::*;
use crate::model::{MediaRefusal, OutboundRefusal};
use crate::value::Attest;
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

#[test]
fn a_route_is_for_calls_that_come_in_unless_it_says_otherwise() {
    let text = PLAN.replacen(
        "[[route]]",
        "[[route]]\nname = \"placed\"\nwhen = { direction = \"outbound\", to = \"+1415*\" }\nreject = 403\n[[route]]",
        1,
    );
    let plan = parse(&text, "test.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let placed = |to: &str| match decide(&plan, &CallFacts::outbound("carrier-a", "+14155550100", to)) {
        Decision::Reject { reject, route } => format!("{} ({})", route.name, reject.status),
        Decision::Route(route) => route.name.to_string(),
        Decision::NoRoute => "none".to_owned(),
    };
    assert_eq!(placed("+14155550100"), "placed (403)");
    assert_eq!(placed("112"), "none");
    assert_eq!(name_of(&plan, "carrier-a", "+14155550199", "+14155550100"), "support");
    let explained = explain(&plan, &CallFacts::outbound("carrier-a", "+14155550100", "112")).to_string();
    assert!(explained.contains("no  direction outbound is not inbound"), "{explained}");
    assert!(explained.starts_with("An outbound call"), "{explained}");
}

#[test]
fn attestation_decides_where_it_is_asked() {
    let text = format!(
        "{PLAN}[identity]\nroots = {{ file = \"r\" }}\n[[route]]\nname = \"vouched\"\nwhen = {{ to = \"200\", attest = [\"A\", \"B\"] }}\nreject = 486\n\
         [[route]]\nname = \"forged\"\nwhen = {{ to = \"200\", attest = \"failed\" }}\nreject = 403\n"
    );
    let plan = parse(&text, "test.toml").unwrap_or_else(|errors| panic!("{errors}"));
    for (attest, expected) in [
        (Attest::A, Some(486)),
        (Attest::B, Some(486)),
        (Attest::C, None),
        (Attest::None, None),
        (Attest::Failed, Some(403)),
    ] {
        let facts = CallFacts::inbound("carrier-a", "+14155550199", "200").attested(attest);
        let status = match decide(&plan, &facts) {
            Decision::Reject { reject, .. } => Some(reject.status),
            Decision::Route(_) | Decision::NoRoute => None,
        };
        assert_eq!(status, expected, "{attest}");
    }
    let facts = CallFacts::inbound("carrier-a", "+14155550199", "200").attested(Attest::C);
    let explained = explain(&plan, &facts).to_string();
    assert!(explained.contains("no  attest C is not A or B"), "{explained}");
}

#[test]
fn a_trunk_says_what_may_be_called_and_shown() {
    let text = PLAN.replace(
        "peers = [\"198.51.100.0/24\"]",
        "outbound = { to = \"sips:sbc.carrier.example\", destinations = [\"+1415*\", \"112\"], uris = \"sip:*@pbx.example\", from = [\"+1415777*\", \"+14155550100\"] }",
    );
    let plan = parse(&text, "test.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let place = |trunk: &str, to: &str, from: Option<&str>| {
        let (to, from) = (to.parse().unwrap(), from.map(|from| from.parse().unwrap()));
        plan.trunk(trunk).unwrap().may_place(&to, from.as_ref()).map(|shown| shown.as_str().to_owned())
    };
    assert_eq!(place("carrier-a", "+14155550111", None), Ok("+14155550100".to_owned()));
    assert_eq!(place("carrier-a", "112", Some("+14157770001")), Ok("+14157770001".to_owned()));
    assert_eq!(place("carrier-a", "sips:alice@pbx.example", None), Ok("+14155550100".to_owned()));
    assert_eq!(place("carrier-a", "+19005550100", None), Err(OutboundRefusal::Destination));
    assert_eq!(place("carrier-a", "14155550111", None), Err(OutboundRefusal::Destination));
    assert_eq!(place("carrier-a", "1124", None), Err(OutboundRefusal::Destination));
    assert_eq!(place("carrier-a", "sip:alice@pbx.example:5070", None), Err(OutboundRefusal::Destination));
    assert_eq!(place("carrier-a", "+14155550111", Some("+14155550101")), Err(OutboundRefusal::Caller));
    assert_eq!(place("carrier-b", "+14155550111", None), Err(OutboundRefusal::NotOutbound));
}

#[test]
fn transports_are_those_that_peers_and_hops_imply() {
    use crate::value::Transport::{Tcp, Tls, Udp};
    let out = |to: &str| {
        format!(
            "srtp = \"off\"\ndanger = {{ plaintext_media = \"anyone on the path can listen\" }}\noutbound = {{ to = \"{to}\", destinations = \"2*\", from = \"100\" }}"
        )
    };
    for (lines, expected) in [
        ("peers = [\"198.51.100.0/24\"]".to_owned(), vec![Tls, Tcp, Udp]),
        ("peers = [\"sips:sbc.carrier.example\"]".to_owned(), vec![Tls]),
        ("peers = [\"198.51.100.0/24\"]\ntransports = [\"tcp\"]".to_owned(), vec![Tcp]),
        (out("sips:sbc.carrier.example"), vec![Tls]),
        (out("sip:sbc.carrier.example"), vec![Tls, Tcp, Udp]),
        (out("sip:sbc.carrier.example;transport=udp"), vec![Udp]),
        (out("sip:sbc.carrier.example;transport=tcp") + "\npeers = [\"sips:sbc.carrier.example\"]", vec![Tls, Tcp]),
    ] {
        let plan = parse(&PLAN.replace("peers = [\"198.51.100.0/24\"]", &lines), "test.toml")
            .unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(plan.trunk("carrier-a").unwrap().allowed_transports(), expected, "{lines}");
    }
}
