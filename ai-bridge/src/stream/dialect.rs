//! The dialects: which one a stream speaks is the dialplan's or the flow answer's choice, never the peer's.

use media_engine::audio::SampleRate;

use crate::limits::{MAX_JSON_TEXT, MAX_NATIVE_BINARY, MAX_NATIVE_TEXT};

/// What a stream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Strongline's own: JSON for control, raw PCM in binary messages. See `docs/native-protocol.md`.
    Native,
    /// FreJun Teler's: everything is JSON text, audio in base64.
    Teler,
}

impl Dialect {
    /// The name the dialplan uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Teler => "teler",
        }
    }

    /// The dialect of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Native, Self::Teler].into_iter().find(|dialect| dialect.name() == name)
    }

    /// The rate of what the application sends, given the rate of what it receives. Teler's replies are always 8 kHz:
    /// its `sample_rate` speaks of the uplink only.
    pub const fn downlink_rate(self, uplink: SampleRate) -> SampleRate {
        match self {
            Self::Native => uplink,
            Self::Teler => SampleRate::Hz8000,
        }
    }

    /// The subprotocol that is offered and must be selected. None is offered in a foreign dialect: some WebSocket
    /// libraries select the first one offered without the application's knowing.
    pub const fn subprotocol(self) -> Option<&'static str> {
        match self {
            Self::Native => Some(super::SUBPROTOCOL),
            Self::Teler => None,
        }
    }

    /// Longest message an application may send, in octets.
    pub const fn max_message(self) -> usize {
        match self {
            Self::Native => MAX_NATIVE_BINARY,
            Self::Teler => MAX_JSON_TEXT,
        }
    }

    /// Longest text an application may send, in octets.
    pub const fn max_text(self) -> usize {
        match self {
            Self::Native => MAX_NATIVE_TEXT,
            Self::Teler => MAX_JSON_TEXT,
        }
    }
}
