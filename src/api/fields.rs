//! Reads the fields of a JSON object and collects all that is wrong with them, in Teler's form. No mistake repeats a value:
//! it may be a number, a digit or a token.

use std::collections::BTreeMap;
use std::time::Duration;

use dialplan::{HttpsUrl, Number};
use serde_json::{Map, Value, json};

use super::limits::{MAX_CUSTOM, MAX_CUSTOM_NAME, MAX_CUSTOM_VALUE, MAX_MISTAKES};

/// One mistake in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    at: Vec<&'static str>,
    message: &'static str,
    kind: &'static str,
}

impl Mistake {
    /// A mistake in one field of the body.
    pub(super) fn new(name: &'static str, message: &'static str, kind: &'static str) -> Self {
        Self { at: vec![name], message, kind }
    }

    pub(super) fn to_json(&self) -> Value {
        let at: Vec<_> = std::iter::once("body").chain(self.at.iter().copied()).collect();
        json!({ "loc": at, "msg": self.message, "type": self.kind })
    }
}

/// An object that is read field by field; what is left in it at the end was not known.
#[derive(Debug)]
pub(super) struct Fields {
    object: Map<String, Value>,
    within: Option<&'static str>,
    mistakes: Vec<Mistake>,
}

impl Fields {
    /// Reads a body. No body at all is an object without fields.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Vec<Mistake>> {
        let wrong = |message, kind| vec![Mistake { at: Vec::new(), message, kind }];
        if body.is_empty() {
            return Ok(Self { object: Map::new(), within: None, mistakes: Vec::new() });
        }
        let Ok(value) = serde_json::from_slice(body) else { return Err(wrong("The body is not JSON", "json_invalid")) };
        let Value::Object(object) = value else { return Err(wrong("The body must be a JSON object", "dict_type")) };
        Ok(Self { object, within: None, mistakes: Vec::new() })
    }

    /// Says that a field is wrong.
    pub(super) fn wrong(&mut self, name: &'static str, message: &'static str, kind: &'static str) {
        if self.mistakes.len() < MAX_MISTAKES {
            let at = self.within.into_iter().chain((!name.is_empty()).then_some(name)).collect();
            self.mistakes.push(Mistake { at, message, kind });
        }
    }

    /// Says that a field that must be there is not.
    pub(super) fn missing(&mut self, name: &'static str) {
        self.wrong(name, "Field required", "missing");
    }

    /// Whether a field is there; `null` is as good as none.
    pub(super) fn has(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(|value| !value.is_null())
    }

    /// A field; `null` is as good as none.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.object.remove(name).filter(|value| !value.is_null())
    }

    /// A field that is not available: it must be absent, `null` or `false`, since it would promise something.
    pub(super) fn unavailable(&mut self, name: &'static str) {
        if self.take(name).is_some_and(|value| value != Value::Bool(false)) {
            self.wrong(name, "Not available in this version: leave it out", "not_available");
        }
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        if let Value::String(text) = self.take(name)? {
            return Some(text);
        }
        self.wrong(name, "Input should be a valid string", "string_type");
        None
    }

    /// A text that `read` understands.
    pub(super) fn read<T>(
        &mut self,
        name: &'static str,
        wants: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = zeroize::Zeroizing::new(self.text(name)?);
        let value = read(&text);
        if value.is_none() {
            self.wrong(name, wants, "value_error");
        }
        value
    }

    /// An international number: `^\+\d{7,15}$`, and no country begins with 0.
    pub(super) fn number(&mut self, name: &'static str) -> Option<Number> {
        self.read(name, "Must be a number like +14155550100: `+`, then 7 to 15 digits", e164)
    }

    pub(super) fn url(&mut self, name: &'static str) -> Option<HttpsUrl> {
        self.read(name, "Must be an https:// URL of at most 2083 characters, without user name and fragment", |text| {
            text.parse().ok()
        })
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let flag = self.take(name)?.as_bool();
        if flag.is_none() {
            self.wrong(name, "Input should be a valid boolean", "bool_type");
        }
        flag
    }

    /// A whole number within `range`.
    pub(super) fn int(
        &mut self,
        name: &'static str,
        wants: &'static str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = self.take(name)?.as_u64().filter(|value| range.contains(value));
        if value.is_none() {
            self.wrong(name, wants, "int_range");
        }
        value
    }

    /// Seconds of ringing.
    pub(super) fn timeout(&mut self, name: &'static str) -> Option<Duration> {
        self.int(name, "Must be a whole number of seconds from 1 to 600", 1..=600).map(Duration::from_secs)
    }

    /// The application's own values: texts by name.
    pub(super) fn custom(&mut self, name: &'static str) -> BTreeMap<String, String> {
        let values = self.take(name);
        let custom = values.map_or_else(|| Some(BTreeMap::new()), custom);
        custom.unwrap_or_else(|| {
            let wants = "Must be an object of at most 32 texts: names of 1 to 64 and values of at most 1024 octets";
            self.wrong(name, wants, "value_error");
            BTreeMap::new()
        })
    }

    /// A nested object, to be read by `read`.
    pub(super) fn nested<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let Value::Object(object) = self.take(name)? else {
            self.wrong(name, "Input should be a valid dictionary", "dict_type");
            return None;
        };
        let mut nested = Self { object, within: Some(name), mistakes: Vec::new() };
        let value = read(&mut nested);
        let room = MAX_MISTAKES.saturating_sub(self.mistakes.len());
        self.mistakes.extend(nested.mistakes.into_iter().take(room));
        value
    }

    /// Says that what is left is not known.
    pub(super) fn deny_unknown(&mut self) {
        if !self.object.is_empty() {
            self.wrong("", "A field is not known here: look for a spelling mistake", "extra_forbidden");
        }
    }

    /// The value, unless something was wrong.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Mistake>> {
        match value {
            Some(value) if self.mistakes.is_empty() => Ok(value),
            Some(_) | None => Err(self.mistakes),
        }
    }
}

fn custom(values: Value) -> Option<BTreeMap<String, String>> {
    let Value::Object(values) = values else { return None };
    if values.len() > MAX_CUSTOM {
        return None;
    }
    let texts = values.into_iter().map(|(name, value)| {
        let Value::String(text) = value else { return None };
        let fits = (1..=MAX_CUSTOM_NAME).contains(&name.len()) && text.len() <= MAX_CUSTOM_VALUE;
        fits.then_some((name, text))
    });
    texts.collect()
}

/// An international number of at least seven digits.
pub(super) fn e164(text: &str) -> Option<Number> {
    let number = Number::new(text)?;
    (number.is_e164() && text.len() > 7).then_some(number)
}
