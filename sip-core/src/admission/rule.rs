//! A trunk as the dialplan describes it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::{Credentials, Realm};
use crate::trunk::Outbound;

use super::{Peer, Rate, Targets, Transports};

/// A trunk's name: its identity across a reload of the rules.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrunkId(Arc<str>);

impl TrunkId {
    /// The trunk called `name`.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TrunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrunkId({})", self.0)
    }
}

impl fmt::Display for TrunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reliable provisional responses (RFC 3262).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rel100 {
    /// Only where the peer requires them.
    #[default]
    Off,
    /// Where both sides can.
    Supported,
    /// Always: a caller that cannot is refused with 421, and a callee must.
    Required,
}

/// Who a trunk is and what it may do.
///
/// ```
/// use sip_core::admission::{Rate, Transport, Transports, TrunkRule};
///
/// let rule = TrunkRule::new("carrier-a")
///     .peer("198.51.100.0/24".parse()?)
///     .peer("sips:sbc.carrier.example".parse()?)
///     .transports(Transports::NONE.with(Transport::Tls))
///     .rate(Rate { per_second: 20, burst: 40 })
///     .max_calls(500);
/// # Ok::<(), sip_core::admission::PeerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrunkRule {
    /// The trunk's name.
    pub name: TrunkId,
    /// Who it is: any one match is enough.
    pub peers: Vec<Peer>,
    /// The transports it may use.
    pub transports: Transports,
    /// New calls per second; `None` for no limit of its own.
    pub rate: Option<Rate>,
    /// Calls at a time; `None` for no limit of its own.
    pub max_calls: Option<u32>,
    /// Connections at a time from one source address; `None` for the endpoint's default (THREATS T33).
    pub max_connections: Option<u32>,
    /// Whether our provisional responses and those to us are reliable (RFC 3262).
    pub rel100: Rel100,
    /// How many redirections (3xx) of one call of ours are followed; 0 for none.
    pub redirects: u8,
    /// Whom a redirection may send a call to; `None` for anybody (THREATS T38).
    pub redirect_targets: Option<Targets>,
    /// Whether REFER is taken within its calls (RFC 3515). The TU still decides on each (THREATS T39).
    pub refer: bool,
    /// Whether a call of it may take the place of another of its calls (RFC 3891).
    pub replaces: bool,
    /// The media security policy, handed to the call side with each admitted INVITE and not read here.
    pub srtp: Arc<str>,
    /// Which certificate of ours the connections show that we open for it; a key of `net::Config::tls_clients`. `None`:
    /// the common one.
    pub tls_client: Option<Arc<str>>,
    /// How often a connection that we opened for it, and a UDP flow to it, is kept alive (RFC 5626 3.5); `None` for never.
    pub keepalive: Option<Duration>,
    /// Whom we say we are when the trunk asks; `None`: its challenges are not answered.
    pub credentials: Option<Credentials>,
    /// Whom it must prove to be, beside coming from one of its peers; `None`: nothing is asked.
    pub challenge: Option<Arc<Realm>>,
    /// Where calls that we place go; `None`: such a call must name its next hop.
    pub outbound: Option<Outbound>,
}

impl TrunkRule {
    /// A trunk with no peers yet, every transport, and no limits of its own.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: TrunkId::new(name),
            peers: Vec::new(),
            transports: Transports::ALL,
            rate: None,
            max_calls: None,
            max_connections: None,
            rel100: Rel100::default(),
            redirects: 0,
            redirect_targets: None,
            refer: false,
            replaces: false,
            srtp: Arc::from(""),
            tls_client: None,
            keepalive: None,
            credentials: None,
            challenge: None,
            outbound: None,
        }
    }

    /// Adds a peer.
    #[must_use]
    pub fn peer(mut self, peer: Peer) -> Self {
        self.peers.push(peer);
        self
    }

    /// Sets the transports the trunk may use.
    #[must_use]
    pub fn transports(mut self, transports: Transports) -> Self {
        self.transports = transports;
        self
    }

    /// Sets the rate of new calls.
    #[must_use]
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Sets how many calls the trunk may have at a time.
    #[must_use]
    pub fn max_calls(mut self, calls: u32) -> Self {
        self.max_calls = Some(calls);
        self
    }

    /// Sets how many connections one source address of the trunk may hold at a time.
    #[must_use]
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.max_connections = Some(connections);
        self
    }

    /// Sets the policy for reliable provisional responses.
    #[must_use]
    pub fn rel100(mut self, policy: Rel100) -> Self {
        self.rel100 = policy;
        self
    }

    /// Sets how many redirections of one call are followed. They go the trunk's own way all the same: only the Request-URI
    /// changes.
    #[must_use]
    pub fn redirects(mut self, most: u8) -> Self {
        self.redirects = most;
        self
    }

    /// Sets whom a redirection may send a call to: a callee must not choose what the trunk is billed for (THREATS T38).
    #[must_use]
    pub fn redirect_targets(mut self, targets: Targets) -> Self {
        self.redirect_targets = Some(targets);
        self
    }

    /// Sets whether REFER is taken within the trunk's calls; off by default.
    #[must_use]
    pub fn refer(mut self, taken: bool) -> Self {
        self.refer = taken;
        self
    }

    /// Sets whether a call of the trunk may take the place of another of its calls; off by default.
    #[must_use]
    pub fn replaces(mut self, taken: bool) -> Self {
        self.replaces = taken;
        self
    }

    /// Sets the opaque media security policy.
    #[must_use]
    pub fn srtp(mut self, policy: impl Into<Arc<str>>) -> Self {
        self.srtp = policy.into();
        self
    }

    /// Sets which certificate of ours the connections show that we open for it.
    #[must_use]
    pub fn tls_client(mut self, name: impl Into<Arc<str>>) -> Self {
        self.tls_client = Some(name.into());
        self
    }

    /// Sets how often what we opened for it is kept alive: each time after 80 to 100 % of `every` (RFC 5626 4.4.1).
    #[must_use]
    pub fn keepalive(mut self, every: Duration) -> Self {
        self.keepalive = Some(every);
        self
    }

    /// Sets whom we say we are when the trunk asks (digest, RFC 3261 22.2).
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Asks the trunk to prove that it is a user of `realm`, with each request that starts something (RFC 3261 22.2).
    #[must_use]
    pub fn challenge(mut self, realm: Realm) -> Self {
        self.challenge = Some(Arc::new(realm));
        self
    }

    /// Sets where calls that we place go.
    #[must_use]
    pub fn outbound(mut self, outbound: Outbound) -> Self {
        self.outbound = Some(outbound);
        self
    }
}
