//! Rules for single values.

use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Value, json};
use toml::de::DeValue;

use super::{Defs, Kind, Node, Reader, Rule, ValueError, wrong_type};
use crate::report::{Code, did_you_mean, join_words};
use crate::value::Name;

/// A value that is written as a string.
pub(crate) trait Text: Sized {
    /// What the string must be, after "expected": "an IP address".
    const WANTS: &'static str;
    /// Whether a wrong value may be a secret in the wrong place, and is not shown.
    const HIDDEN_IF_WRONG: bool = false;

    /// The constraint of the schema: keywords beside `"type": "string"`.
    fn constraint() -> Value;

    /// Reads the string.
    fn parse(text: &str) -> Result<Self, ValueError>;
}

/// A closed list of words, made by `words!`.
pub(crate) trait Word: Sized + Copy + 'static {
    /// The words and what they mean.
    const WORDS: &'static [(&'static str, Self)];
    /// Words that a later version may bring.
    const LATER: &'static [&'static str];
}

/// A string read by [`Text::parse`].
pub(crate) fn text<T: Text>() -> impl Rule<Out = T> {
    TextRule(PhantomData)
}

/// One word of a closed list.
pub(crate) fn word<T: Word>() -> impl Rule<Out = T> {
    WordRule(PhantomData)
}

/// A whole number.
pub(crate) fn int(range: RangeInclusive<u32>) -> impl Rule<Out = u32> {
    IntRule { range, unit: "" }
}

/// A number of seconds.
pub(crate) fn seconds(range: RangeInclusive<u32>) -> impl Rule<Out = Duration> {
    super::mapped(IntRule { range, unit: " seconds" }, |value| Duration::from_secs(u64::from(value)))
}

/// A number of milliseconds.
pub(crate) fn millis(range: RangeInclusive<u32>) -> impl Rule<Out = Duration> {
    super::mapped(IntRule { range, unit: " ms" }, |value| Duration::from_millis(u64::from(value)))
}

/// `true` or `false`.
pub(crate) fn flag() -> impl Rule<Out = bool> {
    FlagRule
}

/// A sentence that the operator must write out, so that nobody lowers security by accident.
pub(crate) fn consent(sentence: &'static str) -> impl Rule<Out = bool> {
    ConsentRule(sentence)
}

/// The name that a table gives itself.
pub(crate) fn defined(kind: Kind) -> impl Rule<Out = Name> {
    NameRule { kind, defines: true }
}

/// The name of another table.
pub(crate) fn reference(kind: Kind) -> impl Rule<Out = Name> {
    NameRule { kind, defines: false }
}

struct TextRule<T>(PhantomData<T>);

impl<T: Text> Rule for TextRule<T> {
    type Out = T;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<T> {
        let DeValue::String(value) = node.get_ref() else {
            wrong_type(cx, self, node);
            return None;
        };
        match T::parse(value) {
            Ok(value) => Some(value),
            Err(wrong) => {
                if T::HIDDEN_IF_WRONG {
                    cx.masks.push(node.span());
                }
                cx.bad_value(node.span(), &wrong);
                None
            }
        }
    }

    fn schema(&self, _: &mut Defs) -> Value {
        let mut schema = T::constraint();
        if let Some(object) = schema.as_object_mut() {
            object.insert("type".to_owned(), json!("string"));
        }
        schema
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        value.is_str()
    }

    fn wants(&self) -> String {
        format!("a string: {}", T::WANTS)
    }
}

struct WordRule<T>(PhantomData<T>);

impl<T: Word> Rule for WordRule<T> {
    type Out = T;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<T> {
        let DeValue::String(value) = node.get_ref() else {
            wrong_type(cx, self, node);
            return None;
        };
        let found = T::WORDS.iter().find(|(word, _)| word == value);
        if let Some((_, meaning)) = found {
            return Some(*meaning);
        }
        let words = || T::WORDS.iter().map(|(word, _)| *word);
        let shown: String = value.chars().take(40).filter(|c| !c.is_control()).collect();
        let wrong = if T::LATER.contains(&value.as_ref()) {
            let help = format!("this version has {}", join_words(words()));
            ValueError::new(format!("is \"{shown}\", which is not available in this version"), help)
                .with(Code::NotAvailable)
        } else {
            let help = did_you_mean(value, words())
                .map_or_else(|| format!("write {}", join_words(words())), |near| format!("did you mean \"{near}\"?"));
            ValueError::new(format!("is \"{shown}\", not {}", join_words(words())), help)
        };
        cx.bad_value(node.span(), &wrong);
        None
    }

    fn schema(&self, _: &mut Defs) -> Value {
        json!({ "enum": T::WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>() })
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        value.is_str()
    }

    fn wants(&self) -> String {
        format!("one of the strings {}", join_words(T::WORDS.iter().map(|(word, _)| *word)))
    }
}

struct IntRule {
    range: RangeInclusive<u32>,
    unit: &'static str,
}

impl Rule for IntRule {
    type Out = u32;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<u32> {
        let DeValue::Integer(value) = node.get_ref() else {
            wrong_type(cx, self, node);
            return None;
        };
        let number =
            u32::from_str_radix(value.as_str(), value.radix()).ok().filter(|number| self.range.contains(number));
        if number.is_none() {
            let (low, high) = (self.range.start(), self.range.end());
            let wrong = ValueError::new(
                format!("is out of range: {low} to {high}{}", self.unit),
                format!("write a whole number from {low} to {high}{}", self.unit),
            );
            cx.bad_value(node.span(), &wrong.with(Code::OutOfRange));
        }
        number
    }

    fn schema(&self, _: &mut Defs) -> Value {
        json!({ "type": "integer", "minimum": self.range.start(), "maximum": self.range.end() })
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        value.is_integer()
    }

    fn wants(&self) -> String {
        format!("a whole number from {} to {}{}", self.range.start(), self.range.end(), self.unit)
    }
}

struct FlagRule;

impl Rule for FlagRule {
    type Out = bool;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<bool> {
        let value = node.get_ref().as_bool();
        if value.is_none() {
            wrong_type(cx, self, node);
        }
        value
    }

    fn schema(&self, _: &mut Defs) -> Value {
        json!({ "type": "boolean" })
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        value.is_bool()
    }

    fn wants(&self) -> String {
        "`true` or `false`".to_owned()
    }
}

struct ConsentRule(&'static str);

impl Rule for ConsentRule {
    type Out = bool;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<bool> {
        if node.get_ref().as_str() == Some(self.0) {
            return Some(true);
        }
        let message = "needs the sentence that says what you give up";
        let help = format!("write exactly \"{}\", or remove the key", self.0);
        cx.bad_value(node.span(), &ValueError::new(message, help).with(Code::NeedsDanger));
        None
    }

    fn schema(&self, _: &mut Defs) -> Value {
        json!({ "const": self.0 })
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        value.is_str()
    }

    fn wants(&self) -> String {
        format!("the string \"{}\"", self.0)
    }
}

struct NameRule {
    kind: Kind,
    defines: bool,
}

impl Rule for NameRule {
    type Out = Name;

    fn read(&self, cx: &mut Reader<'_>, node: &Node<'_>) -> Option<Name> {
        let name = text::<Name>().read(cx, node)?;
        let entry = (self.kind, name.as_str().to_owned(), node.span());
        if self.defines {
            cx.defined.push(entry);
        } else {
            cx.used.push(entry);
        }
        Some(name)
    }

    fn schema(&self, defs: &mut Defs) -> Value {
        text::<Name>().schema(defs)
    }

    fn accepts(&self, value: &DeValue<'_>) -> bool {
        value.is_str()
    }

    fn wants(&self) -> String {
        format!("a string: the name of the {}", self.kind.as_str())
    }
}
