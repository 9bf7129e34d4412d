//! What the payload of an audio packet means.
//!
//! [`Codec`] names a codec and knows its numbers; [`Encoder`] and [`Decoder`] do the work and keep what state it needs.
//! A new codec is one more variant in each of the three. [`Plc`] fills in for what did not arrive.

mod g711;
mod plc;

use std::fmt;

use g711::Law;
pub use plc::Plc;

use crate::{audio::SampleRate, limits::MAX_PACKET_SAMPLES, rtp::PayloadType};

/// How many ticks a second the RTP timestamp of a payload type makes. Not the sample rate: G.722 samples at 16 kHz and
/// counts at 8 (RFC 3551 4.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClockRate(u32);

impl ClockRate {
    /// Most of telephony.
    pub const HZ_8000: Self = Self(8_000);

    /// A clock of so many ticks a second; `None` outside 1,000 to 192,000, where no clock of RTP audio lies.
    pub const fn new(hz: u32) -> Option<Self> {
        if hz >= 1_000 && hz <= 192_000 { Some(Self(hz)) } else { None }
    }

    /// Ticks a second.
    pub const fn hz(self) -> u32 {
        self.0
    }
}

/// An audio codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

impl Codec {
    /// The codec of an encoding name (RFC 3551 6), whose case does not matter.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pcmu, Self::Pcma].into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// The encoding name, as in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// The static payload type, when it has one (RFC 3551 6).
    pub const fn static_payload_type(self) -> Option<PayloadType> {
        match self {
            Self::Pcmu => Some(PayloadType::PCMU),
            Self::Pcma => Some(PayloadType::PCMA),
        }
    }

    /// How many samples a second it carries.
    pub const fn sample_rate(self) -> SampleRate {
        match self {
            Self::Pcmu | Self::Pcma => SampleRate::Hz8000,
        }
    }

    /// How fast its timestamps run.
    pub const fn clock_rate(self) -> ClockRate {
        match self {
            Self::Pcmu | Self::Pcma => ClockRate::HZ_8000,
        }
    }

    /// Ticks of the RTP clock that so many samples last.
    pub const fn ticks(self, samples: usize) -> u32 {
        let samples = if samples > MAX_PACKET_SAMPLES { MAX_PACKET_SAMPLES } else { samples };
        #[expect(clippy::cast_possible_truncation, reason = "MAX_PACKET_SAMPLES fits")]
        let samples = samples as u32;
        samples * self.clock_rate().hz() / self.sample_rate().hz()
    }

    /// Samples that so many ticks of the RTP clock last.
    pub fn samples(self, ticks: u32) -> usize {
        let samples = u64::from(ticks) * u64::from(self.sample_rate().hz()) / u64::from(self.clock_rate().hz());
        usize::try_from(samples).unwrap_or(usize::MAX)
    }

    /// How many samples a payload holds, told without decoding it.
    pub fn samples_in(self, payload: &[u8]) -> Result<usize, CodecError> {
        match self {
            Self::Pcmu | Self::Pcma => match payload.len() {
                0 => Err(CodecError::Empty),
                samples if samples > MAX_PACKET_SAMPLES => Err(CodecError::TooLong),
                samples => Ok(samples),
            },
        }
    }

    /// A new encoder.
    pub const fn encoder(self) -> Encoder {
        match self {
            Self::Pcmu => Encoder(Encoding::G711(Law::Mu)),
            Self::Pcma => Encoder(Encoding::G711(Law::A)),
        }
    }

    /// A new decoder.
    pub const fn decoder(self) -> Decoder {
        match self {
            Self::Pcmu => Decoder(Decoding::G711(Law::Mu)),
            Self::Pcma => Decoder(Decoding::G711(Law::A)),
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// From samples to payload.
#[derive(Clone, Debug)]
pub struct Encoder(Encoding);

/// What each codec keeps between two packets.
#[derive(Clone, Debug)]
enum Encoding {
    G711(Law),
}

impl Encoder {
    /// Encodes `samples` to the front of `payload`. Gives the length of what was written.
    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        match &self.0 {
            Encoding::G711(law) => {
                let room = payload.get_mut(..samples.len()).ok_or(CodecError::NoRoom)?;
                law.encode(samples, room);
                Ok(samples.len())
            }
        }
    }
}

/// From payload to samples.
#[derive(Clone, Debug)]
pub struct Decoder(Decoding);

/// What each codec keeps between two packets.
#[derive(Clone, Debug)]
enum Decoding {
    G711(Law),
}

impl Decoder {
    /// Decodes `payload` to the front of `samples`. Gives how many samples were written.
    pub fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> Result<usize, CodecError> {
        match &self.0 {
            Decoding::G711(law) => {
                if payload.is_empty() {
                    return Err(CodecError::Empty);
                }
                let room = samples.get_mut(..payload.len()).ok_or(CodecError::NoRoom)?;
                law.decode(payload, room);
                Ok(payload.len())
            }
        }
    }
}

/// Why there is no audio in a payload, or no payload of some audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CodecError {
    /// A payload of no octets.
    #[error("empty payload")]
    Empty,
    /// More audio than one packet may hold.
    #[error("longer than a packet may be")]
    TooLong,
    /// The result does not fit into what was given for it.
    #[error("no room for the result")]
    NoRoom,
}
