//! Identity, privacy, diversion, reasons and transfer headers as they come from trunks, and digits in INFO bodies.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use sip_core::info::{Dialled, DialledDigit};
use sip_core::wire::{
    Calling, EventPackage, HeaderName, Headers, PrivacyKind, ReasonValue, Replaces, SubscriptionState, Uri, sipfrag,
    sipfrag_status,
};

fn headers(lines: &[&str]) -> Headers {
    let mut headers = Headers::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        headers.push(HeaderName::known(name.as_bytes()).unwrap(), value.to_owned());
    }
    headers
}

fn calling(lines: &[&str], is_trusted: bool) -> Calling {
    Calling::of(&headers(lines), is_trusted).unwrap()
}

const FROM: &str = "From: \"Alice\" <sip:+14155550100@carrier.example>;tag=1";

#[test]
fn an_asserted_identity_counts_from_within_the_trust_domain_only() {
    let asserted = "P-Asserted-Identity: \"Alice A.\" <sip:+14155550199@carrier.example>, <tel:+14155550199>";
    let from_trusted = calling(&[FROM, asserted], true);
    assert_eq!(from_trusted.number(), Some("+14155550199"));
    assert!(matches!(from_trusted.caller, Some(Uri::Tel(_))) && from_trusted.is_asserted);
    assert_eq!(from_trusted.display_name.as_deref(), Some("Alice A."));
    let from_elsewhere = calling(&[FROM, asserted, "Diversion: <tel:+14155550111>"], false);
    assert_eq!((from_elsewhere.number(), from_elsewhere.is_asserted), (Some("+14155550100"), false));
    assert!(from_elsewhere.diverted_first.is_none());
    // One that cannot be read is none.
    assert_eq!(calling(&[FROM, "P-Asserted-Identity: <<>>"], true).number(), Some("+14155550100"));
    let shown = format!("{from_trusted:?}");
    assert!(!shown.contains("Alice") && !shown.contains("415"), "{shown}");
}

#[test]
fn a_withheld_number_is_known_and_marked() {
    let anonymous = "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1";
    let asserted = "P-Asserted-Identity: <tel:+14155550199>";
    for value in ["id", "ID", "user", "header;id;critical", "id, user", "full", "foo;id"] {
        let lines = [anonymous, asserted, &format!("Privacy: {value}")];
        let calling = calling(&lines, true);
        assert_eq!((calling.number(), calling.is_restricted), (Some("+14155550199"), true), "{value}");
    }
    for value in ["none", "history", "session", "foo"] {
        assert!(!calling(&[FROM, &format!("Privacy: {value}")], true).is_restricted, "{value}");
    }
    let nobody = calling(&[anonymous], true);
    assert_eq!((nobody.number(), nobody.is_restricted), (None, true));
    assert!(nobody.display_name.is_none());
    let privacy = headers(&["Privacy: critical;history"]).privacy().unwrap();
    assert!(
        privacy.contains(PrivacyKind::Critical) && privacy.contains(PrivacyKind::History) && !privacy.hides_caller()
    );
    assert!(headers(&[&format!("Privacy: {}", "id;".repeat(17))]).privacy().is_err());
    assert!(headers(&["Privacy: \"id\""]).privacy().is_err());
}

#[test]
fn who_sent_a_call_on() {
    // RFC 5806: the latest first.
    let lines = [
        FROM,
        "Diversion: <sip:+14155550112@a.example>;reason=no-answer;counter=1;privacy=full, <tel:+14155550111>;reason=user-busy",
        "Diversion: \"x\" <tel:+14155550110>;reason=unconditional;counter=3;privacy=off",
    ];
    let found = headers(&lines).diversions().unwrap();
    let told =
        found.iter().map(|d| (d.from.uri.user().unwrap().as_str(), d.reason.as_deref(), d.counter, d.is_private));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ("+14155550112", Some("no-answer"), 1, true),
            ("+14155550111", Some("user-busy"), 1, false),
            ("+14155550110", Some("unconditional"), 3, false),
        ]
    );
    let call = calling(&lines, true);
    let user = |uri: &Option<Uri>| uri.as_ref().and_then(Uri::user).map(ToString::to_string);
    assert_eq!(
        (user(&call.diverted_first).as_deref(), user(&call.diverted_last).as_deref()),
        (Some("+14155550110"), Some("+14155550112"))
    );

    // RFC 7044 with RFC 4458: why, at the target; from where, in `mp` or by the order.
    let lines = [
        FROM,
        "History-Info: <sip:+1415555010@a.example?Privacy=history>;index=1, \
         <sip:+1415555011@a.example;cause=302?Reason=SIP%3Bcause%3D302>;index=1.1;mp=1",
        "History-Info: <sip:+1415555012@a.example;cause=486>;index=1.2;mp=1.1,<sip:100@us.example>;index=1.2.1;rc=1.2",
    ];
    let history = headers(&lines).history().unwrap();
    assert_eq!(history.len(), 4);
    assert!(history[0].is_private && history[0].target.as_sip().unwrap().headers.is_none());
    assert_eq!((history[1].cause, history[1].parent.as_deref()), (Some(302), Some("1")));
    assert_eq!(history[1].reason.as_ref().unwrap().cause, Some(302));
    let call = calling(&lines, true);
    assert_eq!(
        (user(&call.diverted_first).as_deref(), user(&call.diverted_last).as_deref()),
        (Some("+1415555010"), Some("+1415555011"))
    );
    // Without a diversion there is none, however many hops.
    let call = calling(&[FROM, "History-Info: <sip:1@a>;index=1, <sip:2@b>;index=1.1;rc=1"], true);
    assert!(call.diverted_first.is_none() && call.diverted_last.is_none());
    assert!(headers(&["History-Info: <sip:1@a>"]).history().is_err(), "no index");
    let many = format!("Diversion: {}", ["<tel:+1>"; 33].join(","));
    assert!(headers(&[&many]).diversions().is_err());
    assert!(calling(&[FROM, &many], true).diverted_first.is_none());
}

#[test]
fn reasons() {
    let read = |text: &'static str| ReasonValue::parse(&Bytes::from_static(text.as_bytes()));
    let reason = read("Q.850 ;cause=16 ;text=\"Terminated, by her\"").unwrap();
    assert!(reason.is("q.850") && reason.cause == Some(16) && reason.text.as_deref() == Some("Terminated, by her"));
    assert!(!format!("{reason:?}").contains("her"));
    assert_eq!(read("SIP").unwrap().cause, None);
    for wrong in ["", ";cause=1", "Q.850;cause=", "Q.850;cause=x", "SIP;cause=70000", "SIP;cause=-1", "SIP cause=200"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
    assert!(headers(&[&format!("Reason: {}", ["SIP"; 9].join(","))]).reasons().is_err());
}

#[test]
fn replaces_as_a_header_and_within_a_uri() {
    // RFC 3891 6.1, and 4 with its escapes.
    let read = |text: &'static str| Replaces::parse(&Bytes::from_static(text.as_bytes()));
    let replaces = read("98732@sip.example.com ;from-tag=r33th4x0r ;to-tag=ff87ff;early-only").unwrap();
    assert_eq!((replaces.call_id.as_str(), replaces.to_tag.as_str()), ("98732@sip.example.com", "ff87ff"));
    assert!(replaces.early_only && !format!("{replaces:?}").contains("ff87ff"));
    assert_eq!(Replaces::parse(&replaces.to_value()), Ok(replaces.clone()));
    let header = "Replaces=98732%40sip.example.com%3Bto-tag%3Dff87ff%3Bfrom-tag%3Dr33th4x0r%3Bearly-only";
    assert_eq!(replaces.to_uri_header(), header);
    for uri in [format!("sip:b@h?{header}"), format!("sip:b@h?Require=replaces&{}", header.replace("Rep", "rEP"))] {
        assert_eq!(Replaces::of_uri(&uri.parse().unwrap()), Ok(Some(replaces.clone())), "{uri}");
    }
    assert_eq!(Replaces::of_uri(&"sip:b@h?Subject=x".parse().unwrap()), Ok(None));
    assert!(Replaces::of_uri(&format!("sip:b@h?{header}&{header}").parse().unwrap()).is_err());
    // All that a Call-ID may hold comes through.
    let odd = read("a%5b<>:\\\"/[]?{}@b;to-tag=0;from-tag=~'`+%").unwrap();
    let uri: Uri = format!("sip:b@h?{}", odd.to_uri_header()).parse().unwrap();
    assert_eq!(Replaces::of_uri(&uri), Ok(Some(odd)));
    for wrong in [
        "a@b",
        "a@b;to-tag=1",
        "a@b;from-tag=1",
        "a b;to-tag=1;from-tag=2",
        ";to-tag=1;from-tag=2",
        "a;to-tag=1;to-tag=2;from-tag=3",
        "a;to-tag;from-tag=3",
        "a;to-tag=\"1\";from-tag=3",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn subscriptions_and_sipfrags() {
    let event = |text: &'static str| EventPackage::parse(&Bytes::from_static(text.as_bytes()));
    let refer = event("refer;id=93809824").unwrap();
    assert!(refer.is("refer") && !refer.is("REFER") && refer.id.as_deref() == Some("93809824"));
    assert!(event("").is_err() && event("re fer").is_err() && event("refer;id").unwrap().id.is_none());
    let state = |text: &'static str| SubscriptionState::parse(&Bytes::from_static(text.as_bytes()));
    let active = state("active;expires=60").unwrap();
    assert_eq!((active.is_terminated, active.expires), (false, Some(60)));
    let over = state("Terminated ; reason=noresource").unwrap();
    assert_eq!((over.is_terminated, over.reason.as_deref()), (true, Some("noresource")));
    assert!(!state("pending").unwrap().is_terminated && state("active;expires=x").is_err() && state(";x").is_err());

    for (body, code) in [
        ("SIP/2.0 200 OK\r\n", 200),
        ("SIP/2.0 100 Trying", 100),
        ("SIP/2.0 503", 503),
        ("sip/2.0  404 Not Found\nTo: x", 404),
        ("SIP/2.0 603 Declined\r\nFrom: <sip:x>\r\n\r\nbody", 603),
    ] {
        assert_eq!(sipfrag_status(body.as_bytes()).unwrap().code(), code, "{body}");
    }
    for wrong in [
        "",
        "\r\n",
        "SIP/2.0",
        "SIP/2.0 ",
        "SIP/2.0 20",
        "SIP/2.0 2000 OK",
        "SIP/2.0 099 x",
        "SIP/2.0 700 x",
        "SIP/3.0 200 OK",
        "INVITE sip:a SIP/2.0",
        "SIP/2.0 +20 OK",
        "200 OK",
    ] {
        assert!(sipfrag_status(wrong.as_bytes()).is_err(), "{wrong}");
    }
    let endless = [b"SIP/2.0 200 ".as_slice(), &vec![b'x'; 5000]].concat();
    assert!(sipfrag_status(&endless).is_err());
    let status = sipfrag_status(b"SIP/2.0 486 Busy").unwrap();
    assert_eq!(sipfrag(status), "SIP/2.0 486 Busy Here\r\n");
}

#[test]
fn digits_as_gateways_write_them() {
    let read = |content_type, body: &str| Dialled::read(content_type, body.as_bytes());
    for (body, digit, millis) in [
        ("Signal=5\r\nDuration=160\r\n", '5', 160),
        ("Signal= 5\r\nDuration= 250", '5', 250),
        ("signal = #\nduration = 100\n", '#', 100),
        ("SIGNAL=*\r\n", '*', 160),
        ("Signal=a\r\nDuration=\r\n", 'A', 160),
        ("Signal=10\r\nDuration=90ms\r\n", '*', 90),
        ("Signal=11", '#', 160),
        ("Signal=D\r\nDuration=0\r\n", 'D', 40),
        ("Duration=999999\r\nSignal=0\r\n", '0', 5000),
        ("\r\nSignal=7\r\n\r\nFoo=bar", '7', 160),
    ] {
        for kind in ["application/dtmf-relay", "Application/DTMF-Relay ; charset=utf-8"] {
            let dialled = read(kind, body).unwrap().unwrap();
            assert_eq!((dialled.digit.expose(), dialled.duration.as_millis()), (digit, millis), "{body}");
            assert_eq!(format!("{:?}", dialled.digit), "DialledDigit(..)");
        }
    }
    for body in ["5", "5\r\n", " 5 ", "Signal=5"] {
        assert_eq!(read("application/dtmf", body).unwrap().unwrap().digit.expose(), '5', "{body:?}");
    }
    for body in
        ["", "Signal=", "Signal=x", "Signal=55", "Signal=!", "Signal=16", "Signal=5\r\nSignal=6", "Duration=100", "5"]
    {
        assert!(read("application/dtmf-relay", body).is_err(), "{body:?}");
    }
    assert!(read("application/dtmf", "5\r\n6").is_err() && read("application/dtmf", "12\r\n6").is_err());
    assert!(read("application/dtmf-relay", &"x=y\r\n".repeat(60)).is_err());
    assert_eq!(read("application/sdp", "v=0"), Ok(None));
    assert!(DialledDigit::new('E').is_none() && DialledDigit::new('٣').is_none());
    // Ours are read by ourselves.
    for key in "0123456789*#ABCD".chars() {
        let ours = Dialled::new(DialledDigit::new(key).unwrap(), Duration::from_millis(70));
        let (kind, body) = ours.to_dtmf_relay();
        assert_eq!(Dialled::read(&kind, body.as_bytes()), Ok(Some(ours)));
    }
}
