//! Numbers of callers and called, and the patterns of a route.

use std::fmt::{self, Debug, Display, Formatter};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::limits::{MAX_NUMBER_DIGITS, MAX_USER_OCTETS};
use crate::rule::{Text, ValueError};

/// A telephone number: E.164 (`+14155550100`), or in the form a carrier uses (`02071234567`, `112`).
///
/// `Debug` shows its length only: a number is personal data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(String);

impl Number {
    /// Reads `+` and 2 to 15 digits not starting with 0 (E.164), or up to 20 digits.
    pub fn new(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let all_digits = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
        let fits = if text.starts_with('+') {
            (2..=15).contains(&digits.len()) && !digits.starts_with('0')
        } else {
            digits.len() <= MAX_NUMBER_DIGITS
        };
        (all_digits && fits).then(|| Self(text.to_owned()))
    }

    /// The number as written, with its `+` if it has one.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is an international number.
    pub fn is_e164(&self) -> bool {
        self.0.starts_with('+')
    }
}

impl Debug for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Number({} characters)", self.0.len())
    }
}

/// One end of a call, read from the user part of its URI.
///
/// `Debug` shows the kind only: it is personal data.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Party {
    /// A number.
    Number(Number),
    /// No number: withheld by the caller (RFC 3323), or no user part at all.
    Anonymous,
    /// Something else, such as `alice`.
    User(String),
}

impl Party {
    /// Reads the user part of a `sip:` URI or the number of a `tel:` URI.
    ///
    /// Parameters after `;` and visual separators (RFC 3966, section 3) do not count.
    pub fn from_user(user: &str) -> Self {
        let user = user.split(';').next().unwrap_or_default();
        if user.is_empty() || user.eq_ignore_ascii_case("anonymous") {
            return Self::Anonymous;
        }
        if user.len() > MAX_USER_OCTETS {
            return Self::User(user.chars().take(MAX_USER_OCTETS).collect());
        }
        let plain = user.strip_prefix("%2B").or_else(|| user.strip_prefix("%2b")).map(|rest| format!("+{rest}"));
        let digits: String = plain.as_deref().unwrap_or(user).chars().filter(|c| !"-.()".contains(*c)).collect();
        Number::new(&digits).map_or_else(|| Self::User(user.to_owned()), Self::Number)
    }

    /// The text a route's pattern is compared with.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(number) => number.as_str(),
            Self::Anonymous => "anonymous",
            Self::User(user) => user,
        }
    }
}

impl Debug for Party {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Anonymous => f.write_str("Anonymous"),
            Self::User(user) => write!(f, "User({} octets)", user.len()),
        }
    }
}

/// Which numbers a route is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NumberPattern {
    /// `*`: everybody, also without a number.
    Any,
    /// `anonymous`: no number was given.
    Anonymous,
    /// Exactly this number.
    Exact(Number),
    /// `+1415*`: all numbers that start so.
    Prefix(String),
}

impl NumberPattern {
    /// Whether the party fits.
    pub fn matches(&self, party: &Party) -> bool {
        match (self, party) {
            (Self::Any, _) => true,
            (Self::Anonymous, Party::Anonymous) => true,
            (Self::Anonymous, Party::Number(_) | Party::User(_)) => false,
            (Self::Exact(wanted), Party::Number(number)) => wanted == number,
            (Self::Prefix(prefix), Party::Number(number)) => number.as_str().starts_with(prefix.as_str()),
            (Self::Exact(_) | Self::Prefix(_), Party::Anonymous | Party::User(_)) => false,
        }
    }

    /// The number, if it is exactly one.
    pub fn exact(&self) -> Option<&Number> {
        match self {
            Self::Exact(number) => Some(number),
            Self::Any | Self::Anonymous | Self::Prefix(_) => None,
        }
    }

    /// Whether it lets numbers of every country through: `*`, `+*`, and the prefixes for international calls, such as `00*`.
    pub fn is_any_number(&self) -> bool {
        match self {
            Self::Any => true,
            Self::Prefix(prefix) => prefix.trim_start_matches('+').bytes().all(|digit| digit == b'0'),
            Self::Anonymous | Self::Exact(_) => false,
        }
    }

    /// Whether every party that fits `other` fits this one too.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Anonymous, Self::Anonymous) => true,
            (Self::Exact(mine), Self::Exact(other)) => mine == other,
            (Self::Prefix(mine), Self::Exact(other)) => other.as_str().starts_with(mine.as_str()),
            (Self::Prefix(mine), Self::Prefix(other)) => other.starts_with(mine.as_str()),
            (Self::Anonymous, Self::Any | Self::Exact(_) | Self::Prefix(_)) => false,
            (Self::Exact(_), Self::Any | Self::Anonymous | Self::Prefix(_)) => false,
            (Self::Prefix(_), Self::Any | Self::Anonymous) => false,
        }
    }
}

impl Display for NumberPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::Exact(number) => f.write_str(number.as_str()),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

impl Serialize for NumberPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Text for NumberPattern {
    const WANTS: &'static str = "a number such as \"+14155550100\" or \"+1415*\"";

    fn constraint() -> Value {
        json!({ "pattern": "^(\\*|anonymous|\\+?[0-9]{0,20}\\*|\\+?[0-9]{1,20})$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let help = "write \"+14155550100\", \"+1415*\", \"112\", \"anonymous\" or \"*\"";
        if text == "*" {
            return Ok(Self::Any);
        }
        if text == "anonymous" {
            return Ok(Self::Anonymous);
        }
        let Some(prefix) = text.strip_suffix('*') else {
            return Number::new(text).map(Self::Exact).ok_or_else(|| wrong_number(text, help));
        };
        let digits = prefix.strip_prefix('+').unwrap_or(prefix);
        let plain = digits.bytes().all(|octet| octet.is_ascii_digit()) && digits.len() < MAX_NUMBER_DIGITS;
        let international = prefix.starts_with('+');
        if !plain || (international && (digits.starts_with('0') || digits.len() > 14)) {
            return Err(wrong_number(prefix, help));
        }
        Ok(Self::Prefix(prefix.to_owned()))
    }
}

pub(super) fn wrong_number(text: &str, help: &str) -> ValueError {
    let digits: String = text.chars().filter(|c| !" -.()/".contains(*c)).collect();
    if digits != text && Number::new(&digits).is_some() {
        return ValueError::new("is a number with separators", format!("write \"{digits}\""));
    }
    if text.starts_with("+0") {
        return ValueError::new("starts with +0, which no country has", "after `+` comes the country code");
    }
    if text.contains('*') {
        return ValueError::new("has `*` inside; it may only stand at the end", help);
    }
    ValueError::new("is no number", help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Party {
        Party::Number(Number::new(text).unwrap())
    }

    #[test]
    fn user_parts_become_parties() {
        assert_eq!(Party::from_user("+1-415-555.0100;npdi"), number("+14155550100"));
        assert_eq!(Party::from_user("%2B14155550100"), number("+14155550100"));
        assert_eq!(Party::from_user("(020)71234567"), number("02071234567"));
        assert_eq!(Party::from_user("Anonymous"), Party::Anonymous);
        assert_eq!(Party::from_user(""), Party::Anonymous);
        assert_eq!(Party::from_user("alice"), Party::User("alice".to_owned()));
        assert_eq!(Party::from_user("+0123"), Party::User("+0123".to_owned()));
        assert_eq!(Party::from_user(&"9".repeat(5_000)).as_str().len(), MAX_USER_OCTETS);
    }

    #[test]
    fn debug_shows_no_digit_of_a_number() {
        assert_eq!(format!("{:?}", number("+14155550100")), "Number(12 characters)");
        assert_eq!(format!("{:?}", Party::User("alice".to_owned())), "User(5 octets)");
    }

    #[test]
    fn patterns_match_and_cover() {
        let pattern = |text: &str| NumberPattern::parse(text).unwrap();
        assert!(pattern("+1415*").matches(&number("+14155550100")));
        assert!(!pattern("+1415*").matches(&number("14155550100")));
        assert!(pattern("*").covers(&pattern("*")));
        assert!(pattern("+1*").covers(&pattern("+1415*")));
        assert!(!pattern("+1415*").covers(&pattern("+1*")));
        assert!(!pattern("+*").matches(&Party::Anonymous));
        assert!(pattern("anonymous").matches(&Party::Anonymous));
        for wrong in ["", "+", "+0*", "+1 415", "1*5", "abc", "+1234567890123456", "**"] {
            assert!(NumberPattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
