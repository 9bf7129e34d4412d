//! Digits in INFO bodies: `application/dtmf-relay` and `application/dtmf`. No RFC describes them; what gateways send is
//! what is read here. RFC 6086 is the INFO they come in.
//!
//! ```
//! use sip_core::info::{DialledDigit, Dialled};
//! use std::time::Duration;
//!
//! let read = Dialled::read("application/dtmf-relay", b"Signal= 5\nduration = 160")?;
//! let dialled = read.expect("of a kind that holds a digit");
//! assert_eq!((dialled.digit.expose(), dialled.duration), ('5', Duration::from_millis(160)));
//! assert_eq!(format!("{:?}", dialled.digit), "DialledDigit(..)");
//! # Ok::<(), sip_core::wire::Malformed>(())
//! ```

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::endpoint::Body;
use crate::limits;
use crate::wire::{Malformed, Text};

/// A digit that somebody dialled: part of a card number, or of a PIN. It has no text, and is wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct DialledDigit(Zeroizing<u8>);

impl DialledDigit {
    /// The digit that `key` is: `0` to `9`, `*`, `#`, `A` to `D`.
    pub fn new(key: char) -> Option<Self> {
        let key = u8::try_from(key).ok()?.to_ascii_uppercase();
        matches!(key, b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D').then(|| Self(Zeroizing::new(key)))
    }

    /// The digit itself, for the one guard that digits enter by.
    pub fn expose(&self) -> char {
        char::from(*self.0)
    }

    /// What a gateway writes for it: the key, or its number as an event (RFC 4733 3.2).
    fn read(text: &[u8]) -> Option<Self> {
        match text {
            [key] => Self::new(char::from(*key)),
            b"10" => Self::new('*'),
            b"11" => Self::new('#'),
            b"12" => Self::new('A'),
            b"13" => Self::new('B'),
            b"14" => Self::new('C'),
            b"15" => Self::new('D'),
            _ => None,
        }
    }
}

impl fmt::Debug for DialledDigit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DialledDigit(..)")
    }
}

/// A digit and how long its key was held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialled {
    /// Which.
    pub digit: DialledDigit,
    /// How long: what the sender says, within bounds.
    pub duration: Duration,
}

impl Dialled {
    /// A digit of our own.
    pub fn new(digit: DialledDigit, duration: Duration) -> Self {
        Self { digit, duration: duration.clamp(limits::DIGIT_SHORTEST, limits::DIGIT_LONGEST) }
    }

    /// The digit of an INFO. `None` for a body of another kind.
    pub fn read(content_type: &str, body: &[u8]) -> Result<Option<Self>, Malformed> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        let is_relay = kind.eq_ignore_ascii_case(DTMF_RELAY);
        if !is_relay && !kind.eq_ignore_ascii_case(DTMF) {
            return Ok(None);
        }
        if body.len() > limits::INFO_DIGIT {
            return Err(Malformed);
        }
        let mut digit = None;
        let mut duration = USUAL;
        for line in body.split(|octet| matches!(octet, b'\r' | b'\n')).map(<[u8]>::trim_ascii) {
            let at = line.iter().position(|octet| *octet == b'=');
            let Some((name, value)) = at.and_then(|at| Some((line.get(..at)?, line.get(at..)?.get(1..)?))) else {
                // A line of its own: the whole of `application/dtmf`.
                if !line.is_empty() && !is_relay {
                    set(&mut digit, line)?;
                }
                continue;
            };
            let (name, value) = (name.trim_ascii(), value.trim_ascii());
            if name.eq_ignore_ascii_case(b"signal") {
                set(&mut digit, value)?;
            } else if name.eq_ignore_ascii_case(b"duration") {
                duration = milliseconds(value).unwrap_or(duration);
            }
        }
        Ok(Some(Self::new(digit.ok_or(Malformed)?, duration)))
    }

    /// The Content-Type and body of an INFO with this digit.
    pub fn to_dtmf_relay(&self) -> (Text, Body) {
        let mut body = Vec::with_capacity(40);
        body.extend_from_slice(b"Signal=");
        body.push(*self.digit.0);
        body.extend_from_slice(format!("\r\nDuration={}\r\n", self.duration.as_millis()).as_bytes());
        (Text::from_static(DTMF_RELAY), Body::from(body))
    }
}

/// One digit in a body: two readers could see two.
fn set(digit: &mut Option<DialledDigit>, text: &[u8]) -> Result<(), Malformed> {
    if digit.replace(DialledDigit::read(text).ok_or(Malformed)?).is_some() { Err(Malformed) } else { Ok(()) }
}

fn milliseconds(text: &[u8]) -> Option<Duration> {
    let digits = std::str::from_utf8(text).ok()?;
    let digits = digits.split_once(|c: char| !c.is_ascii_digit()).map_or(digits, |(digits, _)| digits);
    digits.parse::<u32>().ok().map(|count| Duration::from_millis(u64::from(count)))
}

/// Cisco's, which most others took over.
const DTMF_RELAY: &str = "application/dtmf-relay";
const DTMF: &str = "application/dtmf";
/// Where the sender does not say how long.
const USUAL: Duration = Duration::from_millis(160);
