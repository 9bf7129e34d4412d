//! Parameters of URIs and header values, kept as they were written.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Malformed,
    scan::{self, class},
};

/// A list of parameters `;name=value;flag`.
///
/// The names compare without regard to case. No name stands twice with two values: the parser refuses it, since two
/// readers of one message would see two tags or two branches. The same again (phones write `;transport=tls` twice) is
/// read as once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(Bytes);

impl Params {
    /// No parameters.
    pub const EMPTY: Self = Self(Bytes::new());

    /// Checks `text`, which starts with `;` or is empty, and lets `accept` see each parameter. Gives their number, at
    /// most `limit`.
    pub(super) fn check<'a>(
        text: &'a [u8],
        limit: usize,
        mut accept: impl FnMut(&Param<'a>) -> Result<(), Malformed>,
    ) -> Result<usize, Malformed> {
        let mut scanner = Scanner::new(text);
        let mut names = NamesSeen::default();
        while let Some(param) = scanner.step()? {
            if names.count == limit {
                return Err(Malformed);
            }
            // At most 64 before it, and seldom looked at.
            if names.insert(param.name) && Scanner::new(text).take(names.count).any(|before| before.contradicts(&param))
            {
                return Err(Malformed);
            }
            names.count = names.count.saturating_add(1);
            accept(&param)?;
        }
        Ok(names.count)
    }

    /// Parameters that were checked.
    pub(super) const fn checked(text: Bytes) -> Self {
        Self(text)
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'_>> {
        Scanner { rest: &self.0 }
    }

    /// The parameter of this name.
    pub fn get(&self, name: &str) -> Option<Param<'_>> {
        self.iter().find(|param| param.name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The value of the parameter of this name, quotes removed, escapes left. `None` when it has none or is not UTF-8.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.get(name)?.value()
    }

    /// Whether the parameter is there, with or without a value.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets a parameter, in place of the one of this name or at the end.
    ///
    /// A value that is not a token or an address is quoted.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let mut text = BytesMut::with_capacity(self.0.len().saturating_add(name.len()).saturating_add(16));
        let mut done = false;
        for param in self.iter() {
            if !param.name.eq_ignore_ascii_case(name.as_bytes()) {
                param.encode(&mut text);
            } else if !std::mem::replace(&mut done, true) {
                put(&mut text, name, value);
            }
        }
        if !done {
            put(&mut text, name, value);
        }
        self.0 = text.freeze();
    }

    /// Removes the parameter of this name.
    pub fn remove(&mut self, name: &str) {
        if !self.contains(name) {
            return;
        }
        let mut text = BytesMut::with_capacity(self.0.len());
        for param in self.iter().filter(|param| !param.name.eq_ignore_ascii_case(name.as_bytes())) {
            param.encode(&mut text);
        }
        self.0 = text.freeze();
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        out.put_slice(&self.0);
    }
}

// Parameters may hold a number (`user=phone` URIs in a parameter) or a token: names only.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|param| String::from_utf8_lossy(param.name))).finish()
    }
}

/// One parameter.
#[derive(Clone, Copy)]
pub struct Param<'a> {
    name: &'a [u8],
    value: Option<&'a [u8]>,
}

impl<'a> Param<'a> {
    /// The name as it was written.
    pub fn name(&self) -> &'a str {
        std::str::from_utf8(self.name).unwrap_or_default()
    }

    /// The value as it was written, with its quotes.
    pub const fn raw(&self) -> Option<&'a [u8]> {
        self.value
    }

    /// The value without its quotes, when it is UTF-8. Escapes (`\"`) stay.
    pub fn value(&self) -> Option<&'a str> {
        let value = match self.value? {
            [b'"', inner @ .., b'"'] => inner,
            plain => plain,
        };
        std::str::from_utf8(value).ok()
    }

    /// Whether the parameter has this name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    fn contradicts(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(other.name) && self.value != other.value
    }

    fn encode(&self, out: &mut BytesMut) {
        out.put_u8(b';');
        out.put_slice(self.name);
        if let Some(value) = self.value {
            out.put_u8(b'=');
            out.put_slice(value);
        }
    }
}

impl fmt::Debug for Param<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Param").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// Tells most lists without a repeated name from those that need a closer look.
#[derive(Default)]
struct NamesSeen {
    count: usize,
    bits: u64,
}

impl NamesSeen {
    /// Whether a name like this one may have been there before.
    fn insert(&mut self, name: &[u8]) -> bool {
        let ends = name.first().zip(name.last());
        let (first, last) = ends.map_or((0, 0), |(first, last)| (u32::from(first & 0x1f), u32::from(last & 0x1f)));
        let bit = 1_u64.wrapping_shl(first.wrapping_mul(5) ^ last);
        let before = self.bits & bit != 0;
        self.bits |= bit;
        before
    }
}

/// `;name=value` with blanks allowed round `;` and `=` (RFC 3261 25.1 SEMI, EQUAL).
pub(super) struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// What was not scanned yet. After a malformed parameter it starts with that one.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn step(&mut self) -> Result<Option<Param<'a>>, Malformed> {
        let rest = scan::trim_start(self.rest);
        let rest = match rest {
            [] => return Ok(None),
            [b';', rest @ ..] => scan::trim_start(rest),
            _ => return Err(Malformed),
        };
        let (name, rest) = scan::take(rest, class::TOKEN);
        if name.is_empty() {
            return Err(Malformed);
        }
        let after = scan::trim_start(rest);
        let [b'=', after @ ..] = after else {
            self.rest = after;
            return Ok(Some(Param { name, value: None }));
        };
        let after = scan::trim_start(after);
        let (value, rest) = match after {
            [b'"', ..] => scan::take_quoted(after)?,
            _ => scan::take(after, class::VALUE),
        };
        if value.is_empty() {
            return Err(Malformed);
        }
        self.rest = rest;
        Ok(Some(Param { name, value: Some(value) }))
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        self.step().ok().flatten()
    }
}

fn put(out: &mut BytesMut, name: &str, value: Option<&str>) {
    out.put_u8(b';');
    out.put_slice(name.as_bytes());
    let Some(value) = value else { return };
    out.put_u8(b'=');
    if scan::all(value.as_bytes(), class::VALUE) && value.is_ascii() {
        out.put_slice(value.as_bytes());
    } else {
        put_quoted(out, value.as_bytes());
    }
}

/// A quoted string of `text`. Line breaks cannot be written in one and become blanks.
pub(super) fn put_quoted(out: &mut BytesMut, text: &[u8]) {
    out.put_u8(b'"');
    for &octet in text {
        match octet {
            b'\r' | b'\n' => out.put_u8(b' '),
            b'"' | b'\\' => out.put_slice(&[b'\\', octet]),
            _ if scan::is(octet, class::CONTROL) => out.put_slice(&[b'\\', octet]),
            _ => out.put_u8(octet),
        }
    }
    out.put_u8(b'"');
}
