//! The wire module by its public surface: values, messages of our own, framing, bodies.

#![expect(clippy::format_collect, reason = "a test's texts are short")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use sip_core::{
    limits,
    wire::{
        BodyError, CSeq, Frame, Framer, HeaderError, HeaderName, Headers, Host, Message, Method, NameAddr, RAck,
        Reason, Refresher, Request, Response, SessionExpires, StatusCode, Text, Transport, Uri, Via, parse_datagram,
        sdp_body,
    },
};

fn request(lines: &str) -> Request {
    let text = format!(
        "INVITE sip:+14155550100@198.51.100.10 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1;rport\r\n\
         Max-Forwards: 70\r\nFrom: \"A. Caller\" <sip:+12025550100@192.0.2.1>;tag=a1\r\nTo: <sip:+14155550100@198.51.100.10>\r\n\
         Call-ID: call@192.0.2.1\r\nCSeq: 7 INVITE\r\n{lines}\r\n"
    );
    match parse_datagram(Bytes::from(text)).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request"),
    }
}

fn printed(message: impl Into<Message>) -> String {
    let mut out = BytesMut::new();
    message.into().encode(&mut out);
    String::from_utf8(out.to_vec()).unwrap().replace("\r\n", "\n")
}

fn headers(name: &str, values: &[&'static str]) -> Headers {
    let mut headers = Headers::new();
    for value in values {
        headers.push(HeaderName::new(Text::copy_from(name)), *value);
    }
    headers
}

#[test]
fn header_names_are_known_in_any_case_and_in_their_compact_form() {
    let compact = [
        ("a", HeaderName::AcceptContact),
        ("b", HeaderName::ReferredBy),
        ("c", HeaderName::ContentType),
        ("d", HeaderName::RequestDisposition),
        ("e", HeaderName::ContentEncoding),
        ("f", HeaderName::From),
        ("i", HeaderName::CallId),
        ("j", HeaderName::RejectContact),
        ("k", HeaderName::Supported),
        ("l", HeaderName::ContentLength),
        ("m", HeaderName::Contact),
        ("n", HeaderName::IdentityInfo),
        ("o", HeaderName::Event),
        ("r", HeaderName::ReferTo),
        ("s", HeaderName::Subject),
        ("t", HeaderName::To),
        ("u", HeaderName::AllowEvents),
        ("v", HeaderName::Via),
        ("x", HeaderName::SessionExpires),
        ("y", HeaderName::Identity),
    ];
    for (letter, name) in compact {
        assert_eq!(HeaderName::known(letter.as_bytes()), Some(name.clone()));
        assert_eq!(HeaderName::known(letter.to_ascii_uppercase().as_bytes()), Some(name.clone()));
        assert_eq!(HeaderName::known(name.as_str().to_ascii_uppercase().as_bytes()), Some(name.clone()));
        assert_eq!(HeaderName::known(name.as_str().to_ascii_lowercase().as_bytes()), Some(name));
    }
    for unknown in ["", "z", "X-Via", "Vi", "Call_ID", "Call-IDs"] {
        assert_eq!(HeaderName::known(unknown.as_bytes()), None, "{unknown}");
    }
    assert_eq!(HeaderName::from("X-Custom"), HeaderName::from("x-custom"));
    assert_ne!(HeaderName::from("X-Custom"), HeaderName::from("X-Custom2"));
}

#[test]
fn uris_that_are_right() {
    // text, scheme, user, host, port
    let right = [
        ("sip:example.com", "sip", None, Some("example.com"), None),
        ("SIPS:bob@Example.com:5061", "sips", Some("bob"), Some("Example.com"), Some(5061)),
        (
            "sip:+14155550100@[2001:db8::1]:5060;transport=tls",
            "sip",
            Some("+14155550100"),
            Some("[2001:db8::1]"),
            Some(5060),
        ),
        ("sip:user;par=u%40x@10.0.0.1", "sip", Some("user;par=u%40x"), Some("10.0.0.1"), None),
        ("sip:a:secret@h", "sip", Some("a"), Some("h"), None),
        ("sip:*98#@h", "sip", Some("*98#"), Some("h"), None),
        ("sip:h?Subject=x&To=y", "sip", None, Some("h"), None),
        // Phones write the same twice.
        ("sip:h;transport=tls;lr;transport=tls", "sip", None, Some("h"), None),
        ("tel:+1-201-555-0123;ext=3", "tel", Some("+1-201-555-0123"), None, None),
        ("tel:7042;phone-context=example.com", "tel", Some("7042"), None, None),
        ("urn:service:sos", "urn", None, None, None),
        ("isbn:2983792873", "isbn", None, None, None),
    ];
    for (text, scheme, user, host, port) in right {
        let uri: Uri = text.parse().unwrap_or_else(|_| panic!("{text}"));
        assert_eq!(uri.scheme(), scheme, "{text}");
        assert_eq!(uri.user().map(Text::as_str), user, "{text}");
        assert_eq!(uri.host().map(ToString::to_string).as_deref(), host, "{text}");
        assert_eq!(uri.port(), port, "{text}");
        let again: Uri = uri.to_text().parse().unwrap();
        assert_eq!(again, uri, "{text}");
    }
}

#[test]
fn uris_that_are_wrong() {
    let wrong = [
        "",
        "sip:",
        "sip",
        ":x",
        "sip:@h",
        "sip:a@",
        "sip:a@b@c",
        "sip:h:",
        "sip:h:0",
        "sip:h:65536",
        "sip:h:+5060",
        "sip:h:5060x",
        "sip:127.1",
        "sip:1.2.3.256",
        "sip:01.2.3.4",
        "sip:1.2.3.4.5",
        "sip:0x7f.0.0.1",
        "sip:2001:db8::1",
        "sip:[::1",
        "sip:[::1%25eth0]",
        "sip:[1.2.3.4]",
        "sip:a b@h",
        "sip:a<b@h",
        "sip:h;=x",
        "sip:h;a=",
        "sip:h;a=1;a=2",
        "sip:h;lr;LR=on",
        "sip:h;;lr",
        "sip:h?",
        "sip:%4@h",
        "sip:%zz@h",
        "sip:\u{e9}@h",
        "sip:..h",
        "sip:-h",
        "tel:",
        "tel:+",
        "tel:call-me",
        "1sip:h",
        "x\"y:z",
    ];
    for text in wrong {
        assert!(text.parse::<Uri>().is_err(), "{text}");
    }
    let many = format!("sip:h{}", (0..=limits::PARAMS).map(|number| format!(";p{number}")).collect::<String>());
    assert!(many.parse::<Uri>().is_err());
}

#[test]
fn parameters_are_set_in_place_and_removed() {
    let uri: Uri = "sip:h;transport=tls;lr;TRANSPORT=tls".parse().unwrap();
    let mut params = uri.params().clone();
    params.set("Transport", Some("tcp"));
    params.set("text", Some("a \"b\";c"));
    params.remove("LR");
    assert_eq!(params.value("transport"), Some("tcp"));
    assert_eq!(params.iter().map(|param| param.name().to_owned()).collect::<Vec<_>>(), ["Transport", "text"]);
    assert_eq!(params.get("TEXT").unwrap().raw(), Some(&br#""a \"b\";c""#[..]));
    assert_eq!(format!("{params:?}"), "[\"Transport\", \"text\"]");
}

#[test]
fn a_uri_shows_neither_user_nor_password() {
    let uri: Uri = "sip:+14155550100:hunter2@example.com;transport=tls".parse().unwrap();
    let shown = format!("{uri:?} {:?}", NameAddr::new(uri.clone()).with_display_name("Alice"));
    assert!(shown.contains("example.com") && shown.contains("transport"));
    assert!(!shown.contains("415555") && !shown.contains("hunter2") && !shown.contains("Alice"), "{shown}");
    assert_eq!(uri.to_text(), "sip:+14155550100:hunter2@example.com;transport=tls");
}

#[test]
fn display_names_never_reach_the_uri_or_the_tag() {
    // Two known stacks take what stands in the quotes for the address.
    let cases = [
        (r#""<sip:evil@x>;tag=evil" <sip:good@h>;tag=good"#, Some("<sip:evil@x>;tag=evil")),
        (r#""a\" <sip:evil@x>;tag=evil" <sip:good@h>;tag=good"#, Some(r#"a" <sip:evil@x>;tag=evil"#)),
        (r#""a\\" <sip:good@h>;tag=good"#, Some(r"a\")),
        (r#""Bell, Alexander"<sip:good@h>;tag=good"#, Some("Bell, Alexander")),
        ("Mr. Bell (work) <sip:good@h>;tag=good", Some("Mr. Bell (work)")),
        ("\"\" <sip:good@h>;tag=good", Some("")),
        ("<sip:good@h;tag=uri>;tag=good", None),
        ("sip:good@h;tag=good", None),
        ("sip:good@h ; tag = good", None),
    ];
    for (text, display) in cases {
        let addr = NameAddr::parse(&Bytes::from_static(text.as_bytes())).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!(addr.uri.user().unwrap(), "good", "{text}");
        assert_eq!(addr.tag(), Some("good"), "{text}");
        assert_eq!(addr.display_name().as_deref(), display, "{text}");
        assert_eq!(NameAddr::parse(&addr.to_value()).unwrap(), addr, "{text}");
    }
    let wrong = [
        "\"a <sip:good@h>;tag=good",
        "a\" <sip:good@h>",
        "<sip:good@h",
        "sip:good@h>",
        "<sip:a@h><sip:b@h>",
        "<sip:a@h>, <sip:b@h>",
        "Bell, Alexander <sip:good@h>",
        "<sip:a@h>;tag",
        "<sip:a@h>;tag=",
        "<sip:a@h>;tag=a;TAG=b",
        "<sip:a@h>;tag=\"q\"",
        "< sip:a@h>",
        "sip:a@h?Subject=x",
        "sip:attacker@x <sip:victim@y>",
        "<sip:a@h> x",
        "",
    ];
    for text in wrong {
        assert!(NameAddr::parse(&Bytes::from_static(text.as_bytes())).is_err(), "{text}");
    }
}

#[test]
fn what_we_quote_comes_back_as_it_was() {
    for name in ["plain", "a \"b\" \\ c", "caf\u{e9}, \u{2028}", "", "<sip:x@y>;tag=z"] {
        let addr = NameAddr::new("sip:a@b".parse().unwrap()).with_display_name(name);
        assert_eq!(NameAddr::parse(&addr.to_value()).unwrap().display_name().unwrap(), name);
    }
    let broken = NameAddr::new("sip:a@b".parse().unwrap()).with_display_name("a\r\nVia: x");
    assert_eq!(broken.to_value(), "\"a  Via: x\" <sip:a@b>");
}

#[test]
fn the_source_of_a_request_is_noted() {
    let source: SocketAddr = "203.0.113.7:41000".parse().unwrap();
    let with = |via: &str| {
        let mut headers = headers("Via", &[]);
        headers.push(HeaderName::Via, via.to_owned());
        headers.push(HeaderName::Via, "SIP/2.0/TCP later;branch=z9hG4bK9");
        headers.note_source(source).unwrap();
        String::from_utf8(headers.get(&HeaderName::Via).unwrap().to_vec()).unwrap()
    };
    // RFC 3581 4: both when the port is asked for, RFC 3261 18.2.1: the address when it is another.
    assert_eq!(
        with("SIP/2.0/UDP 203.0.113.7:5060;branch=z9hG4bK1;rport"),
        "SIP/2.0/UDP 203.0.113.7:5060;branch=z9hG4bK1;rport=41000;received=203.0.113.7"
    );
    assert_eq!(
        with("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1"),
        "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=203.0.113.7"
    );
    assert_eq!(with("SIP/2.0/UDP 203.0.113.7;branch=z9hG4bK1"), "SIP/2.0/UDP 203.0.113.7;branch=z9hG4bK1");
    assert_eq!(
        with("SIP/2.0/UDP [::ffff:203.0.113.7];branch=z9hG4bK1;received=10.0.0.9"),
        "SIP/2.0/UDP [::ffff:203.0.113.7];branch=z9hG4bK1"
    );
    // Only the first value of a line is ours to change.
    assert_eq!(
        with("SIP / 2.0 / UDP host ;branch=z9hG4bK1 , SIP/2.0/TLS next;branch=z9hG4bK2"),
        "SIP/2.0/UDP host;branch=z9hG4bK1;received=203.0.113.7 , SIP/2.0/TLS next;branch=z9hG4bK2"
    );
}

#[test]
fn a_branch_is_of_rfc_3261_or_not() {
    let via = |branch: &str| Via::new(Transport::Tls, Host::Name("h".into()), None, branch);
    assert_eq!(via("z9hG4bKx").rfc3261_branch(), Some("z9hG4bKx"));
    assert_eq!(via("z9hG4bK").rfc3261_branch(), None);
    assert_eq!(via("390skdjuw").rfc3261_branch(), None);
    assert_eq!(via("z9hG4bKx").rport(), Some(None));
    assert_eq!(via("z9hG4bKx").port_or_default(), 5061);
    for wrong in [
        "SIP/2.0/UDP",
        "SIP/2.0/UDP h:0",
        "SIP/2.0/UDP h;received=name",
        "SIP/2.0/UDP h;rport=x",
        "SIP/2.0/UDP h;ttl=256",
        "SIP/2.0/UDP h;branch=",
        "h",
    ] {
        assert!(Via::parse(&Bytes::from_static(wrong.as_bytes())).is_err(), "{wrong}");
    }
}

#[test]
fn numbers_are_digits_within_their_range() {
    let cseq = |text: &'static str| CSeq::parse(&Bytes::from_static(text.as_bytes())).map(|cseq| cseq.seq).ok();
    assert_eq!(cseq("0009 INVITE"), Some(9));
    assert_eq!(cseq("2147483647 INVITE"), Some(2_147_483_647));
    for wrong in [
        "2147483648 INVITE",
        "4294967296 INVITE",
        "-1 INVITE",
        "+1 INVITE",
        "1",
        "1INVITE",
        "INVITE",
        "1 IN VITE",
        "1 INVITE, 2 INVITE",
    ] {
        assert_eq!(cseq(wrong), None, "{wrong}");
    }
    assert_eq!(headers("Max-Forwards", &["0068"]).max_forwards(), Ok(Some(68)));
    assert_eq!(headers("Max-Forwards", &["256"]).max_forwards(), Err(HeaderError::Malformed(HeaderName::MaxForwards)));
    assert_eq!(
        headers("Max-Forwards", &["1", "1"]).max_forwards(),
        Err(HeaderError::Repeated(HeaderName::MaxForwards))
    );
    assert_eq!(headers("Expires", &["99999999999999999999"]).expires(), Ok(Some(u32::MAX)));
    assert_eq!(headers("Min-SE", &["90;lr"]).min_se(), Ok(Some(90)));
    assert_eq!(headers("RSeq", &["1"]).rseq(), Ok(Some(1)));
    let rack = headers("RAck", &["776656 1 INVITE"]).rack().unwrap().unwrap();
    assert_eq!(rack, RAck { rseq: 776_656, cseq: CSeq::new(1, Method::Invite) });
    assert_eq!(rack.to_value(), "776656 1 INVITE");
}

#[test]
fn session_timers() {
    let parse = |text: &'static str| SessionExpires::parse(&Bytes::from_static(text.as_bytes()));
    assert_eq!(parse("1800;refresher=uac"), Ok(SessionExpires { seconds: 1800, refresher: Some(Refresher::Uac) }));
    assert_eq!(
        parse("1800 ; refresher=UAS;x=y"),
        Ok(SessionExpires { seconds: 1800, refresher: Some(Refresher::Uas) })
    );
    assert_eq!(parse("90"), Ok(SessionExpires { seconds: 90, refresher: None }));
    for wrong in ["", "-1", "90;refresher=me", "90 90", "90;refresher"] {
        let result = parse(wrong);
        assert!(result.is_err() || (wrong == "90;refresher" && result.unwrap().refresher.is_none()), "{wrong}");
    }
    assert_eq!(SessionExpires { seconds: 90, refresher: Some(Refresher::Uas) }.to_value(), "90;refresher=uas");
}

#[test]
fn option_tags() {
    let require = headers("Require", &["100rel, timer", "precondition"]).require().unwrap();
    assert!(require.contains("TIMER"));
    assert_eq!(require.except(&["timer", "100rel"]).to_value(), "precondition");
    assert!(headers("Supported", &[""]).supported().unwrap().is_empty());
    assert!(headers("Supported", &["timer,,100rel"]).supported().is_err());
    let many = vec!["x"; limits::OPTION_TAGS + 1];
    assert_eq!(headers("Require", &many).require(), Err(HeaderError::TooMany(HeaderName::Require)));
}

#[test]
fn secrets_are_given_to_who_asks_for_them_only() {
    let request = request("Authorization: Digest username=\"bob\", response=\"0123\"\r\nIdentity: eyJ.eyJ.sig\r\n");
    assert!(request.get(&HeaderName::Authorization).is_none());
    assert!(request.iter().filter_map(sip_core::wire::Header::value).all(|value| !value.starts_with(b"Digest")));
    let secret = request.secrets(&HeaderName::Authorization).next().unwrap();
    assert!(secret.expose().starts_with(b"Digest username"));
    assert!(!format!("{secret:?} {request:?}").contains("bob"));
    assert_eq!(request.secrets(&HeaderName::Identity).count(), 1);
}

#[test]
fn messages_of_our_own() {
    let incoming = request("Timestamp: 54\r\nRecord-Route: <sip:p1;lr>, <sip:p2;lr>\r\nContent-Length: 0\r\n");
    insta::assert_snapshot!("trying", printed(Response::for_request(&incoming, StatusCode::TRYING)));

    let mut ok = Response::for_request(&incoming, StatusCode::OK).with_reason("Fine");
    ok.ensure_to_tag("b2").unwrap();
    ok.ensure_to_tag("again").unwrap();
    ok.headers_mut().push(HeaderName::Contact, NameAddr::new("sips:198.51.100.10".parse().unwrap()).to_value());
    ok.set_body("application/sdp", "v=0\r\n");
    insta::assert_snapshot!("ok", printed(ok));

    let mut bye = Request::new(Method::Bye, "sip:+12025550100@192.0.2.1".parse().unwrap());
    let headers = bye.headers_mut();
    headers.push_front(HeaderName::MaxForwards, "70");
    headers.push_front(
        HeaderName::Via,
        Via::new(Transport::Tls, Host::Name("voice.example.com".into()), Some(5061), "z9hG4bK7").to_value(),
    );
    headers.push(HeaderName::CSeq, CSeq::new(8, Method::Bye).to_value());
    headers.set(HeaderName::MaxForwards, "69");
    headers.push(HeaderName::from("X-One"), "1");
    headers.push(HeaderName::from("x-one"), "2");
    headers.set(HeaderName::from("X-ONE"), "3");
    headers.push(HeaderName::Reason, "Q.850;cause=16");
    headers.remove(&HeaderName::Reason);
    insta::assert_snapshot!("bye", printed(bye));
}

#[test]
fn the_answer_to_a_refused_request() {
    let text = "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;;, SIP/2.0/UDP 10.0.0.1\r\n\
                v: SIP/2.0/TCP 10.0.0.2;branch=z9hG4bK2\r\nFrom: <sip:a@h>;tag=1\r\nFrom: <sip:c@h>;tag=2\r\nt: Bell, A <sip:b@h>\r\n\
                i: x\r\nCSeq: 1 INVITE\r\n\r\n";
    let error = parse_datagram(Bytes::from_static(text.as_bytes())).unwrap_err();
    assert_eq!(error.reason(), Reason::RepeatedHeader);
    insta::assert_snapshot!("bad_request", printed(error.into_answer().unwrap()));
    // An ACK and a response get no answer.
    for start in ["ACK sip:b@h SIP/2.0", "SIP/2.0 200 OK"] {
        let text = text.replacen("INVITE sip:b@h SIP/2.0", start, 1);
        assert!(parse_datagram(Bytes::from(text)).unwrap_err().is_silent(), "{start}");
    }
}

#[test]
fn limits_hold_one_above_and_not_at_them() {
    let vias = |count: usize| {
        let lines = "Via: SIP/2.0/UDP h;branch=z9hG4bK1, SIP/2.0/UDP h;branch=z9hG4bK2\r\n".repeat(count / 2);
        let text = format!(
            "OPTIONS sip:h SIP/2.0\r\n{lines}f: <sip:a@h>;tag=1\r\nt: <sip:b@h>\r\ni: x\r\nCSeq: 1 OPTIONS\r\n\r\n"
        );
        parse_datagram(Bytes::from(text)).map(drop).map_err(|error| error.reason())
    };
    assert_eq!(vias(limits::VIAS), Ok(()));
    assert_eq!(vias(limits::VIAS + 2), Err(Reason::TooManyValues));

    let with = |lines: String| {
        let text = format!(
            "OPTIONS sip:h SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:a@h>;tag=1\r\nt: <sip:b@h>\r\ni: x\r\nCSeq: 1 OPTIONS\r\n{lines}\r\n"
        );
        parse_datagram(Bytes::from(text)).map(drop).map_err(|error| error.reason())
    };
    assert_eq!(with("Q: y\r\n".repeat(limits::HEADERS - 5)), Ok(()));
    assert_eq!(with("Q: y\r\n".repeat(limits::HEADERS - 4)), Err(Reason::TooManyHeaders));
    assert_eq!(with("Route: <sip:r;lr>\r\n".repeat(limits::ROUTES)), Ok(()));
    assert_eq!(with("Route: <sip:r;lr>\r\n".repeat(limits::ROUTES + 1)), Err(Reason::TooManyValues));
    assert_eq!(with(format!("Q: {}\r\n", "y".repeat(limits::HEADER_LINE - 3))), Ok(()));
    assert_eq!(with(format!("Q: {}\r\n", "y".repeat(limits::HEADER_LINE - 2))), Err(Reason::HeaderTooLong));
    let params = |count: usize| {
        with(format!("Contact: <sip:c>{}\r\n", (0..count).map(|n| format!(";p{n}")).collect::<String>()))
    };
    assert_eq!(params(limits::PARAMS), Ok(()));
    assert_eq!(params(limits::PARAMS + 1), Err(Reason::Contact));
}

#[test]
fn keep_alives() {
    let mut framer = Framer::new();
    let mut feed = |octets: &str| {
        framer.feed(octets.as_bytes());
        let mut frames = Vec::new();
        while let Some(frame) = framer.poll().unwrap() {
            frames.push(match frame {
                Frame::Ping => "ping",
                Frame::Pong => "pong",
                Frame::Message(_) => "message",
                Frame::Refused(_) => "refused",
            });
        }
        frames
    };
    let options = "OPTIONS sip:h SIP/2.0\r\nv: SIP/2.0/TCP h;branch=z9hG4bK1\r\nf: <sip:a@h>;tag=1\r\nt: <sip:b@h>\r\ni: x\r\n\
                   CSeq: 1 OPTIONS\r\nl: 0\r\n\r\n";
    assert_eq!(feed("\r\n\r\n"), ["ping"]);
    assert_eq!(feed("\r\n"), ["pong"]);
    assert_eq!(feed("\r\n"), ["ping"]);
    assert_eq!(feed("\r"), [""; 0]);
    assert_eq!(feed("\n\r\n\r\n\r\n"), ["ping", "ping"]);
    assert_eq!(feed(&format!("\r\n{options}\r\n{options}")), ["message", "message"]);
    // A message that is wrong but whose end is known costs no connection.
    let wrong = options.replacen("CSeq: 1 OPTIONS", "CSeq: 1 INVITE", 1);
    assert_eq!(feed(&format!("{}abc{options}", wrong.replacen("l: 0", "l: 3", 1))), ["refused", "message"]);
}

#[test]
fn a_lesser_fault_does_not_hide_that_the_framing_is_lost() {
    let message = |start: &str, lines: &str| {
        format!(
            "{start}\r\nv: SIP/2.0/TCP h;branch=z9hG4bK1\r\nf: <sip:a@h>;tag=1\r\nt: <sip:b@h>\r\ni: x\r\nCSeq: 1 OPTIONS\r\n{lines}\r\n"
        )
    };
    let smuggled = message("OPTIONS sip:smuggled@h SIP/2.0", "l: 0\r\n");
    let cases = [
        ("OPTIONS  sip:h SIP/2.0", "l: 0\r\nl: 300\r\n", Reason::ContentLengthRepeated),
        ("OPTIONS sip:h SIP/2.0", "t: again\r\nl: 0\r\nContent-Length: 300\r\n", Reason::ContentLengthRepeated),
        ("OPTIONS sip:h SIP/2.0", "l: 0\r\nt: again\r\nContent-Length\0: 300\r\n", Reason::ControlOctet),
        ("OPTIONS sip:h SIP/2.0", "i: again\r\nl: x\r\n", Reason::ContentLength),
        ("OPTIONS sip:h SIP/2.0", "i: again\r\n", Reason::RepeatedHeader),
        ("OPTIONS sip:h SIP/3.0", "l: 0\r\n", Reason::Version),
    ];
    for (start, lines, reason) in cases {
        let mut framer = Framer::new();
        framer.feed(message(start, lines).as_bytes());
        framer.feed(smuggled.as_bytes());
        assert_eq!(framer.poll().unwrap_err().reason(), reason, "{start} {lines}");
        assert!(framer.poll().unwrap().is_none(), "{start} {lines}");
    }
}

#[test]
fn a_flood_of_line_breaks_costs_what_it_weighs() {
    let mut framer = Framer::new();
    framer.feed("\r\n".repeat(100_000).as_bytes());
    let mut pings = 0;
    while let Some(frame) = framer.poll().unwrap() {
        assert!(matches!(frame, Frame::Ping));
        pings += 1;
    }
    assert_eq!(pings, 50_000);
}

fn multipart(kind: &str, parts: &str) -> Result<Option<Bytes>, BodyError> {
    let mut headers = Headers::new();
    headers.push(HeaderName::ContentType, kind.to_owned());
    sdp_body(&headers, &Bytes::from(parts.replace('\n', "\r\n")))
}

#[test]
fn the_session_description_of_a_body() {
    let sdp = |text: &'static str| Ok(Some(Bytes::from_static(text.as_bytes())));
    assert_eq!(multipart("application/sdp", "v=0\n"), sdp("v=0\r\n"));
    assert_eq!(multipart("APPLICATION / SDP ;charset=utf-8", "v=0\n"), sdp("v=0\r\n"));
    assert_eq!(multipart("application/sdp", ""), Ok(None));
    assert_eq!(multipart("text/plain", "x"), Err(BodyError::NoSdp));
    assert_eq!(multipart("text", "x"), Err(BodyError::Malformed));
    assert_eq!(sdp_body(&Headers::new(), &Bytes::from_static(b"x")), Err(BodyError::NoContentType));

    let part = |kind: &str, more: &str, body: &str| format!("--b\nContent-Type: {kind}\n{more}\n{body}\n");
    let isup = part("application/isup;version=x", "Content-Disposition: signal;handling=optional\n", "\u{1}\u{2}");
    let offer = part("application/sdp", "", "v=0");
    let mixed = "multipart/mixed;boundary=b";
    assert_eq!(multipart(mixed, &format!("preamble\n{isup}{offer}--b--\nepilogue")), sdp("v=0"));
    assert_eq!(multipart("multipart/mixed;boundary=\"b\"", &format!("{offer}{isup}--b--")), sdp("v=0"));
    // The part that must be understood, and is not (RFC 5621 4).
    for said in ["", "Content-Disposition: signal\n", "Content-Disposition: signal ; Handling = Optional\n"] {
        for kind in ["application/ISUP;version=itu-t92+", "application/qsig"] {
            let tunnelled = part(kind, said, "\u{1}\u{2}");
            assert_eq!(multipart(mixed, &format!("{tunnelled}{offer}--b--")), sdp("v=0"), "{kind} {said}");
        }
        // Of any other kind silence means required (RFC 5621 4).
        let other = multipart(mixed, &format!("{}{offer}--b--", part("application/x-unknown", said, "x")));
        let is_optional = said.contains("Optional");
        assert_eq!(other, if is_optional { sdp("v=0") } else { Err(BodyError::RequiredPart) }, "{said}");
    }
    let required = part("application/isup", "Content-Disposition: signal;handling=required\n", "x");
    assert_eq!(multipart(mixed, &format!("{offer}{required}--b--\n")), Err(BodyError::RequiredPart));
    // Among alternatives one may be understood and the others not.
    assert_eq!(multipart("multipart/alternative;boundary=b", &format!("{required}{offer}--b--\n")), sdp("v=0"));
    let early = part("application/sdp", "Content-Disposition: early-session;handling=optional\n", "v=1");
    assert_eq!(multipart(mixed, &format!("{early}{offer}--b--\n")), sdp("v=0"));
    let gzip = part("application/sdp", "Content-Encoding: gzip\n", "v=0");
    assert_eq!(multipart(mixed, &format!("{gzip}--b--\n")), Err(BodyError::Encoded));

    for broken in [
        &offer,
        "",
        "--b",
        "--b\n",
        "--b\nContent-Type: application/sdp\n--b--\n",
        "--b\n bad: x\n\nx\n--b--\n",
        "--b\nnocolon\n\nx\n--b--\n",
    ] {
        assert_eq!(multipart(mixed, &format!("{broken} ")), Err(BodyError::Malformed), "{broken}");
    }
    for kind in ["multipart/mixed", "multipart/mixed;boundary=\"\"", "multipart/mixed;boundary=\"a\u{7f}\""] {
        assert_eq!(multipart(kind, &offer), Err(BodyError::Malformed), "{kind}");
    }
}

#[test]
fn multipart_has_a_depth_and_a_number_of_parts() {
    let plain = |count: usize| "--b\nContent-Disposition: x;handling=optional\n\nx\n".repeat(count) + "--b--\n";
    assert_eq!(multipart("multipart/mixed;boundary=b", &plain(limits::MULTIPART_PARTS)), Err(BodyError::NoSdp));
    assert_eq!(
        multipart("multipart/mixed;boundary=b", &plain(limits::MULTIPART_PARTS + 1)),
        Err(BodyError::TooManyParts)
    );

    let nested = |depth: usize| {
        (1..depth).rev().fold(
            format!("--b{depth}\nContent-Type: application/sdp\n\nv=0\n--b{depth}--\n"),
            |inner, level| {
                format!("--b{level}\nContent-Type: multipart/mixed;boundary=b{}\n\n{inner}\n--b{level}--\n", level + 1)
            },
        )
    };
    assert!(multipart("multipart/mixed;boundary=b1", &nested(limits::MULTIPART_DEPTH)).unwrap().is_some());
    assert_eq!(multipart("multipart/mixed;boundary=b1", &nested(limits::MULTIPART_DEPTH + 1)), Err(BodyError::TooDeep));
}
