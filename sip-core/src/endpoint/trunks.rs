//! The trunks that we call over.

use std::time::Instant;

use crate::admission::{TrunkId, TrunkRule};
use crate::trunk::{DownReason, TrunkState, TrunkStatus};

use super::{CallKey, Dial, DialError, Endpoint, NextHop};

impl Endpoint {
    /// Where a call that we place goes first. It counts against the trunk's limits from now on.
    pub(super) fn route(&mut self, _key: CallKey, dial: &Dial, _now: Instant) -> Result<NextHop, DialError> {
        let hop = dial.next_hop.clone().ok_or(DialError::Down)?;
        self.check_trunk(dial, &hop)?;
        self.gate.admit_outbound(&dial.trunk).map_err(|_| DialError::Concurrency)?;
        Ok(hop)
    }

    /// A call is over: its place among its trunk's calls is free.
    pub(super) fn release_call(&mut self, _key: CallKey, trunk: &TrunkId) {
        self.gate.release(trunk);
    }

    pub(super) fn trunk_statuses(&self, _now: Instant) -> Vec<TrunkStatus> {
        let outbound = self.gate.rules().filter(|rule| rule.outbound.is_some());
        let status = |rule: &TrunkRule| TrunkStatus {
            trunk: rule.name.clone(),
            state: TrunkState::Down { why: DownReason::NotLocated },
            hops: Vec::new(),
            registration: None,
            calls: 0,
            calls_today: 0,
        };
        outbound.map(status).collect()
    }
}
