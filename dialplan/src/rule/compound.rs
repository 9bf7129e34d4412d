//! Rules for lists, tables and choices.

use std::marker::PhantomData;
use std::ops::{Range, RangeInclusive};

use serde_json::{Value, json};
use toml::de::{DeTable, DeValue};

use super::{Defs, Node, Reader, Rule, Table, ValueError, wrong_type};
use crate::report::{Code, join_words};

/// A list. Entries that are wrong are reported and left out.
pub(crate) fn list<R: Rule>(rule: R, length: RangeInclusive<usize>) -> impl Rule<Out = Vec<R::Out>> {
    ListRule { rule, length }
}

/// A single value, or a list of at least one.
pub(crate) fn one_or_many<R: Rule>(rule: fn() -> R, max: usize) -> impl Rule<Out = Vec<R::Out>> {
    alternative(mapped(rule(), |one| vec![one]), list(rule(), 1..=max))
}

/// A table, made by `table!` or `one_of!`.
pub(crate) fn table<T: Table>() -> impl Rule<Out = T> {
    TableRule(PhantomData)
}

/// The same value written in two ways, told apart by type.
pub(crate) fn alternative<O>(left: impl Rule<Out = O>, right: impl Rule<Out = O>) -> impl Rule<Out = O> {
    Alternative(left, right)
}

/// A value read by another rule and turned into something else.
pub(crate) fn mapped<R: Rule, O>(rule: R, map: fn(R::Out) -> O) -> impl Rule<Out = O> {
    Mapped(rule, map)
}

/// A value read by another rule, with one more condition.
pub(crate) fn checked<R: Rule, O>(rule: R, check: fn(R::Out) -> Result<O, ValueError>) -> impl Rule<Out = O> {
    Checked(rule, check)
}

/// A table without keys: `{}`.
pub(crate) fn empty() -> impl Rule<Out = ()> {
    EmptyRule
}

/// Reads a table of which exactly one key must be given. The body of every `one_of!`.
pub(crate) fn one_of<'t, 'n>(
    cx: &mut Reader<'_>,
    table: &'t DeTable<'n>,
    span: &Range<usize>,
    title: &str,
    (known, later): (&[&str], &[&str]),
) -> Option<(&'t str, &'t Node<'n>)> {
    reject_unknown(cx, table, title, known, later);
    let mut given = table.iter().filter(|(key, _)| known.contains(&key.get_ref().as_ref()));
    match (given.next(), given.next()) {
        (Some((key, node)), None) => Some((key.get_ref().as_ref(), node)),
        (Some(_), Some((second, _))) => {
            let help = format!("keep one of {}", join_words(known.iter().copied()));
            cx.error(Code::Conflict, second.span(), format!("{title} takes one key, here are several"), help);
            None
        }
        (None, _) => {
            if table.is_empty() {
                let help = format!("write one of {}", join_words(known.iter().copied()));
                cx.error(Code::MissingKey, span.clone(), format!("{title} is empty"), help);
            }
            None
        }
    }
}

/// Reports every key that is not known, and hides what stands under it: it may be a secret in the wrong place.
pub(crate) fn reject_unknown(cx: &mut Reader<'_>, table: &DeTable<'_>, title: &str, known: &[&str], later: &[&str]) {
    for (key, node) in table {
        let name = key.get_ref().as_ref();
        if !known.contains(&name) {
            mask_strings(cx, node);
            cx.unknown_key(name, key.span(), title, known, later);
        }
    }
}

/// Hides every value inside a node.
pub(crate) fn mask_strings(cx: &mut Reader<'_>, node: &Node<'_>) {
    match node.get_ref() {
        DeValue::Array(array) => array.iter().for_each(|entry| mask_strings(cx, entry)),
        DeValue::Table(table) => table.iter().for_each(|(_, entry)| mask_strings(cx, entry)),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            cx.masks.push(node.span());
        }
    }
}

struct ListRule<R> {
    rule: R,
    length: RangeInclusive<usize>,
}

impl<R: Rule> Rule for ListRule<R> {
    type Out = Vec<R::Out>;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<Vec<R::Out>> {
        let DeValue::Array(array) = node.get_ref() else {
            let help = if !self.rule.accepts(node.get_ref()) {
                format!("write {}", self.wants())
            } else if node.get_ref().is_table() {
                "write [[double brackets]]: there may be several".to_owned()
            } else {
                "put it into brackets: [ ... ]".to_owned()
            };
            cx.wrong_type(node.span(), &self.wants(), node.get_ref(), help);
            return None;
        };
        let (low, high) = (*self.length.start(), *self.length.end());
        if !self.length.contains(&array.len()) {
            let message = format!("has {} entries; {low} to {high} are allowed", array.len());
            let help = format!("give {low} to {high} entries");
            cx.bad_value(node.span(), &ValueError::new(message, help).with(Code::OutOfRange));
        }
        // What is not read is not known to be harmless.
        array.iter().skip(high).for_each(|entry| mask_strings(cx, entry));
        let mut kept = Vec::new();
        for (index, entry) in array.iter().take(high).enumerate() {
            let read = cx.within(&format!("[{index}]"), entry.span(), |cx| self.rule.read(cx, entry));
            if let Some(value) = read {
                cx.note_entry(kept.len(), entry.span());
                kept.push(value);
            }
        }
        Some(kept)
    }

    fn schema(&self, defs: &mut Defs) -> Value {
        let items = self.rule.schema(defs);
        json!({ "type": "array", "items": items, "minItems": self.length.start(), "maxItems": self.length.end() })
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        value.is_array()
    }

    fn wants(&self) -> String {
        format!("a list; each entry {}", self.rule.wants())
    }
}

struct TableRule<T>(PhantomData<T>);

impl<T: Table> Rule for TableRule<T> {
    type Out = T;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<T> {
        let DeValue::Table(table) = node.get_ref() else {
            wrong_type(cx, self, node);
            return None;
        };
        T::read(cx, table, node.span())
    }

    fn schema(&self, defs: &mut Defs) -> Value {
        defs.reference::<T>()
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        value.is_table()
    }

    fn wants(&self) -> String {
        format!("a table: {}", T::TITLE)
    }
}

struct Alternative<L, R>(L, R);

impl<O, L: Rule<Out = O>, R: Rule<Out = O>> Rule for Alternative<L, R> {
    type Out = O;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<O> {
        if self.0.accepts(node.get_ref()) {
            return self.0.read(cx, node);
        }
        if self.1.accepts(node.get_ref()) {
            return self.1.read(cx, node);
        }
        wrong_type(cx, self, node);
        None
    }

    fn schema(&self, defs: &mut Defs) -> Value {
        json!({ "anyOf": [self.0.schema(defs), self.1.schema(defs)] })
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        self.0.accepts(value) || self.1.accepts(value)
    }

    fn wants(&self) -> String {
        format!("{}, or {}", self.0.wants(), self.1.wants())
    }
}

struct Mapped<R: Rule, O>(R, fn(R::Out) -> O);

impl<R: Rule, O> Rule for Mapped<R, O> {
    type Out = O;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<O> {
        self.0.read(cx, node).map(self.1)
    }

    fn schema(&self, defs: &mut Defs) -> Value {
        self.0.schema(defs)
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        self.0.accepts(value)
    }

    fn wants(&self) -> String {
        self.0.wants()
    }
}

struct Checked<R: Rule, O>(R, fn(R::Out) -> Result<O, ValueError>);

impl<R: Rule, O> Rule for Checked<R, O> {
    type Out = O;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<O> {
        let value = self.0.read(cx, node)?;
        (self.1)(value).map_err(|wrong| cx.bad_value(node.span(), &wrong)).ok()
    }

    fn schema(&self, defs: &mut Defs) -> Value {
        self.0.schema(defs)
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        self.0.accepts(value)
    }

    fn wants(&self) -> String {
        self.0.wants()
    }
}

struct EmptyRule;

impl Rule for EmptyRule {
    type Out = ();

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<()> {
        let DeValue::Table(table) = node.get_ref() else {
            wrong_type(cx, self, node);
            return None;
        };
        let title = format!("`{}`", cx.path());
        for (key, _) in table {
            let message = format!("unknown key `{}`: {title} takes none", key.get_ref());
            cx.error(Code::UnknownKey, key.span(), message, "write `{}`");
        }
        table.is_empty().then_some(())
    }

    fn schema(&self, _: &mut Defs) -> Value {
        json!({ "type": "object", "additionalProperties": false })
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        value.is_table()
    }

    fn wants(&self) -> String {
        "an empty table `{}`".to_owned()
    }
}
