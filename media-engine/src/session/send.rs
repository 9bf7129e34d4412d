use std::time::{Duration, Instant};

use super::{Event, EventFormat, Leg, Session, SessionConfig};
use crate::{
    audio::{FRAME, Pcm, Resampler},
    buf::PacketBuf,
    codec::{ClockRate, Codec, Encoder},
    dtmf::{Key, Report, Sender},
    rtcp::Transmission,
    rtp::{FIXED_HEADER_LEN, HeaderWriter, PayloadType, RtpTimestamp, Seq, Ssrc},
    srtp::ProtectError,
};

/// The stream we send.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) codec: Codec,
    pub(super) payload_type: PayloadType,
    pub(super) encoder: Encoder,
    /// Made with the first frame, and again when the rate of the frames changes.
    pub(super) resampler: Option<Resampler>,
    pub(super) events: Option<EventFormat>,
    pub(super) digits: Sender,
    pub(super) ssrc: Ssrc,
    seq: Seq,
    timestamp: RtpTimestamp,
    /// When the next frame should come; `None` before the first.
    expected: Option<Instant>,
    /// The next packet begins a talk spurt.
    spurt: bool,
    pub(super) transmission: Transmission,
    key_exhausted: bool,
}

impl Outbound {
    pub(super) fn new(config: &SessionConfig) -> Self {
        let events = config.telephone_event;
        Self {
            codec: config.codec,
            payload_type: config.payload_type,
            encoder: config.codec.encoder(),
            resampler: None,
            events,
            digits: Sender::new(events.map_or(ClockRate::HZ_8000, |format| format.clock_rate)),
            ssrc: config.ssrc,
            seq: config.seq,
            timestamp: config.timestamp,
            expected: None,
            spurt: true,
            transmission: Transmission::new(config.codec.clock_rate().hz()),
            key_exhausted: false,
        }
    }

    /// There are new keys.
    pub(super) fn on_new_keys(&mut self) {
        self.key_exhausted = false;
    }

    pub(super) fn set_codec(&mut self, codec: Codec, payload_type: PayloadType) {
        if codec != self.codec {
            self.codec = codec;
            self.encoder = codec.encoder();
        }
        self.payload_type = payload_type;
    }

    /// The audio at the codec's rate.
    fn resample(&mut self, frame: &Pcm) -> Pcm {
        let (from, to) = (frame.rate(), self.codec.sample_rate());
        if from == to {
            self.resampler = None;
            return frame.clone();
        }
        match &mut self.resampler {
            Some(resampler) if resampler.from() == from && resampler.to() == to => resampler.process_frame(frame),
            resampler => resampler.insert(Resampler::new(from, to)).process_frame(frame),
        }
    }

    /// The timestamp follows the time: frames that did not come are passed over, and what follows begins a talk spurt
    /// (RFC 3551 4.1). A frame that is only a little late is none that did not come.
    fn keep_time(&mut self, now: Instant) {
        let expected = *self.expected.get_or_insert(now);
        let late = now.saturating_duration_since(expected);
        if late < FRAME + FRAME / 2 {
            return;
        }
        let missed = u32::try_from(late.as_nanos() / FRAME.as_nanos()).unwrap_or(u32::MAX).min(MAX_MISSED);
        let ticks = self.codec.ticks(self.codec.sample_rate().frame_len());
        self.timestamp = self.timestamp.advance(ticks.saturating_mul(missed));
        self.expected = expected.checked_add(FRAME * missed);
        self.spurt = true;
    }

    /// Writes the plain packet; gives its length, and that of its payload.
    fn write(&mut self, audio: &Pcm, report: Option<&Report>, room: &mut [u8]) -> Option<(usize, usize)> {
        let header = HeaderWriter {
            marker: report.map_or(self.spurt, |report| report.marker),
            payload_type: match (report, self.events) {
                (Some(_), Some(events)) => events.payload_type,
                (Some(_) | None, _) => self.payload_type,
            },
            seq: self.seq,
            timestamp: report.map_or(self.timestamp, |report| report.timestamp),
            ssrc: self.ssrc,
        };
        let payload = header.write(room)?;
        let len = match report {
            Some(report) => {
                let octets = report.event.encode();
                payload.get_mut(..octets.len())?.copy_from_slice(&octets);
                octets.len()
            }
            None => self.encoder.encode(audio.samples(), payload).ok()?,
        };
        Some((FIXED_HEADER_LEN + len, len))
    }
}

impl Session {
    /// Writes the packet for 20 ms of audio towards the peer into `out`, and gives its length. To be called every 20 ms,
    /// with silence when there is nothing to say. `None` when nothing may be sent.
    ///
    /// While a digit is being sent, its events go in place of the audio.
    pub fn send_audio(&mut self, frame: &Pcm, now: Instant, out: &mut PacketBuf) -> Option<usize> {
        if !self.direction.sends() || frame.is_empty() {
            return None;
        }
        let outbound = &mut self.outbound;
        outbound.keep_time(now);
        let audio = outbound.resample(frame);
        if audio.is_empty() {
            return None;
        }
        let ticks = outbound.codec.ticks(audio.len());
        let timestamp = outbound.timestamp;
        let report = if outbound.events.is_some() { outbound.digits.tick(timestamp, ticks) } else { None };
        let (len, payload_len) = outbound.write(&audio, report.as_ref(), out.room_mut())?;
        let protected = match &mut self.leg {
            Leg::Secure { tx, .. } => tx.protect_rtp(out.room_mut(), len),
            Leg::Plain(_) => Ok(len),
        };

        let outbound = &mut self.outbound;
        outbound.timestamp = timestamp.advance(ticks);
        outbound.expected = outbound.expected.and_then(|expected| expected.checked_add(audio.duration()));
        match protected {
            Ok(len) => {
                outbound.seq = outbound.seq.next();
                // After an event a talk spurt begins anew.
                outbound.spurt = report.is_some();
                outbound.transmission.on_sent(payload_len, timestamp, now);
                self.stats.sent = self.stats.sent.saturating_add(1);
                self.stats.sent_octets = self.stats.sent_octets.saturating_add(payload_len as u64);
                out.set_len(len);
                Some(len)
            }
            Err(error) => {
                self.on_protect_error(error);
                None
            }
        }
    }

    /// Queues a digit to be sent as RFC 4733 events by the next calls of [`Session::send_audio`]. `false` when events were
    /// not agreed on, or too many digits wait.
    #[must_use]
    pub fn send_digit(&mut self, digit: Key, duration: Duration) -> bool {
        self.outbound.events.is_some() && self.outbound.digits.queue(digit, duration)
    }

    /// Whether digits are being sent or wait.
    pub fn is_sending_digits(&self) -> bool {
        self.outbound.digits.is_busy()
    }

    pub(super) fn on_protect_error(&mut self, error: ProtectError) {
        let exhausted = error == ProtectError::KeyExhausted;
        if exhausted && !std::mem::replace(&mut self.outbound.key_exhausted, true) {
            self.tell(Event::KeyExhausted);
        }
    }
}

/// So that no clock can make the product overflow: a day of frames.
const MAX_MISSED: u32 = 50 * 60 * 60 * 24;
