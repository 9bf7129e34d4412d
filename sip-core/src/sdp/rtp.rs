//! RTP formats: `rtpmap`, `fmtp`, `ptime`.

use std::fmt;

/// `a=rtpmap`: what a payload type carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpMap {
    /// 0 to 127
    pub payload_type: u8,
    /// The encoding as it was written; compare without regard to case (RFC 4855 3).
    pub encoding: String,
    /// The RTP clock, in Hz; one of those that audio and video formats use.
    pub clock_rate: u32,
    /// 1 or 2
    pub channels: u8,
}

impl RtpMap {
    /// A mono format.
    pub fn new(payload_type: u8, encoding: &str, clock_rate: u32) -> Self {
        Self { payload_type, encoding: encoding.to_owned(), clock_rate, channels: 1 }
    }

    /// Whether this is the encoding of this name at this clock rate.
    pub fn is(&self, encoding: &str, clock_rate: u32) -> bool {
        self.encoding.eq_ignore_ascii_case(encoding) && self.clock_rate == clock_rate
    }

    /// `PT encoding/rate[/channels]`. `None` when a number is out of its table: what cannot be right is not computed with.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (payload_type, rest) = text.split_once(' ')?;
        let mut parts = rest.trim().split('/');
        let encoding = parts
            .next()
            .filter(|encoding| !encoding.is_empty() && encoding.bytes().all(|octet| octet.is_ascii_graphic()))?;
        let clock_rate = decimal(parts.next()?)?;
        let channels = match parts.next() {
            None => 1,
            Some(channels) => u8::try_from(decimal(channels)?).ok()?,
        };
        if !CLOCK_RATES.contains(&clock_rate) || !(1..=2).contains(&channels) || parts.next().is_some() {
            return None;
        }
        Some(Self {
            payload_type: self::payload_type(payload_type)?,
            encoding: encoding.to_owned(),
            clock_rate,
            channels,
        })
    }

    /// The static payload types of RFC 3551 6, table 4, that are audio.
    pub(super) fn from_static(payload_type: u8) -> Option<Self> {
        let (encoding, clock_rate) = match payload_type {
            0 => ("PCMU", 8000),
            3 => ("GSM", 8000),
            4 => ("G723", 8000),
            8 => ("PCMA", 8000),
            // The clock of G.722 is 8,000 Hz though it samples at 16,000 (RFC 3551 4.5.2).
            9 => ("G722", 8000),
            13 => ("CN", 8000),
            15 => ("G728", 8000),
            18 => ("G729", 8000),
            _ => return None,
        };
        Some(Self::new(payload_type, encoding, clock_rate))
    }
}

impl fmt::Display for RtpMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.payload_type, self.encoding, self.clock_rate)?;
        if self.channels == 1 { Ok(()) } else { write!(f, "/{}", self.channels) }
    }
}

/// `a=fmtp`: the parameters of a payload type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fmtp {
    /// 0 to 127
    pub payload_type: u8,
    /// As they were written.
    pub params: String,
}

impl Fmtp {
    /// The parameters of a payload type.
    pub fn new(payload_type: u8, params: &str) -> Self {
        Self { payload_type, params: params.to_owned() }
    }

    /// The value of a parameter in the usual `name=value;name=value` form.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.params.split(';').find_map(|param| {
            let (key, value) = param.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (payload_type, params) = text.split_once(' ')?;
        Some(Self { payload_type: self::payload_type(payload_type)?, params: params.trim().to_owned() })
    }
}

/// Milliseconds of audio in one packet: 10 to 120, in steps of 10.
///
/// What a peer writes is brought into this range, so that nobody divides by its zero or multiplies by its four
/// billion (CVE-2026-41416).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ptime(u8);

impl Ptime {
    /// What G.711 uses when nothing is said (RFC 3551 4.2).
    pub const DEFAULT: Self = Self(20);

    /// The nearest packet time that is not longer than `ms`, and not shorter than 10 ms. None for 0.
    pub const fn from_ms(ms: u32) -> Option<Self> {
        let ms = match ms {
            0 => return None,
            1..10 => 10,
            10..=120 => ms,
            _ => 120,
        };
        #[expect(clippy::cast_possible_truncation, clippy::arithmetic_side_effects, reason = "10 to 120, less 0 to 9")]
        let ms = (ms - ms % 10) as u8;
        Some(Self(ms))
    }

    /// Milliseconds.
    pub const fn ms(self) -> u8 {
        self.0
    }

    /// RFC 8866 6.4: a number above zero, which may have a fraction.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_number = !whole.is_empty() && whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit());
        if !is_number {
            return None;
        }
        Self::from_ms(whole.parse().unwrap_or(u32::MAX))
    }
}

impl fmt::Display for Ptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// 0 to 127, without sign.
pub(super) fn payload_type(text: &str) -> Option<u8> {
    decimal(text).and_then(|number| u8::try_from(number).ok()).filter(|number| *number < 128)
}

/// Digits only.
pub(super) fn decimal(text: &str) -> Option<u32> {
    let is_number = (1..=10).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

const CLOCK_RATES: [u32; 11] = [1_000, 8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 90_000];
