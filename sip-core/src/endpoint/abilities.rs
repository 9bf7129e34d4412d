//! What we can do for a trunk, as Allow and Supported say it: what its rule does not permit is not offered.

use crate::admission::{Rel100, TrunkId};

use super::Endpoint;
use super::reliable::REL100;

impl Endpoint {
    /// The methods that we serve, for Allow.
    pub(super) fn allow(&self, trunk: &TrunkId) -> String {
        let mut methods = String::from("INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY");
        if self.gate.rule(trunk).is_some_and(|rule| rule.refer) {
            methods.push_str(", REFER");
        }
        methods
    }

    /// The extensions that we have, for Supported and for judging Require.
    pub(super) fn supported(&self, trunk: &TrunkId) -> Vec<&'static str> {
        let mut tags = vec!["timer", REL100];
        if let Some(rule) = self.gate.rule(trunk) {
            if rule.replaces {
                tags.push("replaces");
            }
            // RFC 4488 6
            if rule.refer {
                tags.push("norefersub");
            }
        }
        tags
    }

    /// Supported of a request of ours. Reliable responses are for the INVITE that makes a call, where the trunk's rule has
    /// them (RFC 3262 4).
    pub(super) fn extensions(&self, trunk: &TrunkId, makes_call: bool) -> String {
        let reliable = makes_call && self.rel100(trunk) != Rel100::Off;
        let mut tags = self.supported(trunk);
        tags.retain(|tag| reliable || *tag != REL100);
        tags.join(", ")
    }

    pub(super) fn rel100(&self, trunk: &TrunkId) -> Rel100 {
        self.gate.rule(trunk).map(|rule| rule.rel100).unwrap_or_default()
    }
}
