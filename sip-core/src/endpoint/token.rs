//! Tags, branches and Call-IDs.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::wire::{Headers, MAGIC_COOKIE};

/// The endpoint's random source.
pub(super) struct Tokens {
    rng: StdRng,
    /// Keys the tags of refusals that keep no state.
    secret: [u64; 4],
}

impl Tokens {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let mut rng = StdRng::from_seed(seed);
        let secret = [rng.next_u64(), rng.next_u64(), rng.next_u64(), rng.next_u64()];
        Self { rng, secret }
    }

    /// 96 random bits: RFC 3261 19.3 asks for 32, THREATS T40 for 64.
    pub(super) fn tag(&mut self) -> String {
        format!("{:016x}{:08x}", self.rng.next_u64(), self.rng.next_u32())
    }

    /// A key of 256 bits.
    pub(super) fn key(&mut self) -> [u8; 32] {
        let mut key = [0; 32];
        self.rng.fill_bytes(&mut key);
        key
    }

    /// A branch (RFC 3261 8.1.1.7).
    pub(super) fn branch(&mut self) -> String {
        format!("{MAGIC_COOKIE}{}", self.tag())
    }

    /// A Call-ID: no host in it, RFC 3261 8.1.1.4 does not ask for one.
    pub(super) fn call_id(&mut self) -> String {
        format!("{:016x}{:016x}", self.rng.next_u64(), self.rng.next_u64())
    }

    /// The first CSeq number of a dialog: below 2^31, with room to count on.
    pub(super) fn cseq(&mut self) -> u32 {
        1 + (self.rng.next_u32() & 0xffff)
    }

    /// The first RSeq of an INVITE: 1 to 2^31 - 1 (RFC 3262 3), with room to count on.
    pub(super) fn rseq(&mut self) -> u32 {
        1 + (self.rng.next_u32() & 0x3fff_ffff)
    }

    /// 32 random bits, for a jitter.
    pub(super) fn random(&mut self) -> u32 {
        self.rng.next_u32()
    }

    /// A whole number of seconds in `from..=to`, for Retry-After: clients that were refused together shall not come back
    /// together.
    pub(super) fn seconds(&mut self, from: u64, to: u64) -> Duration {
        let span = to.saturating_sub(from) + 1;
        Duration::from_secs(from + self.rng.next_u64() % span)
    }

    /// Names a STUN transaction: 96 random bits (RFC 5389 6).
    pub(super) fn stun_id(&mut self) -> crate::wire::StunId {
        let mut id = [0; 12];
        self.rng.fill_bytes(&mut id);
        id
    }

    /// 80 to 100 % of `every` (RFC 5626 4.4.1).
    pub(super) fn part_of(&mut self, every: Duration) -> Duration {
        let permille = u32::try_from(800 + self.rng.next_u64() % 201).unwrap_or(1000);
        every.saturating_mul(permille) / 1000
    }

    /// The wait after a 491 (RFC 3261 14.1): 2.1 to 4 s for the side that chose the Call-ID, 0 to 2 s for the other, in
    /// steps of 10 ms.
    pub(super) fn glare(&mut self, owns_call_id: bool) -> Duration {
        let steps = if owns_call_id { 210 + self.rng.next_u64() % 191 } else { self.rng.next_u64() % 201 };
        Duration::from_millis(steps * 10)
    }

    /// The To tag of a refusal that keeps no state: the same for each retransmission of a request, and no other
    /// (RFC 3261 8.2.7).
    pub(super) fn stateless_tag(&self, headers: &Headers) -> String {
        let part = |salt: u64| {
            let mut hasher = DefaultHasher::new();
            (self.secret, salt).hash(&mut hasher);
            headers.call_id().map(|id| id.as_bytes().to_vec()).unwrap_or_default().hash(&mut hasher);
            let via = headers.via().ok();
            via.as_ref().and_then(|via| via.branch()).hash(&mut hasher);
            headers.cseq().ok().map(|cseq| cseq.seq).hash(&mut hasher);
            hasher.finish()
        };
        format!("{:016x}{:08x}", part(0), part(1) >> 32)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}
