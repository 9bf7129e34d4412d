//! Downlink messages, as leniently as the clients need: fields at the top level or under `data`, ids that are numbers or
//! strings, anything else beside them.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::playout::ChunkId;
use super::super::stats::Refusal;
use super::base64::decode_pieces;

/// A message that is right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    Audio { pcm: &'a [u8], chunk: Option<ChunkId> },
    Interrupt(Option<ChunkId>),
    Clear,
}

/// Room for decoded audio, used again for each message.
#[derive(Debug, Default)]
pub(crate) struct Scratch(Vec<u8>);

impl Scratch {
    /// Reads one text message.
    pub(crate) fn parse(&mut self, text: &[u8]) -> Result<Parsed<'_>, Refusal> {
        // serde would take a list for an object's fields in their order.
        if text.trim_ascii_start().first() == Some(&b'[') {
            return Err(Refusal::NoType);
        }
        let message: Message<'_> = serde_json::from_slice(text)
            .map_err(|error| if error.is_data() { Refusal::BadField } else { Refusal::NotJson })?;
        let Loose::Text(kind) = &message.kind else { return Err(Refusal::NoType) };
        match kind.as_ref() {
            "audio" => {
                let audio = message.audio_b64.or(message.data.audio_b64);
                let Loose::Text(audio) = audio else { return Err(Refusal::BadField) };
                self.0.clear();
                self.0.shrink_to(KEPT_ROOM);
                decode_pieces(&audio, &mut self.0).map_err(|_| Refusal::BadAudio)?;
                let chunk = message.chunk_id.or(message.data.chunk_id).chunk();
                Ok(Parsed::Audio { pcm: &self.0, chunk })
            }
            // Without a name it can only mean all of it: an interruption that does nothing would be worse.
            "interrupt" => Ok(Parsed::Interrupt(message.chunk_id.or(message.data.chunk_id).chunk())),
            "clear" => Ok(Parsed::Clear),
            _ => Err(Refusal::UnknownType),
        }
    }
}

/// Room that is kept from message to message.
const KEPT_ROOM: usize = 32 * 1024;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(rename = "type", borrow)]
    kind: Loose<'a>,
    #[serde(borrow)]
    audio_b64: Loose<'a>,
    #[serde(borrow)]
    chunk_id: Loose<'a>,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Default)]
struct Data<'a> {
    audio_b64: Loose<'a>,
    chunk_id: Loose<'a>,
}

/// A string, a number, or something that does not matter.
#[derive(Default)]
enum Loose<'a> {
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Number(i128),
}

impl Loose<'_> {
    fn or(self, other: Self) -> Self {
        match self {
            Self::Absent => other,
            Self::Text(_) | Self::Number(_) => self,
        }
    }

    fn chunk(&self) -> Option<ChunkId> {
        match self {
            Self::Absent => None,
            Self::Text(text) => ChunkId::new(text),
            Self::Number(number) => ChunkId::new(&number.to_string()),
        }
    }
}

struct LooseVisitor;

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Loose::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Loose::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Loose::Text(Cow::Owned(text)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Loose::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Loose::Number(number.into()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Loose::Absent)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Loose::Absent)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Loose::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::Absent)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Absent)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    audio_b64: Loose<'a>,
    #[serde(borrow)]
    chunk_id: Loose<'a>,
}

/// Reads an object's two fields; anything else than an object counts as one without them.
struct DataVisitor;

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let Fields { audio_b64, chunk_id } = Fields::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Data { audio_b64, chunk_id })
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Data::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Data::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Data::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Data::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Data::default())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Data::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Data::default())
    }
}
