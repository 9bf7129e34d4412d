//! `a=crypto` lines into keys (RFC 4568).

use std::ops::RangeInclusive;

use dialplan::Trunk;
use media_engine::srtp::{MasterKey, Suite};
use rand::CryptoRng;
use secrecy::ExposeSecret;
use sip_core::sdp::{Crypto, Lifetime, Media, SessionParam};

use super::{Policy, Refused};

/// A lifetime is accepted only where no call can reach it: 2^24 packets are almost four days of 20 ms frames. More than 2^48
/// is not a lifetime of SRTP (RFC 3711 9.2).
const LIFETIMES: RangeInclusive<u64> = 1 << 24..=1 << 48;

/// The keys of an offer of ours, each with the tag of its line.
#[derive(Debug)]
pub(crate) struct Offered(Vec<(u32, MasterKey)>);

impl Offered {
    /// A new key for each suite that the trunk lists, best first.
    pub(crate) fn generate(trunk: &Trunk, rng: &mut impl CryptoRng) -> Self {
        Self((1..).zip(suites(trunk)).map(|(tag, suite)| (tag, MasterKey::generate(suite, rng))).collect())
    }

    /// The one key of a stream that is up.
    pub(crate) fn current(key: MasterKey) -> Self {
        Self(vec![(1, key)])
    }

    /// An offer of plain RTP.
    pub(crate) const fn plain() -> Self {
        Self(Vec::new())
    }

    pub(crate) const fn is_plain(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &MasterKey)> {
        self.0.iter().map(|(tag, key)| (*tag, key))
    }

    /// Whether this key is one of them.
    pub(crate) fn has(&self, key: &MasterKey) -> bool {
        self.0.iter().any(|(_, own)| own.is_same(key))
    }

    /// The key of the line that an answer took, while others may still come.
    pub(crate) fn key(&self, tag: u32) -> Option<MasterKey> {
        let (_, key) = self.iter().find(|(offered, _)| *offered == tag)?;
        MasterKey::new(key.suite(), key.expose()).ok()
    }

    /// The key of the line that the answer took; all others are wiped.
    pub(crate) fn take(self, tag: u32) -> Option<MasterKey> {
        self.0.into_iter().find(|(offered, _)| *offered == tag).map(|(_, key)| key)
    }
}

/// The best usable line of an offer, in the trunk's order and not the peer's: a list that begins with a weak suite is an old
/// way to talk two good ends down.
pub(super) fn best(media: &Media, policy: &Policy<'_>) -> Result<(u32, MasterKey), Refused> {
    if !policy.over_tls && !policy.trunk.danger.sdes_over_plain_signalling {
        return Err(Refused::KeysInClear);
    }
    suites(policy.trunk)
        .find_map(|suite| media.crypto.iter().find_map(|line| usable(line, suite).map(|key| (line.tag, key))))
        .ok_or(Refused::NoUsableKey)
}

/// The line of an answer: it must repeat the tag and suite of one that was offered (RFC 4568 5.1.3).
pub(super) fn answered(media: &Media, offered: &Offered, policy: &Policy<'_>) -> Result<(u32, MasterKey), Refused> {
    if !policy.over_tls && !policy.trunk.danger.sdes_over_plain_signalling {
        return Err(Refused::KeysInClear);
    }
    let [line] = media.crypto.as_slice() else { return Err(Refused::Answer) };
    let (tag, ours) = offered.iter().find(|(tag, _)| *tag == line.tag).ok_or(Refused::Answer)?;
    let theirs = usable(line, ours.suite()).ok_or(Refused::NoUsableKey)?;
    // A key of ours that comes back would be one keystream for both directions.
    if theirs.is_same(ours) { Err(Refused::Answer) } else { Ok((tag, theirs)) }
}

fn suites(trunk: &Trunk) -> impl Iterator<Item = Suite> {
    trunk.suites.iter().filter_map(|suite| Suite::from_name(suite.as_str()))
}

fn usable(line: &Crypto, suite: Suite) -> Option<MasterKey> {
    // Everything else either weakens SRTP or needs something that this server does not do (RFC 4568 6.3).
    let harmless = |param: &SessionParam| {
        matches!(param, SessionParam::WindowSizeHint(_))
            || matches!(param, SessionParam::Other(name) if name.starts_with('-'))
    };
    let key = line.single_key()?;
    let acceptable = Suite::from_name(&line.suite) == Some(suite)
        && line.session_params.iter().all(harmless)
        && key.mki.is_none()
        && key.lifetime.is_none_or(|Lifetime(packets)| LIFETIMES.contains(&packets));
    #[expect(clippy::disallowed_methods, reason = "the key goes from the description into the SRTP context here")]
    let material = key.material.expose_secret();
    MasterKey::new(suite, material).ok().filter(|_| acceptable)
}
