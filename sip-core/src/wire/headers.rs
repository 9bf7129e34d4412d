//! Headers: an ordered multimap over slices of the message.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{HeaderError, HeaderName, Malformed, scan::Elements};

/// The headers of a message, in order.
///
/// Values are kept as they were written, unfolded. Those that hold a credential are kept apart as
/// [`SecretValue`]: neither [`Headers::get`] nor `Debug` gives them out.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    list: Vec<Header>,
}

/// One header line.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    name: HeaderName,
    value: Value,
}

#[derive(Clone, PartialEq, Eq)]
enum Value {
    Plain(Bytes),
    Secret(SecretValue),
}

/// The value of a header that holds a credential.
///
/// It shares the storage of the message it came in, so it is gone when the message is, and not wiped before.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Bytes);

impl SecretValue {
    /// The value itself, for the one that checks the credential.
    pub const fn expose(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretValue").finish_non_exhaustive()
    }
}

impl Header {
    pub(super) fn new(name: HeaderName, value: Bytes) -> Self {
        let value = if name.is_secret() { Value::Secret(SecretValue(value)) } else { Value::Plain(value) };
        Self { name, value }
    }

    /// The name.
    pub const fn name(&self) -> &HeaderName {
        &self.name
    }

    /// The value, unless it is a secret.
    pub const fn value(&self) -> Option<&Bytes> {
        match &self.value {
            Value::Plain(value) => Some(value),
            Value::Secret(_) => None,
        }
    }

    const fn raw(&self) -> &Bytes {
        match &self.value {
            Value::Plain(value) | Value::Secret(SecretValue(value)) => value,
        }
    }
}

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self { list: Vec::new() }
    }

    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { list: Vec::with_capacity(capacity) }
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All lines in order.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.list.iter()
    }

    /// The first line of this name; never a secret one.
    pub fn get(&self, name: &HeaderName) -> Option<&Bytes> {
        self.list.iter().find(|header| header.name == *name).and_then(Header::value)
    }

    /// The first line of this name as text; `None` also when it is not UTF-8.
    pub fn text(&self, name: &HeaderName) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// All lines of this name in order; never a secret one.
    pub fn get_all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a Bytes> + use<'a> {
        self.list.iter().filter(move |header| header.name == *name).filter_map(Header::value)
    }

    /// All lines of this name when they hold credentials.
    pub fn secrets<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a SecretValue> + use<'a> {
        self.list.iter().filter(move |header| header.name == *name).filter_map(|header| match &header.value {
            Value::Plain(_) => None,
            Value::Secret(value) => Some(value),
        })
    }

    /// The elements of all lines of this name, each line split at its commas.
    pub fn elements<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = Bytes> + use<'a> {
        self.get_all(name).flat_map(|value| Elements::new(value).map(|element| value.slice_ref(element)))
    }

    /// Whether there is a line of this name.
    pub fn contains(&self, name: &HeaderName) -> bool {
        self.list.iter().any(|header| header.name == *name)
    }

    /// The one line of a header that may stand once.
    pub(super) fn single(&self, name: &HeaderName) -> Result<Option<&Bytes>, HeaderError> {
        let mut lines = self.list.iter().filter(|header| header.name == *name);
        let first = lines.next();
        if lines.next().is_some() {
            Err(HeaderError::Repeated(name.clone()))
        } else {
            Ok(first.and_then(Header::value))
        }
    }

    /// Reads the one line of a header that may stand once.
    pub(super) fn read<T>(
        &self,
        name: HeaderName,
        parse: impl FnOnce(&Bytes) -> Result<T, Malformed>,
    ) -> Result<Option<T>, HeaderError> {
        let Some(value) = self.single(&name)? else { return Ok(None) };
        parse(value).map(Some).map_err(|Malformed| HeaderError::Malformed(name))
    }

    /// Reads the elements of all lines of a header.
    pub(super) fn read_all<T>(
        &self,
        name: &HeaderName,
        limit: usize,
        parse: impl Fn(&Bytes) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, HeaderError> {
        let mut values = Vec::new();
        for element in self.elements(name) {
            if values.len() == limit {
                return Err(HeaderError::TooMany(name.clone()));
            }
            values.push(parse(&element).map_err(|Malformed| HeaderError::Malformed(name.clone()))?);
        }
        Ok(values)
    }

    /// Adds a line at the end.
    pub fn push(&mut self, name: HeaderName, value: impl Into<Bytes>) {
        self.list.push(Header::new(name, value.into()));
    }

    pub(super) fn push_header(&mut self, header: Header) {
        self.list.push(header);
    }

    /// Adds a line before all others.
    pub fn push_front(&mut self, name: HeaderName, value: impl Into<Bytes>) {
        self.list.insert(0, Header::new(name, value.into()));
    }

    /// Sets the line of this name: the first one is replaced, the others are removed.
    pub fn set(&mut self, name: HeaderName, value: impl Into<Bytes>) {
        let header = Header::new(name, value.into());
        let Some(first) = self.list.iter().position(|line| line.name == header.name) else {
            self.list.push(header);
            return;
        };
        let mut index = 0_usize;
        self.list.retain(|line| {
            let keep = index <= first || line.name != header.name;
            index = index.saturating_add(1);
            keep
        });
        if let Some(line) = self.list.get_mut(first) {
            *line = header;
        }
    }

    /// Removes all lines of this name.
    pub fn remove(&mut self, name: &HeaderName) {
        self.list.retain(|header| header.name != *name);
    }

    /// Removes the second line of this name.
    pub(super) fn remove_second(&mut self, name: &HeaderName) {
        let second =
            self.list.iter().enumerate().filter(|(_, header)| header.name == *name).nth(1).map(|(index, _)| index);
        if let Some(second) = second {
            drop(self.list.remove(second));
        }
    }

    /// Replaces the first element of the first line of this name.
    pub(super) fn replace_first_element(&mut self, name: &HeaderName, element: &Bytes) {
        let Some(line) = self.list.iter_mut().find(|line| line.name == *name) else { return };
        let value = line.raw();
        let first = Elements::new(value).next().unwrap_or_default();
        // The element was trimmed at its start only as far as the line was.
        let end = (first.as_ptr() as usize).saturating_sub(value.as_ptr() as usize).saturating_add(first.len());
        let rest = value.get(end..).unwrap_or_default();
        let mut joined = BytesMut::with_capacity(element.len().saturating_add(rest.len()));
        joined.put_slice(element);
        joined.put_slice(rest);
        line.value = Value::Plain(joined.freeze());
    }

    /// Writes all lines but `Content-Length`, which the message knows itself.
    pub(super) fn encode(&self, out: &mut BytesMut) {
        for header in self.list.iter().filter(|header| header.name != HeaderName::ContentLength) {
            put_line(out, header.name.as_str(), header.raw());
        }
    }
}

// Names and lengths: values hold callers' numbers, and credentials.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.list.iter().map(|header| (&header.name, header.raw().len()))).finish()
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("name", &self.name).field("len", &self.raw().len()).finish_non_exhaustive()
    }
}

/// Writes one line. A line break in a value would be a header of somebody else's making: it becomes a blank.
pub(super) fn put_line(out: &mut BytesMut, name: &str, value: &[u8]) {
    put_clean(out, name.as_bytes());
    out.put_slice(b": ");
    put_clean(out, value);
    out.put_slice(b"\r\n");
}

/// Writes `text` with blanks in place of line breaks.
pub(super) fn put_clean(out: &mut BytesMut, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        let (clean, from) = super::scan::split(rest, at);
        out.put_slice(clean);
        out.put_u8(b' ');
        rest = from.get(1..).unwrap_or_default();
    }
    out.put_slice(rest);
}
