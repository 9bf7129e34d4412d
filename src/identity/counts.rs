//! How often what happened.

use std::sync::atomic::{AtomicU64, Ordering};

use sip_core::identity::{Attestation, Failure, Verdict};

/// Counters of one verifier.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    attested: [AtomicU64; 3],
    none: AtomicU64,
    failed: [AtomicU64; Failure::ALL.len()],
    fetches: AtomicU64,
    cached: AtomicU64,
}

impl Counts {
    pub(super) fn verdict(&self, verdict: &Verdict) {
        let counter = match verdict {
            Verdict::Verified(attested) => {
                self.attested.get(ATTESTATIONS.iter().position(|a| *a == attested.attest).unwrap_or(0))
            }
            Verdict::NoIdentity => Some(&self.none),
            Verdict::Failed(failure) => {
                Failure::ALL.iter().position(|known| known == failure).and_then(|index| self.failed.get(index))
            }
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A certificate was gone for.
    pub(super) fn fetch(&self) {
        self.fetches.fetch_add(1, Ordering::Relaxed);
    }

    /// None was needed.
    pub(super) fn cached(&self) {
        self.cached.fetch_add(1, Ordering::Relaxed);
    }

    /// All of them by name; failures by their own words.
    pub(super) fn all(&self) -> Vec<(&'static str, u64)> {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let attested =
            ATTESTATIONS.iter().zip(&self.attested).map(|(attest, counter)| (attest.as_str(), value(counter)));
        let failed = Failure::ALL.iter().zip(&self.failed).map(|(failure, counter)| (failure.as_str(), value(counter)));
        let others =
            [("none", value(&self.none)), ("fetches", value(&self.fetches)), ("from_cache", value(&self.cached))];
        attested.chain(others).chain(failed).collect()
    }
}

const ATTESTATIONS: [Attestation; 3] = [Attestation::A, Attestation::B, Attestation::C];
