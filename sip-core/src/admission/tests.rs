//! Buckets and prefixes, number by number.

#![expect(clippy::disallowed_methods, reason = "an Instant can be had from the clock only")]

use std::time::{Duration, Instant};

use super::{Gate, Peer, Prefix, Rate, Refused, SourceFacts, TokenBucket, Transport, TrunkId, TrunkRule};

#[test]
fn a_bucket_gives_its_burst_and_then_its_rate() {
    let mut now = Instant::now();
    let mut bucket = TokenBucket::new(Rate { per_second: 10, burst: 3 }, now);
    for _ in 0..3 {
        assert_eq!(bucket.take(now), Ok(()));
    }
    assert_eq!(bucket.take(now), Err(Duration::from_millis(100)));
    now += Duration::from_millis(99);
    assert_eq!(bucket.take(now), Err(Duration::from_millis(1)));
    now += Duration::from_millis(1);
    assert_eq!(bucket.take(now), Ok(()));
    // A refusal costs nothing, and a long rest fills it to its burst and no further.
    now += Duration::from_hours(1);
    let taken = (0..100).filter(|_| bucket.take(now).is_ok()).count();
    assert_eq!(taken, 3);
}

#[test]
fn a_bucket_without_a_rate_gives_nothing() {
    let now = Instant::now();
    let mut bucket = TokenBucket::new(Rate { per_second: 0, burst: 5 }, now);
    assert!(bucket.take(now).is_err() && bucket.take(now + Duration::from_hours(9)).is_err());
}

#[test]
fn prefixes_hold_what_they_say() {
    let holds = |prefix: &str, ip: &str| prefix.parse::<Prefix>().unwrap().contains(ip.parse().unwrap());
    assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "::1"));
    assert!(holds("198.51.100.0/25", "198.51.100.127") && !holds("198.51.100.0/25", "198.51.100.128"));
    assert!(holds("2001:db8::/32", "2001:db8:ffff::1") && !holds("2001:db8::/32", "2001:db9::"));
    assert!(holds("::/0", "2001:db8::1") && holds("192.0.2.1", "192.0.2.1") && holds("::1/128", "::1"));
}

#[test]
fn a_gate_without_rules_is_closed() {
    let now = Instant::now();
    let gate = Gate::new(Vec::new(), now).unwrap();
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        assert!(!gate.admits_source("127.0.0.1".parse().unwrap(), transport));
    }
}

#[test]
fn an_outbound_call_counts_against_its_trunk_and_is_given_back() {
    let now = Instant::now();
    let rule = TrunkRule::new("a").peer(Peer::address("192.0.2.1".parse().unwrap())).max_calls(1);
    let mut gate = Gate::new(vec![rule], now).unwrap();
    let (known, unknown) = (TrunkId::new("a"), TrunkId::new("b"));
    assert_eq!(gate.admit_outbound(&known), Ok(()));
    assert_eq!(gate.admit_outbound(&known), Err(Refused::Concurrency));
    assert_eq!(gate.admit_outbound(&unknown), Err(Refused::UnknownSource));
    gate.release(&known);
    gate.release(&known);
    assert_eq!((gate.calls(&known), gate.admit_outbound(&known)), (0, Ok(())));
    let source = SourceFacts::plain("192.0.2.1:5060".parse().unwrap(), Transport::Udp);
    assert_eq!(gate.trunk_of(&source), Some(known));
}
