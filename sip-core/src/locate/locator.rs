//! The machine of RFC 3263 4.1 and 4.2.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::admission::Transport;
use crate::endpoint::NextHop;
use crate::limits;

use super::services::{self, Service};
use super::target::TargetHost;
use super::{Answer, Data, DomainName, Kind, LocateError, Located, Naptr, Question, Record, Share, Srv, Target, srv};

/// Finds the servers of one target.
///
/// Poll until it says [`Step::Wait`] or [`Step::Done`]; questions may be asked side by side and answered in any order.
/// One that is never answered keeps it waiting: bound the time outside.
pub struct Locator {
    target: Target,
    stage: Stage,
    lookups: Vec<Lookup>,
    /// Questions asked so far.
    asked: usize,
    /// The shortest time to live so far.
    shortest: Duration,
    rng: StdRng,
}

/// What to do next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Ask this, and say the answer with [`Locator::on_answer`].
    Ask(Question),
    /// Nothing until an answer comes.
    Wait,
    /// It is over; polling again gives the same.
    Done(Result<Located, LocateError>),
}

/// Each stage has its own look-ups and goes on when all are answered.
enum Stage {
    /// One look-up: the domain's NAPTR records.
    Transport(DomainName),
    /// One look-up for each service, in the order of trial. `domain`: where to go when no service has a record.
    Services {
        domain: DomainName,
        services: Vec<Service>,
    },
    /// Two look-ups for each host, A and AAAA.
    Addresses {
        servers: Vec<Server>,
        hosts: Vec<DomainName>,
    },
    Done(Result<Located, LocateError>),
}

/// A server to reach at each of its host's addresses.
#[derive(Clone)]
struct Server {
    transport: Transport,
    host: DomainName,
    port: u16,
    /// Service and priority, counted, and the weight of its SRV record.
    rank: usize,
    weight: u16,
}

struct Lookup {
    question: Question,
    /// Names that were said to be aliases on the way.
    aliases: usize,
    state: State,
}

enum State {
    New,
    Asked,
    Found(Vec<Data>),
    Absent,
    Failed,
}

impl Locator {
    /// A look-up of `target`. `seed` decides between servers of equal priority (RFC 2782).
    pub fn new(target: Target, seed: [u8; 32]) -> Self {
        let mut locator = Self {
            stage: Stage::Done(Err(LocateError::NoSuchName)),
            lookups: Vec::new(),
            asked: 0,
            shortest: limits::LOCATE_CAP,
            rng: StdRng::from_seed(seed),
            target,
        };
        locator.begin();
        locator
    }

    /// What to do next.
    pub fn poll(&mut self) -> Step {
        loop {
            if let Stage::Done(result) = &self.stage {
                return Step::Done(result.clone());
            }
            if let Some(lookup) = self.lookups.iter_mut().find(|lookup| matches!(lookup.state, State::New)) {
                if self.asked >= limits::LOCATE_QUESTIONS {
                    lookup.state = State::Failed;
                    continue;
                }
                self.asked += 1;
                lookup.state = State::Asked;
                return Step::Ask(lookup.question.clone());
            }
            if self.lookups.iter().any(|lookup| matches!(lookup.state, State::Asked)) {
                return Step::Wait;
            }
            self.advance();
        }
    }

    /// The answer to a question of [`Step::Ask`]. One to anything else says nothing.
    pub fn on_answer(&mut self, question: &Question, answer: Answer) {
        let waits = |lookup: &&mut Lookup| matches!(lookup.state, State::Asked) && lookup.question == *question;
        let Some(lookup) = self.lookups.iter_mut().find(waits) else { return };
        let shortest = lookup.take(answer);
        self.shortest = self.shortest.min(shortest);
    }

    /// RFC 3263 4.1, 4.2: a literal needs no question, a port leaves only addresses to ask, a transport the services.
    fn begin(&mut self) {
        let transport = self.target.plain_transport();
        match (self.target.host.clone(), self.target.port) {
            (TargetHost::Address(address), port) => {
                let port = port.unwrap_or_else(|| transport.default_port());
                let hop = is_usable(address, port).then(|| self.target.hop(transport, SocketAddr::new(address, port)));
                self.finish(hop.into_iter().collect(), Vec::new(), LocateError::NoSuchName);
            }
            (TargetHost::Name(host), Some(port)) => {
                self.ask_addresses(vec![Server { transport, host, port, rank: 0, weight: 0 }]);
            }
            (TargetHost::Name(domain), None) if self.target.transport.is_some() => self.ask_services(domain),
            (TargetHost::Name(domain), None) => {
                self.lookups = vec![Lookup::new(&domain, Kind::Naptr)];
                self.stage = Stage::Transport(domain);
            }
        }
    }

    /// All look-ups of the stage are answered.
    fn advance(&mut self) {
        let lookups = std::mem::take(&mut self.lookups);
        match std::mem::replace(&mut self.stage, Stage::Done(Err(LocateError::NoSuchName))) {
            Stage::Transport(domain) => self.on_naptr(domain, lookups),
            Stage::Services { domain, services } => self.on_services(domain, &services, lookups),
            Stage::Addresses { servers, hosts } => self.on_addresses(&servers, &hosts, &lookups),
            Stage::Done(result) => self.stage = Stage::Done(result),
        }
    }

    /// Where NAPTR says nothing that we can use, the services are asked for one by one. That holds for a failure too:
    /// there are networks that lose these questions, and the safest transport is still tried first.
    fn on_naptr(&mut self, domain: DomainName, lookups: Vec<Lookup>) {
        let records: Vec<Naptr> = lookups.into_iter().flat_map(Lookup::naptrs).collect();
        let services = services::of_naptr(records, &self.target.allowed);
        if services.is_empty() {
            self.ask_services(domain);
        } else {
            self.ask_srv(domain, services);
        }
    }

    fn ask_services(&mut self, domain: DomainName) {
        let services = services::of_domain(&domain, &self.target.allowed);
        self.ask_srv(domain, services);
    }

    fn ask_srv(&mut self, domain: DomainName, services: Vec<Service>) {
        self.lookups = services.iter().map(|service| Lookup::new(&service.name, Kind::Srv)).collect();
        self.stage = Stage::Services { domain, services };
    }

    fn on_services(&mut self, domain: DomainName, services: &[Service], lookups: Vec<Lookup>) {
        let mut servers: Vec<Server> = Vec::new();
        let mut ranks: Vec<(usize, u16)> = Vec::new();
        let (mut failed, mut denied) = (false, false);
        for (index, (service, lookup)) in services.iter().zip(lookups).enumerate() {
            failed |= matches!(lookup.state, State::Failed);
            let records = lookup.srvs();
            denied |= records.iter().any(|srv| srv.target.is_none());
            for srv in srv::order(records, &mut self.rng) {
                let Some(host) = srv.target.filter(|_| srv.port != 0) else { continue };
                if ranks.last() != Some(&(index, srv.priority)) {
                    ranks.push((index, srv.priority));
                }
                let (transport, port, rank, weight) = (service.transport, srv.port, ranks.len(), srv.weight);
                servers.push(Server { transport, host, port, rank, weight });
            }
        }
        if !servers.is_empty() {
            self.ask_addresses(servers);
        } else if failed {
            // Whoever can suppress an answer must not be able to choose the transport.
            self.stage = Stage::Done(Err(LocateError::Unanswered));
        } else if denied {
            self.stage = Stage::Done(Err(LocateError::NoService));
        } else {
            let transport = self.target.plain_transport();
            let port = transport.default_port();
            self.ask_addresses(vec![Server { transport, host: domain, port, rank: 0, weight: 0 }]);
        }
    }

    fn ask_addresses(&mut self, mut servers: Vec<Server>) {
        servers.truncate(limits::LOCATE_HOPS);
        let mut hosts: Vec<DomainName> = Vec::new();
        for server in &servers {
            if !hosts.contains(&server.host) {
                hosts.push(server.host.clone());
            }
        }
        let both = |host| [Lookup::new(host, Kind::A), Lookup::new(host, Kind::Aaaa)];
        self.lookups = hosts.iter().flat_map(both).collect();
        self.stage = Stage::Addresses { servers, hosts };
    }

    fn on_addresses(&mut self, servers: &[Server], hosts: &[DomainName], lookups: &[Lookup]) {
        let (mut hops, mut shares): (Vec<NextHop>, Vec<Share>) = (Vec::new(), Vec::new());
        for (index, server) in servers.iter().enumerate() {
            let at = hosts.iter().position(|host| *host == server.host).unwrap_or_default();
            let pair = lookups.iter().skip(at.saturating_mul(2)).take(2);
            for address in pair.flat_map(Lookup::addresses).filter(|address| is_usable(*address, server.port)) {
                let hop = self.target.hop(server.transport, SocketAddr::new(address, server.port));
                if hops.len() < limits::LOCATE_HOPS && !hops.contains(&hop) {
                    hops.push(hop);
                    shares.push(Share { rank: server.rank, server: index, weight: server.weight });
                }
            }
        }
        let failed = lookups.iter().any(|lookup| matches!(lookup.state, State::Failed));
        self.finish(hops, shares, if failed { LocateError::Unanswered } else { LocateError::NoSuchName });
    }

    fn finish(&mut self, hops: Vec<NextHop>, shares: Vec<Share>, otherwise: LocateError) {
        let valid_for = self.shortest.clamp(limits::LOCATE_FLOOR, limits::LOCATE_CAP);
        self.stage =
            Stage::Done(if hops.is_empty() { Err(otherwise) } else { Ok(Located { hops, shares, valid_for }) });
    }
}

impl std::fmt::Debug for Locator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Locator").field("target", &self.target).field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl Lookup {
    fn new(name: &DomainName, kind: Kind) -> Self {
        Self { question: Question { name: name.clone(), kind }, aliases: 0, state: State::New }
    }

    /// Takes the answer in. Gives the shortest time to live of what was used.
    fn take(&mut self, answer: Answer) -> Duration {
        let records = match answer {
            Answer::Records(records) => records,
            Answer::Absent => Vec::new(),
            Answer::Failed => {
                self.state = State::Failed;
                return Duration::MAX;
            }
        };
        let mut shortest = Duration::MAX;
        let mut found = Vec::new();
        let mut alias = None;
        for Record { ttl, data } in records.into_iter().take(limits::LOCATE_RECORDS) {
            match (&data, self.question.kind) {
                (Data::Naptr(_), Kind::Naptr)
                | (Data::Srv(_), Kind::Srv)
                | (Data::Address(IpAddr::V4(_)), Kind::A)
                | (Data::Address(IpAddr::V6(_)), Kind::Aaaa) => found.push(data),
                (Data::Alias(name), _) => alias = Some(name.clone()),
                (Data::Naptr(_) | Data::Srv(_) | Data::Address(_), _) => continue,
            }
            shortest = shortest.min(ttl);
        }
        self.state = match alias {
            _ if !found.is_empty() => State::Found(found),
            None => State::Absent,
            Some(_) if self.aliases >= limits::LOCATE_ALIASES => State::Failed,
            Some(name) => {
                self.aliases += 1;
                self.question.name = name;
                State::New
            }
        };
        shortest
    }

    fn data(&self) -> &[Data] {
        match &self.state {
            State::Found(found) => found,
            State::New | State::Asked | State::Absent | State::Failed => &[],
        }
    }

    fn naptrs(self) -> Vec<Naptr> {
        let naptr = |data: &Data| match data {
            Data::Naptr(naptr) => Some(naptr.clone()),
            Data::Srv(_) | Data::Address(_) | Data::Alias(_) => None,
        };
        self.data().iter().filter_map(naptr).collect()
    }

    fn srvs(self) -> Vec<Srv> {
        let srv = |data: &Data| match data {
            Data::Srv(srv) => Some(srv.clone()),
            Data::Naptr(_) | Data::Address(_) | Data::Alias(_) => None,
        };
        self.data().iter().filter_map(srv).collect()
    }

    fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.data().iter().filter_map(|data| match data {
            Data::Address(address) => Some(address.to_canonical()),
            Data::Naptr(_) | Data::Srv(_) | Data::Alias(_) => None,
        })
    }
}

/// Whether one host can be there.
fn is_usable(address: IpAddr, port: u16) -> bool {
    let is_one_host = match address {
        IpAddr::V4(address) => !address.is_broadcast(),
        IpAddr::V6(_) => true,
    };
    is_one_host && !address.is_unspecified() && !address.is_multicast() && port != 0
}
