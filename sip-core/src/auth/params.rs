//! What stands in the headers of authentication: schemes, and `name=value` with commas between (RFC 3261 25.1 challenge,
//! credentials).

use crate::wire::Malformed;
use crate::wire::scan::{class, take, take_quoted, trim_start};

/// A piece of such a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// The word before the parameters: `Digest`.
    Scheme(&'a [u8]),
    /// One parameter, its value without the quotes and with its escapes: what is hashed and what is sent back are the
    /// same octets.
    Param(&'a [u8], &'a [u8]),
}

/// The pieces of one header line, in order. After one that is malformed there are no more.
#[derive(Clone, Debug)]
pub(super) struct Items<'a> {
    rest: &'a [u8],
}

impl<'a> Items<'a> {
    pub(super) const fn new(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    fn step(&mut self) -> Result<Option<Item<'a>>, Malformed> {
        while let [b' ' | b'\t' | b',', rest @ ..] = self.rest {
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (name, rest) = take(self.rest, class::TOKEN);
        let after = trim_start(rest);
        let ends = rest.is_empty() || after.len() < rest.len() || rest.starts_with(b",");
        match after {
            _ if name.is_empty() => Err(Malformed),
            [b'=', after @ ..] => {
                let (value, rest) = value(trim_start(after))?;
                self.rest = trim_start(rest);
                if !matches!(self.rest, [] | [b',', ..]) {
                    return Err(Malformed);
                }
                Ok(Some(Item::Param(name, value)))
            }
            _ if ends => {
                self.rest = after;
                Ok(Some(Item::Scheme(name)))
            }
            _ => Err(Malformed),
        }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.rest = &[];
        }
        step.transpose()
    }
}

fn value(text: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    if text.starts_with(b"\"") {
        let (quoted, rest) = take_quoted(text)?;
        let inner = quoted.get(1..quoted.len().saturating_sub(1)).ok_or(Malformed)?;
        return Ok((inner, rest));
    }
    let (value, rest) = take(text, class::VALUE);
    if value.is_empty() { Err(Malformed) } else { Ok((value, rest)) }
}

/// A parameter that may stand once: a second one is another reading of the same header.
pub(super) fn set<'a>(slot: &mut Option<&'a [u8]>, value: &'a [u8]) -> Result<(), Malformed> {
    if value.len() > crate::limits::AUTH_VALUE || slot.replace(value).is_some() { Err(Malformed) } else { Ok(()) }
}
