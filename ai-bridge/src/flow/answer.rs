//! The flow answer: one action.

use media_engine::audio::SampleRate;
use serde_json::{Map, Value};

use super::error::FlowError;
use super::read::{cut, flag, text, wrong};
use super::url::{HttpsUrl, UrlError, WssUrl};
use crate::limits::{CHUNK_STEP_MS, DEFAULT_CHUNK_MS, MAX_CHUNK_MS, MAX_FLOW_ANSWER, NATIVE_FRAME_MS};
use crate::stream::Dialect;

/// What the application wants done with the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowAnswer {
    /// Stream the call's audio to and from a WebSocket.
    Stream(StreamAction),
    /// Play a file to the caller.
    Play(PlayAction),
    /// End the call.
    Hangup,
}

/// `{"action": "stream", …}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAction {
    /// Where the stream goes, kept byte for byte.
    pub ws_url: WssUrl,
    /// The uplink rate, if the application named one.
    pub sample_rate: Option<SampleRate>,
    /// The length of an uplink piece in milliseconds, if the application named one.
    pub chunk_ms: Option<u32>,
    /// The protocol, if the application named one.
    pub protocol: Option<Protocol>,
    /// Whether the application asks for a recording.
    pub record: bool,
    /// Whom to ask when the stream has ended.
    pub flow_url: Option<HttpsUrl>,
}

/// `{"action": "play", …}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayAction {
    /// The file: `media_url`, `file_url` or `url`, for each of Teler's libraries writes it differently.
    pub media_url: HttpsUrl,
    /// Whom to ask when it has been played.
    pub flow_url: Option<HttpsUrl>,
}

/// A stream protocol that an answer can select.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// `native.v1`.
    NativeV1,
}

/// How a stream is to be run, after the answer and the dialplan have been put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPlan {
    /// The dialect to speak.
    pub dialect: Dialect,
    /// The uplink rate.
    pub rate: SampleRate,
    /// The length of an uplink piece in milliseconds.
    pub chunk_ms: u32,
}

impl StreamAction {
    /// Completes the answer with what the dialplan configures for the application. The answer's own words win.
    pub fn plan(&self, configured: Dialect, configured_rate: SampleRate) -> Result<StreamPlan, FlowError> {
        let dialect = match self.protocol {
            Some(Protocol::NativeV1) => Dialect::Native,
            None => configured,
        };
        StreamPlan::new(dialect, self.sample_rate.unwrap_or(configured_rate), self.chunk_ms)
    }
}

impl StreamPlan {
    /// A plan with the dialect's own piece length unless one is given; for routes that need no flow request, too.
    pub fn new(dialect: Dialect, rate: SampleRate, chunk_ms: Option<u32>) -> Result<Self, FlowError> {
        let default_chunk = match dialect {
            Dialect::Native => NATIVE_FRAME_MS,
            Dialect::Teler if !matches!(rate, SampleRate::Hz8000 | SampleRate::Hz16000) => {
                return Err(FlowError::RateNeedsNative);
            }
            Dialect::Teler => DEFAULT_CHUNK_MS,
        };
        let chunk_ms = checked_chunk(u64::from(chunk_ms.unwrap_or(default_chunk)))?;
        Ok(Self { dialect, rate, chunk_ms })
    }
}

/// Reads a flow answer. Unknown fields are ignored, so that answers written for richer servers work.
pub fn parse_answer(body: &[u8]) -> Result<FlowAnswer, FlowError> {
    if body.len() > MAX_FLOW_ANSWER {
        return Err(FlowError::TooLong { octets: body.len() });
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| FlowError::NotJson { line: error.line(), column: error.column() })?;
    let Value::Object(object) = value else { return Err(FlowError::NotAnObject) };
    let action = text(&object, "action")?
        .ok_or(FlowError::Missing { field: "action", hint: "one of \"stream\", \"play\" and \"hangup\"" })?;
    // Older documents write "Stream".
    match action.to_ascii_lowercase().as_str() {
        "stream" => Ok(FlowAnswer::Stream(stream(&object)?)),
        "play" => Ok(FlowAnswer::Play(play(&object)?)),
        "hangup" => Ok(FlowAnswer::Hangup),
        _ => Err(FlowError::UnknownAction { found: cut(action) }),
    }
}

fn stream(object: &Map<String, Value>) -> Result<StreamAction, FlowError> {
    let ws_url = text(object, "ws_url")?
        .ok_or(FlowError::Missing { field: "ws_url", hint: "the wss:// address of the application's WebSocket" })?;
    Ok(StreamAction {
        ws_url: url("ws_url", ws_url, WssUrl::parse)?,
        sample_rate: sample_rate(object)?,
        chunk_ms: chunk_size(object)?,
        protocol: protocol(object)?,
        record: flag(object, "record")?,
        flow_url: next(object)?,
    })
}

fn play(object: &Map<String, Value>) -> Result<PlayAction, FlowError> {
    for field in ["media_url", "file_url", "url"] {
        if let Some(given) = text(object, field)? {
            return Ok(PlayAction { media_url: url(field, given, HttpsUrl::parse)?, flow_url: next(object)? });
        }
    }
    Err(FlowError::Missing { field: "media_url", hint: "the https:// address of the file to play" })
}

fn next(object: &Map<String, Value>) -> Result<Option<HttpsUrl>, FlowError> {
    text(object, "flow_url")?.map(|given| url("flow_url", given, HttpsUrl::parse)).transpose()
}

fn url<T>(field: &'static str, given: &str, parse: impl Fn(&str) -> Result<T, UrlError>) -> Result<T, FlowError> {
    parse(given).map_err(|source| FlowError::Url { field, source })
}

fn sample_rate(object: &Map<String, Value>) -> Result<Option<SampleRate>, FlowError> {
    const EXPECTED: &str = "\"8k\", \"16k\" or (native only) \"24k\"";
    let Some(value) = object.get("sample_rate").filter(|value| !value.is_null()) else { return Ok(None) };
    let rate = match value {
        Value::String(given) => match given.to_ascii_lowercase().as_str() {
            "8k" | "8000" => SampleRate::Hz8000,
            "16k" | "16000" => SampleRate::Hz16000,
            "24k" | "24000" => SampleRate::Hz24000,
            _ => return Err(wrong("sample_rate", EXPECTED, value)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => match value.as_u64() {
            Some(8_000) => SampleRate::Hz8000,
            Some(16_000) => SampleRate::Hz16000,
            Some(24_000) => SampleRate::Hz24000,
            _ => return Err(wrong("sample_rate", EXPECTED, value)),
        },
    };
    Ok(Some(rate))
}

fn chunk_size(object: &Map<String, Value>) -> Result<Option<u32>, FlowError> {
    let Some(value) = object.get("chunk_size").filter(|value| !value.is_null()) else { return Ok(None) };
    let Some(ms) = value.as_u64() else {
        return Err(wrong("chunk_size", "a whole number of milliseconds", value));
    };
    checked_chunk(ms).map(Some)
}

fn checked_chunk(ms: u64) -> Result<u32, FlowError> {
    u32::try_from(ms)
        .ok()
        .filter(|ms| (CHUNK_STEP_MS..=MAX_CHUNK_MS).contains(ms) && ms.is_multiple_of(CHUNK_STEP_MS))
        .ok_or(FlowError::ChunkSize { found: ms })
}

fn protocol(object: &Map<String, Value>) -> Result<Option<Protocol>, FlowError> {
    match text(object, "protocol")? {
        None => Ok(None),
        Some("native.v1") => Ok(Some(Protocol::NativeV1)),
        Some(other) => Err(wrong("protocol", "\"native.v1\" or left out", &Value::String(other.to_owned()))),
    }
}
