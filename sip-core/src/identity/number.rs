//! Telephone numbers in the one form in which they are compared (RFC 8224 8.3, RFC 8225 5.2.1).

use std::fmt;

use crate::limits;
use crate::wire::Uri;

/// A number in canonical form: the digits with the country code, without `+`; `*` and `#` may stand in it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Box<str>);

/// How a trunk writes numbers that have no `+`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Numbering {
    /// With the country code.
    #[default]
    International,
    /// Ten digits are a number of the North American plan, whose country code is 1.
    NorthAmerican,
}

impl Number {
    /// `text` when it is in canonical form already, as it is in a PASSporT.
    pub fn canonical(text: &str) -> Option<Self> {
        let is_number = text.bytes().all(|octet| octet.is_ascii_digit() || matches!(octet, b'*' | b'#'));
        let is_long_enough = text.bytes().any(|octet| octet.is_ascii_digit());
        (is_number && is_long_enough && text.len() <= limits::TELEPHONE_DIGITS).then(|| Self(text.into()))
    }

    /// The number that `text` writes with a `+` or without, with visual separators or without.
    pub fn parse(text: &str, numbering: Numbering) -> Option<Self> {
        let (is_global, digits) = text.strip_prefix('+').map_or((false, text), |digits| (true, digits));
        let digits: String = digits.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ')).collect();
        let is_national = !is_global && digits.len() == 10 && digits.bytes().all(|octet| octet.is_ascii_digit());
        match numbering {
            Numbering::NorthAmerican if is_national => Self::canonical(&format!("1{digits}")),
            Numbering::NorthAmerican | Numbering::International => Self::canonical(&digits),
        }
    }

    /// The number of a `tel:` URI or of the user part of a `sip:` URI, with `user=phone` or without (RFC 8224 8.1). A
    /// number that means something within its `phone-context` only is none.
    pub fn of_uri(uri: &Uri, numbering: Numbering) -> Option<Self> {
        match uri {
            Uri::Tel(tel) if tel.params.contains("phone-context") => None,
            Uri::Tel(tel) => Self::parse(&tel.number, numbering),
            Uri::Sip(sip) => {
                let (number, params) = sip.user.as_ref()?.split_once(';').unwrap_or((sip.user.as_ref()?, ""));
                let is_local = params.to_ascii_lowercase().contains("phone-context=");
                if is_local { None } else { Self::parse(number, numbering) }
            }
            Uri::Other(_) => None,
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Number").field("digits", &self.0.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn of(uri: &'static str, numbering: Numbering) -> Option<String> {
        let uri = Uri::parse(&Bytes::from_static(uri.as_bytes())).unwrap();
        Number::of_uri(&uri, numbering).map(|number| number.as_str().to_owned())
    }

    #[test]
    fn one_number_has_one_form() {
        for uri in [
            "sip:+14155550100@a.example;user=phone",
            "sip:14155550100@a.example",
            "sip:+1.415.555.0100@a.example",
            "sip:+1(415)555-0100@a.example",
            "sip:+14155550100;npdi;rn=+14155550199@a.example",
            "sips:+14155550100:secret@a.example",
            "tel:+1-415-555-0100",
            "tel:+14155550100;npdi",
        ] {
            assert_eq!(of(uri, Numbering::International).as_deref(), Some("14155550100"), "{uri}");
        }
        assert_eq!(of("sip:*67@a.example", Numbering::International).as_deref(), Some("*67"));
    }

    #[test]
    fn what_is_no_number_of_the_world_is_none() {
        for uri in [
            "sip:alice@a.example",
            "sip:a.example",
            "sip:%2B14155550100@a.example",
            "sip:+1415x550100@a.example",
            "sip:++14155550100@a.example",
            "sip:1415+5550100@a.example",
            "sip:+@a.example",
            "sip:**@a.example",
            "sip:1234567890123456@a.example",
            "sip:5550100;phone-context=+1415@a.example",
            "tel:5550100;phone-context=+1415",
            "tel:aBc",
            "mailto:14155550100@a.example",
        ] {
            assert_eq!(of(uri, Numbering::International), None, "{uri}");
        }
    }

    #[test]
    fn ten_digits_get_a_country_only_where_the_trunk_says_so() {
        let (world, america) = (Numbering::International, Numbering::NorthAmerican);
        assert_eq!(of("sip:4155550100@a", world).as_deref(), Some("4155550100"));
        assert_eq!(of("sip:4155550100@a", america).as_deref(), Some("14155550100"));
        assert_eq!(of("sip:14155550100@a", america).as_deref(), Some("14155550100"));
        assert_eq!(of("sip:+4930123456@a", america).as_deref(), Some("4930123456"));
    }

    #[test]
    fn debug_shows_no_digits() {
        assert!(!format!("{:?}", Number::canonical("14155550100").unwrap()).contains("4155"));
    }
}
