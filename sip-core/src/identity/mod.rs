//! STIR/SHAKEN: whether somebody answers for the number that a caller shows (RFC 8224, 8225, 8226, 8588; ATIS-1000074).
//!
//! Pure: time is an argument, and the certificate is fetched by somebody else. The order is a safety rule. What the
//! message itself gives away is checked first, and only a PASSporT that would be believed but for its signature is worth
//! a connection to the address it names:
//!
//! ```text
//! Facts::of(invite)            caller, callee, Date
//! Identity::select(headers)    the one SHAKEN PASSporT, or none
//!   .check(facts, now)         fresh, from this caller, to this callee
//!   .certificate_url()      -> fetched outside, then Chain::read
//!   .verify(chain, roots, facts, now)
//! ```
//!
//! A verified identity says who lets the number be shown and how well they know the caller. It does not say that the
//! caller is honest.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod chain;
mod date;
mod der;
mod facts;
mod failure;
mod header;
mod number;
mod passport;
mod tn_auth;

use crate::limits;
use crate::wire::{HeaderName, Headers};

pub use chain::{Chain, Roots};
pub use facts::{Caller, Facts};
pub use failure::Failure;
use header::{Header, Ppt};
pub use number::{Number, Numbering};
use passport::Claims;
pub use passport::{Attestation, Passport};

/// What is known of a caller's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody answers for the number.
    Verified(Attested),
    /// Nobody does. Never to be read as a pass.
    NoIdentity,
    /// Somebody seemed to, and it is not true or cannot be verified.
    Failed(Failure),
}

/// What a verified PASSporT says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// How well the signer knows the caller.
    pub attest: Attestation,
    /// Where the call came from, in the signer's terms (RFC 8588 5): for tracing a call back.
    pub origid: Box<str>,
}

/// The SHAKEN identity of a request: read, not believed yet.
#[derive(Clone, Debug)]
pub struct Identity {
    passport: Passport,
}

impl Identity {
    /// The one SHAKEN identity among the Identity lines of a request. PASSporTs of other kinds (`div`, `rph`, none) are
    /// passed over (RFC 8224 6.2 step 1). Two of the SHAKEN kind contradict each other, or say the same twice: neither is
    /// taken.
    pub fn select(headers: &Headers) -> Result<Option<Self>, Failure> {
        let mut found = None;
        for (index, value) in headers.secrets(&HeaderName::Identity).enumerate() {
            if index >= limits::IDENTITIES {
                return Err(Failure::TooMany);
            }
            let Some(identity) = Self::parse(value.expose())? else { continue };
            if found.replace(identity).is_some() {
                return Err(Failure::Several);
            }
        }
        Ok(found)
    }

    /// The identity that one Identity value holds; `None` when it is of another kind.
    pub fn parse(value: &[u8]) -> Result<Option<Self>, Failure> {
        if value.len() > limits::HEADER_LINE {
            return Err(Failure::Header);
        }
        let header = Header::parse(value)?;
        if header.ppt == Ppt::Other {
            return Ok(None);
        }
        if header.token.starts_with(b"..") {
            return Err(Failure::CompactForm);
        }
        let Some(passport) = Passport::decode(header.token)? else {
            return if header.ppt == Ppt::Shaken { Err(Failure::Extension) } else { Ok(None) };
        };
        // RFC 8224 4.1: the parameter repeats the PASSporT's x5u, for those who do not look inside.
        if header.info != passport.x5u().as_bytes() {
            return Err(Failure::Info);
        }
        Ok(Some(Self { passport }))
    }

    /// Where the signer's certificates are said to be: a stranger's word, and an `https` URL at most.
    pub fn certificate_url(&self) -> &str {
        self.passport.x5u()
    }

    /// All that can be told without the certificate (RFC 8224 6.2 steps 2 and 4). `now` in seconds since 1970.
    pub fn check(&self, facts: &Facts, now: u64) -> Result<(), Failure> {
        let Claims { iat, orig, dest, .. } = self.passport.claims();
        let freshness = limits::PASSPORT_FRESHNESS.as_secs();
        if now.abs_diff(*iat) > freshness {
            return Err(Failure::Stale);
        }
        if facts.date.is_some_and(|date| now.abs_diff(date) > freshness || iat.abs_diff(date) > freshness) {
            return Err(Failure::Date);
        }
        if facts.caller.as_ref() != Some(orig) {
            return Err(Failure::Caller);
        }
        if !facts.callee.as_ref().is_some_and(|callee| dest.contains(callee)) {
            return Err(Failure::Callee);
        }
        Ok(())
    }

    /// All of [`Identity::check`], then the chain up to one of `roots`, the right of its leaf to the number, and the
    /// signature.
    pub fn verify(&self, chain: &Chain, roots: &Roots, facts: &Facts, now: u64) -> Result<Attested, Failure> {
        self.check(facts, now)?;
        let Claims { attest, orig, origid, .. } = self.passport.claims();
        chain.verify(roots, now)?.covers(orig)?;
        self.passport.verify_signature(chain.key())?;
        Ok(Attested { attest: *attest, origid: origid.clone() })
    }
}
