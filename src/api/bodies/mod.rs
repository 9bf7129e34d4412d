//! The bodies of requests, in Teler's words and in our own: text in, an order or all its mistakes out.

use std::collections::BTreeMap;
use std::time::Duration;

use ai_bridge::flow::{self, FlowAnswer};
use dialplan::{HttpsUrl, Number};
use serde_json::{Map, Value};

use super::fields::{Fields, Mistake, e164};
use super::limits::{MAX_REASON, MAX_SIP_URI};
use crate::control::{Order, SecretDigits, TransferMode, TransferTarget};

/// How long a key is pressed when nothing is said (Teler's default).
const TONE: Duration = Duration::from_millis(100);
/// How long the target of a transfer rings when nothing is said (Teler's default).
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(30);

/// A call to be placed, as a client asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewCallBody {
    pub(super) from: Number,
    pub(super) to: Number,
    pub(super) flow_url: Option<HttpsUrl>,
    /// What is done at the answer instead of asking.
    pub(super) stream: Option<FlowAnswer>,
    pub(super) status_callback_url: Option<HttpsUrl>,
    pub(super) ring_timeout: Option<Duration>,
    pub(super) custom: BTreeMap<String, String>,
    pub(super) app: Option<String>,
    pub(super) trunk: Option<String>,
}

/// What a transfer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Transfer {
    /// One that can be carried out.
    Cold(Order),
    /// Teler's `mode: "warm"`, which has an answer of its own.
    Warm,
}

type Read<T> = Result<T, Vec<Mistake>>;

/// Teler's `POST /voice/calls/initiate`. Unknown fields are ignored, as Teler does.
pub(super) fn teler_initiate(body: &[u8]) -> Read<NewCallBody> {
    let mut fields = Fields::parse(body)?;
    let from = required(&mut fields, "from_number", Fields::number);
    let to = required(&mut fields, "to_number", Fields::number);
    let flow_url = required(&mut fields, "flow_url", Fields::url);
    let status_callback_url = fields.url("status_callback_url");
    // Asked for by default in every client; whether a call is recorded is for the dialplan, and the answer tells.
    fields.flag("record");
    let call = from.zip(to).map(|(from, to)| NewCallBody {
        from,
        to,
        flow_url,
        stream: None,
        status_callback_url,
        ring_timeout: None,
        custom: BTreeMap::new(),
        app: None,
        trunk: None,
    });
    fields.finish(call)
}

/// Our own `POST /v1/calls`. Unknown fields are mistakes.
pub(super) fn new_call(body: &[u8]) -> Read<NewCallBody> {
    let mut fields = Fields::parse(body)?;
    let from = required(&mut fields, "from", Fields::number);
    let to = required(&mut fields, "to", Fields::number);
    let flow_url = fields.url("flow_url");
    let stream = fields.take("stream").and_then(|stream| stream_action(&mut fields, stream));
    if flow_url.is_some() && stream.is_some() {
        fields.wrong("stream", "Either `flow_url` or `stream`: a call begins in one way", "value_error");
    }
    let status_callback_url = fields.url("status_callback_url");
    let ring_timeout = fields.timeout("timeout");
    let custom = fields.custom("custom");
    let (app, trunk) = (fields.text("app"), fields.text("trunk"));
    fields.deny_unknown();
    let call = from.zip(to).map(|(from, to)| NewCallBody {
        from,
        to,
        flow_url,
        stream,
        status_callback_url,
        ring_timeout,
        custom,
        app,
        trunk,
    });
    fields.finish(call)
}

/// A stream is described as in a flow answer, and read by the same reader.
fn stream_action(fields: &mut Fields, stream: Value) -> Option<FlowAnswer> {
    let answer = match stream {
        Value::Object(stream) => {
            let action = ("action".to_owned(), Value::from("stream"));
            let action: Map<_, _> = stream.into_iter().chain([action]).collect();
            flow::parse_answer(Value::Object(action).to_string().as_bytes()).ok()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    };
    if answer.is_none() {
        let wants = "Must be a stream as in a flow answer: `ws_url` (wss://), and if you like `sample_rate`, `chunk_size`, `protocol`";
        fields.wrong("stream", wants, "value_error");
    }
    answer
}

/// Teler's `POST …/hangup`.
pub(super) fn teler_hangup(body: &[u8]) -> Read<Order> {
    let mut fields = Fields::parse(body)?;
    fields.unavailable("leg_id");
    let reason = reason(&mut fields);
    fields.finish(Some(Order::Hangup { reason }))
}

/// Our own `POST …/hangup`.
pub(super) fn hangup(body: &[u8]) -> Read<Order> {
    let mut fields = Fields::parse(body)?;
    let reason = reason(&mut fields);
    fields.deny_unknown();
    fields.finish(Some(Order::Hangup { reason }))
}

/// Teler's `POST …/dtmf`.
pub(super) fn teler_dtmf(body: &[u8]) -> Read<Order> {
    let mut fields = Fields::parse(body)?;
    fields.unavailable("leg_id");
    let order = send_digits(&mut fields);
    fields.finish(order)
}

/// Our own `POST …/dtmf`.
pub(super) fn dtmf(body: &[u8]) -> Read<Order> {
    let mut fields = Fields::parse(body)?;
    let order = send_digits(&mut fields);
    fields.deny_unknown();
    fields.finish(order)
}

/// Teler's `POST …/transfer`.
pub(super) fn teler_transfer(body: &[u8]) -> Read<Transfer> {
    let mut fields = Fields::parse(body)?;
    let target = required(&mut fields, "target", |fields, name| fields.nested(name, teler_target));
    let mode = required(&mut fields, "mode", mode);
    let timeout = fields.timeout("timeout").unwrap_or(TRANSFER_TIMEOUT);
    for name in ["record", "ringback", "dial_music", "confirm_sound", "on_failure"] {
        fields.unavailable(name);
    }
    let transfer = mode.and_then(|mode| transfer(mode, target, timeout));
    fields.finish(transfer)
}

/// Our own `POST …/transfer`.
pub(super) fn transfer_order(body: &[u8]) -> Read<Transfer> {
    let mut fields = Fields::parse(body)?;
    let target = required(&mut fields, "to", |fields, name| {
        fields.read(name, "Must be a number like +14155550100, or a sip: or sips: URI", |text| {
            e164(text).map(TransferTarget::Number).or_else(|| sip_uri(text))
        })
    });
    let mode = if fields.has("mode") { mode(&mut fields, "mode") } else { Some(Mode::Cold) };
    let timeout = fields.timeout("timeout").unwrap_or(TRANSFER_TIMEOUT);
    fields.deny_unknown();
    let transfer = mode.and_then(|mode| transfer(mode, target, timeout));
    fields.finish(transfer)
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    Cold,
    Warm,
}

fn mode(fields: &mut Fields, name: &'static str) -> Option<Mode> {
    fields.read(name, "Must be \"cold\"", |text| match text {
        "cold" => Some(Mode::Cold),
        "warm" => Some(Mode::Warm),
        _ => None,
    })
}

fn transfer(mode: Mode, target: Option<TransferTarget>, timeout: Duration) -> Option<Transfer> {
    match mode {
        Mode::Warm => Some(Transfer::Warm),
        Mode::Cold => {
            target.map(|target| Transfer::Cold(Order::Transfer { target, mode: TransferMode::Cold, timeout }))
        }
    }
}

fn teler_target(target: &mut Fields) -> Option<TransferTarget> {
    let kind = required(target, "kind", Fields::text)?;
    target.unavailable("custom_headers");
    match kind.as_str() {
        "pstn" => required(target, "number", Fields::number).map(TransferTarget::Number),
        "sip" => required(target, "uri", |target, name| {
            target.read(name, "Must be a sip: or sips: URI of at most 512 characters", sip_uri)
        }),
        "leg" => {
            target.wrong("kind", "A leg as target is not available in this version", "not_available");
            None
        }
        _ => {
            target.wrong("kind", "Must be \"pstn\" or \"sip\"", "enum");
            None
        }
    }
}

/// Whether it is a usable URI is for SIP to say; here only that it is one line of text without room for another header.
fn sip_uri(text: &str) -> Option<TransferTarget> {
    let scheme = text.split_once(':')?.0;
    let sip = scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips");
    // `?` begins headers of the request (RFC 3261, section 19.1.1): nobody but us writes those.
    let plain = text.bytes().all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'<' | b'>' | b'"' | b'?'));
    (sip && plain && text.len() <= MAX_SIP_URI && text.len() > scheme.len() + 1)
        .then(|| TransferTarget::Uri(text.to_owned()))
}

fn reason(fields: &mut Fields) -> Option<String> {
    fields.read("reason", "Must be 1 to 64 of A-Z, 0-9 and _", |text| {
        let plain = text.bytes().all(|octet| matches!(octet, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
        (plain && (1..=MAX_REASON).contains(&text.len())).then(|| text.to_owned())
    })
}

fn send_digits(fields: &mut Fields) -> Option<Order> {
    let digits = required(fields, "digits", |fields, name| {
        fields.read(name, "Must be 1 to 64 of 0-9, *, # and A-D", SecretDigits::parse)
    });
    let wants = "Must be a whole number of milliseconds from 40 to 1000";
    let tone = fields.int("duration_ms", wants, 40..=1_000).map_or(TONE, Duration::from_millis);
    digits.map(|digits| Order::SendDigits { digits, tone })
}

fn required<T>(
    fields: &mut Fields,
    name: &'static str,
    read: impl FnOnce(&mut Fields, &'static str) -> Option<T>,
) -> Option<T> {
    if !fields.has(name) {
        fields.missing(name);
        return None;
    }
    read(fields, name)
}

/// Reads a body as each of the requests, for tests and fuzzing.
///
/// # Panics
/// A reader says nothing of what is wrong, or repeats what it read.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_all(body: &[u8]) {
    let calls = [teler_initiate, new_call].map(|read| read(body).err());
    let orders = [teler_hangup, hangup, teler_dtmf, dtmf].map(|read| read(body).err());
    let transfers = [teler_transfer, transfer_order].map(|read| read(body).err());
    for mistakes in calls.into_iter().chain(orders).chain(transfers).flatten() {
        assert!((1..=super::limits::MAX_MISTAKES).contains(&mistakes.len()));
        assert!(mistakes.iter().all(|mistake| mistake.to_json().to_string().len() < 300));
    }
}

#[cfg(test)]
mod tests;
