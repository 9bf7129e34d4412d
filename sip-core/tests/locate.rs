//! Finding servers (RFC 3263 4.1, 4.2; RFC 2782; RFC 5922 4; THREATS T22): the machine, over zones written here.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use sip_core::admission::{Transport, Transports};
use sip_core::limits;
use sip_core::locate::{
    Answer, Data, DomainName, Kind, LocateError, Located, Locator, Naptr, Question, Record, Srv, Step, Target,
};

/// What the name servers say. A name that is not here does not exist.
#[derive(Default)]
struct Zone {
    answers: HashMap<(String, Kind), Vec<Record>>,
    broken: Vec<(&'static str, Kind)>,
    asked: Vec<(String, Kind)>,
}

fn name(text: &str) -> DomainName {
    DomainName::new(text).unwrap()
}

fn target(uri: &str, allowed: Transports) -> Result<Target, LocateError> {
    let uri = uri.parse().map_err(|_| LocateError::NotSip)?;
    Target::new(&uri, allowed)
}

impl Zone {
    fn with(mut self, owner: &str, kind: Kind, ttl: u64, data: Data) -> Self {
        let record = Record { ttl: Duration::from_secs(ttl), data };
        self.answers.entry((owner.to_owned(), kind)).or_default().push(record);
        self
    }

    fn a(self, owner: &str, address: &str) -> Self {
        let address: IpAddr = address.parse().unwrap();
        let kind = if address.is_ipv4() { Kind::A } else { Kind::Aaaa };
        self.with(owner, kind, 300, Data::Address(address))
    }

    fn srv(self, owner: &str, priority: u16, weight: u16, port: u16, target: &str) -> Self {
        let target = (target != ".").then(|| name(target));
        self.with(owner, Kind::Srv, 600, Data::Srv(Srv { priority, weight, port, target }))
    }

    fn naptr(self, owner: &str, order: u16, preference: u16, service: &str, replacement: &str) -> Self {
        let replacement = Some(name(replacement));
        let naptr = Naptr { order, preference, flags: "S".into(), service: service.into(), replacement };
        self.with(owner, Kind::Naptr, 900, Data::Naptr(naptr))
    }

    fn alias(self, owner: &str, kind: Kind, to: &str) -> Self {
        self.with(owner, kind, 30, Data::Alias(name(to)))
    }

    fn broken(mut self, owner: &'static str, kind: Kind) -> Self {
        self.broken.push((owner, kind));
        self
    }

    fn answer(&mut self, question: &Question) -> Answer {
        let key = (question.name.to_string(), question.kind);
        self.asked.push(key.clone());
        if self.broken.contains(&(question.name.as_str(), question.kind)) {
            return Answer::Failed;
        }
        self.answers.get(&key).map_or(Answer::Absent, |records| Answer::Records(records.clone()))
    }

    fn locate_over(&mut self, uri: &str, allowed: Transports, seed: u8) -> Result<Located, LocateError> {
        let mut locator = Locator::new(target(uri, allowed)?, [seed; 32]);
        loop {
            match locator.poll() {
                Step::Ask(question) => {
                    let answer = self.answer(&question);
                    locator.on_answer(&question, answer);
                }
                Step::Wait => panic!("all is answered"),
                Step::Done(result) => return result,
            }
        }
    }

    fn locate(&mut self, uri: &str) -> Result<Located, LocateError> {
        self.locate_over(uri, Transports::ALL, 7)
    }

    /// The hops as `transport://address`, in the order of trial.
    fn hops(&mut self, uri: &str) -> Vec<String> {
        self.locate(uri).unwrap().hops.iter().map(|hop| format!("{hop:?}")).collect()
    }
}

/// The example of RFC 3263 4.1, with addresses.
fn example() -> Zone {
    Zone::default()
        .naptr("example.com", 50, 50, "SIPS+D2T", "_sips._tcp.example.com")
        .naptr("example.com", 90, 50, "SIP+D2T", "_sip._tcp.example.com")
        .naptr("example.com", 100, 50, "SIP+D2U", "_sip._udp.example.com")
        .srv("_sips._tcp.example.com", 0, 1, 5061, "server1.example.com")
        .srv("_sip._tcp.example.com", 0, 1, 5060, "server1.example.com")
        .srv("_sip._tcp.example.com", 1, 1, 5060, "server2.example.com")
        .srv("_sip._udp.example.com", 0, 1, 5060, "server1.example.com")
        .a("server1.example.com", "192.0.2.1")
        .a("server2.example.com", "192.0.2.2")
}

const NO_TLS: Transports = Transports::NONE.with(Transport::Tcp).with(Transport::Udp);
const UDP: Transports = Transports::NONE.with(Transport::Udp);

#[test]
fn a_literal_needs_no_name_server() {
    let mut zone = Zone::default();
    let cases = [
        ("sip:192.0.2.1", "udp://192.0.2.1:5060"),
        ("sip:192.0.2.1:5070", "udp://192.0.2.1:5070"),
        ("sip:[2001:db8::1];transport=tcp", "tcp://[2001:db8::1]:5060"),
        ("sip:192.0.2.1;transport=TLS", "tls://192.0.2.1:5061"),
        ("sips:192.0.2.1", "tls://192.0.2.1:5061"),
        ("sips:192.0.2.1:5062;transport=tcp", "tls://192.0.2.1:5062"),
        ("sip:192.0.2.1;maddr=198.51.100.66", "udp://192.0.2.1:5060"),
    ];
    for (uri, hop) in cases {
        assert_eq!(zone.hops(uri), [hop], "{uri}");
    }
    assert!(zone.asked.is_empty());
    for nowhere in ["sip:0.0.0.0", "sip:224.0.0.1", "sip:255.255.255.255", "sip:[::]"] {
        assert_eq!(zone.locate(nowhere), Err(LocateError::NoSuchName), "{nowhere}");
    }
}

#[test]
fn naptr_chooses_the_transport_and_a_lower_order_rules_out_the_others() {
    let mut zone = example();
    assert_eq!(zone.hops("sip:example.com"), ["tls://192.0.2.1:5061"]);
    let hops = zone.locate_over("sip:example.com", NO_TLS, 7).unwrap().hops;
    assert_eq!(format!("{hops:?}"), "[tcp://192.0.2.1:5060, tcp://192.0.2.2:5060]");
    let hops = zone.locate_over("sip:example.com", UDP, 7).unwrap().hops;
    assert_eq!(format!("{hops:?}"), "[udp://192.0.2.1:5060]");
}

#[test]
fn naptr_of_one_order_is_tried_by_preference() {
    let mut zone = Zone::default()
        .naptr("example.com", 10, 20, "SIP+D2T", "_sip._tcp.example.com")
        .naptr("example.com", 10, 10, "sip+d2u", "_sip._udp.example.com")
        .naptr("example.com", 10, 5, "E2U+sip", "ignored.example.com")
        .srv("_sip._udp.example.com", 0, 0, 5060, "a.example.com")
        .srv("_sip._tcp.example.com", 0, 0, 5060, "a.example.com")
        .a("a.example.com", "192.0.2.1");
    assert_eq!(zone.hops("sip:example.com"), ["udp://192.0.2.1:5060", "tcp://192.0.2.1:5060"]);
}

#[test]
fn a_port_or_a_transport_leaves_out_naptr() {
    let mut zone = example().a("example.com", "192.0.2.9");
    assert_eq!(zone.hops("sip:example.com:5080"), ["udp://192.0.2.9:5080"]);
    assert_eq!(zone.hops("sips:example.com:5081"), ["tls://192.0.2.9:5081"]);
    assert_eq!(zone.hops("sip:example.com:5080;transport=tcp"), ["tcp://192.0.2.9:5080"]);
    assert!(zone.asked.iter().all(|(_, kind)| matches!(kind, Kind::A | Kind::Aaaa)), "{:?}", zone.asked);
    zone.asked.clear();
    assert_eq!(zone.hops("sip:example.com;transport=tcp"), ["tcp://192.0.2.1:5060", "tcp://192.0.2.2:5060"]);
    assert_eq!(zone.asked[0], ("_sip._tcp.example.com".to_owned(), Kind::Srv));
}

#[test]
fn without_naptr_each_service_is_asked_for_and_the_safest_is_tried_first() {
    let mut zone = Zone::default()
        .srv("_sip._udp.example.com", 0, 0, 5060, "a.example.com")
        .srv("_sips._tcp.example.com", 0, 0, 5061, "a.example.com")
        .a("a.example.com", "192.0.2.1")
        .a("a.example.com", "2001:db8::1");
    assert_eq!(
        zone.hops("sip:example.com"),
        ["tls://192.0.2.1:5061", "tls://[2001:db8::1]:5061", "udp://192.0.2.1:5060", "udp://[2001:db8::1]:5060"]
    );
}

#[test]
fn without_any_record_the_domain_itself_is_the_server() {
    let mut zone = Zone::default().a("example.com", "192.0.2.1");
    assert_eq!(zone.hops("sip:example.com"), ["udp://192.0.2.1:5060"]);
    assert_eq!(zone.hops("sips:example.com"), ["tls://192.0.2.1:5061"]);
    assert_eq!(zone.hops("sip:example.com;transport=tcp"), ["tcp://192.0.2.1:5060"]);
    let tls = zone.locate_over("sip:example.com", Transports::TLS, 7).unwrap();
    assert_eq!(tls.hops[0].transport, Transport::Tls);
    assert_eq!(zone.locate("sip:elsewhere.example"), Err(LocateError::NoSuchName));
}

#[test]
fn sips_never_leaves_tls() {
    let mut zone = example();
    let located = zone.locate("sips:example.com").unwrap();
    assert!(located.hops.iter().all(|hop| hop.transport == Transport::Tls));
    assert!(!zone.asked.iter().any(|(name, _)| name.starts_with("_sip.")), "{:?}", zone.asked);
    for refused in ["sips:example.com;transport=udp", "sip:example.com;transport=sctp", "sip:example.com;transport"] {
        assert_eq!(zone.locate(refused), Err(LocateError::Transport), "{refused}");
    }
    assert_eq!(zone.locate_over("sips:example.com", NO_TLS, 7), Err(LocateError::Transport));
    assert_eq!(zone.locate_over("sip:example.com;transport=tls", NO_TLS, 7), Err(LocateError::Transport));
    assert_eq!(zone.locate("tel:+14155550100"), Err(LocateError::NotSip));
    // A domain that has other services only offers none that sips may use.
    let mut plain = Zone::default()
        .naptr("example.com", 10, 10, "SIP+D2U", "_sip._udp.example.com")
        .srv("_sip._udp.example.com", 0, 0, 5060, "a.example.com")
        .a("a.example.com", "192.0.2.1");
    assert_eq!(plain.locate("sips:example.com"), Err(LocateError::NoSuchName));
}

#[test]
fn the_name_in_the_certificate_is_the_one_that_was_asked_for() {
    let mut zone = Zone::default()
        .naptr("example.com", 10, 10, "SIPS+D2T", "_sips._tcp.host.evil.example")
        .srv("_sips._tcp.host.evil.example", 0, 0, 443, "sbc.evil.example")
        .alias("sbc.evil.example", Kind::A, "deep.evil.example")
        .a("deep.evil.example", "203.0.113.66");
    let located = zone.locate("sips:Example.COM.").unwrap();
    assert_eq!(format!("{:?}", located.hops), "[tls://203.0.113.66:443]");
    assert_eq!(located.hops[0].server_name.as_deref(), Some("example.com"));
}

#[test]
fn a_domain_may_say_that_there_is_no_service() {
    let mut zone = Zone::default()
        .srv("_sip._udp.example.com", 0, 0, 0, ".")
        .srv("_sip._tcp.example.com", 0, 0, 0, ".")
        .srv("_sips._tcp.example.com", 0, 0, 0, ".")
        .a("example.com", "192.0.2.1");
    assert_eq!(zone.locate("sip:example.com"), Err(LocateError::NoService));
}

#[test]
fn a_name_server_that_is_silent_does_not_choose_the_transport() {
    // NAPTR lost: the services are asked for all the same.
    let mut zone = example().broken("example.com", Kind::Naptr);
    assert_eq!(zone.hops("sip:example.com")[0], "tls://192.0.2.1:5061");
    // SRV lost: the domain's own address is no substitute.
    let mut zone = Zone::default().broken("_sips._tcp.example.com", Kind::Srv).a("example.com", "192.0.2.1");
    assert_eq!(zone.locate("sip:example.com"), Err(LocateError::Unanswered));
    // One of both address families lost: the other serves.
    let mut zone = Zone::default().broken("example.com", Kind::Aaaa).a("example.com", "192.0.2.1");
    assert_eq!(zone.hops("sip:example.com:5060"), ["udp://192.0.2.1:5060"]);
    let mut zone = Zone::default().broken("example.com", Kind::A);
    assert_eq!(zone.locate("sip:example.com:5060"), Err(LocateError::Unanswered));
}

#[test]
fn an_answer_is_believed_as_long_as_its_shortest_record() {
    assert_eq!(example().locate("sip:example.com").unwrap().valid_for, Duration::from_mins(5));
    let mut zone = Zone::default().alias("example.com", Kind::A, "a.example.com").a("a.example.com", "192.0.2.1");
    assert_eq!(zone.locate("sip:example.com:5060").unwrap().valid_for, Duration::from_secs(30));
    for (ttl, valid_for) in [(0, limits::LOCATE_FLOOR), (1_000_000, limits::LOCATE_CAP)] {
        let address = Data::Address("192.0.2.1".parse().unwrap());
        let mut zone = Zone::default().with("example.com", Kind::A, ttl, address);
        assert_eq!(zone.locate("sip:example.com:5060").unwrap().valid_for, valid_for);
    }
}

#[test]
fn priorities_are_kept_and_weights_are_shares() {
    let mut zone = Zone::default()
        .srv("_sip._udp.example.com", 20, 100, 5060, "backup.example.com")
        .srv("_sip._udp.example.com", 10, 75, 5060, "big.example.com")
        .srv("_sip._udp.example.com", 10, 25, 5060, "small.example.com")
        .srv("_sip._udp.example.com", 10, 0, 5060, "zero.example.com")
        .a("big.example.com", "192.0.2.1")
        .a("small.example.com", "192.0.2.2")
        .a("zero.example.com", "192.0.2.3")
        .a("backup.example.com", "192.0.2.4");
    let mut first = BTreeMap::<IpAddr, u32>::new();
    for seed in 0..=255 {
        let located = zone.locate_over("sip:example.com;transport=udp", UDP, seed).unwrap();
        assert_eq!(located.hops.len(), 4);
        let mut shares: Vec<_> = located.shares.iter().map(|share| (share.rank, share.weight)).collect();
        shares.sort_unstable();
        assert_eq!(shares, [(1, 0), (1, 25), (1, 75), (2, 100)]);
        assert_eq!(located.hops[3].address.ip(), "192.0.2.4".parse::<IpAddr>().unwrap());
        *first.entry(located.hops[0].address.ip()).or_default() += 1;
    }
    let of = |address: &str| first.get(&address.parse::<IpAddr>().unwrap()).copied().unwrap_or_default();
    assert!((166..=218).contains(&of("192.0.2.1")), "{first:?}");
    assert!((38..=90).contains(&of("192.0.2.2")), "{first:?}");
    assert!(of("192.0.2.3") < 15, "{first:?}");
}

#[test]
fn what_a_name_server_says_is_bounded() {
    // An alias of itself.
    let mut circle = Zone::default().alias("example.com", Kind::A, "example.com");
    assert_eq!(circle.locate("sip:example.com:5060"), Err(LocateError::Unanswered));
    assert!(circle.asked.len() <= limits::LOCATE_ALIASES + 2, "{}", circle.asked.len());
    // More servers than anybody has.
    let mut many = Zone::default();
    for index in 0..200 {
        let host = format!("h{index}.example.com");
        many = many.srv("_sip._udp.example.com", index, 0, 5060, &host);
        for last in 0..200 {
            many = many.a(&host, &format!("192.0.{index}.{last}"));
        }
    }
    assert_eq!(many.hops("sip:example.com;transport=udp").len(), limits::LOCATE_HOPS);
    assert!(many.asked.len() <= limits::LOCATE_QUESTIONS, "{}", many.asked.len());
}

#[test]
fn names_that_cannot_be_asked_for_are_none() {
    let long = "a".repeat(64);
    for bad in ["", ".", "a..b", "a b", "a\nb", "*.example.com", long.as_str(), &"a.".repeat(128)] {
        assert!(DomainName::new(bad).is_err(), "{bad:?}");
    }
    assert_eq!(DomainName::new("_SIP._udp.Example.com.").unwrap().as_str(), "_sip._udp.example.com");
    assert_eq!(Zone::default().locate(&format!("sip:{long}.example")), Err(LocateError::Name));
}

#[test]
fn an_answer_to_no_question_says_nothing() {
    let target = Target::new(&"sip:example.com:5060".parse().unwrap(), Transports::ALL).unwrap();
    let mut locator = Locator::new(target, [7; 32]);
    let (Step::Ask(first), Step::Ask(second)) = (locator.poll(), locator.poll()) else { panic!("two questions") };
    let other = Question { name: name("other.example"), kind: Kind::A };
    let record = |address: &str| Record { ttl: Duration::from_mins(1), data: Data::Address(address.parse().unwrap()) };
    locator.on_answer(&other, Answer::Records(vec![record("203.0.113.66")]));
    assert!(matches!(locator.poll(), Step::Wait));
    locator.on_answer(&second, Answer::Absent);
    // An answer of the wrong kind is passed over; the second answer to one question is not heard.
    locator.on_answer(&first, Answer::Records(vec![record("2001:db8::66"), record("192.0.2.1")]));
    locator.on_answer(&first, Answer::Records(vec![record("203.0.113.66")]));
    let Step::Done(Ok(located)) = locator.poll() else { panic!("not done") };
    assert_eq!(format!("{:?}", located.hops), "[udp://192.0.2.1:5060]");
}

fn any_data() -> impl Strategy<Value = Data> {
    let host = || prop::option::of(prop::sample::select(vec!["a.example", "b.example", "example.com"]).prop_map(name));
    let service = prop::sample::select(vec!["SIP+D2U", "SIP+D2T", "SIPS+D2T", "E2U+sip", ""]);
    prop_oneof![
        any::<IpAddr>().prop_map(Data::Address),
        (any::<[u16; 3]>(), host()).prop_map(|([priority, weight, port], target)| Data::Srv(Srv {
            priority,
            weight,
            port,
            target
        })),
        (any::<[u16; 2]>(), service, host()).prop_map(|([order, preference], service, replacement)| {
            Data::Naptr(Naptr { order, preference, flags: "s".into(), service: service.into(), replacement })
        }),
        host().prop_map(|host| Data::Alias(host.unwrap_or_else(|| name("c.example")))),
    ]
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let record =
        (any::<u32>(), any_data()).prop_map(|(ttl, data)| Record { ttl: Duration::from_secs(ttl.into()), data });
    prop_oneof![
        8 => prop::collection::vec(record, 0..100).prop_map(Answer::Records),
        1 => Just(Answer::Absent),
        1 => Just(Answer::Failed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_answers_end_in_bounds(
        answers in prop::collection::vec(any_answer(), 1..8),
        uri in prop::sample::select(vec!["sip:example.com", "sips:example.com", "sip:example.com:1", "sip:a.b;transport=tcp"]),
    ) {
        let mut locator = Locator::new(Target::new(&uri.parse().unwrap(), Transports::ALL).unwrap(), [1; 32]);
        let mut answers = answers.into_iter().cycle();
        let mut asked = 0;
        let result = loop {
            match locator.poll() {
                Step::Ask(question) => {
                    asked += 1;
                    locator.on_answer(&question, answers.next().unwrap());
                }
                Step::Wait => prop_assert!(false, "all is answered"),
                Step::Done(result) => break result,
            }
        };
        prop_assert!(asked <= limits::LOCATE_QUESTIONS);
        if let Ok(located) = result {
            prop_assert!((1..=limits::LOCATE_HOPS).contains(&located.hops.len()));
            prop_assert!((limits::LOCATE_FLOOR..=limits::LOCATE_CAP).contains(&located.valid_for));
            for hop in &located.hops {
                prop_assert!(!uri.starts_with("sips") || hop.transport == Transport::Tls);
                prop_assert_eq!(hop.server_name.is_some(), hop.transport == Transport::Tls);
            }
        }
    }
}
