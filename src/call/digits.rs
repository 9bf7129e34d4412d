//! Keys that are pressed: how they come in, and how they go out.

use std::time::Duration;

use dialplan::Digits;
use media_engine::dtmf::{Key, MenuDigit};
use sip_core::endpoint::{Body, Command};
use sip_core::info::{Dialled, DialledDigit};
use sip_core::limits::INFO_QUEUE;
use sip_core::wire::Text;

use super::leg::Leg;
use crate::server::Context;

/// How a peer tells us of keys. Some tell twice, in both ways: the way in which the first key of a call came counts, so that one
/// press is one digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// RFC 4733 events.
    Rtp,
    /// SIP INFO.
    Info,
}

/// How the keys of a leg come in, and how many are on their way out.
#[derive(Debug, Default)]
pub(super) struct Keys {
    source: Option<Source>,
    /// INFOs of ours without an answer. The endpoint takes no more than so many, and says of each that it does not take that it
    /// failed: too many of these at once would look like a call that nobody attends to.
    unanswered: usize,
}

impl Keys {
    /// Whether a key that came in this way counts.
    pub(super) fn are_from(&mut self, source: Source) -> bool {
        *self.source.get_or_insert(source) == source
    }

    /// An INFO of ours has its answer, or none in time.
    pub(super) const fn on_answered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// Takes so many keys, where there is room for all of them.
    const fn take(&mut self, count: usize) -> bool {
        let sum = self.unanswered.saturating_add(count);
        if sum > INFO_QUEUE {
            return false;
        }
        self.unanswered = sum;
        true
    }
}

impl Leg {
    /// An INFO: a key, or something that is none of ours. Its body is a secret, and so is what is wrong with it.
    pub(super) fn on_info(&mut self, content_type: &Text, body: &Body) -> Option<MenuDigit> {
        let Ok(Some(dialled)) = Dialled::read(content_type.as_str(), body.as_bytes()) else {
            tracing::debug!("an INFO without a key");
            return None;
        };
        let key = Key::from_char(dialled.digit.expose())?;
        self.keys.are_from(Source::Info).then(|| MenuDigit::new(key, dialled.duration))
    }

    /// Presses keys towards the peer, in the way that its trunk takes them; says whether that can be done.
    pub(super) async fn press(&mut self, keys: &str, each: Duration, context: &Context) -> bool {
        match self.peer.trunk.digits {
            Digits::Rfc4733 => {
                let Some(media) = &mut self.media else { return false };
                keys.chars().filter_map(Key::from_char).all(|key| media.session.send_digit(key, each))
            }
            Digits::Info => {
                if self.answered.is_none() || !self.keys.take(keys.chars().filter_map(DialledDigit::new).count()) {
                    return false;
                }
                // The endpoint sends one after the other has been answered.
                for digit in keys.chars().filter_map(DialledDigit::new) {
                    let (content_type, body) = Dialled::new(digit, each).to_dtmf_relay();
                    self.command(Command::Info { content_type, body }, context).await;
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_wait_for_room_and_are_never_too_many() {
        let mut keys = Keys::default();
        assert!(keys.take(INFO_QUEUE));
        assert!(!keys.take(1), "all or nothing, before any is sent");
        keys.on_answered();
        assert!(keys.take(1) && !keys.take(1));
        for _ in 0..=INFO_QUEUE {
            keys.on_answered();
        }
        assert!(!keys.take(INFO_QUEUE + 1) && keys.take(INFO_QUEUE));
    }
}
