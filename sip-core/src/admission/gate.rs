//! The gate: the rules, and what each trunk uses of them now.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::endpoint::{CallKey, NextHop};

use super::learned::Learned;
use super::table::SourceTable;
use super::{Admitted, Invite, SourceFacts, TokenBucket, Transport, TrunkId, TrunkRule};

/// The list of trunks and their running totals.
///
/// Default closed: a gate without rules admits nobody.
#[derive(Debug)]
pub struct Gate {
    trunks: Vec<Trunk>,
    sources: Arc<SourceTable>,
    learned: Learned,
}

#[derive(Debug)]
struct Trunk {
    rule: TrunkRule,
    bucket: Option<TokenBucket>,
    calls: u32,
}

impl Gate {
    /// A gate with these rules.
    pub fn new(rules: Vec<TrunkRule>, now: Instant) -> Result<Self, GateError> {
        let mut names = HashSet::new();
        for rule in &rules {
            if rule.name.as_str().is_empty() {
                return Err(GateError::Unnamed);
            }
            if !names.insert(rule.name.clone()) {
                return Err(GateError::Duplicate(rule.name.clone()));
            }
        }
        let sources = Arc::new(SourceTable::new(&rules));
        let trunk =
            |rule: TrunkRule| Trunk { bucket: rule.rate.map(|rate| TokenBucket::new(rate, now)), rule, calls: 0 };
        Ok(Self { trunks: rules.into_iter().map(trunk).collect(), sources, learned: Learned::default() })
    }

    /// Whether anything from `ip` may be looked at. Called before parsing.
    pub fn admits_source(&self, ip: IpAddr, transport: Transport) -> bool {
        self.sources.admits(ip, transport) || self.learned.admits(ip, transport)
    }

    /// Takes over the next hops that the trunk called `name` has by look-up ([`crate::trunk::Outbound`]) in place of those
    /// that it had: requests from there are the trunk's. Peers that the rules name come first. A hop that is none any more
    /// stays a peer for the `calls` up over its address and transport.
    pub(crate) fn learn(
        &mut self,
        name: &TrunkId,
        hops: &[NextHop],
        calls: impl Fn(IpAddr, Transport) -> BTreeSet<CallKey>,
        now: Instant,
    ) {
        self.learned.set(name, hops, calls, now);
    }

    /// A call of the trunk called `name` is over: no hop that left stays a peer for it.
    pub(crate) fn forget_call(&mut self, name: &TrunkId, call: CallKey, now: Instant) {
        self.learned.release(name, call, now);
    }

    /// Forgets the hops that left and whose calls are over.
    pub(crate) fn forget_former(&mut self, now: Instant) {
        self.learned.forget_former(now);
    }

    /// Whether the trunk called `name` has this source, whoever else has it too.
    pub(crate) fn is_peer(&self, name: &TrunkId, source: &SourceFacts) -> bool {
        self.trunk_of(source).as_ref() == Some(name)
            || (source.opened_for.is_none() && self.learned.is_of(name, source))
    }

    /// Whether a trunk's source is one for new calls too, and no hop that left.
    pub(crate) fn may_call(&self, source: &SourceFacts) -> bool {
        let is_named = source.opened_for.is_some() || self.sources.trunk_of(source).is_some();
        is_named || self.learned.caller(source).is_some()
    }

    /// The trunk that a source belongs to.
    pub fn trunk_of(&self, source: &SourceFacts) -> Option<TrunkId> {
        self.find(source).map(|trunk| trunk.rule.name.clone())
    }

    /// The rule of the trunk called `name`.
    pub fn rule(&self, name: &TrunkId) -> Option<&TrunkRule> {
        self.trunks.iter().map(|trunk| &trunk.rule).find(|rule| rule.name == *name)
    }

    /// All rules.
    pub fn rules(&self) -> impl Iterator<Item = &TrunkRule> {
        self.trunks.iter().map(|trunk| &trunk.rule)
    }

    /// How many calls the trunk called `name` has now.
    pub fn calls(&self, name: &TrunkId) -> u32 {
        self.trunks.iter().find(|trunk| trunk.rule.name == *name).map_or(0, |trunk| trunk.calls)
    }

    /// Admits a new call, or says why not. An admitted call is counted until [`Gate::release`].
    pub fn admit(&mut self, invite: Invite, source: SourceFacts, now: Instant) -> Result<Admitted<Invite>, Refused> {
        let index = self.find_index(&source).filter(|_| self.may_call(&source)).ok_or(Refused::UnknownSource)?;
        let trunk = self.trunks.get_mut(index).ok_or(Refused::UnknownSource)?;
        trunk.charge(now)?;
        Ok(Admitted::mint(invite, source, trunk.rule.name.clone(), Arc::clone(&trunk.rule.srtp)))
    }

    /// Admits a call that we place over the trunk called `name`: it is counted, but not against the rate.
    pub fn admit_outbound(&mut self, name: &TrunkId) -> Result<(), Refused> {
        let trunk = self.by_name(name).ok_or(Refused::UnknownSource)?;
        trunk.count()
    }

    /// Gives back one call of the trunk called `name`.
    pub fn release(&mut self, name: &TrunkId) {
        if let Some(trunk) = self.by_name(name) {
            trunk.calls = trunk.calls.saturating_sub(1);
        }
    }

    /// Takes over new rules while running. A trunk that keeps its name keeps its calls, and its bucket too where
    /// its rate did not change.
    pub fn replace(&mut self, mut new: Self) {
        for trunk in &mut new.trunks {
            let Some(old) = self.by_name(&trunk.rule.name) else { continue };
            trunk.calls = old.calls;
            if trunk.rule.rate == old.rule.rate {
                trunk.bucket = old.bucket.take();
            }
        }
        new.learned = std::mem::take(&mut self.learned);
        new.learned.retain(|name| new.trunks.iter().any(|trunk| trunk.rule.name == *name));
        *self = new;
    }

    fn find(&self, source: &SourceFacts) -> Option<&Trunk> {
        self.find_index(source).and_then(|index| self.trunks.get(index))
    }

    fn find_index(&self, source: &SourceFacts) -> Option<usize> {
        let learned = || self.learned.trunk_of(source).filter(|_| source.opened_for.is_none());
        let Some(name) = source.opened_for.as_ref() else {
            let by_rule = self.sources.trunk_of(source);
            return by_rule.or_else(|| self.trunks.iter().position(|trunk| Some(&trunk.rule.name) == learned()));
        };
        self.trunks.iter().position(|trunk| trunk.rule.name == *name)
    }

    fn by_name(&mut self, name: &TrunkId) -> Option<&mut Trunk> {
        self.trunks.iter_mut().find(|trunk| trunk.rule.name == *name)
    }
}

impl Trunk {
    fn charge(&mut self, now: Instant) -> Result<(), Refused> {
        if self.is_full() {
            return Err(Refused::Concurrency);
        }
        if let Some(bucket) = &mut self.bucket {
            bucket.take(now).map_err(|wait| Refused::Rate { wait })?;
        }
        self.count()
    }

    fn count(&mut self) -> Result<(), Refused> {
        if self.is_full() {
            return Err(Refused::Concurrency);
        }
        self.calls = self.calls.saturating_add(1);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.rule.max_calls.is_some_and(|most| self.calls >= most)
    }
}

/// Why the gate did not admit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The source is no trunk's: no answer at all.
    #[error("the source is no trunk's")]
    UnknownSource,
    /// The trunk brings calls faster than its rate: 503 and Retry-After.
    #[error("over the trunk's rate of calls")]
    Rate {
        /// How long until there is room again.
        wait: Duration,
    },
    /// The trunk has as many calls as it may have: 503 and Retry-After.
    #[error("the trunk has as many calls as it may have")]
    Concurrency,
}

/// Why rules make no gate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// Two rules have one name.
    #[error("two trunks are called `{0}`")]
    Duplicate(TrunkId),
    /// A rule has no name.
    #[error("a trunk has no name")]
    Unnamed,
}
