//! Scanning over octets: classes, white space, quoted strings, list elements. Nothing here allocates or fails loudly.

use super::Malformed;

/// The classes of octets, one bit each.
pub(crate) mod class {
    /// RFC 3261 25.1 token
    pub(crate) const TOKEN: u8 = 1;
    /// What the value of a parameter may hold when it is not quoted.
    pub(crate) const VALUE: u8 = 1 << 1;
    /// Host name, underscore included: it stands in names that carriers use.
    pub(crate) const HOST: u8 = 1 << 2;
    /// What may stand before the `@` of a URI.
    pub(crate) const USER: u8 = 1 << 3;
    /// Display names that are not quoted, blanks included.
    pub(crate) const DISPLAY: u8 = 1 << 4;
    /// RFC 3261 25.1 word, and `@`
    pub(crate) const CALL_ID: u8 = 1 << 5;
    /// Control octets other than HTAB.
    pub(crate) const CONTROL: u8 = 1 << 6;
}

/// Whether `octet` is of `class`.
pub(super) const fn is(octet: u8, class: u8) -> bool {
    #[expect(clippy::indexing_slicing, reason = "256 entries, and an index of one octet")]
    let entry = CLASSES[octet as usize];
    entry & class != 0
}

/// Whether `text` is not empty and all of `class`.
pub(super) fn all(text: &[u8], class: u8) -> bool {
    !text.is_empty() && text.iter().all(|&octet| is(octet, class))
}

/// Whether any octet of `text` is a control octet other than HTAB. Reads all of it, so that the loop can be vectorized.
#[expect(clippy::needless_bitwise_bool, reason = "a loop that stops early is not vectorized")]
pub(crate) fn has_control(text: &[u8]) -> bool {
    text.iter().fold(false, |found, &octet| found | ((octet < 0x20) & (octet != b'\t')) | (octet == 0x7f))
}

/// Whether any octet of `text` may stand in no URI. Reads all of it, as `has_control`.
#[expect(clippy::needless_bitwise_bool, reason = "a loop that stops early is not vectorized")]
pub(super) fn has_non_uri(text: &[u8]) -> bool {
    let is_wrong = |octet: u8| (octet <= b' ') | (octet >= 0x7f) | (octet == b'<') | (octet == b'>') | (octet == b'"');
    text.iter().fold(false, |found, &octet| found | is_wrong(octet))
}

/// SP or HTAB
pub(super) const fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// `text` without the blanks at both ends.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

/// `text` without the blanks at its start.
pub(crate) fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_blank(*first)
    {
        text = rest;
    }
    text
}

/// `text` without the blanks at its end.
pub(super) fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text
        && is_blank(*last)
    {
        text = rest;
    }
    text
}

/// The longest start of `text` that is of `class`, and the rest.
pub(crate) fn take(text: &[u8], class: u8) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&octet| !is(octet, class)).unwrap_or(text.len());
    split(text, end)
}

/// `text` before and from `at`; all and nothing when `at` lies outside.
pub(crate) fn split(text: &[u8], at: usize) -> (&[u8], &[u8]) {
    text.split_at_checked(at).unwrap_or((text, &[]))
}

/// `text` before and after the first `octet`, which is dropped.
pub(super) fn split_once(text: &[u8], octet: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(octet, text)?;
    let (before, from) = text.split_at_checked(at)?;
    Some((before, from.get(1..)?))
}

/// A quoted string with its quotes, and the rest. `text` starts with the opening quote.
pub(crate) fn take_quoted(text: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut at = 1;
    while let Some(octet) = text.get(at) {
        match octet {
            b'"' => return Ok(split(text, at.saturating_add(1))),
            b'\\' => at = at.saturating_add(2),
            _ => at = at.saturating_add(1),
        }
    }
    Err(Malformed)
}

/// A decimal number of at most `digits` digits and nothing else: no sign, no blank.
pub(crate) fn number(text: &[u8], digits: usize) -> Option<u64> {
    if text.is_empty() || text.len() > digits {
        return None;
    }
    text.iter().try_fold(0_u64, |value, octet| {
        let digit = octet.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A port, 1 to 65535. An empty port is none (RFC 3986 3.2.3 allows it, RFC 3261 does not).
pub(super) fn port(text: &[u8]) -> Result<u16, Malformed> {
    number(text, 5).and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0).ok_or(Malformed)
}

/// The elements of a comma-separated list. Commas within quotes and within `<>` do not separate.
#[derive(Clone, Debug)]
pub(super) struct Elements<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Elements<'a> {
    pub(super) const fn new(list: &'a [u8]) -> Self {
        Self { rest: Some(list) }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let list = self.rest.take()?;
        if memchr::memchr(b',', list).is_none() {
            return Some(trim(list));
        }
        let mut at = 0_usize;
        let mut in_brackets = false;
        while let Some(octet) = list.get(at) {
            match octet {
                b'"' if !in_brackets => match take_quoted(list.get(at..)?) {
                    Ok((quoted, _)) => {
                        at = at.saturating_add(quoted.len());
                        continue;
                    }
                    // Unbalanced: one element, which its own parser will refuse.
                    Err(Malformed) => break,
                },
                b'<' => in_brackets = true,
                b'>' => in_brackets = false,
                b',' if !in_brackets => {
                    let (element, rest) = split(list, at);
                    self.rest = rest.get(1..);
                    return Some(trim(element));
                }
                _ => {}
            }
            at = at.saturating_add(1);
        }
        Some(trim(list))
    }
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler: a mistake does not build"
)]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = classes_of(octet as u8);
        octet += 1;
    }
    table
}

static CLASSES: [u8; 256] = classes();

const fn classes_of(octet: u8) -> u8 {
    let mut bits = 0;
    let alphanumeric = octet.is_ascii_alphanumeric();
    let token = alphanumeric || matches!(octet, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
    let visible = octet > 0x20 && octet < 0x7f;
    if token {
        bits |= class::TOKEN;
    }
    if visible && !matches!(octet, b';' | b',' | b'"' | b'<' | b'>') || octet >= 0x80 {
        bits |= class::VALUE;
    }
    if alphanumeric || matches!(octet, b'-' | b'.' | b'_') {
        bits |= class::HOST;
    }
    // RFC 3261 25.1 user and password; `#` is not in it, but stands in dialled feature codes.
    if alphanumeric
        || matches!(octet, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' | b'%')
        || matches!(octet, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/' | b'#' | b':' | b'[' | b']')
    {
        bits |= class::USER;
    }
    if (visible || is_blank(octet)) && !matches!(octet, b'"' | b',' | b';' | b':' | b'<' | b'>') || octet >= 0x80 {
        bits |= class::DISPLAY;
    }
    if token
        || matches!(
            octet,
            b'(' | b')' | b'<' | b'>' | b':' | b'\\' | b'"' | b'/' | b'[' | b']' | b'?' | b'{' | b'}' | b'@'
        )
    {
        bits |= class::CALL_ID;
    }
    if octet < 0x20 && octet != b'\t' || octet == 0x7f {
        bits |= class::CONTROL;
    }
    bits
}
