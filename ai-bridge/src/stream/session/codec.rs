//! One small switch between the dialects' encoders and parsers.

use bytes::{Bytes, BytesMut};

use super::super::dialect::Dialect;
use super::super::event::WsMessage;
use super::super::native::{self, ToApp};
use super::super::start::StreamStart;
use super::super::teler;

#[derive(Debug)]
pub(super) enum Codec {
    Native,
    Teler { encoder: teler::Encoder, scratch: teler::Scratch },
}

impl Codec {
    pub(super) fn new(dialect: Dialect, facts: &StreamStart) -> Self {
        match dialect {
            Dialect::Native => Self::Native,
            Dialect::Teler => Self::Teler { encoder: teler::Encoder::new(facts), scratch: teler::Scratch::default() },
        }
    }

    pub(super) const fn dialect(&self) -> Dialect {
        match self {
            Self::Native => Dialect::Native,
            Self::Teler { .. } => Dialect::Teler,
        }
    }

    /// The first message.
    pub(super) fn start(&mut self, facts: &StreamStart, says_8000: bool) -> WsMessage {
        match self {
            Self::Native => WsMessage::Text(json(&native::start(facts))),
            Self::Teler { encoder, .. } => {
                let rate = if says_8000 { 8_000 } else { facts.rate.hz() };
                WsMessage::Text(encoder.start(facts, rate))
            }
        }
    }

    /// A piece of the caller's audio.
    pub(super) fn audio(&mut self, piece: BytesMut) -> WsMessage {
        match self {
            Self::Native => WsMessage::Binary(piece.freeze()),
            Self::Teler { encoder, .. } => WsMessage::Text(encoder.audio(&piece)),
        }
    }

    /// A control message, if the dialect has it.
    pub(super) fn control(&self, message: &ToApp<'_>) -> Option<WsMessage> {
        match self {
            Self::Native => Some(WsMessage::Text(json(message))),
            Self::Teler { .. } => None,
        }
    }
}

fn json(message: &ToApp<'_>) -> Bytes {
    // Strings, numbers and unit variants always serialize.
    serde_json::to_vec(message).unwrap_or_default().into()
}
