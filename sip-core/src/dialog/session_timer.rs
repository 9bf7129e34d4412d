//! Session timers (RFC 4028): a call whose peer is gone ends by itself.

use std::time::{Duration, Instant};

use crate::wire::{HeaderError, Headers, Refresher, SessionExpires};

/// What we want of session timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    /// The interval that we ask for.
    pub interval: Duration,
    /// The shortest interval that we accept (Min-SE); RFC 4028 4 allows no less than 90 s.
    pub min_se: Duration,
    /// Who shall refresh, where the peer can and does not say; `None`: we do.
    pub refresher: Option<Party>,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self { interval: Duration::from_mins(30), min_se: Duration::from_secs(90), refresher: None }
    }
}

/// One of the two ends of a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// We.
    Us,
    /// The peer.
    Peer,
}

/// What an INVITE or UPDATE and its 2xx agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The interval.
    pub interval: Duration,
    /// Who refreshes.
    pub refresher: Party,
    /// The 2xx must say `Require: timer`: the peer is the refresher (RFC 4028 9).
    pub require: bool,
}

/// The peer's interval is below our minimum: 422 with Min-SE (RFC 4028 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntervalTooSmall;

impl SessionPolicy {
    /// Our answer, as the UAS, to a request with `headers` (RFC 4028 9).
    ///
    /// We always want a timer: a peer that does not know the extension is refreshed by us, which needs nothing of it.
    pub fn answer(&self, headers: &Headers) -> Result<Result<Negotiated, IntervalTooSmall>, HeaderError> {
        let supported = headers.supported()?.contains("timer");
        let floor = headers.min_se()?.map_or(self.min_se, seconds).max(self.min_se);
        let Some(asked) = headers.session_expires()? else {
            let interval = self.interval.max(floor);
            return Ok(Ok(Negotiated { interval, refresher: Party::Us, require: false }));
        };
        if supported && seconds(asked.seconds) < self.min_se {
            return Ok(Err(IntervalTooSmall));
        }
        let interval = seconds(asked.seconds).min(self.interval).max(floor);
        let refresher = match asked.refresher {
            Some(Refresher::Uac) if supported => Party::Peer,
            None if supported && self.refresher == Some(Party::Peer) => Party::Peer,
            Some(Refresher::Uac | Refresher::Uas) | None => Party::Us,
        };
        Ok(Ok(Negotiated { interval, refresher, require: refresher == Party::Peer }))
    }

    /// The Session-Expires of an INVITE of ours that makes a call (RFC 4028 7.1).
    pub fn ask(&self, interval: Duration) -> SessionExpires {
        let refresher = self.refresher.map(|party| match party {
            Party::Us => Refresher::Uac,
            Party::Peer => Refresher::Uas,
        });
        SessionExpires { seconds: whole_seconds(interval), refresher }
    }

    /// What a 2xx with `headers` to a request of ours agreed on (RFC 4028 7.2). A peer that knows no session timer
    /// leaves the refreshing to us.
    pub fn conclude(&self, headers: &Headers) -> Result<Negotiated, HeaderError> {
        let Some(agreed) = headers.session_expires()? else {
            return Ok(Negotiated { interval: self.interval, refresher: Party::Us, require: false });
        };
        let refresher = match agreed.refresher {
            Some(Refresher::Uas) => Party::Peer,
            Some(Refresher::Uac) | None => Party::Us,
        };
        // A hostile 2xx cannot make us refresh faster than our own minimum.
        let interval = seconds(agreed.seconds).max(self.min_se);
        Ok(Negotiated { interval, refresher, require: false })
    }
}

impl Negotiated {
    /// The Session-Expires of our 2xx.
    pub fn as_uas(&self) -> SessionExpires {
        let refresher = match self.refresher {
            Party::Us => Refresher::Uas,
            Party::Peer => Refresher::Uac,
        };
        SessionExpires { seconds: whole_seconds(self.interval), refresher: Some(refresher) }
    }

    /// The Session-Expires of a refresh that we send: whoever refreshes goes on doing so (RFC 4028 7.4).
    pub fn as_uac(&self) -> SessionExpires {
        let refresher = match self.refresher {
            Party::Us => Refresher::Uac,
            Party::Peer => Refresher::Uas,
        };
        SessionExpires { seconds: whole_seconds(self.interval), refresher: Some(refresher) }
    }
}

/// A running session timer.
#[derive(Clone, Copy, Debug)]
pub struct SessionTimer {
    agreed: Negotiated,
    started: Instant,
    refreshing: bool,
}

/// What time asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// Send a refresh: half of the interval is over (RFC 4028 10).
    Refresh,
    /// Send a BYE: the interval is nearly over and nobody refreshed (RFC 4028 10).
    Expire,
}

impl SessionTimer {
    /// A timer that starts now, with a 2xx sent or received.
    pub const fn new(agreed: Negotiated, now: Instant) -> Self {
        Self { agreed, started: now, refreshing: false }
    }

    /// What was agreed.
    pub const fn agreed(&self) -> Negotiated {
        self.agreed
    }

    /// When [`SessionTimer::handle_timeout`] is wanted next.
    pub fn deadline(&self) -> Instant {
        match self.agreed.refresher {
            Party::Us if !self.refreshing => self.refresh_at(),
            Party::Us | Party::Peer => self.expires_at(),
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) -> Due {
        if self.expires_at() <= now {
            return Due::Expire;
        }
        if self.agreed.refresher == Party::Us && !self.refreshing && self.refresh_at() <= now {
            self.refreshing = true;
            return Due::Refresh;
        }
        Due::Nothing
    }

    fn refresh_at(&self) -> Instant {
        self.started + self.agreed.interval / 2
    }

    /// RFC 4028 10: a BYE goes out the smaller of 32 s and a third of the interval before its end.
    fn expires_at(&self) -> Instant {
        let margin = (self.agreed.interval / 3).min(Duration::from_secs(32));
        self.started + self.agreed.interval.saturating_sub(margin)
    }
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(u64::from(count))
}

fn whole_seconds(interval: Duration) -> u32 {
    u32::try_from(interval.as_secs()).unwrap_or(u32::MAX)
}
