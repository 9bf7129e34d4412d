//! Keys that are pressed: how they come in, and how they go out.

use std::time::Duration;

use dialplan::Digits;
use media_engine::dtmf::Key;

use super::leg::Leg;

/// How a peer tells us of keys. Some tell twice, in both ways: the way that the first key of a call came counts, so that one press
/// is one digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// RFC 4733 events.
    Rtp,
}

/// The keys of a leg.
#[derive(Debug, Default)]
pub(super) struct Keys {
    source: Option<Source>,
}

impl Keys {
    /// Whether a key that came in this way counts.
    pub(super) fn are_from(&mut self, source: Source) -> bool {
        *self.source.get_or_insert(source) == source
    }
}

impl Leg {
    /// Presses keys towards the peer, in the way that its trunk takes them; says whether that can be done.
    pub(super) fn press(&mut self, keys: &str, each: Duration) -> bool {
        let pressed = keys.chars().map(Key::from_char);
        match self.peer.trunk.digits {
            Digits::Rfc4733 => {
                let Some(media) = &mut self.media else { return false };
                pressed.flatten().all(|key| media.session.send_digit(key, each))
            }
            Digits::Info => false,
        }
    }
}
