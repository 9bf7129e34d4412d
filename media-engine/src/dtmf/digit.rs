use std::{fmt, time::Duration};

use crate::rtp::TelephoneEvent;

/// One of the sixteen keys of a telephone (RFC 4733 3.2).
///
/// `Debug` does not say which: keys may be part of a card number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u8);

impl Key {
    /// `0`-`9`, `*`, `#`, `A`-`D`, in either case.
    pub fn from_char(key: char) -> Option<Self> {
        TelephoneEvent::code_of(key).map(Self)
    }

    /// The key of an event code; `None` past 15.
    pub const fn from_code(code: u8) -> Option<Self> {
        if code < 16 { Some(Self(code)) } else { None }
    }

    /// The event code.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// What stands on the key.
    pub const fn to_char(self) -> char {
        match self.0 {
            code @ 0..=9 => (b'0' + code) as char,
            10 => '*',
            11 => '#',
            12 => 'A',
            13 => 'B',
            14 => 'C',
            _ => 'D',
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// A digit that the application may see: a choice in a menu, not part of a secure capture.
///
/// `Debug` does not say which.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MenuDigit {
    /// The key.
    pub digit: Key,
    /// How long it was pressed.
    pub duration: Duration,
}

impl MenuDigit {
    /// A key and how long it was pressed.
    pub const fn new(digit: Key, duration: Duration) -> Self {
        Self { digit, duration }
    }
}

impl fmt::Debug for MenuDigit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MenuDigit").field("duration", &self.duration).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_codes_agree() {
        for code in 0..16 {
            let key = Key::from_code(code).unwrap();
            assert_eq!(Key::from_char(key.to_char()), Some(key));
            assert_eq!(key.code(), code);
        }
        assert_eq!(Key::from_code(16), None);
        assert_eq!(Key::from_char('E'), None);
        assert_eq!(Key::from_char('d').map(Key::to_char), Some('D'));
    }

    #[test]
    fn debug_shows_no_digit() {
        let digit = MenuDigit::new(Key::from_char('7').unwrap(), Duration::from_millis(120));
        assert_eq!(format!("{digit:?}"), "MenuDigit { duration: 120ms, .. }");
    }
}
