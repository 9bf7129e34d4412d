//! What is asked of a name server, and what it may say.

use std::net::IpAddr;
use std::time::Duration;

use super::DomainName;

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// About which name.
    pub name: DomainName,
    /// For records of which kind.
    pub kind: Kind,
}

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// NAPTR (RFC 3403)
    Naptr,
    /// SRV (RFC 2782)
    Srv,
    /// A: IPv4 addresses.
    A,
    /// AAAA: IPv6 addresses.
    Aaaa,
}

/// What came back.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Records. Those of another kind, or that make no sense, are passed over.
    Records(Vec<Record>),
    /// There is no such name, or it has no records of this kind.
    Absent,
    /// No name server gave an answer that can be used.
    Failed,
}

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// How long it may be believed.
    pub ttl: Duration,
    /// What it says.
    pub data: Data,
}

/// What a record says.
#[derive(Clone, Debug)]
pub enum Data {
    /// NAPTR
    Naptr(Naptr),
    /// SRV
    Srv(Srv),
    /// A or AAAA
    Address(IpAddr),
    /// CNAME: the name is another one's alias, which is asked next.
    Alias(DomainName),
}

/// A NAPTR record, as far as RFC 3263 4.1 reads it.
#[derive(Clone, Debug)]
pub struct Naptr {
    /// The lowest that we can use rules the others out.
    pub order: u16,
    /// Which first, among those of one order.
    pub preference: u16,
    /// `s`: the replacement has SRV records.
    pub flags: String,
    /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T`.
    pub service: String,
    /// The name to ask for SRV records; `None` where it is the root.
    pub replacement: Option<DomainName>,
}

/// An SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// The lowest first.
    pub priority: u16,
    /// The share of the requests, among those of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; `None` where it is the root: there is no such service.
    pub target: Option<DomainName>,
}
