//! Reading what an application says. The type is read first, so that a message of an unknown kind is never an error.

use std::borrow::Cow;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::event::Digits;
use super::super::stats::Refusal;
use crate::flow::cut;
use crate::limits::{MAX_MARK_NAME, MAX_REASON};

/// A control message that is right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    Mark(String),
    Clear,
    Digits(Digits),
    Hangup(Option<String>),
}

/// A refusal, and what the developer is told.
pub(crate) type Bad = (Refusal, Cow<'static, str>);

/// Reads one text message.
pub(crate) fn parse(text: &[u8], our_stream: &str) -> Result<Parsed, Bad> {
    // serde would take a list for an object's fields in their order.
    if text.trim_ascii_start().first() == Some(&b'[') {
        return Err((Refusal::NoType, NOT_AN_OBJECT.into()));
    }
    let head: Head<'_> = serde_json::from_slice(text).map_err(|error| not_json(&error))?;
    let Some(kind) = head.kind else {
        return Err((Refusal::NoType, "a text message needs a string `type`".into()));
    };
    match kind.as_ref() {
        "mark" => {
            let name = checked::<Mark>(text, our_stream, MARK)?.name;
            if name.is_empty() || name.len() > MAX_MARK_NAME {
                return Err((Refusal::BadField, MARK.into()));
            }
            Ok(Parsed::Mark(name))
        }
        "clear" => checked::<Clear>(text, our_stream, CLEAR).map(|_| Parsed::Clear),
        "dtmf" => {
            let digits = Zeroizing::new(checked::<Dtmf>(text, our_stream, DTMF)?.digits);
            Digits::parse(&digits).map(Parsed::Digits).ok_or_else(|| (Refusal::BadField, DTMF.into()))
        }
        "hangup" => {
            let reason = checked::<Hangup>(text, our_stream, HANGUP)?.reason;
            Ok(Parsed::Hangup(reason.map(|reason| printable(&reason))))
        }
        other => Err((Refusal::UnknownType, format!("`{}` is not a message of this protocol", cut(other)).into())),
    }
}

const NOT_AN_OBJECT: &str = "a text message is one JSON object with a string `type`";
const MARK: &str = "`mark` needs a string `name` of 1 to 256 octets";
const CLEAR: &str = "`clear` takes no field but a string `stream_id`";
const DTMF: &str = "`dtmf` needs a string `digits` of 1 to 64 of 0-9 * # A-D";
const HANGUP: &str = "`hangup` takes a string `reason`, or none";

/// The application's own words, as a log or a call record may hold them.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect()
}

fn checked<'a, T: Deserialize<'a> + Addressed>(text: &'a [u8], ours: &str, hint: &'static str) -> Result<T, Bad> {
    let message: T = serde_json::from_slice(text).map_err(|_| (Refusal::BadField, hint.into()))?;
    match message.stream_id() {
        Some(given) if given != ours => Err((
            Refusal::WrongStream,
            "`stream_id` names another stream: use the one of `start`, or leave it out".into(),
        )),
        Some(_) | None => Ok(message),
    }
}

fn not_json(error: &serde_json::Error) -> Bad {
    if error.is_data() {
        return (Refusal::NoType, NOT_AN_OBJECT.into());
    }
    let (line, column) = (error.line(), error.column());
    (Refusal::NotJson, format!("a text message is not JSON (line {line}, column {column})").into())
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
}

trait Addressed {
    fn stream_id(&self) -> Option<&str>;
}

macro_rules! message {
    ($name:ident { $($field:ident: $type:ty),* }) => {
        #[derive(Deserialize)]
        struct $name {
            stream_id: Option<String>,
            $($field: $type,)*
        }

        impl Addressed for $name {
            fn stream_id(&self) -> Option<&str> {
                self.stream_id.as_deref()
            }
        }
    };
}

message!(Mark { name: String });
message!(Clear {});
message!(Dtmf { digits: String });
message!(Hangup { reason: Option<String> });
