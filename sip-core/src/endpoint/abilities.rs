//! What we can do for a trunk, as Allow and Supported say it: what its rule does not permit is not offered.

use crate::admission::TrunkId;

use super::Endpoint;

impl Endpoint {
    /// The methods that we serve, for Allow.
    pub(super) fn allow(&self, trunk: &TrunkId) -> String {
        let mut methods = String::from("INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY");
        if self.gate.rule(trunk).is_some_and(|rule| rule.refer) {
            methods.push_str(", REFER");
        }
        methods
    }

    /// The extensions that we have, for Supported and for judging Require.
    pub(super) fn supported(&self, trunk: &TrunkId) -> Vec<&'static str> {
        let mut tags = vec!["timer"];
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
}
