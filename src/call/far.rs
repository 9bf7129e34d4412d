//! Somebody whom the caller is connected to, or is about to be: a second leg, and the audio between the two.

use std::collections::VecDeque;
use std::time::Instant;

use media_engine::audio::Pcm;
use media_engine::pci::Cleared;

use super::leg::Leg;
use crate::server::Context;

/// Frames that wait for the other leg's next beat at most; the oldest is dropped, so that a hiccup never becomes lasting delay.
const FRAMES: usize = 5;

/// The second leg.
#[derive(Debug)]
pub(super) struct Far {
    pub(super) leg: Leg,
    /// The caller hears what comes before the answer.
    early_media: bool,
    hearing: Hearing,
    outgoing: Frames,
    incoming: Frames,
}

/// Who hears whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    /// Nobody yet.
    Nobody,
    /// The caller hears the far side, which is not answered yet.
    Caller,
    Both,
}

/// Audio on its way from one leg to the other. Only what the guard has cleared gets in.
#[derive(Debug)]
struct Frames(VecDeque<Cleared<Pcm>>);

impl Frames {
    fn new() -> Self {
        Self(VecDeque::with_capacity(FRAMES))
    }

    fn push(&mut self, frame: Cleared<Pcm>) {
        if self.0.len() == FRAMES {
            self.0.pop_front();
        }
        self.0.push_back(frame);
    }
}

impl Far {
    pub(super) fn new(leg: Leg, early_media: bool) -> Self {
        Self { leg, early_media, hearing: Hearing::Nobody, outgoing: Frames::new(), incoming: Frames::new() }
    }

    /// Whether the far side has a sound of its own before the answer, and the caller may hear it.
    pub(super) const fn has_early_media(&self) -> bool {
        self.early_media && self.leg.media.is_some()
    }

    /// The caller hears the far side from now on, before its answer.
    pub(super) fn connect_early(&mut self, near: &mut Leg) {
        if self.hearing == Hearing::Nobody {
            self.tune(near);
            self.hearing = Hearing::Caller;
        }
    }

    /// The two hear each other from now on.
    pub(super) fn connect(&mut self, near: &mut Leg) {
        self.tune(near);
        self.hearing = Hearing::Both;
    }

    /// Both give their audio at the better of the two codecs' rates: nothing is resampled more than once.
    fn tune(&mut self, near: &mut Leg) {
        let rates = [near.codec_rate(), self.leg.codec_rate()];
        if let Some(rate) = rates.into_iter().flatten().max_by_key(|rate| rate.hz()) {
            near.set_uplink_rate(rate);
            self.leg.set_uplink_rate(rate);
        }
    }

    /// A frame of the caller.
    pub(super) fn hear(&mut self, frame: Cleared<Pcm>) {
        if self.hearing == Hearing::Both {
            self.outgoing.push(frame);
        }
    }

    /// Takes in what the far side says, and sends it what the caller has said.
    pub(super) fn turn(&mut self, context: &Context, now: Instant) {
        self.leg.receive(context, now);
        while let Some(frame) = self.leg.poll_uplink(now) {
            if self.hearing != Hearing::Nobody {
                self.incoming.push(frame);
            }
        }
        let Self { leg, outgoing, .. } = self;
        leg.send(now, |send| {
            let frame = outgoing.0.pop_front();
            send(frame.as_ref().map(Cleared::get));
        });
    }

    /// Whether the caller hears the far side, and not us.
    pub(super) fn is_heard(&self) -> bool {
        self.hearing != Hearing::Nobody
    }

    /// The next frame for the caller.
    pub(super) fn next_frame(&mut self) -> Option<Cleared<Pcm>> {
        self.incoming.0.pop_front()
    }
}
