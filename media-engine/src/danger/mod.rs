//! What lowers security, each with its name in the path.

/// Proof that somebody asked for a leg without encryption in so many words.
///
/// It has no other constructor than [`permit_plaintext`]: who greps for that finds every plain leg.
#[derive(Debug)]
pub struct PlaintextPermit(());

/// Allows one leg to be sent and received in the clear. For trunks that say so under `danger` in the dialplan.
pub const fn permit_plaintext() -> PlaintextPermit {
    PlaintextPermit(())
}
