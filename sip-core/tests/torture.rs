//! The message corpus: RFC 4475 written anew, carrier style messages, and broken ones, each against what it must give.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use sip_core::wire::{Frame, Framer, Message, Reason, StatusCode, parse_datagram};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent from the message, or absent from the expectation")]
struct Expected {
    /// V: accepted, I: refused, A: either.
    cls: char,
    len: usize,
    start: Option<String>,
    host: Option<String>,
    callid: Option<String>,
    cseq: Option<(u32, String)>,
    vias: Option<usize>,
    #[serde(default, deserialize_with = "known")]
    branch: Option<Option<String>>,
    #[serde(default, deserialize_with = "known")]
    ftag: Option<Option<String>>,
    fuser: Option<String>,
    #[serde(default, deserialize_with = "known")]
    ttag: Option<Option<String>>,
    body: Option<usize>,
}

#[expect(clippy::option_option, reason = "as above")]
/// Tells `null`, which says that the field is absent from the message, from a missing key, which says nothing.
fn known<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

fn corpus() -> BTreeMap<String, (Expected, Bytes)> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/corpus"));
    let expected: BTreeMap<String, Expected> =
        serde_json::from_str(&fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap();
    let files = fs::read_dir(&folder)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ext| ext == "sip"));
    assert_eq!(files.count(), expected.len(), "each file has its expectation, and each expectation its file");
    expected
        .into_iter()
        .map(|(name, expected)| {
            let message = fs::read(folder.join(format!("{name}.sip"))).unwrap();
            assert_eq!(message.len(), expected.len, "{name}: the file on disk is the one described");
            (name, (expected, Bytes::from(message)))
        })
        .collect()
}

/// What the RFC lets a server decide (class A), decided: `None` is acceptance.
fn our_choice(name: &str) -> Option<Reason> {
    match name {
        "baddate" | "badbranch" | "unkscm" | "novelsc" | "unksm2" | "bext01" | "invut" | "regaut01" | "bcast"
        | "zeromf" | "cparam01" | "cparam02" | "regescrt" | "sdp01" | "inv2543" => None,
        other => panic!("{other}: decide on it here"),
    }
}

/// Why each broken message is refused.
fn reason(name: &str) -> Reason {
    match name {
        "badinv01" => Reason::Via,
        "clerr" => Reason::BodyTruncated,
        "x05_truncated" => Reason::HeadersUnterminated,
        "ncl" | "x10_clplus" => Reason::ContentLength,
        "scalar02" | "mismatch01" | "mismatch02" | "x14_cseq33bit" | "scalarlg" => Reason::CSeq,
        "quotbal" | "badaspec" | "baddn" => Reason::To,
        "ltgtruri" | "lwsruri" | "escruri" | "x12_badport" => Reason::RequestUri,
        "lwsstart" | "trws" => Reason::StartLine,
        "regbadct" => Reason::Contact,
        "badvers" => Reason::Version,
        "bigcode" => Reason::StatusCode,
        "insuf" => Reason::MissingHeader,
        "multi01" => Reason::RepeatedHeader,
        "mcl01" | "x04_dupcl" => Reason::ContentLengthRepeated,
        "x01_nocolon" | "x08_emptyname" | "x13_spname" => Reason::HeaderName,
        "x02_barecr" | "x11_lfonly" => Reason::BareLineBreak,
        "x03_nul" => Reason::ControlOctet,
        "x06_keepalive" => Reason::KeepAlive,
        "x07_stun" | "x09_http" => Reason::NotSip,
        other => panic!("{other}: no reason is written down"),
    }
}

#[test]
fn every_message_gives_what_is_expected() {
    for (name, (expected, octets)) in corpus() {
        let result = parse_datagram(octets);
        let refused = match expected.cls {
            'V' => None,
            'I' => Some(reason(&name)),
            'A' => our_choice(&name),
            other => panic!("{name}: unknown class {other}"),
        };
        match (result, refused) {
            (Err(error), Some(reason)) => assert_eq!(error.reason(), reason, "{name}"),
            (Ok(message), None) => compare(&name, &message, &expected),
            (Ok(_), Some(reason)) => panic!("{name}: accepted, but {reason} is wrong with it"),
            (Err(error), None) => panic!("{name}: refused for {}", error.reason()),
        }
    }
}

fn compare(name: &str, message: &Message, expected: &Expected) {
    let headers = message.headers();
    let start = match message {
        Message::Request(request) => request.method().to_string(),
        Message::Response(response) => response.status().to_string(),
    };
    if let Some(expected) = &expected.start {
        assert_eq!(&start, expected, "{name}: start line");
    }
    if let Some(expected) = &expected.host {
        let Message::Request(request) = message else { panic!("{name}: a response has no Request-URI") };
        let host = request.uri().host().unwrap();
        let host = host.ip().map_or_else(|| host.to_string(), |ip| ip.to_string());
        let expected = expected.parse::<std::net::IpAddr>().map_or_else(|_| expected.clone(), |ip| ip.to_string());
        assert_eq!(host, expected, "{name}: host");
    }
    if let Some(expected) = &expected.callid {
        assert_eq!(headers.call_id().unwrap(), expected.as_str(), "{name}: Call-ID");
    }
    if let Some((seq, method)) = &expected.cseq {
        let cseq = headers.cseq().unwrap();
        assert_eq!((cseq.seq, cseq.method.as_str()), (*seq, method.as_str()), "{name}: CSeq");
    }
    if let Some(count) = expected.vias {
        assert_eq!(headers.vias().unwrap().len(), count, "{name}: Via");
    }
    if let Some(branch) = &expected.branch {
        assert_eq!(headers.via().unwrap().branch(), branch.as_deref(), "{name}: branch");
    }
    if let Some(tag) = &expected.ftag {
        assert_eq!(headers.from().unwrap().tag(), tag.as_deref(), "{name}: From tag");
    }
    if let Some(user) = &expected.fuser {
        assert_eq!(headers.from().unwrap().uri.user().unwrap(), user.as_str(), "{name}: From user");
    }
    if let Some(tag) = &expected.ttag {
        assert_eq!(headers.to().unwrap().tag(), tag.as_deref(), "{name}: To tag");
    }
    if let Some(body) = expected.body {
        assert_eq!(message.body().len(), body, "{name}: body");
    }
}

#[test]
fn what_is_accepted_is_printed_and_read_again_without_loss() {
    for (name, (_, octets)) in corpus() {
        let Ok(message) = parse_datagram(octets) else { continue };
        let mut printed = BytesMut::new();
        message.encode(&mut printed);
        let again = parse_datagram(printed.freeze()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(message.body(), again.body(), "{name}");
        let lines = |message: &Message| {
            let lines = message.headers().iter().filter(|line| line.name().as_str() != "Content-Length");
            lines.map(|line| (line.name().clone(), line.value().cloned())).collect::<Vec<_>>()
        };
        assert_eq!(lines(&message), lines(&again), "{name}");
    }
}

#[test]
fn the_stream_reads_the_same_as_the_datagram_whatever_its_pieces() {
    for (name, (_, octets)) in corpus() {
        let Ok(message) = parse_datagram(octets.clone()) else { continue };
        // What a datagram tells by its end, a stream tells by Content-Length.
        let mut octets = BytesMut::new();
        message.encode(&mut octets);
        for piece in [1, 7, 64, 1460, octets.len()] {
            let mut framer = Framer::new();
            let mut frames = Vec::new();
            for octets in octets.chunks(piece) {
                framer.feed(octets);
                while let Some(frame) = framer.poll().unwrap() {
                    frames.push(frame);
                }
            }
            let [Frame::Message(framed)] = frames.as_slice() else { panic!("{name} in pieces of {piece}: {frames:?}") };
            assert_eq!(framed.body(), message.body(), "{name}");
            assert_eq!(framed.headers().call_id(), message.headers().call_id(), "{name}");
            assert!(!framer.is_within_message());
        }
    }
}

#[test]
fn a_refusal_can_be_answered_when_the_rfc_wants_an_answer() {
    for (name, (expected, octets)) in corpus() {
        if expected.cls != 'I' {
            continue;
        }
        let error = parse_datagram(octets).unwrap_err();
        let status = error.status().map(StatusCode::code);
        let wanted = match name.as_str() {
            // Responses, and what is not SIP.
            "scalarlg" | "bigcode" | "x06_keepalive" | "x07_stun" | "x09_http" => None,
            // Not even the start line is whole.
            "x11_lfonly" => None,
            "badvers" => Some(505),
            _ => Some(400),
        };
        assert_eq!(status, wanted, "{name}");
        let Some(answer) = error.into_answer() else { continue };
        assert!(answer.via().is_ok(), "{name}");
        let mut printed = BytesMut::new();
        answer.encode(&mut printed);
        assert!(printed.len() < 128 + expected.len, "{name}: an answer that is longer than what it answers amplifies");
    }
}
