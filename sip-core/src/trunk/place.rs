//! The next hops of a URI, kept up to date (RFC 3263 4).

use std::time::{Duration, Instant};

use crate::endpoint::NextHop;
use crate::limits;
use crate::locate::{LocateError, Located, Share, Target};

use super::health::Health;
use super::wait::{Backoff, shortened};
use super::{DownReason, HopState};

/// Names a hop of a place for as long as it is one. Never used twice in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HopKey(u64);

/// A hop and its health.
#[derive(Debug)]
pub(crate) struct Hop {
    pub(crate) key: HopKey,
    pub(crate) to: NextHop,
    pub(crate) health: Health,
    share: Share,
}

/// Where a URI leads to.
#[derive(Debug)]
pub(crate) struct Place {
    target: Result<Target, LocateError>,
    ping: Option<Duration>,
    hold_down: Duration,
    hops: Vec<Hop>,
    look: Look,
    /// Until when the hops may be used, if no look-up renews them.
    stale_at: Option<Instant>,
    failed: bool,
    backoff: Backoff,
    last_key: u64,
}

#[derive(Clone, Copy, Debug)]
enum Look {
    Due {
        at: Instant,
    },
    /// A look-up is under way.
    Asked {
        until: Instant,
    },
    /// There is nothing that could be looked up, or no need to.
    Never,
}

impl Place {
    /// A place that is looked up at once.
    pub(crate) fn new(
        target: Result<Target, LocateError>,
        ping: Option<Duration>,
        hold_down: Duration,
        now: Instant,
    ) -> Self {
        let look = if target.is_ok() { Look::Due { at: now } } else { Look::Never };
        let failed = target.is_err();
        let backoff = Backoff::new(LOOKUP_AGAIN, LOOKUP_SLOWEST);
        Self { target, ping, hold_down, hops: Vec::new(), look, stale_at: None, failed, backoff, last_key: 0 }
    }

    pub(crate) fn hops(&self) -> &[Hop] {
        &self.hops
    }

    pub(crate) fn hop_mut(&mut self, key: HopKey) -> Option<&mut Hop> {
        self.hops.iter_mut().find(|hop| hop.key == key)
    }

    pub(crate) fn hop_at(&mut self, next_hop: &NextHop) -> Option<&mut Hop> {
        self.hops.iter_mut().find(|hop| hop.to == *next_hop)
    }

    /// The hop to try next for a call, but for those `tried`: one that is up, else one that is suspect; of those the lowest
    /// rank, and of its servers one by weight, for each call anew (RFC 2782).
    pub(crate) fn best(&self, tried: &[NextHop], random: impl FnOnce() -> u32) -> Option<&NextHop> {
        let grade = |hop: &Hop| (hop.health.state() != HopState::Up, hop.share.rank);
        let untried = || self.hops.iter().filter(|hop| hop.health.is_usable() && !tried.contains(&hop.to));
        let best = untried().map(grade).min()?;
        let mut servers: Vec<&Hop> = untried().filter(|hop| grade(hop) == best).collect();
        // A server's first address stands for it; those of weight 0 have a small chance and not none.
        servers.sort_by_key(|hop| (hop.share.weight, hop.share.server));
        servers.dedup_by_key(|hop| hop.share.server);
        let drawn = match servers.as_slice() {
            [one] => return Some(&one.to),
            several => part_of(several.iter().map(|hop| u64::from(hop.share.weight)).sum(), random()),
        };
        let mut sum = 0;
        let chosen = servers.into_iter().find(|hop| {
            sum += u64::from(hop.share.weight);
            sum >= drawn
        });
        chosen.map(|hop| &hop.to)
    }

    /// The first that is up, else the first that is suspect, but for those `tried`.
    fn first(&self, tried: &[NextHop]) -> Option<&NextHop> {
        let untried = self.hops.iter().filter(|hop| hop.health.is_usable() && !tried.contains(&hop.to));
        untried.min_by_key(|hop| hop.health.state() != HopState::Up).map(|hop| &hop.to)
    }

    /// The hop to try next for a request that does no harm where it is in vain: one that is down last.
    pub(crate) fn any(&self, tried: &[NextHop]) -> Option<&NextHop> {
        let down = || self.hops.iter().find(|hop| !tried.contains(&hop.to)).map(|hop| &hop.to);
        self.first(tried).or_else(down)
    }

    /// Why no call can go there; `None` when one can.
    pub(crate) fn why_down(&self) -> Option<DownReason> {
        match self.hops.as_slice() {
            [] if self.failed => Some(DownReason::LookupFailed),
            [] => Some(DownReason::NotLocated),
            hops if hops.iter().any(|hop| hop.health.is_usable()) => None,
            _ => Some(DownReason::Unreachable),
        }
    }

    /// What to look up, when that is due. The look-up is under way from now on.
    pub(crate) fn ask(&mut self, now: Instant) -> Option<Target> {
        let Look::Due { at } = self.look else { return None };
        let target = self.target.as_ref().ok().filter(|_| at <= now)?;
        self.look = Look::Asked { until: now + LOOKUP };
        Some(target.clone())
    }

    /// A look-up is done, however late. True when the hops are others than before. `usable` says which hops we can send to at all.
    pub(crate) fn on_located(
        &mut self,
        result: Result<Located, LocateError>,
        usable: impl Fn(&NextHop) -> bool,
        mut random: impl FnMut() -> u32,
        now: Instant,
    ) -> bool {
        let found = result.map(|located| {
            let mut hops: Vec<(NextHop, Share)> = Vec::new();
            for (index, hop) in located.hops.into_iter().enumerate().filter(|(_, hop)| usable(hop)) {
                if hops.len() < limits::HOPS && !hops.iter().any(|(known, _)| *known == hop) {
                    let in_turn = Share { rank: index, server: index, weight: 0 };
                    hops.push((hop, located.shares.get(index).copied().unwrap_or(in_turn)));
                }
            }
            (hops, located.valid_for)
        });
        match found {
            Ok((hops, valid_for)) if !hops.is_empty() => {
                let valid_for = valid_for.clamp(limits::LOCATED_AT_LEAST, limits::LOCATED_AT_MOST);
                // Before it expires, so that there is no gap.
                self.look = Look::Due { at: now + shortened(valid_for / 10 * 9, 10, random()) };
                self.stale_at = Some(now + valid_for + limits::LOCATED_STALE);
                self.failed = false;
                self.backoff.reset();
                self.take_over(hops, random, now)
            }
            Ok(_) | Err(_) => {
                self.on_lookup_failed(random(), now);
                false
            }
        }
    }

    fn on_lookup_failed(&mut self, random: u32, now: Instant) {
        self.failed = true;
        self.look = Look::Due { at: now + self.backoff.fail(random) };
    }

    /// A hop that was there before keeps its health.
    fn take_over(&mut self, hops: Vec<(NextHop, Share)>, mut random: impl FnMut() -> u32, now: Instant) -> bool {
        let same = self.hops.len() == hops.len() && self.hops.iter().zip(&hops).all(|(hop, (new, _))| hop.to == *new);
        let mut old = std::mem::take(&mut self.hops);
        for (next_hop, share) in hops {
            let hop = if let Some(index) = old.iter().position(|hop| hop.to == next_hop) {
                Hop { share, ..old.swap_remove(index) }
            } else {
                self.last_key += 1;
                let health = Health::new(self.ping, self.hold_down, random(), now);
                Hop { key: HopKey(self.last_key), to: next_hop, health, share }
            };
            self.hops.push(hop);
        }
        !same
    }

    /// No more look-ups and pings: the endpoint shuts down.
    pub(crate) fn rest(&mut self) {
        self.look = Look::Never;
        self.stale_at = None;
        for hop in &mut self.hops {
            hop.health.rest();
        }
    }

    /// When [`Place::handle_timeout`] is wanted next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let look = match self.look {
            Look::Due { at } => Some(at),
            Look::Asked { until } => Some(until),
            Look::Never => None,
        };
        let health = self.hops.iter().filter_map(|hop| hop.health.deadline()).min();
        [look, self.stale_at, health].into_iter().flatten().min()
    }

    /// Time has passed. Gives the hops that are to be pinged, and whether all were dropped because they are too old.
    pub(crate) fn handle_timeout(&mut self, random: u32, now: Instant) -> (Vec<(HopKey, NextHop)>, bool) {
        if let Look::Asked { until } = self.look
            && until <= now
        {
            self.on_lookup_failed(random, now);
        }
        let is_stale = self.stale_at.take_if(|at| *at <= now).is_some();
        if is_stale {
            self.hops.clear();
        }
        let mut due = Vec::new();
        for hop in &mut self.hops {
            if hop.health.handle_timeout(now) {
                due.push((hop.key, hop.to.clone()));
            }
        }
        (due, is_stale)
    }
}

/// A number from 0 to `most`.
fn part_of(most: u64, random: u32) -> u64 {
    (u64::from(random) * (most + 1)) >> 32
}

/// A look-up that takes longer has failed.
const LOOKUP: Duration = Duration::from_secs(30);
/// After the first look-up that failed.
const LOOKUP_AGAIN: Duration = Duration::from_secs(5);
/// The longest wait after look-ups that failed.
const LOOKUP_SLOWEST: Duration = Duration::from_mins(5);
