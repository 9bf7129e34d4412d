//! As much of DER (X.690) as a TNAuthList needs.

/// A reader of one level.
pub(super) struct Der<'a> {
    rest: &'a [u8],
}

impl<'a> Der<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next value, and its tag. Lengths are in their shortest form and at most 65,535.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, length, rest) = match self.rest {
            [tag, 0x82, high, low, rest @ ..] if *high != 0 => {
                (*tag, usize::from(u16::from_be_bytes([*high, *low])), rest)
            }
            [tag, 0x81, length, rest @ ..] if *length > 0x7f => (*tag, usize::from(*length), rest),
            [tag, length, rest @ ..] if *length < 0x80 => (*tag, usize::from(*length), rest),
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some((tag, content))
    }

    /// The content of the next value, which has this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

/// The content of the only value in `octets`, which has this tag.
pub(super) fn only(octets: &[u8], tag: u8) -> Option<&[u8]> {
    let mut der = Der::new(octets);
    let content = der.expect(tag)?;
    der.is_empty().then_some(content)
}

/// A number that is not negative, in its shortest form.
pub(super) fn unsigned(content: &[u8]) -> Option<u64> {
    let octets = match content {
        [0, rest @ ..] if rest.first().is_some_and(|octet| *octet > 0x7f) => rest,
        [0] => content,
        [first, ..] if *first != 0 && *first < 0x80 => content,
        _ => return None,
    };
    if octets.len() > 8 {
        return None;
    }
    Some(octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)))
}

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const IA5_STRING: u8 = 0x16;
/// `[0]`, explicit.
pub(super) const CONTEXT_0: u8 = 0xa0;
/// `[1]`, explicit.
pub(super) const CONTEXT_1: u8 = 0xa1;
/// `[2]`, explicit.
pub(super) const CONTEXT_2: u8 = 0xa2;
