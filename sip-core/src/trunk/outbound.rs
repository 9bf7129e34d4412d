//! What a trunk's rule says of the calls that we place over it.

use std::time::Duration;

use crate::admission::Rate;
use crate::limits;
use crate::wire::{Host, Text, Uri};

/// Where a trunk's calls go, whether we register there, and how its health is watched.
///
/// ```
/// use std::time::Duration;
/// use sip_core::admission::Rate;
/// use sip_core::trunk::{Outbound, Registration};
///
/// let outbound = Outbound::new("sips:sbc.carrier.example".parse()?)
///     .registration(Registration::new("14155550100".into()))
///     .ping(Duration::from_secs(30))
///     .hold_down(Duration::from_secs(60))
///     .fail_over_after(Duration::from_secs(4))
///     .rate(Rate { per_second: 5, burst: 10 })
///     .max_calls(100)
///     .calls_per_day(10_000);
/// # Ok::<(), sip_core::wire::Malformed>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// Where calls go: `sip:` or `sips:`, located by RFC 3263.
    pub target: Uri,
    /// The registration to keep up, if there is one.
    pub registration: Option<Registration>,
    /// How often OPTIONS is sent to each hop; `None`: only calls tell whether a hop is there.
    pub ping: Option<Duration>,
    /// How long a hop that comes back must stay good before it is used again.
    pub hold_down: Duration,
    /// How long a hop may say nothing at all to an INVITE before the next one is tried.
    pub fail_over_after: Duration,
    /// How many calls may be placed.
    pub limits: Limits,
}

/// How many calls may be placed over a trunk. `None` stands for no limit of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// New calls per second.
    pub rate: Option<Rate>,
    /// Calls at a time, those that came in not counted.
    pub max_calls: Option<u32>,
    /// New calls in any 24 hours.
    pub per_day: Option<u32>,
}

impl Outbound {
    /// Calls to `target`, without a registration, keepalive or limits.
    pub const fn new(target: Uri) -> Self {
        Self {
            target,
            registration: None,
            ping: None,
            hold_down: HOLD_DOWN,
            fail_over_after: FAIL_OVER_AFTER,
            limits: Limits { rate: None, max_calls: None, per_day: None },
        }
    }

    /// Keeps up a registration.
    #[must_use]
    pub fn registration(mut self, registration: Registration) -> Self {
        self.registration = Some(registration);
        self
    }

    /// Sends OPTIONS to each hop this often.
    #[must_use]
    pub fn ping(mut self, interval: Duration) -> Self {
        self.ping = Some(interval.max(limits::PING_AT_LEAST));
        self
    }

    /// Sets how long a hop that comes back must stay good.
    #[must_use]
    pub const fn hold_down(mut self, time: Duration) -> Self {
        self.hold_down = time;
        self
    }

    /// Sets how long a hop may say nothing at all to an INVITE before the next one is tried. The last one has until timer B.
    #[must_use]
    pub fn fail_over_after(mut self, time: Duration) -> Self {
        self.fail_over_after = time.clamp(limits::FAIL_OVER_AT_LEAST, limits::FAIL_OVER_AT_MOST);
        self
    }

    /// Sets how many new calls per second.
    #[must_use]
    pub const fn rate(mut self, rate: Rate) -> Self {
        self.limits.rate = Some(rate);
        self
    }

    /// Sets how many calls at a time.
    #[must_use]
    pub const fn max_calls(mut self, calls: u32) -> Self {
        self.limits.max_calls = Some(calls);
        self
    }

    /// Sets how many new calls in any 24 hours.
    #[must_use]
    pub const fn calls_per_day(mut self, calls: u32) -> Self {
        self.limits.per_day = Some(calls);
        self
    }
}

/// A registration to keep up (RFC 3261 10.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Where REGISTER goes, and its Request-URI; `None`: to the trunk's target, for the `domain`.
    pub registrar: Option<Uri>,
    /// The user of the address of record.
    pub user: Text,
    /// The domain of the address of record; `None`: the host of the registrar or target.
    pub domain: Option<Host>,
    /// The user part of the Contact; `None`: that of the address of record.
    pub contact_user: Option<Text>,
    /// The expiry to ask for.
    pub expires: Duration,
}

impl Registration {
    /// Registers `user` at the trunk's target, for an hour at a time.
    pub const fn new(user: Text) -> Self {
        Self { registrar: None, user, domain: None, contact_user: None, expires: EXPIRES }
    }

    /// Sends REGISTER there instead of to the trunk's target.
    #[must_use]
    pub fn registrar(mut self, registrar: Uri) -> Self {
        self.registrar = Some(registrar);
        self
    }

    /// Sets the domain of the address of record.
    #[must_use]
    pub fn domain(mut self, domain: Host) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Sets the user part of the Contact.
    #[must_use]
    pub fn contact_user(mut self, user: Text) -> Self {
        self.contact_user = Some(user);
        self
    }

    /// Sets the expiry to ask for.
    #[must_use]
    pub fn expires(mut self, expires: Duration) -> Self {
        self.expires = expires.clamp(limits::REGISTRATION_AT_LEAST, limits::REGISTRATION_AT_MOST);
        self
    }
}

/// Two good pings in a row at the usual interval.
const HOLD_DOWN: Duration = Duration::from_secs(30);
/// A caller who waits in silence hangs up after ten seconds or so; an INVITE is sent four times by then.
const FAIL_OVER_AFTER: Duration = Duration::from_secs(6);
/// RFC 3261 10.2.1.1 suggests an hour.
const EXPIRES: Duration = Duration::from_hours(1);
