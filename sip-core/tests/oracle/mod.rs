//! What must hold for any octets at all: no panic, whatever is accepted can be read whole and comes back when it is
//! printed, and what is refused has an answer that can be sent or none. Shared by the tests and the fuzz targets.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use sip_core::{
    admission::{Transport, Transports},
    auth::{Algorithm, Algorithms, Asker, Challenge, Challenger, Credentials, Keyring, Presented, Qop, Realm, Verdict},
    identity::{Chain, Identity, Passport, Roots},
    info::Dialled,
    limits,
    locate::{Answer, Data, DomainName, Locator, Naptr, Record, Srv, Step, Target},
    sdp::{SessionDescription, media_target},
    wire::{
        Calling, Contact, Frame, Framer, HeaderName, Headers, Message, Method, NameAddr, ParseError, Replaces, Request,
        Stun, Uri, Via, parse_datagram, sdp_body, sipfrag, sipfrag_status,
    },
};

/// Octets as one datagram.
pub(crate) fn datagram(octets: &[u8]) {
    if let Some(stun) = Stun::parse(octets) {
        assert_eq!(Stun::parse(&stun.encode()), Some(stun));
    }
    check(parse_datagram(Bytes::copy_from_slice(octets)));
}

/// Octets as a stream, in pieces that end at `cuts`; gives the messages' bodies.
pub(crate) fn stream(octets: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let mut framer = Framer::new();
    let mut bodies = Vec::new();
    let mut from = 0;
    for cut in cuts.iter().copied().chain([octets.len()]) {
        let cut = cut.clamp(from, octets.len());
        framer.feed(octets.get(from..cut).unwrap_or_default());
        from = cut;
        loop {
            match framer.poll() {
                Ok(Some(Frame::Message(message))) => {
                    assert!(message.body().len() <= limits::STREAM_MESSAGE);
                    bodies.push(message.body().clone());
                    check(Ok(message));
                }
                Ok(Some(Frame::Refused(error))) => {
                    assert!(!error.reason().loses_framing());
                    check(Err(error));
                }
                Ok(Some(Frame::Ping | Frame::Pong)) => {}
                Ok(None) => break,
                Err(error) => {
                    check(Err(error));
                    assert!(matches!(framer.poll(), Ok(None)), "nothing is read behind lost framing");
                    return bodies;
                }
            }
        }
    }
    bodies
}

/// Octets as a stream: the first says how long its pieces are. What comes out may not depend on that.
pub(crate) fn stream_in_pieces(octets: &[u8]) {
    let Some((piece, octets)) = octets.split_first() else { return };
    let cuts = (0..octets.len()).step_by(usize::from(*piece).max(1)).skip(1).collect::<Vec<_>>();
    assert_eq!(stream(octets, &cuts), stream(octets, &[]));
}

/// Octets as a challenge, whose answer names what was asked; and as credentials, which prove nothing.
pub(crate) fn digest(octets: &[u8]) {
    let challenges = Challenge::of_line(octets);
    assert!(challenges.len() <= limits::AUTH_PARAMS);
    let everything = Algorithms::STRONG.with(Algorithm::Md5);
    let credentials = Credentials::new("alice", "secret").unwrap().algorithms(everything);
    let mut request = Request::new(Method::Invite, Uri::parse(&Bytes::from_static(b"sip:bob@example.com")).unwrap());
    let mut asked = Headers::new();
    asked.push(HeaderName::WwwAuthenticate, octets.to_vec());
    let mut keyring = Keyring::new();
    if keyring.accept(&(), &credentials, Asker::Server, &asked, false).is_ok() {
        let best = Challenge::best(&challenges, everything, None).unwrap();
        let (_, answer) = keyring.authorize(&(), &request, || "cnonce".into()).pop().unwrap();
        if let Some(presented) = Presented::parse(&answer) {
            assert_eq!((presented.realm(), presented.nonce(), presented.count()), (best.realm(), best.nonce(), 1));
        } else {
            // What a server of ours does not ask for, or a name that was hashed.
            let text = octets.to_ascii_lowercase();
            let hashed = text.windows(8).any(|word| word == b"userhash");
            assert!(hashed || best.qop() != Some(Qop::Auth), "{}", String::from_utf8_lossy(&answer));
        }
    }
    keyring.renew(&(), &asked);
    if let Some(presented) = Presented::parse(octets)
        && let Ok(name) = std::str::from_utf8(presented.realm())
        && let Ok(realm) = Realm::new(name)
    {
        let realm = realm.user("alice", "secret").unwrap().algorithms(everything);
        let now = origin();
        request.headers_mut().push(HeaderName::Authorization, octets.to_vec());
        let verdict = Challenger::new([7; 32], now).judge(&realm, &request, [192, 0, 2, 1].into(), now);
        assert!(matches!(verdict, Verdict::Wrong | Verdict::Stale), "{verdict:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "an Instant can be had from the clock only")]
fn origin() -> std::time::Instant {
    std::time::Instant::now()
}

/// Octets as a URI, and as an address with one.
pub(crate) fn uri(octets: &[u8]) {
    let octets = Bytes::copy_from_slice(octets);
    if let Ok(uri) = Uri::parse(&octets) {
        let printed = uri.to_text();
        // Equal but for the way numbers are written: `SIP:`, `:05060`, `[0:0::1]`.
        assert_eq!(Uri::parse(&printed.into_bytes()).as_ref(), Ok(&uri));
        let addr = NameAddr::new(uri);
        assert_eq!(NameAddr::parse(&addr.to_value()), Ok(addr));
    }
    if let Ok(addr) = NameAddr::parse(&octets) {
        assert_eq!(NameAddr::parse(&addr.to_value()).map(|again| again.uri), Ok(addr.uri));
    }
}

/// Octets as a Via value.
pub(crate) fn via(octets: &[u8]) {
    if let Ok(mut via) = Via::parse(&Bytes::copy_from_slice(octets)) {
        assert_eq!(Via::parse(&via.to_value()), Ok(via.clone()));
        if via.params.iter().count() > limits::PARAMS {
            return;
        }
        via.set_rport(5060);
        via.set_received([192, 0, 2, 1].into());
        let again = Via::parse(&via.to_value());
        assert_eq!(again.as_ref().map(Via::rport), Ok(Some(Some(5060))));
        assert_eq!(again.map(|via| via.received()), Ok(Some([192, 0, 2, 1].into())));
    }
}

/// Octets as a session description.
pub(crate) fn sdp(octets: &[u8]) {
    let Ok(session) = SessionDescription::parse(octets) else { return };
    let encoded = session.encode();
    let again = SessionDescription::parse(&encoded);
    // What is written out may be longer than what came (`2^31` as digits), and so beyond a limit.
    let Ok(again) = again else { panic!("encoded, but not read ({again:?}): {}", encoded.escape_ascii()) };
    assert_eq!(again.media.len(), session.media.len());
    for (media, again) in session.media.iter().zip(&again.media) {
        assert_eq!((media.port, &media.profile, &media.formats), (again.port, &again.profile, &again.formats));
        assert_eq!(media.crypto.len(), again.crypto.len());
        assert!(media.rtp_formats().eq(again.rtp_formats()));
        assert_eq!(media.telephone_event(8000), again.telephone_event(8000));
        assert_eq!(session.direction_of(media), session.direction_of(again));
        let target =
            media_target::check_connection(session.connection_of(media), media.port, &media_target::Policy::STRICT);
        if let Ok(target) = target {
            assert!(!target.ip().is_loopback() && !target.ip().is_multicast() && !target.ip().is_unspecified());
            assert!(target.port() >= 1024);
        }
    }
}

/// Octets as the value of an Identity header.
pub(crate) fn identity(octets: &[u8]) {
    let Ok(Some(identity)) = Identity::parse(octets) else { return };
    let url = identity.certificate_url();
    assert!(url.len() <= limits::PASSPORT_URL && url.to_ascii_lowercase().starts_with("https://"));
    assert!(!format!("{identity:?}").contains(url));
}

/// Octets as the two JSON objects of a PASSporT with a zero octet between, and as a list of certificates.
pub(crate) fn passport(octets: &[u8]) {
    let (header, claims) = octets.split_at(first_zero(octets));
    let [header, claims] = [header, claims.get(1..).unwrap_or_default()].map(|json| URL_SAFE_NO_PAD.encode(json));
    if let Ok(Some(passport)) = Passport::decode(format!("{header}.{claims}.{}", "A".repeat(86)).as_bytes()) {
        assert!(passport.x5u().len() <= limits::PASSPORT_URL);
    }
    if let Ok(chain) = Chain::read(octets) {
        assert!(chain.check(&Roots::default(), 0).is_err());
    }
}

fn first_zero(octets: &[u8]) -> usize {
    octets.iter().position(|octet| *octet == 0).unwrap_or(octets.len())
}

/// Octets as a multipart body, its first line the Content-Type.
pub(crate) fn multipart(octets: &[u8]) {
    let end = octets.iter().position(|octet| *octet == b'\n').unwrap_or(octets.len());
    let (content_type, body) = octets.split_at(end);
    let mut headers = Headers::new();
    headers.push(HeaderName::ContentType, content_type.to_vec());
    let body = Bytes::copy_from_slice(body.get(1..).unwrap_or_default());
    if let Ok(Some(found)) = sdp_body(&headers, &body) {
        let within = body.as_ptr_range();
        assert!(within.contains(&found.as_ptr()) || found.is_empty(), "a part is a slice of the body");
    }
}

/// Octets as the header lines of an INVITE, a REFER or a NOTIFY: one line each, and the body of an INFO behind an empty one.
pub(crate) fn typed_headers(octets: &[u8]) {
    let mut headers = Headers::new();
    headers.push(HeaderName::From, &b"<sip:a@b>;tag=1"[..]);
    let mut lines = octets.split(|octet| *octet == b'\n');
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        let end = line.iter().position(|octet| *octet == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(end);
        if let Some(name) = HeaderName::known(name).filter(|name| *name != HeaderName::From) {
            headers.push(name, value.get(1..).unwrap_or_default().trim_ascii().to_vec());
        }
    }
    read_all(&headers);
    for is_trusted in [true, false] {
        if let Ok(calling) = Calling::of(&headers, is_trusted) {
            assert!(is_trusted || !calling.is_asserted && calling.diverted_last.is_none());
            assert_eq!(calling.diverted_first.is_some(), calling.diverted_last.is_some());
        }
    }
    let body = octets.rsplit(|octet| *octet == b'\n').next().unwrap_or_default();
    if let Ok(status) = sipfrag_status(body) {
        assert_eq!(sipfrag_status(sipfrag(status).as_bytes()), Ok(status));
    }
}

/// Octets as Replaces: what is read comes back from a header and from a URI.
pub(crate) fn replaces(octets: &[u8]) {
    let octets = Bytes::copy_from_slice(octets);
    if let Ok(replaces) = Replaces::parse(&octets) {
        assert_eq!(Replaces::parse(&replaces.to_value()).as_ref(), Ok(&replaces));
        let uri = format!("sip:a@b?{}", replaces.to_uri_header());
        assert_eq!(uri.parse().map(|uri: Uri| Replaces::of_uri(&uri)), Ok(Ok(Some(replaces))));
    }
    if let Ok(uri) = Uri::parse(&octets) {
        drop(Replaces::of_uri(&uri));
    }
}

/// Octets as the body of an INFO with a digit.
pub(crate) fn dtmf_relay(octets: &[u8]) {
    for content_type in ["application/dtmf-relay", "application/dtmf"] {
        let Ok(Some(dialled)) = Dialled::read(content_type, octets) else { continue };
        assert!("0123456789*#ABCD".contains(dialled.digit.expose()));
        assert!((limits::DIGIT_SHORTEST..=limits::DIGIT_LONGEST).contains(&dialled.duration));
        let (content_type, body) = dialled.to_dtmf_relay();
        assert_eq!(Dialled::read(&content_type, body.as_bytes()), Ok(Some(dialled)));
    }
}

/// What every accepted message must hold to, and every refused one.
fn check(result: Result<Message, ParseError>) {
    match result {
        Ok(message) => {
            let headers = message.headers();
            assert!(headers.via().is_ok() && headers.from().is_ok() && headers.to().is_ok());
            assert!(headers.call_id().is_ok() && headers.cseq().is_ok() && headers.vias().is_ok());
            assert!(headers.contacts().is_ok() && headers.routes().is_ok() && headers.record_routes().is_ok());
            assert!(headers.len() <= limits::HEADERS);
            read_all(headers);
            if let Ok(Some(body)) = sdp_body(headers, message.body()) {
                sdp(&body);
            }
            let mut printed = BytesMut::new();
            message.encode(&mut printed);
            if printed.len() <= limits::DATAGRAM_MESSAGE {
                let again = parse_datagram(printed.freeze());
                let Ok(again) = again else { panic!("printed, but not read: {again:?}") };
                assert_eq!(again.body(), message.body());
                assert_eq!(again.headers().call_id(), headers.call_id());
            }
        }
        Err(error) => {
            assert!(!error.reason().as_str().is_empty());
            let Some(mut answer) = error.clone().into_answer() else { return };
            assert_eq!(Some(answer.status()), error.status());
            read_all(&answer);
            if answer.to().is_ok() {
                assert!(answer.ensure_to_tag("tag").is_ok());
            }
            assert!(answer.note_source(([192, 0, 2, 1], 5060).into()).is_ok(), "an answer has a way to go");
            let mut printed = BytesMut::new();
            answer.encode(&mut printed);
        }
    }
}

/// Reads all that the typed headers give, right or wrong.
fn read_all(headers: &Headers) {
    let contacts = headers.contacts().unwrap_or_default();
    let lists = [headers.routes(), headers.record_routes(), headers.asserted_identities()];
    let single = [headers.from(), headers.to()];
    let addrs = lists.into_iter().flatten().flatten().chain(single.into_iter().flatten());
    for addr in addrs.chain(contacts.iter().filter_map(Contact::addr).cloned()) {
        drop(addr.display_name());
        assert!(addr.params.iter().count() <= limits::PARAMS);
        assert!(addr.tag().is_none_or(|tag| tag.len() <= limits::TAG));
    }
    assert!(headers.cseq().is_ok_and(|cseq| cseq.seq < 1 << 31) || headers.cseq().is_err());
    assert!(headers.rseq().is_ok_and(|rseq| rseq.is_none_or(|rseq| rseq < 1 << 31)) || headers.rseq().is_err());
    for tags in [headers.supported(), headers.require(), headers.unsupported()].into_iter().flatten() {
        assert!(tags.len() <= limits::OPTION_TAGS);
    }
    let numbers = (headers.max_forwards(), headers.expires(), headers.session_expires(), headers.min_se());
    let others = (headers.rack(), headers.content_type(), headers.allows("UPDATE"));
    drop((numbers, others));
    drop((headers.refer_to(), headers.referred_by(), headers.refer_sub(), headers.privacy()));
    drop((headers.event(), headers.subscription_state()));
    if let Ok(Some(replaces)) = headers.replaces() {
        assert!(replaces.to_tag.len() <= limits::TAG && replaces.call_id.len() <= limits::CALL_ID);
    }
    assert!(headers.reasons().is_ok_and(|reasons| reasons.len() <= limits::REASONS) || headers.reasons().is_err());
    for entry in headers.history().unwrap_or_default() {
        assert!(entry.index.len() <= limits::HISTORY_INDEX);
        assert!(entry.target.as_sip().is_none_or(|sip| sip.headers.is_none()));
    }
    assert!(headers.diversions().unwrap_or_default().len() <= limits::DIVERSIONS);
}

/// Octets as what name servers say: the first is the URI, then each answer. It ends, and in bounds.
pub(crate) fn locate(octets: &[u8]) {
    let mut octets = octets.iter().copied();
    let uris = ["sip:example.com", "sips:example.com", "sip:example.com:5070", "sip:example.com;transport=tcp"];
    let uri = uris[usize::from(octets.next().unwrap_or_default()) % uris.len()];
    let Ok(target) = uri.parse().map_err(drop).and_then(|uri| Target::new(&uri, Transports::ALL).map_err(drop)) else {
        panic!("a target")
    };
    let mut locator = Locator::new(target, [7; 32]);
    let mut asked = 0;
    loop {
        match locator.poll() {
            Step::Ask(question) => {
                asked += 1;
                assert!(asked <= limits::LOCATE_QUESTIONS);
                locator.on_answer(&question, answer_of(&mut octets));
            }
            Step::Wait => panic!("each question was answered"),
            Step::Done(Err(_)) => return,
            Step::Done(Ok(located)) => {
                assert!((1..=limits::LOCATE_HOPS).contains(&located.hops.len()));
                assert!((limits::LOCATE_FLOOR..=limits::LOCATE_CAP).contains(&located.valid_for));
                for hop in &located.hops {
                    let is_tls = hop.transport == Transport::Tls;
                    assert!(is_tls || !uri.starts_with("sips"), "sips over {hop:?}");
                    assert_eq!(hop.server_name.as_deref(), is_tls.then_some("example.com"));
                    assert!(hop.address.port() != 0 && !hop.address.ip().is_unspecified());
                }
                return;
            }
        }
    }
}

fn answer_of(octets: &mut impl Iterator<Item = u8>) -> Answer {
    let count = match octets.next() {
        None | Some(0) => return Answer::Absent,
        Some(1) => return Answer::Failed,
        Some(count) => count,
    };
    Answer::Records((0..count).map_while(|_| record_of(octets)).collect())
}

fn record_of(octets: &mut impl Iterator<Item = u8>) -> Option<Record> {
    let names = ["a.example", "b.example", "_sip._udp.example.com", "_sips._tcp.example.com", "example.com"];
    let name = |at: u8| names.get(usize::from(at)).and_then(|name| DomainName::new(name).ok());
    let (kind, ttl) = (octets.next()?, Duration::from_secs(octets.next()?.into()));
    let [a, b, c] = [octets.next()?, octets.next()?, octets.next()?];
    let data = match kind % 5 {
        0 => Data::Address([a, b, c, kind].into()),
        1 => Data::Address(std::net::Ipv6Addr::from([u16::from(a), 0, 0, 0, 0, u16::from(b), 0, u16::from(c)]).into()),
        2 => Data::Srv(Srv { priority: a.into(), weight: b.into(), port: u16::from(kind) / 5, target: name(c) }),
        3 => {
            let service = ["SIP+D2U", "SIP+D2T", "SIPS+D2T", "E2U+sip"][usize::from(kind / 5) % 4].into();
            Data::Naptr(Naptr {
                order: a.into(),
                preference: b.into(),
                flags: "s".into(),
                service,
                replacement: name(c),
            })
        }
        _ => Data::Alias(name(a % 5)?),
    };
    Some(Record { ttl, data })
}
