//! TNAuthList (RFC 8226 9): the numbers that a certificate may speak for.
//!
//! ```text
//! TNAuthorizationList ::= SEQUENCE SIZE (1..MAX) OF TNEntry            explicit tags
//! TNEntry ::= CHOICE { spc [0] IA5String, range [1] SEQUENCE { start, count, ... }, one [2] TelephoneNumber }
//! ```

use super::der::{self, Der};
use super::{Failure, Number};
use crate::limits;

/// What a certificate may speak for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TnAuthList {
    /// Service provider codes. Whose number is whose is not known here: a provider answers for its own.
    codes: Vec<Box<str>>,
    ranges: Vec<Range>,
}

/// Numbers of one length, one after the other. A single number is a range of one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    start: Number,
    count: u64,
}

impl TnAuthList {
    /// The list that an extension's value encodes.
    pub(super) fn read(extension: &[u8]) -> Result<Self, Failure> {
        Self::entries(extension).ok_or(Failure::TnAuthList)
    }

    fn entries(extension: &[u8]) -> Option<Self> {
        let mut entries = Der::new(der::only(extension, der::SEQUENCE)?);
        let mut list = Self::default();
        for _ in 0..limits::TN_ENTRIES {
            if entries.is_empty() {
                break;
            }
            match entries.next()? {
                (der::CONTEXT_0, entry) => list.codes.push(code(der::only(entry, der::IA5_STRING)?)?),
                (der::CONTEXT_1, entry) => list.ranges.push(Range::read(der::only(entry, der::SEQUENCE)?)?),
                (der::CONTEXT_2, entry) => list.ranges.push(Range { start: number(entry)?, count: 1 }),
                _ => return None,
            }
        }
        (entries.is_empty() && !(list.codes.is_empty() && list.ranges.is_empty())).then_some(list)
    }

    /// Whether the holder may speak for `number`. A provider code covers whatever number its provider has.
    pub(super) fn covers(&self, number: &Number) -> bool {
        !self.codes.is_empty() || self.ranges.iter().any(|range| range.contains(number))
    }

    /// Whether the holder could hand this `other` list on (RFC 9060 4): none of its provider codes is new.
    pub(super) fn has_codes_of(&self, other: &Self) -> bool {
        other.codes.iter().all(|code| self.codes.contains(code))
    }
}

impl Range {
    fn read(sequence: &[u8]) -> Option<Self> {
        let mut fields = Der::new(sequence);
        let start = telephone_number(fields.expect(der::IA5_STRING)?)?;
        let count = der::unsigned(fields.expect(der::INTEGER)?)?;
        // What may follow in a later version narrows or widens the range in a way that is not known here.
        (count >= 2 && fields.is_empty()).then_some(Self { start, count })
    }

    fn contains(&self, number: &Number) -> bool {
        if self.count == 1 || self.start == *number {
            return self.start == *number;
        }
        let (start, number) = (self.start.as_str(), number.as_str());
        let (Ok(first), Ok(value)) = (start.parse::<u64>(), number.parse::<u64>()) else { return false };
        start.len() == number.len() && value.checked_sub(first).is_some_and(|distance| distance < self.count)
    }
}

fn number(entry: &[u8]) -> Option<Number> {
    telephone_number(der::only(entry, der::IA5_STRING)?)
}

fn telephone_number(text: &[u8]) -> Option<Number> {
    Number::canonical(std::str::from_utf8(text).ok()?)
}

fn code(text: &[u8]) -> Option<Box<str>> {
    let is_code = !text.is_empty() && text.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(text).ok().filter(|_| is_code).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn ia5(text: &str) -> Vec<u8> {
        tlv(der::IA5_STRING, text.as_bytes())
    }

    fn range(start: &str, count: &[u8]) -> Vec<u8> {
        let fields = [ia5(start), tlv(der::INTEGER, count)].concat();
        tlv(der::CONTEXT_1, &tlv(der::SEQUENCE, &fields))
    }

    fn list(entries: &[Vec<u8>]) -> Result<TnAuthList, Failure> {
        TnAuthList::read(&tlv(der::SEQUENCE, &entries.concat()))
    }

    fn covers(list: &TnAuthList, number: &str) -> bool {
        list.covers(&Number::canonical(number).unwrap())
    }

    #[test]
    fn a_range_ends_where_it_ends() {
        let list = list(&[range("14155550100", &[100]), tlv(der::CONTEXT_2, &ia5("14155559999"))]).unwrap();
        for number in ["14155550100", "14155550199", "14155559999"] {
            assert!(covers(&list, number), "{number}");
        }
        for number in ["14155550099", "14155550200", "14155559998", "014155550100", "4155550100", "1415555010*"] {
            assert!(!covers(&list, number), "{number}");
        }
    }

    #[test]
    fn a_range_does_not_run_over_into_longer_numbers() {
        let list = list(&[range("99", &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])]).unwrap();
        assert!(covers(&list, "99"));
        assert!(!covers(&list, "100"));
    }

    #[test]
    fn a_provider_answers_for_its_numbers() {
        let provider = list(&[tlv(der::CONTEXT_0, &ia5("709J"))]).unwrap();
        assert!(covers(&provider, "14155550100"));
        let both = list(&[tlv(der::CONTEXT_0, &ia5("709J")), tlv(der::CONTEXT_0, &ia5("710J"))]).unwrap();
        assert!(both.has_codes_of(&provider));
        assert!(!provider.has_codes_of(&both));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let good = tlv(der::CONTEXT_0, &ia5("709J"));
        for (case, octets) in [
            ("nothing", vec![]),
            ("empty", tlv(der::SEQUENCE, &[])),
            ("another tag", tlv(0x31, &good)),
            ("trailing octet", [tlv(der::SEQUENCE, &good), vec![0]].concat()),
            ("torn", tlv(der::SEQUENCE, &good).into_iter().take(6).collect()),
            ("implicit tag", tlv(der::SEQUENCE, &tlv(0x80, b"709J"))),
            ("unknown entry", tlv(der::SEQUENCE, &tlv(0xa3, &ia5("709J")))),
            ("empty code", tlv(der::SEQUENCE, &tlv(der::CONTEXT_0, &ia5("")))),
            ("count of one", tlv(der::SEQUENCE, &range("1415", &[1]))),
            ("negative count", tlv(der::SEQUENCE, &range("1415", &[0x80]))),
            ("long count", tlv(der::SEQUENCE, &range("1415", &[0x01; 9]))),
            ("padded count", tlv(der::SEQUENCE, &range("1415", &[0, 2]))),
            ("letters", tlv(der::SEQUENCE, &range("+1415", &[2]))),
            ("long form of a short length", [&[der::SEQUENCE, 0x81, 8][..], &good].concat()),
        ] {
            assert_eq!(TnAuthList::read(&octets), Err(Failure::TnAuthList), "{case}");
        }
        let many = good.repeat(limits::TN_ENTRIES + 1);
        let length = u16::try_from(many.len()).unwrap().to_be_bytes();
        let octets = [&[der::SEQUENCE, 0x82][..], &length, &many].concat();
        assert_eq!(TnAuthList::read(&octets), Err(Failure::TnAuthList), "too many");
    }
}
