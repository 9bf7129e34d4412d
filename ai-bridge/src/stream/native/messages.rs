//! The messages, as they are written and described.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::event::StopReason;
use super::super::playout::MarkState;
use super::super::start::StreamStart;
use super::SUBPROTOCOL;
use crate::flow::{Attestation, Direction};

/// Control messages of the server.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(rename = "ServerToApp")]
#[non_exhaustive]
pub enum ToApp<'a> {
    /// The first message of a stream: what call it is, and how its audio is coded.
    Start {
        /// Version of the protocol: 1.
        version: u32,
        /// The call, by the id it has in the flow request too.
        call_id: &'a str,
        /// The stream.
        stream_id: &'a str,
        /// Which way the call came.
        direction: Direction,
        /// The calling number.
        from: &'a str,
        /// The called number.
        to: &'a str,
        /// How far somebody answers for the calling number; absent where that is not looked at.
        #[serde(skip_serializing_if = "Option::is_none")]
        attestation: Option<Attestation>,
        /// Whatever the route gives the application along.
        custom: &'a BTreeMap<String, String>,
        /// How the audio of both directions is coded.
        media: Media,
        /// The optional parts of the protocol that this server has.
        capabilities: &'a [&'a str],
    },
    /// The caller pressed a key.
    Dtmf {
        /// The stream.
        stream_id: &'a str,
        /// One of `0-9 * # A-D`.
        digit: char,
        /// How long it was pressed, in milliseconds.
        duration_ms: u64,
    },
    /// What became of a mark.
    Mark {
        /// The stream.
        stream_id: &'a str,
        /// The application's name for it.
        name: &'a str,
        /// `played`: all audio before it was sent to the caller. `cleared`: a clear threw it away.
        state: MarkState,
    },
    /// The answer to `clear`: the queue is empty.
    Cleared {
        /// The stream.
        stream_id: &'a str,
        /// Audio of the application sent to the caller since the last `cleared`, or since the start, in milliseconds.
        played_ms: u64,
        /// The last mark that was played since then, if any.
        #[serde(skip_serializing_if = "Option::is_none")]
        last_mark: Option<&'a str>,
        /// Audio of the application sent to the caller since that mark, in milliseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        since_mark_ms: Option<u64>,
    },
    /// The play queue is long: stop sending audio, or go on.
    Flow {
        /// The stream.
        stream_id: &'a str,
        /// Whether to pause or to resume.
        state: FlowState,
        /// Audio that waits to be played, in milliseconds.
        queued_ms: u64,
    },
    /// Caller audio of this length was dropped here, because the application did not read in time.
    Gap {
        /// The stream.
        stream_id: &'a str,
        /// Its length in milliseconds.
        ms: u64,
    },
    /// Something the application sent was refused. The stream goes on unless a close follows.
    Error {
        /// The stream.
        stream_id: &'a str,
        /// What kind of mistake it was.
        code: &'a str,
        /// What to mend.
        message: &'a str,
    },
    /// The last message: the stream is over, and the socket closes with 1000.
    Stop {
        /// The stream.
        stream_id: &'a str,
        /// Why.
        reason: StopReason,
    },
}

/// How audio is coded.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Media {
    /// `pcm_s16le`: linear, signed, 16 bits, little-endian.
    pub encoding: &'static str,
    /// Samples a second: 8000, 16000 or 24000.
    pub rate: u32,
    /// Channels: 1.
    pub channels: u32,
    /// Length of each binary message of the server, in milliseconds; the last one may be shorter.
    pub frame_ms: u32,
}

/// Whether to pause or to resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlowState {
    /// Send no more audio until `resume`.
    Pause,
    /// Go on.
    Resume,
}

/// Control messages of the application. Others are ignored, and so are fields that are not named here.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(rename = "AppToServer")]
#[non_exhaustive]
pub enum FromApp {
    /// Tell me when all audio sent so far has been played.
    Mark {
        /// The stream; needed only where one connection carries several.
        stream_id: Option<String>,
        /// The application's name for it: 1 to 256 octets.
        #[schemars(length(min = 1, max = 256))]
        name: String,
    },
    /// Barge-in: throw away all audio that has not been played.
    Clear {
        /// The stream; needed only where one connection carries several.
        stream_id: Option<String>,
    },
    /// Send key presses to the caller's side.
    Dtmf {
        /// The stream; needed only where one connection carries several.
        stream_id: Option<String>,
        /// 1 to 64 of `0-9 * # A-D`.
        #[schemars(length(min = 1, max = 64), regex(pattern = "^[0-9*#A-Da-d]+$"))]
        digits: String,
    },
    /// End the call.
    Hangup {
        /// The stream; needed only where one connection carries several.
        stream_id: Option<String>,
        /// Why, for the call's record: at most 128 characters are kept.
        reason: Option<String>,
    },
}

/// The optional parts of the protocol that this server has.
const CAPABILITIES: &[&str] = &["mark", "clear", "dtmf", "hangup", "flow", "gap"];

/// The first message.
pub(crate) fn start(facts: &StreamStart) -> ToApp<'_> {
    ToApp::Start {
        version: 1,
        call_id: &facts.call_id,
        stream_id: &facts.stream_id,
        direction: facts.direction,
        from: &facts.from,
        to: &facts.to,
        attestation: facts.attestation,
        custom: &facts.custom,
        media: Media { encoding: "pcm_s16le", rate: facts.rate.hz(), channels: 1, frame_ms: facts.chunk_ms },
        capabilities: CAPABILITIES,
    }
}

/// The JSON Schema of the control messages, as `docs/native-protocol.schema.json` holds it.
pub fn schema() -> Value {
    let mut generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let server = generator.subschema_for::<ToApp<'static>>();
    let app = generator.subschema_for::<FromApp>();
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SUBPROTOCOL,
        "description": "Text messages of Strongline's native stream protocol. Binary messages are raw pcm_s16le.",
        "anyOf": [server, app],
        "$defs": generator.take_definitions(true),
    })
}
