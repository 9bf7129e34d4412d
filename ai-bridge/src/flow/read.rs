//! Typed look-ups in an answer's object. A field that is `null` counts as not there.

use serde_json::{Map, Value};

use super::error::FlowError;
use crate::limits::MAX_QUOTED;

/// The field's text, if it is there.
pub(super) fn text<'a>(object: &'a Map<String, Value>, field: &'static str) -> Result<Option<&'a str>, FlowError> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong(field, "a string", other)),
    }
}

/// The field's truth value; some applications send it as a string.
pub(super) fn flag(object: &Map<String, Value>, field: &'static str) -> Result<bool, FlowError> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(other) => Err(wrong(field, "true or false", other)),
    }
}

/// The error for a field that holds something else.
pub(super) fn wrong(field: &'static str, expected: &'static str, found: &Value) -> FlowError {
    FlowError::Wrong { field, expected, found: quoted(found) }
}

/// A value as an error message may repeat it: its kind, and its text when that is short and printable.
fn quoted(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => cut(&number.to_string()),
        Value::String(text) => format!("\"{}\"", cut(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A peer's text as an error message may repeat it: short, printable ASCII, the rest replaced.
pub(crate) fn cut(text: &str) -> String {
    let mut short: String =
        text.chars().take(MAX_QUOTED).map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        short.push('…');
    }
    short
}
