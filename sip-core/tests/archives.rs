//! The RFCs' own message archives, octet by octet: RFC 4475 (50 files) and RFC 5118 (12).
//!
//! They are not part of this repository. `STRONGLINE_ARCHIVES` names the folder that holds them in `torture/`; without
//! it this test fails, since a test that is asked for and does not run is worse than none (feature `archives`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the folder is named by the environment")]

use std::{env, fs, net::IpAddr, path::PathBuf};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use sip_core::{
    sdp::SessionDescription,
    wire::{Frame, Framer, Message, ParseError, Reason, parse_datagram, sdp_body},
};

#[derive(Deserialize)]
struct Manifest<T> {
    messages: Vec<T>,
}

#[derive(Deserialize)]
struct Rfc4475 {
    name: String,
    file: PathBuf,
    octets: usize,
    parse: Verdict,
    /// Status codes, or words.
    ua_server_reaction: Vec<Value>,
    kind: String,
}

#[derive(Deserialize)]
struct Rfc5118 {
    name: String,
    archive_file: PathBuf,
    wire_file: PathBuf,
    wire_octets: usize,
    parse: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Accept,
    Reject,
    Either,
}

fn torture() -> PathBuf {
    let folder = env::var_os("STRONGLINE_ARCHIVES").unwrap_or_else(|| panic!("STRONGLINE_ARCHIVES names no folder"));
    PathBuf::from(folder).join("torture")
}

fn manifest<T: for<'de> Deserialize<'de>>(name: &str) -> Vec<T> {
    let text = fs::read_to_string(torture().join(name)).unwrap();
    serde_json::from_str::<Manifest<T>>(&text).unwrap().messages
}

fn read(file: &PathBuf) -> Bytes {
    Bytes::from(fs::read(torture().join(file)).unwrap())
}

/// What this server decides where the RFC leaves the choice: `None` is acceptance.
fn our_choice(name: &str) -> Option<Reason> {
    match name {
        "ltgtruri" | "escruri" => Some(Reason::RequestUri),
        "lwsstart" | "trws" => Some(Reason::StartLine),
        "regbadct" => Some(Reason::Contact),
        "badaspec" => Some(Reason::To),
        // The archive's copy has no empty line at its end, either.
        "baddn" => Some(Reason::HeadersUnterminated),
        "insuf" => Some(Reason::MissingHeader),
        "multi01" => Some(Reason::RepeatedHeader),
        // No section describes it: a request line without a version, and more.
        "test" => Some(Reason::NotSip),
        // A Date that nobody reads.
        "baddate" => None,
        other => panic!("{other}: decide on it here"),
    }
}

#[test]
fn archive_of_rfc_4475() {
    let messages = manifest::<Rfc4475>("manifest_rfc4475.json");
    assert_eq!(messages.len(), 50);
    for message in messages {
        let octets = read(&message.file);
        let name = message.name.as_str();
        assert_eq!(octets.len(), message.octets, "{name}");
        match (message.parse, parse_datagram(octets)) {
            (Verdict::Accept, Ok(parsed)) => {
                assert_eq!(matches!(parsed, Message::Request(_)), message.kind == "request", "{name}");
                assert!(parsed.headers().via().is_ok() && parsed.headers().to().is_ok(), "{name}");
            }
            (Verdict::Reject, Err(error)) => reaction(&message, &error),
            (Verdict::Either, Ok(_)) => assert_eq!(our_choice(name), None, "{name}"),
            (Verdict::Either, Err(error)) => {
                assert_eq!(our_choice(name), Some(error.reason()), "{name}");
                reaction(&message, &error);
            }
            (Verdict::Accept, Err(error)) => panic!("{name}: refused for {}", error.reason()),
            (Verdict::Reject, Ok(_)) => panic!("{name}: accepted"),
        }
    }
}

/// The status that the refusal is answered must be one of the manifest's; a response is dropped.
fn reaction(message: &Rfc4475, error: &ParseError) {
    let name = &message.name;
    match error.status() {
        Some(status) => {
            let status = Value::from(status.code());
            assert!(message.ua_server_reaction.contains(&status), "{name}: {status} for {}", error.reason());
        }
        None => assert!(message.kind == "response" || name == "test", "{name}: no answer for {}", error.reason()),
    }
}

#[test]
fn archive_of_rfc_4475_on_a_stream() {
    for message in manifest::<Rfc4475>("manifest_rfc4475.json") {
        let mut framer = Framer::new();
        framer.feed(&read(&message.file));
        let first = framer.poll();
        match message.name.as_str() {
            // Two messages, one behind the other.
            "dblreq" => {
                let Ok(Some(Frame::Message(Message::Request(first)))) = first else { panic!("dblreq: {first:?}") };
                assert_eq!(first.method().as_str(), "REGISTER");
                // A stray line break may stand between messages (RFC 3261 7.5).
                let second = framer.poll();
                let Ok(Some(Frame::Message(Message::Request(second)))) = second else { panic!("dblreq: {second:?}") };
                assert_eq!(second.method().as_str(), "INVITE");
            }
            // More is to come, for all that a stream can know.
            "clerr" => {
                assert!(matches!(first, Ok(None)));
                assert!(framer.is_within_message());
            }
            // Where the message ends is unknown, so the connection is lost.
            "ncl" | "mcl01" => assert!(first.unwrap_err().reason().loses_framing()),
            name if message.parse == Verdict::Accept && name != "inv2543" => {
                assert!(matches!(first, Ok(Some(Frame::Message(_)))), "{name}: {first:?}");
            }
            _ => {}
        }
    }
}

#[test]
fn archive_of_rfc_5118() {
    let messages = manifest::<Rfc5118>("manifest_rfc5118.json");
    assert_eq!(messages.len(), 12);
    for message in messages {
        let octets = read(&message.wire_file);
        assert_eq!(octets.len(), message.wire_octets, "{}", message.name);
        let parsed = parse_datagram(octets);
        match message.parse {
            Verdict::Accept => {
                check_5118(&message.name, &parsed.unwrap_or_else(|error| panic!("{}: {error}", message.name)));
            }
            Verdict::Reject => assert_eq!(parsed.unwrap_err().status().unwrap().code(), 400, "{}", message.name),
            // RFC 5118 asks to tolerate `[2001:db8:::192.0.2.1]`, RFC 4291 and RFC 5954 know no such address. This
            // server takes an address or refuses it; it repairs none.
            Verdict::Either => {
                assert_eq!(message.name, "ipv6-bug-abnf-3-colons");
                assert_eq!(parsed.unwrap_err().status().unwrap().code(), 400);
            }
        }
        // As printed in the RFC, with bare line feeds: refused, whatever it holds.
        assert_eq!(parse_datagram(read(&message.archive_file)).unwrap_err().reason(), Reason::BareLineBreak);
    }
}

fn check_5118(name: &str, message: &Message) {
    let Message::Request(request) = message else { panic!("{name}: a request") };
    let host = request.uri().host().and_then(sip_core::wire::Host::ip).map(|ip| ip.to_string());
    let port = request.uri().port();
    match name {
        "port-ambiguous" => assert_eq!((host.as_deref(), port), (Some("2001:db8::10:5070"), None)),
        "port-unambiguous" => assert_eq!((host.as_deref(), port), (Some("2001:db8::10"), Some(5070))),
        "via-received-param-with-delim" | "via-received-param-no-delim" => {
            let received = request.vias().unwrap().iter().find_map(sip_core::wire::Via::received).unwrap();
            assert!(received.is_ipv6());
        }
        "ipv6-in-sdp" | "mult-ip-in-sdp" | "ipv4-mapped-ipv6" => {
            let body = sdp_body(message.headers(), message.body()).unwrap().unwrap();
            let session = SessionDescription::parse(&body).unwrap();
            let addresses = session.media.iter().map(|media| session.connection_of(media).unwrap().ip().unwrap());
            let addresses = addresses.collect::<Vec<_>>();
            assert!(addresses.iter().any(IpAddr::is_ipv6), "{name}: {addresses:?}");
            assert_eq!(addresses.iter().any(IpAddr::is_ipv4), name == "mult-ip-in-sdp", "{name}: {addresses:?}");
        }
        _ => {}
    }
}
