//! Who answers for the number that a caller shows (STIR/SHAKEN; `sip_core::identity` holds the rules). Here stand what a
//! trunk wants done about it, and the way to the certificate that a stranger's call names (THREATS T42, T43).
//!
//! Nothing is fetched for a call whose PASSporT would not be believed anyway: another caller, another callee, an old one.

mod cache;
mod counts;
mod fetch;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ai_bridge::net::{AddressGuard, ClientTls};
use dialplan::{Attest, Dialplan, IdentityPolicy, Trunk};
use sip_core::identity::{Attestation, Caller, Facts, Failure, Identity, Numbering, Roots, Verdict};
use sip_core::wire::Request;
use tokio::runtime::Handle;

pub(crate) use self::counts::Counts;
use self::fetch::Fetcher;
use crate::server::Shared;

/// What identities are verified with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The authorities that may say who speaks for a number.
    pub(crate) roots: Roots,
    /// How the hosts of certificates prove themselves.
    pub(crate) tls: ClientTls,
    /// The hosts that certificates are fetched from; any when there is none.
    pub(crate) hosts: Vec<String>,
    /// Which addresses these may have: public ones, or private ones for the hosts that it lists.
    pub(crate) guard: AddressGuard,
}

/// What a trunk wants done about the identity of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) identity: IdentityPolicy,
    /// Whether its P-Asserted-Identity is believed.
    pub(crate) trusted_identity: bool,
    /// How it writes numbers without `+`.
    pub(crate) numbering: dialplan::Numbering,
}

impl Policy {
    /// What the dialplan says of a trunk.
    fn of(dialplan: &Dialplan, trunk: &Trunk) -> Self {
        Self {
            identity: dialplan.identity_policy(trunk),
            trusted_identity: trunk.trusted_identity,
            numbering: trunk.numbering,
        }
    }
}

/// What came of it, in the words of those who ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identified {
    /// For the dialplan and the application; `None` when it was not looked at.
    pub(crate) attest: Option<Attest>,
    /// Why the trunk wants the call refused, which has a status; `None` when the call goes on.
    pub(crate) refusal: Option<Failure>,
}

impl Identified {
    const UNSEEN: Self = Self { attest: None, refusal: None };
}

/// What the identity of an INVITE that came by `trunk` is worth. At once, or after two seconds at most where a certificate
/// is fetched.
pub(crate) async fn identify(shared: &Shared, invite: &Request, trunk: &Trunk) -> Identified {
    let Some(verifier) = &shared.identity else { return Identified::UNSEEN };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    verifier.identify(invite, Policy::of(&shared.loaded.dialplan, trunk), now).await
}

/// Verifies identities, and keeps the certificates that it fetched.
#[derive(Debug)]
pub(crate) struct Verifier {
    roots: Arc<Roots>,
    fetcher: Arc<Fetcher>,
    counts: Arc<Counts>,
}

impl Verifier {
    /// A verifier whose fetches run on `runtime`: a worker's thread is for media.
    pub(crate) fn new(settings: Settings, runtime: Handle) -> Self {
        let (roots, counts) = (Arc::new(settings.roots.clone()), Arc::new(Counts::default()));
        let fetcher = Arc::new(Fetcher::new(settings, Arc::clone(&roots), Arc::clone(&counts), runtime));
        Self { roots, fetcher, counts }
    }

    /// What the identity of `invite` is worth to the trunk it came by, at `now` in seconds since 1970.
    async fn identify(&self, invite: &Request, policy: Policy, now: u64) -> Identified {
        if policy.identity == IdentityPolicy::Ignore {
            return Identified::UNSEEN;
        }
        match self.verify(invite, policy, now).await {
            Verdict::Verified(attested) => {
                let attest = match attested.attest {
                    Attestation::A => Attest::A,
                    Attestation::B => Attest::B,
                    Attestation::C => Attest::C,
                };
                tracing::info!(
                    event = "identity.verified", attest = attest.as_str(), origid = %attested.origid,
                    "the caller's number is vouched for"
                );
                Identified { attest: Some(attest), refusal: None }
            }
            Verdict::NoIdentity => Identified { attest: Some(Attest::None), refusal: None },
            Verdict::Failed(failure) => {
                tracing::info!(
                    event = "identity.failed",
                    reason = failure.as_str(),
                    "the caller's identity does not hold"
                );
                let is_refused = policy.identity == IdentityPolicy::Refuse;
                Identified { attest: Some(Attest::Failed), refusal: is_refused.then_some(failure) }
            }
        }
    }

    /// The verdict itself.
    async fn verify(&self, invite: &Request, policy: Policy, now: u64) -> Verdict {
        let verdict = self.judge(invite, policy, now).await.unwrap_or_else(Verdict::Failed);
        self.counts.verdict(&verdict);
        verdict
    }

    async fn judge(&self, invite: &Request, policy: Policy, now: u64) -> Result<Verdict, Failure> {
        let Some(identity) = Identity::select(invite.headers())? else { return Ok(Verdict::NoIdentity) };
        let caller = if policy.trusted_identity { Caller::Asserted } else { Caller::From };
        let numbering = match policy.numbering {
            dialplan::Numbering::International => Numbering::International,
            dialplan::Numbering::NorthAmerican => Numbering::NorthAmerican,
        };
        let facts = Facts::of(invite, caller, numbering)?;
        identity.check(&facts, now)?;
        let chain = self.fetcher.chain(identity.certificate_url(), now).await?;
        identity.verify(&chain, &self.roots, &facts, now).map(Verdict::Verified)
    }

    /// How often each thing happened: verdicts, fetches, answers from the cache.
    pub(crate) fn counts(&self) -> Vec<(&'static str, u64)> {
        self.counts.all()
    }
}
