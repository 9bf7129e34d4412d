//! The resolver against a name server on loopback, made here (RFC 1035 4, RFC 2782, RFC 3403).

#![cfg(feature = "net")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_types, reason = "the test changes what its name server says while that runs")]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sip_core::admission::Transports;
use sip_core::locate::{LocateError, Located, Target};
use sip_core::net::Resolver;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until, timeout};

const A: u16 = 1;
const CNAME: u16 = 5;
const SRV: u16 = 33;
const NAPTR: u16 = 35;

/// Kind, time to live, data.
type Record = (u16, u32, Vec<u8>);

/// What the name server says, and what it was asked.
#[derive(Default)]
struct Zone {
    records: HashMap<(String, u16), Vec<Record>>,
    broken: bool,
    asked: Vec<(String, u16)>,
}

struct NameServer {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

impl NameServer {
    async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Arc::new(Mutex::new(Zone::default()));
        let served = Arc::clone(&zone);
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let reply = served.lock().unwrap().reply(&buffer[..length]);
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        Self { address, zone }
    }

    fn set(&self, owner: &str, kind: u16, ttl: u32, records: &[Vec<u8>]) {
        let records = records.iter().map(|data| (kind, ttl, data.clone())).collect();
        self.zone.lock().unwrap().records.insert((owner.to_owned(), kind), records);
    }

    /// An A record behind an alias, in one answer, as a recursive server gives it.
    fn set_alias(&self, owner: &str, ttl: u32, target: &str, address: [u8; 4]) {
        let alias = vec![(CNAME, ttl, wire_name(target))];
        self.zone.lock().unwrap().records.insert((owner.to_owned(), A), alias);
        self.set(target, A, 300, &[address.to_vec()]);
    }

    /// How often it was asked for A records.
    fn asked(&self) -> usize {
        self.zone.lock().unwrap().asked.iter().filter(|(_, kind)| *kind == A).count()
    }
}

impl Zone {
    fn reply(&mut self, query: &[u8]) -> Vec<u8> {
        let (mut at, mut labels) = (12, Vec::new());
        while query[at] != 0 {
            let end = at + 1 + usize::from(query[at]);
            labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
            at = end;
        }
        let name = labels.join(".");
        let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
        self.asked.push((name.clone(), kind));
        let found = self.records.get(&(name, kind)).filter(|_| !self.broken);
        // 2: SERVFAIL, 3: NXDOMAIN
        let code = if self.broken { 2 } else { u8::from(found.is_none()) * 3 };
        let records = found.cloned().unwrap_or_default();
        let count = u8::try_from(records.len()).unwrap();
        let mut reply = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0];
        reply.extend_from_slice(&query[12..at + 5]);
        for (kind, ttl, data) in records {
            reply.extend_from_slice(&[0xc0, 12]);
            reply.extend_from_slice(&kind.to_be_bytes());
            reply.extend_from_slice(&[0, 1]);
            reply.extend_from_slice(&ttl.to_be_bytes());
            reply.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
            reply.extend_from_slice(&data);
        }
        reply
    }
}

fn wire_name(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut wire: Vec<u8> = labels.flat_map(|label| text(label.as_bytes())).collect();
    wire.push(0);
    wire
}

/// A character-string (RFC 1035 3.3), which is also a label.
fn text(octets: &[u8]) -> Vec<u8> {
    [&[u8::try_from(octets.len()).unwrap()], octets].concat()
}

fn srv(priority: u16, port: u16, target: &str) -> Vec<u8> {
    let numbers = [priority, 0, port].map(u16::to_be_bytes).concat();
    [numbers, wire_name(target)].concat()
}

fn naptr(order: u16, service: &str, replacement: &str) -> Vec<u8> {
    let numbers = [order, 10].map(u16::to_be_bytes).concat();
    [numbers, text(b"s"), text(service.as_bytes()), text(b""), wire_name(replacement)].concat()
}

async fn locate(resolver: &Resolver, uri: &str) -> Result<Located, LocateError> {
    let target = Target::new(&uri.parse().unwrap(), Transports::ALL).unwrap();
    timeout(Duration::from_secs(20), resolver.locate(target, [5; 32])).await.unwrap()
}

fn first(located: &Located) -> Ipv4Addr {
    match located.hops[0].address {
        SocketAddr::V4(address) => *address.ip(),
        SocketAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

#[tokio::test]
async fn from_a_domain_to_addresses_in_the_order_of_trial() {
    let server = NameServer::start().await;
    let services =
        [naptr(20, "SIP+D2U", "_sip._udp.carrier.example"), naptr(10, "SIPS+D2T", "_sips._tcp.carrier.example")];
    server.set("carrier.example", NAPTR, 300, &services);
    let hosts =
        [srv(20, 5063, "b.carrier.example"), srv(10, 5062, "a.carrier.example"), srv(30, 1, "bad name.example")];
    server.set("_sips._tcp.carrier.example", SRV, 120, &hosts);
    server.set("a.carrier.example", A, 300, &[vec![192, 0, 2, 1]]);
    server.set_alias("b.carrier.example", 40, "c.other.example", [192, 0, 2, 3]);
    let resolver = Resolver::with_servers(&[server.address]).unwrap();
    let located = locate(&resolver, "sip:carrier.example").await.unwrap();
    assert_eq!(format!("{:?}", located.hops), "[tls://192.0.2.1:5062, tls://192.0.2.3:5063]");
    assert!(located.hops.iter().all(|hop| hop.server_name.as_deref() == Some("carrier.example")));
    let valid_for = located.valid_for.as_secs();
    assert!((30..=40).contains(&valid_for), "the alias has the shortest life: {valid_for}");
}

#[tokio::test]
async fn an_answer_lives_as_long_as_it_says_and_no_longer() {
    let server = NameServer::start().await;
    let resolver = Resolver::with_servers(&[server.address]).unwrap();
    server.set("a.example", A, 300, &[vec![192, 0, 2, 1]]);
    server.set("b.example", A, 1, &[vec![192, 0, 2, 1]]);
    for name in ["sip:a.example:5060", "sip:b.example:5060"] {
        let located = locate(&resolver, name).await.unwrap();
        assert_eq!(first(&located), Ipv4Addr::new(192, 0, 2, 1));
    }
    server.set("a.example", A, 300, &[vec![192, 0, 2, 2]]);
    server.set("b.example", A, 1, &[vec![192, 0, 2, 2]]);
    let asked = server.asked();
    let again = locate(&resolver, "sip:a.example:5060").await.unwrap();
    assert_eq!((first(&again), server.asked()), (Ipv4Addr::new(192, 0, 2, 1), asked), "known already");
    let moved = async {
        while first(&locate(&resolver, "sip:b.example:5060").await.unwrap()) != Ipv4Addr::new(192, 0, 2, 2) {
            sleep_until(Instant::now() + Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(10), moved).await.unwrap();
}

#[tokio::test]
async fn what_has_expired_does_not_stand_in_for_a_failure() {
    let server = NameServer::start().await;
    let resolver = Resolver::with_servers(&[server.address]).unwrap();
    server.set("a.example", A, 0, &[vec![192, 0, 2, 1]]);
    locate(&resolver, "sip:a.example:5060").await.unwrap();
    server.zone.lock().unwrap().broken = true;
    assert_eq!(locate(&resolver, "sip:a.example:5060").await, Err(LocateError::Unanswered));
}

#[tokio::test]
async fn a_dead_name_server_is_passed_over_and_a_missing_name_is_said() {
    let dead = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = NameServer::start().await;
    server.set("a.example", A, 300, &[vec![192, 0, 2, 1]]);
    let resolver = Resolver::with_servers(&[dead, server.address]).unwrap();
    let located = locate(&resolver, "sip:a.example:5060").await.unwrap();
    assert_eq!(first(&located), Ipv4Addr::new(192, 0, 2, 1));
    assert_eq!(locate(&resolver, "sip:nobody.example").await, Err(LocateError::NoSuchName));
}
