//! Two endpoints and a script that do anything at any time, seed by seed. `make soak SEEDS=N` runs many;
//! `STRONGLINE_SEED=N` runs the one that failed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::world::World;

/// Turns of one seed.
const STEPS: u32 = 60;
/// Seeds of the inner loop.
const FEW: u64 = 300;

#[test]
fn whatever_happens_every_call_ends_and_nothing_is_left() {
    if let Some(seed) = number("STRONGLINE_SEED") {
        World::new(seed).run(STEPS);
        return;
    }
    let seeds = number("STRONGLINE_SEEDS").unwrap_or(FEW);
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut seen: BTreeMap<&'static str, u64> = BTreeMap::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return Ok(seen);
            }
            let mut world = World::new(seed);
            catch_unwind(AssertUnwindSafe(|| world.run(STEPS))).map_err(|_| {
                // The others stop too.
                next.store(seeds, Ordering::Relaxed);
                seed
            })?;
            for (event, count) in world.seen {
                *seen.entry(event).or_default() += count;
            }
        }
    };
    let results: Vec<Result<_, u64>> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let failed: Vec<String> = results
        .iter()
        .filter_map(|result| result.as_ref().err())
        .map(|seed| format!("STRONGLINE_SEED={seed}"))
        .collect();
    assert!(failed.is_empty(), "run again with {}", failed.join(" or "));
    let mut seen: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (event, count) in results.into_iter().flatten().flatten() {
        *seen.entry(event).or_default() += count;
    }
    // A driver that only ever makes refused calls would prove nothing.
    for event in
        ["incoming", "progress", "answered", "ack", "reinvited", "early offer", "early answer", "refer", "ended"]
            .into_iter()
            .chain(["connected", "lost", "failed over", "challenged", "registered"])
    {
        assert!(seen.get(event).is_some_and(|count| *count >= seeds / 100), "{event} hardly happens: {seen:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "how many seeds, and which, is said from outside")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}
