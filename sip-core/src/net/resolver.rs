//! Name servers (RFC 1035), for [`crate::locate`].

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::limits;
use crate::locate::{
    Answer, Data, DomainName, Kind, LocateError, Located, Locator, Naptr, Question, Record, Srv, Step, Target,
};

/// Asks the name servers, and believes each answer for as long as it says: a failure is a failure, and nothing that has
/// expired is used in its place. The least time is in [`Located::valid_for`]. Cloning is cheap, and clones share what they
/// know.
#[derive(Clone)]
pub struct Resolver {
    inner: TokioResolver,
}

impl Resolver {
    /// The name servers and the hosts file of this machine.
    pub fn from_system() -> Result<Self, ResolverError> {
        let mut builder = TokioResolver::builder_tokio()?;
        bound(builder.options_mut());
        Ok(Self { inner: builder.build()? })
    }

    /// These name servers, in this order, over UDP and TCP; no hosts file.
    pub fn with_servers(servers: &[SocketAddr]) -> Result<Self, ResolverError> {
        let server = |address: &SocketAddr| {
            let over = |mut connection: ConnectionConfig| {
                connection.port = address.port();
                connection
            };
            let connections = vec![over(ConnectionConfig::udp()), over(ConnectionConfig::tcp())];
            NameServerConfig::new(address.ip(), true, connections)
        };
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.iter().map(server).collect());
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        bound(builder.options_mut());
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        Ok(Self { inner: builder.build()? })
    }

    /// Finds the servers of `target`. `seed` decides between servers of equal priority: a fresh one each time.
    pub async fn locate(&self, target: Target, seed: [u8; 32]) -> Result<Located, LocateError> {
        timeout(LOCATE, self.drive(Locator::new(target, seed))).await.unwrap_or(Err(LocateError::Timeout))
    }

    async fn drive(&self, mut locator: Locator) -> Result<Located, LocateError> {
        // Dropping it stops what is still asked.
        let mut lookups = JoinSet::new();
        loop {
            match locator.poll() {
                Step::Ask(question) => {
                    let inner = self.inner.clone();
                    lookups.spawn(async move { (ask(&inner, &question).await, question) });
                }
                Step::Wait => match lookups.join_next().await {
                    Some(Ok((answer, question))) => locator.on_answer(&question, answer),
                    Some(Err(_)) | None => return Err(LocateError::Unanswered),
                },
                Step::Done(result) => return result,
            }
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

/// The name servers cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("the machine's name servers cannot be used")]
pub struct ResolverError(#[from] NetError);

async fn ask(resolver: &TokioResolver, question: &Question) -> Answer {
    let kind = match question.kind {
        Kind::Naptr => RecordType::NAPTR,
        Kind::Srv => RecordType::SRV,
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
    };
    // With its last dot: the machine's search list has no say in where calls go.
    let Ok(name) = Name::from_ascii(format!("{}.", question.name)) else { return Answer::Failed };
    match resolver.lookup(name, kind).await {
        Ok(lookup) => Answer::Records(records(&lookup)),
        Err(error) if error.is_no_records_found() => Answer::Absent,
        Err(_) => Answer::Failed,
    }
}

/// The records; those whose names cannot be asked for are left out. Aliases were followed already.
fn records(lookup: &Lookup) -> Vec<Record> {
    // What comes out of the cache is as old as it is.
    let left = Instant::from_std(lookup.valid_until()).saturating_duration_since(Instant::now());
    let record = |data: &RData| {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "there are as many kinds of records as IANA has numbers for"
        )]
        let data = match data {
            RData::A(address) => Data::Address(address.0.into()),
            RData::AAAA(address) => Data::Address(address.0.into()),
            RData::SRV(srv) => Data::Srv(Srv {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: domain(&srv.target)?,
            }),
            RData::NAPTR(naptr) => Data::Naptr(Naptr {
                order: naptr.order,
                preference: naptr.preference,
                flags: String::from_utf8_lossy(&naptr.flags).into_owned(),
                service: String::from_utf8_lossy(&naptr.services).into_owned(),
                replacement: domain(&naptr.replacement)?,
            }),
            _ => return None,
        };
        Some(Record { ttl: left, data })
    };
    lookup.answers().iter().filter_map(|answer| record(&answer.data)).collect()
}

/// The name; `Some(None)` for the root, `None` for one that cannot be asked for.
#[expect(clippy::option_option, reason = "the root is an answer, and a name that cannot be used is none")]
fn domain(name: &Name) -> Option<Option<DomainName>> {
    if name.is_root() {
        return Some(None);
    }
    DomainName::new(&name.to_ascii()).ok().map(Some)
}

fn bound(options: &mut ResolverOpts) {
    options.timeout = QUESTION;
    options.attempts = ATTEMPTS;
    options.cache_size = CACHE;
    options.positive_max_ttl = Some(limits::LOCATE_CAP);
    options.negative_max_ttl = Some(NEGATIVE);
}

/// How long one look-up may take, all its questions together: a caller is waiting.
const LOCATE: Duration = Duration::from_secs(8);
/// How long one name server is waited for.
const QUESTION: Duration = Duration::from_secs(2);
/// How often a question is asked again.
const ATTEMPTS: usize = 1;
/// Answers that are remembered.
const CACHE: u64 = 1_024;
/// How long it is believed that there is nothing.
const NEGATIVE: Duration = Duration::from_mins(1);
