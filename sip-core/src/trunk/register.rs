//! One registration (RFC 3261 10.2): when REGISTER goes out, and what its answers mean.
//!
//! ```text
//! Waiting --due--> Asking --2xx--> Waiting (for the refresh)
//!    ^---- failure ----|                   Asking --leave--> Leaving --any answer--> Left
//! ```
//!
//! The owner chooses the hop and goes through all of them before it says that none answers. One Call-ID and a CSeq that only
//! rises name the registration for as long as the machine lives (RFC 3261 10.2).

use std::time::{Duration, Instant};

use crate::limits;
use crate::wire::{Contact, HeaderName, Headers, Host, Response, StatusCode, Text, Uri};

use super::wait::{Backoff, shortened};
use super::{RegistrationFailure, RegistrationState};

/// The machine.
#[derive(Debug)]
pub(crate) struct Register {
    /// What the rule wants.
    wanted: Duration,
    /// What is asked for: more, once a registrar said 423.
    asked: Duration,
    interval_retries: u8,
    cseq: u32,
    phase: Phase,
    bound: Option<Bound>,
    failure: Option<RegistrationFailure>,
    backoff: Backoff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting {
        at: Instant,
    },
    /// A REGISTER is under way; `leave`: the endpoint shuts down meanwhile.
    Asking {
        leave: bool,
    },
    /// The last REGISTER is under way, with `Expires: 0`.
    Leaving,
    Left,
}

/// The registrar knows us.
#[derive(Clone, Copy, Debug)]
struct Bound {
    since: Instant,
    until: Instant,
}

/// What an answer to a REGISTER says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Bound for so long.
    Granted(Duration),
    /// 423, with its Min-Expires.
    TooBrief(Option<Duration>),
    /// Refused for a reason that another hop would have too.
    Refused(StatusCode),
    /// A 2xx that does not have our binding.
    NotBound,
    /// No answer, or one that shows no life: another hop may do. With a Retry-After.
    Failed(Option<Duration>),
}

/// What is to be done and said after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing to say: a refresh.
    Nothing,
    /// Bound anew.
    Registered(Duration),
    /// Failed; it is tried again later.
    Failed(RegistrationFailure),
    /// Ask again at once.
    Again,
    /// The registration is removed, as far as that can be known.
    Left,
}

/// A REGISTER to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) cseq: u32,
    pub(crate) expires: Duration,
}

impl Register {
    /// A registration that is due at once.
    pub(crate) const fn new(wanted: Duration, cseq: u32, now: Instant) -> Self {
        Self {
            wanted,
            asked: wanted,
            interval_retries: 0,
            cseq,
            phase: Phase::Waiting { at: now },
            bound: None,
            failure: None,
            backoff: Backoff::new(BASE, SLOWEST),
        }
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Waiting { at } if at <= now)
    }

    /// Whether the registrar knows us, or may.
    pub(crate) const fn is_bound(&self) -> bool {
        self.bound.is_some()
    }

    /// Whether the end of the registration is still under way.
    pub(crate) const fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Asking { leave: true } | Phase::Leaving)
    }

    /// The REGISTER to send now.
    pub(crate) fn ask(&mut self) -> Ask {
        self.cseq = self.cseq.saturating_add(1);
        let expires = match self.phase {
            Phase::Leaving => Duration::ZERO,
            Phase::Asking { .. } => self.asked,
            Phase::Waiting { .. } | Phase::Left => {
                self.phase = Phase::Asking { leave: false };
                self.asked
            }
        };
        Ask { cseq: self.cseq, expires }
    }

    /// The CSeq number that an answer repeats: higher than ours where a challenge was answered in between.
    pub(crate) fn note_cseq(&mut self, cseq: u32) {
        self.cseq = self.cseq.max(cseq);
    }

    /// The answer, or what stands in for one, at the last hop that was left to try.
    pub(crate) fn on_outcome(&mut self, outcome: Outcome, random: u32, now: Instant) -> Next {
        match self.phase {
            Phase::Leaving => return self.left(),
            Phase::Asking { leave: true } => {
                let granted = matches!(outcome, Outcome::Granted(_));
                if !granted && !self.is_bound() {
                    return self.left();
                }
                self.phase = Phase::Leaving;
                return Next::Again;
            }
            Phase::Asking { leave: false } => {}
            Phase::Waiting { .. } | Phase::Left => return Next::Nothing,
        }
        match outcome {
            Outcome::Granted(expires) => self.on_granted(expires, random, now),
            Outcome::TooBrief(min) => self.on_too_brief(min, random, now),
            Outcome::Refused(status) => self.on_refused(RegistrationFailure::Refused(status), random, now),
            Outcome::NotBound => self.on_refused(RegistrationFailure::NotBound, random, now),
            Outcome::Failed(retry_after) => self.on_failed(RegistrationFailure::Unreachable, retry_after, random, now),
        }
    }

    fn on_granted(&mut self, expires: Duration, random: u32, now: Instant) -> Next {
        let expires = expires.min(limits::REGISTRATION_AT_MOST);
        let since = self.bound.map_or(now, |bound| bound.since);
        let is_new = self.bound.is_none() || self.failure.is_some();
        self.bound = Some(Bound { since, until: now + expires });
        self.failure = None;
        self.interval_retries = 0;
        self.phase = Phase::Waiting { at: now + refresh_after(expires, random) };
        // RFC 5626 4.5: what fails again soon after it was made is one series of failures.
        if now.saturating_duration_since(since) >= STABLE {
            self.backoff.reset();
        }
        if is_new { Next::Registered(expires) } else { Next::Nothing }
    }

    /// RFC 3261 10.2.8: again with what the registrar wants, where we would ask for that much.
    fn on_too_brief(&mut self, min: Option<Duration>, random: u32, now: Instant) -> Next {
        let usable = min.filter(|min| *min > self.asked && *min <= limits::REGISTRATION_AT_MOST);
        match usable {
            Some(min) if self.interval_retries < limits::REGISTRATION_INTERVAL_RETRIES => {
                self.interval_retries += 1;
                self.asked = min;
                Next::Again
            }
            Some(_) | None => {
                self.interval_retries = 0;
                self.asked = self.wanted;
                self.on_refused(RegistrationFailure::Interval, random, now)
            }
        }
    }

    /// Nothing that we can do changes the answer: once in a while is enough.
    fn on_refused(&mut self, why: RegistrationFailure, random: u32, now: Instant) -> Next {
        self.bound = None;
        self.fail(why, now + shortened(SLOWEST, 50, random))
    }

    fn on_failed(
        &mut self,
        why: RegistrationFailure,
        retry_after: Option<Duration>,
        random: u32,
        now: Instant,
    ) -> Next {
        let asked = retry_after.unwrap_or_default().min(limits::RETRY_AFTER_AT_MOST);
        let wait = self.backoff.fail(random).max(asked);
        self.fail(why, now + wait)
    }

    fn fail(&mut self, why: RegistrationFailure, at: Instant) -> Next {
        self.failure = Some(why);
        self.phase = Phase::Waiting { at };
        Next::Failed(why)
    }

    /// There is no hop that a REGISTER could go to: it waits until there is one. Where a look-up has failed that is said,
    /// once.
    pub(crate) fn on_not_located(&mut self, has_failed: bool, at: Instant) -> Next {
        if matches!(self.phase, Phase::Leaving | Phase::Asking { leave: true }) {
            return self.left();
        }
        if !has_failed {
            self.phase = Phase::Waiting { at };
            return Next::Nothing;
        }
        let is_news = self.failure != Some(RegistrationFailure::NotLocated);
        let next = self.fail(RegistrationFailure::NotLocated, at);
        if is_news { next } else { Next::Nothing }
    }

    /// A look-up is done: what waited for it is due.
    pub(crate) fn on_located(&mut self, now: Instant) {
        let waited = match self.failure {
            None => self.bound.is_none(),
            Some(why) => why == RegistrationFailure::NotLocated,
        };
        if waited && let Phase::Waiting { at } = &mut self.phase {
            *at = now;
        }
    }

    /// The connection that was registered over is gone. One that held is made again soon; after a short one the failures
    /// count (RFC 5626 4.5).
    pub(crate) fn on_lost(&mut self, random: u32, now: Instant) -> Next {
        let Phase::Waiting { .. } = self.phase else { return Next::Nothing };
        let Some(bound) = self.bound.take() else { return Next::Nothing };
        if now.saturating_duration_since(bound.since) >= STABLE {
            self.backoff.reset();
            return self.fail(RegistrationFailure::ConnectionLost, now + shortened(SOON, 100, random));
        }
        self.on_failed(RegistrationFailure::ConnectionLost, None, random, now)
    }

    /// The endpoint shuts down. True when a REGISTER that removes the binding is to be sent now.
    pub(crate) fn leave(&mut self) -> bool {
        match self.phase {
            Phase::Waiting { .. } if self.is_bound() => {
                self.phase = Phase::Leaving;
                true
            }
            // RFC 3261 10.2: no other REGISTER before this one is answered.
            Phase::Asking { .. } => {
                self.phase = Phase::Asking { leave: true };
                false
            }
            Phase::Waiting { .. } => {
                self.phase = Phase::Left;
                false
            }
            Phase::Leaving | Phase::Left => false,
        }
    }

    fn left(&mut self) -> Next {
        let was_bound = self.bound.take().is_some();
        self.phase = Phase::Left;
        if was_bound { Next::Left } else { Next::Nothing }
    }

    /// When [`Register::handle_timeout`] or [`Register::ask`] is wanted next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let at = match self.phase {
            Phase::Waiting { at } => Some(at),
            Phase::Asking { .. } | Phase::Leaving | Phase::Left => None,
        };
        let until = self.bound.map(|bound| bound.until).filter(|_| !matches!(self.phase, Phase::Leaving | Phase::Left));
        [at, until].into_iter().flatten().min()
    }

    /// Time has passed: a binding that nothing refreshed is over.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Waiting { .. } | Phase::Asking { .. }) {
            self.bound.take_if(|bound| bound.until <= now);
        }
    }

    pub(crate) fn state(&self, now: Instant) -> RegistrationState {
        match (self.phase, self.bound, self.failure) {
            (Phase::Left, ..) => RegistrationState::Left,
            (_, Some(bound), None) => {
                RegistrationState::Registered { left: bound.until.saturating_duration_since(now) }
            }
            (Phase::Waiting { at }, _, Some(why)) => {
                RegistrationState::Failed { why, again_in: at.saturating_duration_since(now) }
            }
            (_, Some(bound), Some(_)) => {
                RegistrationState::Registered { left: bound.until.saturating_duration_since(now) }
            }
            (_, None, _) => RegistrationState::Unregistered,
        }
    }
}

/// What an answer to our REGISTER says; `None` for none in time, or no connection.
pub(crate) fn outcome(response: Option<&Response>, contact: &Uri, asked: Duration) -> Outcome {
    let Some(response) = response else { return Outcome::Failed(None) };
    let status = response.status();
    match status.code() {
        200..300 => granted(response, contact, asked).map_or(Outcome::NotBound, Outcome::Granted),
        423 => Outcome::TooBrief(seconds(response, &HeaderName::MinExpires)),
        // What is wrong is wrong with this server, not with the request (RFC 3261 21.5, RFC 3263 4.3).
        408 | 480 | 500..600 => Outcome::Failed(seconds(response, &HeaderName::RetryAfter)),
        _ => Outcome::Refused(status),
    }
}

/// How long we are bound for: as our Contact in the answer says, else its Expires header, else what we asked for
/// (RFC 3261 10.2.4). `None`: we are not.
///
/// A registrar that is behind a NAT's far side may write another address into our Contact; the only one there is must be
/// ours all the same.
fn granted(response: &Response, ours: &Uri, asked: Duration) -> Option<Duration> {
    let contacts = response.contacts().ok()?;
    let addresses: Vec<_> = contacts.iter().filter_map(Contact::addr).collect();
    let own = addresses.iter().find(|contact| is_same_contact(&contact.uri, ours));
    let own = own.or_else(|| addresses.first().filter(|_| addresses.len() == 1));
    if own.is_none() && !addresses.is_empty() {
        return None;
    }
    let param = own.and_then(|contact| contact.params.value("expires")).and_then(|text| text.trim().parse().ok());
    let expires =
        param.or_else(|| response.expires().ok().flatten()).map_or(asked, |s: u32| Duration::from_secs(s.into()));
    (!expires.is_zero()).then_some(expires)
}

fn is_same_contact(theirs: &Uri, ours: &Uri) -> bool {
    let same_host = match (theirs.host(), ours.host()) {
        (Some(theirs), Some(ours)) => Host::is_same(theirs, ours),
        _ => false,
    };
    same_host && theirs.user() == ours.user() && theirs.port() == ours.port()
}

/// A header of whole seconds; what follows them is not read.
pub(crate) fn seconds(headers: &Headers, name: &HeaderName) -> Option<Duration> {
    let text = headers.text(name)?.trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit()).map_or(text, |end| &text[..end]);
    digits.parse::<u32>().ok().map(|seconds| Duration::from_secs(seconds.into()))
}

/// The Service-Route of a 2xx (RFC 3608 6.1), in storage of its own. One that is over the bounds, that cannot be read, or
/// whose first hop is a strict router is not followed.
pub(crate) fn service_route(response: &Response) -> Vec<Text> {
    let values: Vec<_> = response.elements(&HeaderName::ServiceRoute).take(limits::SERVICE_ROUTES + 1).collect();
    let octets: usize = values.iter().map(bytes::Bytes::len).sum();
    if values.len() > limits::SERVICE_ROUTES || octets > limits::SERVICE_ROUTE_OCTETS {
        return Vec::new();
    }
    let mut routes = Vec::new();
    for value in &values {
        let Ok(route) = crate::wire::NameAddr::parse(value) else { return Vec::new() };
        if route.uri.host().is_none() || !route.uri.is_loose_route() {
            return Vec::new();
        }
        routes.push(Text::from_utf8(bytes::Bytes::copy_from_slice(&route.to_value())).unwrap_or_default());
    }
    routes
}

/// When to refresh: a minute before the end and at nine tenths of the time, whichever comes first, but not before half of
/// it; up to a tenth earlier at random.
fn refresh_after(expires: Duration, random: u32) -> Duration {
    let early = expires.saturating_sub(MARGIN).min(expires / 10 * 9);
    shortened(early.max(expires / 2), 10, random).max(REFRESH_AT_LEAST)
}

/// How long before its end a registration is refreshed.
const MARGIN: Duration = Duration::from_mins(1);
/// However brief the registrar wants it.
const REFRESH_AT_LEAST: Duration = Duration::from_secs(5);
/// RFC 5626 4.5: the base time where all flows have failed.
const BASE: Duration = Duration::from_secs(30);
/// RFC 5626 4.5: max-time.
const SLOWEST: Duration = Duration::from_mins(30);
/// A registration that held for so long was no failure.
const STABLE: Duration = Duration::from_mins(2);
/// How soon a connection that was good is made again, at the most.
const SOON: Duration = Duration::from_secs(3);
