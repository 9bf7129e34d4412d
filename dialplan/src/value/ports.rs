//! The range of RTP ports.

use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::rule::{Text, ValueError};

/// A range of UDP ports, both ends included: `20000-29999`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The lowest port.
    pub fn first(&self) -> u16 {
        self.first
    }

    /// The highest port.
    pub fn last(&self) -> u16 {
        self.last
    }

    /// How many pairs of an even port (RTP) and the odd one above it (RTCP) fit in (RFC 3550, section 11).
    pub fn pairs(&self) -> u32 {
        let first_even = u32::from(self.first).div_ceil(2);
        let after_last = u32::from(self.last).div_ceil(2);
        after_last.saturating_sub(first_even)
    }
}

impl Display for PortRange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl Serialize for PortRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Text for PortRange {
    const WANTS: &'static str = "a range of ports such as \"20000-29999\"";

    fn constraint() -> Value {
        json!({ "pattern": "^[0-9]{4,5}-[0-9]{4,5}$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError::new("is no range of ports", "write \"20000-29999\"");
        let port = |text: &str| {
            let plain = (4..=5).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
            text.parse::<u16>().ok().filter(|_| plain)
        };
        let (first, last) = text.split_once('-').ok_or_else(wrong)?;
        let (first, last) = (port(first).ok_or_else(wrong)?, port(last).ok_or_else(wrong)?);
        let range = Self { first, last };
        if first < LOWEST {
            return Err(ValueError::new(
                format!("starts below {LOWEST}, where no media ports are"),
                "write \"20000-29999\"",
            ));
        }
        if last < first {
            return Err(ValueError::new("ends before it starts", format!("write \"{last}-{first}\"")));
        }
        if range.pairs() == 0 {
            return Err(ValueError::new(
                "has no room for one call",
                "a call takes an even port and the odd one above it",
            ));
        }
        Ok(range)
    }
}

const LOWEST: u16 = 1024;
