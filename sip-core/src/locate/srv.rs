//! The order of SRV records (RFC 2782).

use rand::{Rng, RngExt as _};

use super::Srv;

/// Sorts by priority; within one priority each place goes to one of those left, with a chance in proportion to its weight.
pub(super) fn order(mut records: Vec<Srv>, rng: &mut impl Rng) -> Vec<Srv> {
    // RFC 2782: those of weight 0 first, so that they have a small chance and not none.
    records.sort_by_key(|srv| (srv.priority, srv.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|srv| srv.priority) {
        let equals = records.iter().take_while(|srv| srv.priority == priority);
        let total: u32 = equals.clone().map(|srv| u32::from(srv.weight)).sum();
        let drawn = rng.random_range(0..=total);
        let running = equals.scan(0_u32, |sum, srv| {
            *sum = sum.saturating_add(u32::from(srv.weight));
            Some(*sum)
        });
        let chosen = running.take_while(|sum| *sum < drawn).count();
        ordered.push(records.remove(chosen));
    }
    ordered
}
