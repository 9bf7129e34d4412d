//! No road leads from the parser to the call but the gate.
use sip_core::admission::{Admitted, Invite, SourceFacts, TrunkId};

fn forge(invite: Invite, source: SourceFacts) -> Admitted<Invite> {
    Admitted::mint(invite, source, TrunkId::new("carrier-a"), "".into())
}

fn main() {}
