//! What was fetched, by its URL. Bounded in number and age; what a stranger can fill it with makes room first.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sip_core::identity::{Chain, Failure};
use tokio::sync::watch;
use tokio::time::Instant;

/// What a fetch comes to.
pub(super) type Outcome = Result<Arc<Chain>, Failure>;
/// What those hear who wait for a fetch: nothing yet, or its outcome.
pub(super) type Waiting = watch::Receiver<Option<Outcome>>;

/// URLs that are remembered.
pub(super) const ENTRIES: usize = 1_000;
/// How long certificates are kept, whatever their host says of it.
pub(super) const MAX_AGE: Duration = Duration::from_hours(1);
/// How long it is remembered that nothing good is to be had from a URL.
pub(super) const NEGATIVE_AGE: Duration = Duration::from_secs(30);

/// The cache.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
enum Entry {
    /// Somebody fetches it. Their number is bounded by that of the fetches.
    Fetching(Waiting),
    Known {
        outcome: Outcome,
        until: Instant,
        used: Instant,
    },
}

/// What the cache has to say.
#[derive(Debug)]
pub(super) enum Found {
    Known(Outcome),
    Fetching(Waiting),
    Nothing,
}

impl Cache {
    pub(super) fn find(&mut self, url: &str, now: Instant) -> Found {
        match self.entries.get_mut(url) {
            Some(Entry::Known { outcome, until, used }) if *until > now => {
                *used = now;
                Found::Known(outcome.clone())
            }
            // Whoever fetched it is gone without a word when the channel is closed and empty.
            Some(Entry::Fetching(waiting)) if waiting.has_changed().is_ok() || waiting.borrow().is_some() => {
                Found::Fetching(waiting.clone())
            }
            Some(Entry::Known { .. } | Entry::Fetching(_)) | None => Found::Nothing,
        }
    }

    /// Notes that somebody fetches `url` now.
    pub(super) fn begin(&mut self, url: &str, waiting: Waiting, now: Instant) {
        self.make_room(now);
        self.entries.insert(url.to_owned(), Entry::Fetching(waiting));
    }

    /// Notes what came of it.
    pub(super) fn end(&mut self, url: &str, outcome: Outcome, now: Instant) {
        let age = if outcome.is_ok() { MAX_AGE } else { NEGATIVE_AGE };
        self.entries.insert(url.to_owned(), Entry::Known { outcome, until: now + age, used: now });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is out of date goes first, then failures, then what was not used for longest.
    fn make_room(&mut self, now: Instant) {
        if self.entries.len() < ENTRIES {
            return;
        }
        self.entries.retain(|_, entry| match entry {
            Entry::Fetching(_) => true,
            Entry::Known { until, .. } => *until > now,
        });
        while self.entries.len() >= ENTRIES {
            let known = self.entries.iter().filter_map(|(url, entry)| match entry {
                Entry::Fetching(_) => None,
                Entry::Known { outcome, used, .. } => Some((outcome.is_ok(), *used, url)),
            });
            let Some(url) = known.min().map(|(_, _, url)| url.clone()) else { return };
            self.entries.remove(&url);
        }
    }
}
