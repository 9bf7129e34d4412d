//! Our parser beside two others: `rsip` on messages of the plain sort, `sipx-sip` on all. What we accept, they must
//! read as we do; a message that two parsers read differently is the raw material of smuggling.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::PathBuf, sync::LazyLock};

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use rsip::prelude::{HasHeaders as _, HeadersExt as _, ToTypedHeader as _, UntypedHeader as _};
use sip_core::wire::{HeaderName, Message, Method, NameAddr, Params, Request, Transport, Uri, Via, parse_datagram};

/// What decides where a message goes and to which transaction and dialog it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reading {
    start: String,
    vias: Vec<Hop>,
    from: Party,
    to: Party,
    call_id: String,
    cseq: (u32, String),
    body: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hop {
    transport: String,
    host: String,
    port: Option<u16>,
    branch: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Party {
    uri: String,
    tag: Option<String>,
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn ours(message: &Message) -> Reading {
    let headers = message.headers();
    let party = |addr: NameAddr| Party { uri: addr.uri.to_text().to_string(), tag: addr.tag().map(str::to_owned) };
    let cseq = headers.cseq().unwrap();
    Reading {
        start: match message {
            Message::Request(request) => request.method().to_string(),
            Message::Response(response) => response.status().to_string(),
        },
        vias: headers
            .vias()
            .unwrap()
            .into_iter()
            .map(|via| Hop {
                transport: via.transport.to_string().to_ascii_uppercase(),
                // sipx gives an IPv6 reference without its brackets.
                host: via.host.to_string().trim_matches(['[', ']']).to_ascii_lowercase(),
                port: via.port,
                branch: via.branch().map(str::to_owned),
            })
            .collect(),
        from: party(headers.from().unwrap()),
        to: party(headers.to().unwrap()),
        call_id: headers.call_id().unwrap().to_string(),
        cseq: (cseq.seq, cseq.method.to_string()),
        body: message.body().clone(),
    }
}

/// What `sipx-sip` reads, or where it stops.
fn sipx(octets: &Bytes) -> Result<Reading, String> {
    use sipx_sip::{Address, CSeq, CallId, HeaderName, Message};
    let error = |error: &dyn std::fmt::Debug| format!("{error:?}");
    let message = sipx_sip::parse_datagram(octets.clone(), &sipx_sip::Limits::datagram()).map_err(|e| error(&e))?;
    let (start, headers, body) = match &message {
        Message::Request(request) => (text(request.method.as_bytes()), &request.headers, request.body()),
        Message::Response(response) => (response.status.code().to_string(), &response.headers, response.body()),
    };
    let party = |name: HeaderName| {
        let value = headers.value(&name).ok_or("missing")?;
        let address = Address::parse(&value, "address").map_err(|e| error(&e))?;
        // Read by us for one way of writing: `SIP:`, `:05060` and `[0:0::1]` are not differences.
        let uri = Uri::parse(&address.uri.to_bytes()).map_err(|e| error(&e))?;
        assert_eq!(
            uri.user().map(sip_core::wire::Text::as_bytes),
            address.uri.user().or_else(|| address.uri.tel_parts().map(|tel| tel.subscriber()))
        );
        assert_eq!(uri.port(), address.uri.port());
        Ok::<_, String>(Party { uri: uri.to_text().to_string(), tag: address.tag().map(text) })
    };
    let mut vias = Vec::new();
    for via in headers.typed_all::<sipx_sip::Via>() {
        let via = via.map_err(|e| error(&e))?;
        vias.push(Hop {
            transport: text(&via.transport).to_ascii_uppercase(),
            host: text(&via.host.to_bytes()).to_ascii_lowercase(),
            port: via.port,
            // sipx gives a quoted string without its quotes; to us a quoted string is no branch.
            branch: via.branch().filter(|branch| !branch.contains(&b';')).map(text),
        });
    }
    let cseq = headers.typed::<CSeq>().ok_or("missing")?.map_err(|e| error(&e))?;
    let call_id = headers.typed::<CallId>().ok_or("missing")?.map_err(|e| error(&e))?;
    Ok(Reading {
        start,
        vias,
        from: party(HeaderName::From)?,
        to: party(HeaderName::To)?,
        call_id: text(&call_id.0),
        cseq: (cseq.sequence, text(cseq.method.as_bytes())),
        body: Bytes::copy_from_slice(body),
    })
}

/// What `rsip` reads of the top Via, which is all that it gives of a list.
fn rsip(octets: &[u8]) -> Result<Reading, String> {
    let error = |error: rsip::Error| error.to_string();
    let message = rsip::SipMessage::try_from(octets).map_err(error)?;
    let via = message.via_header().map_err(error)?.typed().map_err(error)?;
    let (from, to) = (message.from_header().map_err(error)?, message.to_header().map_err(error)?);
    let cseq = message.cseq_header().map_err(error)?;
    let call_id = message.call_id_header().map_err(error)?.value().to_owned();
    let start = match &message {
        rsip::SipMessage::Request(request) => request.method.to_string(),
        rsip::SipMessage::Response(response) => response.status_code.code().to_string(),
    };
    assert!(message.headers().iter().count() > 4);
    Ok(Reading {
        start,
        vias: vec![Hop {
            transport: via.transport.to_string(),
            host: via.uri.host().to_string().to_ascii_lowercase(),
            port: via.uri.port().map(|port| *port.value()),
            branch: via.branch().map(|branch| branch.value().to_owned()),
        }],
        from: Party {
            uri: from.uri().map_err(error)?.to_string(),
            tag: from.tag().map_err(error)?.map(|tag| tag.value().to_owned()),
        },
        to: Party {
            uri: to.uri().map_err(error)?.to_string(),
            tag: to.tag().map_err(error)?.map(|tag| tag.value().to_owned()),
        },
        call_id,
        cseq: (cseq.seq().map_err(error)?, cseq.method().map_err(error)?.to_string()),
        body: Bytes::from(message.body().clone()),
    })
}

fn corpus() -> impl Iterator<Item = (String, Bytes)> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/corpus"));
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sip"));
    files.sort();
    files.into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, Bytes::from(fs::read(path).unwrap()))
    })
}

#[test]
fn sipx_reads_what_we_accept_of_the_corpus_as_we_do() {
    let mut compared = 0;
    for (name, octets) in corpus() {
        let Ok(message) = parse_datagram(octets.clone()) else { continue };
        // sipx leaves line breaks before the start line to the transport.
        let start = octets.iter().position(|octet| !octet.is_ascii_whitespace()).unwrap();
        match sipx(&octets.slice(start..)) {
            Ok(reading) => {
                assert_eq!(ours(&message), reading, "{name}");
                compared += 1;
            }
            Err(error) => panic!("{name}: we accept it, sipx does not: {error}"),
        }
    }
    assert!(compared >= 40, "{compared} messages compared");
}

#[test]
fn rsip_reads_the_plain_messages_as_we_do() {
    // rsip cannot hold an IPv6 literal, a tel: URI or an unknown method, and does not unfold.
    let plain = ["c01_typical", "c04_vialist", "c07_npdi", "c10_401", "c11_200", "c15_prack", "c16_refer"];
    for (name, octets) in corpus().filter(|(name, _)| plain.contains(&name.as_str())) {
        let mut reading = ours(&parse_datagram(octets.clone()).unwrap());
        reading.vias.truncate(1);
        assert_eq!(Ok(reading), rsip(&octets), "{name}");
    }
}

/// What we accept of the corpus. Quoted branches are the one thing that we read differently on purpose.
static GOOD: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let good = corpus().filter(|(name, octets)| name != "c18_viaparam" && parse_datagram(octets.clone()).is_ok());
    good.map(|(_, octets)| octets).collect()
});

const TOKEN: &str = "[a-zA-Z0-9.!%*_+`'~-]{1,24}";

prop_compose! {
    fn addr()(
        display in proptest::option::of("[ -~]{0,24}"),
        secure: bool,
        user in proptest::option::of("[a-z0-9+][a-zA-Z0-9.!~*'();&=+$,/-]{0,15}"),
        host in "[a-z][a-z0-9-]{0,10}[a-z0-9](\\.[a-z]{2,5})?|10\\.[0-9]\\.1[0-9]\\.7",
        port in proptest::option::of(1..=u16::MAX),
        tag in proptest::option::of(TOKEN),
    ) -> NameAddr {
        let scheme = if secure { "sips" } else { "sip" };
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let uri: Uri = format!("{scheme}:{user}{host}{port}").parse().unwrap();
        let mut addr = NameAddr::new(uri);
        if let Some(display) = display {
            addr = addr.with_display_name(&display);
        }
        match tag {
            Some(tag) => addr.with_tag(&tag),
            None => addr,
        }
    }
}

prop_compose! {
    fn via()(
        transport in prop_oneof![Just(Transport::Udp), Just(Transport::Tcp), Just(Transport::Tls)],
        host in "[a-z][a-z0-9]{0,10}\\.example",
        port in proptest::option::of(1..=u16::MAX),
        branch in TOKEN,
    ) -> Via {
        let mut via = Via::new(transport, sip_core::wire::Host::Name(host.into()), port, &format!("z9hG4bK{branch}"));
        via.params = Params::EMPTY;
        via.params.set("branch", Some(&format!("z9hG4bK{branch}")));
        via
    }
}

prop_compose! {
    fn request()(
        method in prop_oneof![Just(Method::Invite), Just(Method::Bye), Just(Method::Options), Just(Method::Info)],
        target in addr(),
        (from, to) in (addr(), addr()),
        vias in proptest::collection::vec(via(), 1..4),
        call_id in "[a-zA-Z0-9]{1,20}(@[a-z0-9.]{1,20})?",
        seq in 0..(1_u32 << 31),
        subject in "[ -~]{0,40}",
        body in proptest::collection::vec(any::<u8>(), 0..64),
    ) -> Request {
        let mut request = Request::new(method.clone(), target.uri);
        let headers = request.headers_mut();
        for via in vias {
            headers.push(HeaderName::Via, via.to_value());
        }
        headers.push(HeaderName::From, from.to_value());
        headers.push(HeaderName::To, to.to_value());
        headers.push(HeaderName::CallId, call_id);
        headers.push(HeaderName::CSeq, sip_core::wire::CSeq::new(seq, method).to_value());
        headers.push(HeaderName::Subject, subject.trim().to_owned());
        request.set_body("application/octet-stream", body);
        request
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_we_print_is_read_by_us_and_by_both_as_it_was_meant(request in request()) {
        let mut printed = BytesMut::new();
        request.encode(&mut printed);
        let printed = printed.freeze();
        let message = parse_datagram(printed.clone()).unwrap();
        let mut reading = ours(&message);
        prop_assert_eq!(&reading, &ours(&Message::Request(request)));
        prop_assert_eq!(Ok(reading.clone()), sipx(&printed));
        reading.vias.truncate(1);
        // rsip speaks only UTF-8, takes escapes and commas in a display name for something else, and knows no user
        // part with parameters.
        let has_params = |addr: &Party| addr.uri.contains(';') || addr.uri.contains('?');
        let is_plain = std::str::from_utf8(message.body()).is_ok()
            && !printed.iter().any(|octet| matches!(octet, b'\\' | b'"'))
            && !has_params(&reading.from)
            && !has_params(&reading.to);
        if let Ok(theirs) = rsip(&printed) && is_plain {
            prop_assert_eq!(reading, theirs);
        }
    }

    /// Random damage to a good message: whatever we still accept, `sipx-sip` reads as we do, unless it refuses it.
    #[test]
    fn damage_is_never_read_in_two_ways(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        which in any::<prop::sample::Index>(),
    ) {
        let mut octets = which.get(&GOOD).to_vec();
        for (at, octet) in damage {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        let octets = Bytes::from(octets);
        if let (Ok(message), Ok(theirs)) = (parse_datagram(octets.clone()), sipx(&octets)) {
            prop_assert_eq!(ours(&message), theirs);
        }
    }
}
