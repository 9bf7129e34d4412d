use std::time::{Duration, Instant};

use crate::{
    audio::{Effort, FRAME, Pcm, SampleRate, Stretcher},
    codec::{Codec, Decoder, Plc},
    jitter::{Advice, Due, JitterBuffer, JitterConfig, Slot},
    limits::MAX_PACKET_SAMPLES,
    pci::Raw,
};

/// From packets to frames: jitter buffer, decoder, concealment, and what keeps the delay where it should be.
///
/// The peer's packets may be of any length; what one frame does not need waits decoded for the next.
#[derive(Debug)]
pub(super) struct Playout {
    codec: Codec,
    rate: SampleRate,
    pub(super) jitter: JitterBuffer,
    decoder: Decoder,
    plc: Plc,
    stretcher: Stretcher,
    /// Decoded audio, oldest first.
    audio: Vec<i16>,
    advice: Advice,
    /// How often in a row there was no good place to follow the advice.
    refusals: u32,
    /// Samples left out.
    accelerated: u64,
    /// Samples repeated.
    expanded: u64,
}

/// One frame, and what it is made of.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) raw: Raw,
    /// Part of it was made up.
    pub(super) concealed: bool,
    /// None of it came from the peer.
    pub(super) silent: bool,
}

impl Playout {
    pub(super) fn new(codec: Codec, jitter: JitterConfig) -> Self {
        let rate = codec.sample_rate();
        Self {
            codec,
            rate,
            jitter: JitterBuffer::new(jitter, codec.clock_rate()),
            decoder: codec.decoder(),
            plc: Plc::new(rate),
            stretcher: Stretcher::new(rate),
            audio: Vec::with_capacity(2 * MAX_PACKET_SAMPLES + Pcm::CAPACITY),
            advice: Advice::Keep,
            refusals: 0,
            accelerated: 0,
            expanded: 0,
        }
    }

    /// The frame for `due`.
    pub(super) fn frame(&mut self, due: Instant) -> Frame {
        let want = self.rate.frame_len();
        let mut frame = Frame { raw: Raw::new(Pcm::new(self.rate)), concealed: false, silent: self.audio.is_empty() };
        self.fill(due, want, &mut frame);
        self.stretch(due, want);

        let end = want.min(self.audio.len());
        let pcm = Pcm::from_slice(self.rate, &self.audio[..end]).unwrap_or_else(|| Pcm::silent_frame(self.rate));
        self.audio.drain(..end);
        self.advice = self.jitter.on_frame(self.codec.ticks(self.audio.len()));
        frame.raw = Raw::new(pcm);
        frame
    }

    /// The stream ends, or another one begins. What has been heard of the old one fades out.
    pub(super) fn restart(&mut self) {
        self.jitter.restart();
        self.decoder = self.codec.decoder();
        self.advice = Advice::Keep;
        self.plc.on_jump();
    }

    /// Audio that was left out, and audio that was repeated.
    pub(super) fn stretched(&self) -> (Duration, Duration) {
        let time = |samples: u64| self.rate.duration(usize::try_from(samples).unwrap_or(usize::MAX));
        (time(self.accelerated), time(self.expanded))
    }

    fn fill(&mut self, due: Instant, want: usize, frame: &mut Frame) {
        while self.audio.len() < want {
            let missing = want - self.audio.len();
            match self.jitter.pop(due, self.codec.ticks(missing)) {
                Slot::Packet(packet) => {
                    frame.silent = false;
                    frame.concealed |= !self.decode(&packet);
                }
                Slot::Missing { ticks, .. } => {
                    let samples = self.codec.samples(ticks).clamp(1, missing);
                    let start = self.audio.len();
                    self.audio.resize(start + samples, 0);
                    self.plc.conceal(&mut self.audio[start..]);
                    frame.concealed |= self.plc.is_audible();
                }
            }
        }
    }

    /// Decodes a packet; `false` if it could not be, and its time was concealed instead.
    fn decode(&mut self, packet: &Due) -> bool {
        if packet.jump {
            self.plc.on_jump();
        }
        let start = self.audio.len();
        let samples = self.codec.samples(packet.ticks);
        self.audio.resize(start + samples, 0);
        let Ok(decoded) = self.decoder.decode(packet.payload(), &mut self.audio[start..]) else {
            self.plc.conceal(&mut self.audio[start..]);
            return false;
        };
        self.audio.truncate(start + decoded);
        self.plc.on_audio(&mut self.audio[start..]);
        true
    }

    /// Follows the advice given after the last frame, as far as the audio at hand allows. Packets that wait are taken for it in
    /// advance, as of the frame that would have taken them.
    fn stretch(&mut self, due: Instant, want: usize) {
        let (most, effort) = match self.advice {
            Advice::Keep => return,
            Advice::Shorten(ticks) => (self.codec.samples(ticks), self.effort()),
            Advice::CatchUp(ticks) => (self.codec.samples(ticks), Effort::Hard),
            Advice::Lengthen(ticks) => {
                let most = self.codec.samples(ticks);
                let effort = self.effort();
                let repeated = self.stretcher.lengthen(&mut self.audio, most, effort);
                self.expanded += repeated as u64;
                self.on_stretched(repeated);
                return;
            }
        };
        while self.audio.len() < want + self.stretcher.most() {
            let ahead = u32::try_from(self.audio.len() / want).unwrap_or(0);
            let Some(at) = due.checked_add(FRAME * ahead) else {
                break;
            };
            if !self.jitter.is_ready(at) {
                break;
            }
            let Slot::Packet(packet) = self.jitter.pop(at, 0) else {
                break;
            };
            self.decode(&packet);
        }
        let most = most.min(self.audio.len().saturating_sub(want));
        let left_out = self.stretcher.shorten(&mut self.audio, most, effort);
        self.accelerated += left_out as u64;
        self.on_stretched(left_out);
    }

    fn effort(&self) -> Effort {
        if self.refusals < PATIENCE { Effort::Gentle } else { Effort::Firm }
    }

    fn on_stretched(&mut self, samples: usize) {
        // In noise one success is no reason to expect the next at once.
        self.refusals = if samples > 0 { self.refusals / 2 } else { self.refusals.saturating_add(1) };
        self.jitter.on_stretched();
    }
}

/// After so many refusals, which are two seconds or more, a place that is not as good will do: noise has no other.
const PATIENCE: u32 = 16;
