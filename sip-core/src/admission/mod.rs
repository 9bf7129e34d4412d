//! Who may talk to us at all: trunks, their sources, and how many calls each may bring.
//!
//! Two checks, in this order:
//!
//! 1. [`Gate::admits_source`], on the address alone, before a single octet is parsed. A packet from no known
//!    trunk is dropped in silence: no answer, so nothing to amplify and nothing to scan (THREATS T31, T44).
//! 2. [`Gate::admit`], on a parsed INVITE: the trunk is found by its TLS identity or its address, and its rate and
//!    concurrency are charged. Only this step mints an [`Admitted`] INVITE, and the call side takes nothing else.

mod admitted;
mod bucket;
mod gate;
mod learned;
mod peer;
mod rule;
mod source;
mod table;
mod targets;

pub use admitted::{Admitted, Invite};
pub use bucket::{Rate, TokenBucket};
pub use gate::{Gate, GateError, Refused};
pub use peer::{Peer, PeerError, Prefix};
pub use rule::{Rel100, TrunkId, TrunkRule};
pub use source::{SourceFacts, TlsFacts, TlsVersion, Transport, Transports};
pub use targets::Targets;

#[cfg(test)]
mod tests;
