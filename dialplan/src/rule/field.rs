//! A key of a table: must it be there, and what holds when it is not.

use std::ops::Range;

use serde_json::{Value, json};
use toml::de::{DeTable, DeValue};

use super::{Defs, Reader, Rule, Table};
use crate::report::Code;

/// How a key of a table is read.
pub(crate) trait Field {
    /// The type of the struct's field.
    type Out;

    /// Reads the key out of its table.
    fn read(
        &self,
        cx: &mut Reader<'_>,
        table: &DeTable<'_>,
        span: &Range<usize>,
        key: &str,
        title: &str,
    ) -> Option<Self::Out>;

    /// The schema of the value, and whether the key is required.
    fn describe(&self, defs: &mut Defs) -> (Value, bool);
}

/// A key that must be there; the second argument shows how to write it.
pub(crate) fn required<R: Rule>(rule: R, example: &'static str) -> impl Field<Out = R::Out> {
    Required(rule, example)
}

/// A key that may be missing.
pub(crate) fn optional<R: Rule>(rule: R) -> impl Field<Out = Option<R::Out>> {
    Optional(rule)
}

/// A key that has a default, written as in the file.
pub(crate) fn or_default<R: Rule>(default: &'static str, rule: R) -> impl Field<Out = R::Out> {
    OrDefault(rule, default)
}

/// A key that may be missing, which is then an empty list or `false`.
pub(crate) fn or_nothing<R: Rule<Out: Default>>(rule: R) -> impl Field<Out = R::Out> {
    OrNothing(rule)
}

/// A `[[table]]` that may stand any number of times up to `max`.
pub(crate) fn tables<T: Table>(max: usize) -> impl Field<Out = Vec<T>> {
    OrNothing(super::list(super::table::<T>(), 0..=max))
}

struct Required<R>(R, &'static str);

impl<R: Rule> Field for Required<R> {
    type Out = R::Out;

    fn read(
        &self,
        cx: &mut Reader<'_>,
        table: &DeTable<'_>,
        span: &Range<usize>,
        key: &str,
        title: &str,
    ) -> Option<R::Out> {
        match read_key(&self.0, cx, table, key) {
            Given::Value(value) => Some(value),
            Given::Wrong => None,
            Given::Absent => {
                let message = format!("{title} lacks `{key}`");
                let help = format!("add `{}`", self.1);
                cx.error(Code::MissingKey, span.clone(), message, help);
                None
            }
        }
    }

    fn describe(&self, defs: &mut Defs) -> (Value, bool) {
        (self.0.schema(defs), true)
    }
}

struct Optional<R>(R);

impl<R: Rule> Field for Optional<R> {
    type Out = Option<R::Out>;

    fn read(
        &self,
        cx: &mut Reader<'_>,
        table: &DeTable<'_>,
        _: &Range<usize>,
        key: &str,
        _: &str,
    ) -> Option<Self::Out> {
        match read_key(&self.0, cx, table, key) {
            Given::Absent => Some(None),
            Given::Wrong => None,
            Given::Value(value) => Some(Some(value)),
        }
    }

    fn describe(&self, defs: &mut Defs) -> (Value, bool) {
        (self.0.schema(defs), false)
    }
}

struct OrNothing<R>(R);

impl<R: Rule<Out: Default>> Field for OrNothing<R> {
    type Out = R::Out;

    fn read(&self, cx: &mut Reader<'_>, table: &DeTable<'_>, _: &Range<usize>, key: &str, _: &str) -> Option<R::Out> {
        match read_key(&self.0, cx, table, key) {
            Given::Absent => Some(R::Out::default()),
            Given::Wrong => None,
            Given::Value(value) => Some(value),
        }
    }

    fn describe(&self, defs: &mut Defs) -> (Value, bool) {
        (self.0.schema(defs), false)
    }
}

struct OrDefault<R>(R, &'static str);

impl<R: Rule> Field for OrDefault<R> {
    type Out = R::Out;

    fn read(
        &self,
        cx: &mut Reader<'_>,
        table: &DeTable<'_>,
        span: &Range<usize>,
        key: &str,
        _: &str,
    ) -> Option<R::Out> {
        match read_key(&self.0, cx, table, key) {
            Given::Absent => {}
            Given::Wrong => return None,
            Given::Value(value) => return Some(value),
        }
        match DeValue::parse(self.1) {
            Ok(node) => self.0.read(cx, &node),
            Err(error) => {
                cx.error(Code::BadValue, span.clone(), format!("the default of `{key}`: {error}"), "report this");
                None
            }
        }
    }

    fn describe(&self, defs: &mut Defs) -> (Value, bool) {
        let mut schema = self.0.schema(defs);
        if let (Some(object), Ok(node)) = (schema.as_object_mut(), DeValue::parse(self.1)) {
            object.insert("default".to_owned(), to_json(node.get_ref()));
        }
        (schema, false)
    }
}

enum Given<T> {
    Absent,
    Wrong,
    Value(T),
}

fn read_key<R: Rule>(rule: &R, cx: &mut Reader<'_>, table: &DeTable<'_>, key: &str) -> Given<R::Out> {
    let Some(node) = table.get(key) else {
        return Given::Absent;
    };
    let read = cx.within(key, node.span(), |cx| rule.read(cx, node));
    read.map_or(Given::Wrong, Given::Value)
}

/// Defaults and examples as JSON; they hold neither dates nor floats.
pub(crate) fn to_json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => json!(text),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Null, |number| json!(number))
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, |number| json!(number)),
        DeValue::Boolean(flag) => json!(flag),
        DeValue::Datetime(date) => json!(date.to_string()),
        DeValue::Array(array) => array.iter().map(|node| to_json(node.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(
            table.iter().map(|(key, node)| (key.get_ref().to_string(), to_json(node.get_ref()))).collect(),
        ),
    }
}
