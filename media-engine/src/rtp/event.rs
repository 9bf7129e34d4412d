use std::fmt;

/// One telephone-event report (RFC 4733 2.3).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// |     event     |E|R| volume    |          duration             |
/// ```
///
/// `Debug` does not show which event it is: it may be a digit of a card number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// The event code: 0 to 15 are the DTMF keys.
    pub event: u8,
    /// This is one of the last reports of the event.
    pub end: bool,
    /// The power level in -dBm0, six bits.
    pub volume: u8,
    /// How long the event has lasted, in ticks of the RTP clock.
    pub duration: u16,
}

impl TelephoneEvent {
    /// The length of a report.
    pub const LEN: usize = 4;

    /// The keys in the order of their codes (RFC 4733 3.2).
    const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

    /// Reads a report. The reserved bit is ignored (RFC 4733 2.3.3), and so is what follows the four octets.
    pub fn decode(payload: &[u8]) -> Result<Self, EventError> {
        let ([event, flags, duration0, duration1], _) = payload.split_first_chunk().ok_or(EventError::TooShort)?;
        Ok(Self {
            event: *event,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([*duration0, *duration1]),
        })
    }

    /// The four octets of the report. Of a volume past 63, 63 is sent.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let [duration0, duration1] = self.duration.to_be_bytes();
        let flags = (u8::from(self.end) << 7) | self.volume.min(0x3f);
        [self.event, flags, duration0, duration1]
    }

    /// The key, when the event is one: `0`-`9`, `*`, `#`, `A`-`D`.
    pub fn key(&self) -> Option<char> {
        Self::KEYS.get(usize::from(self.event)).copied()
    }

    /// The event code of a key.
    pub fn code_of(key: char) -> Option<u8> {
        let position = Self::KEYS.iter().position(|&known| known == key.to_ascii_uppercase())?;
        u8::try_from(position).ok()
    }
}

impl fmt::Debug for TelephoneEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelephoneEvent")
            .field("end", &self.end)
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}

/// Why a payload is not a telephone event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EventError {
    /// Fewer than four octets.
    #[error("shorter than a telephone-event report")]
    TooShort,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_report_is_read() {
        let event = TelephoneEvent::decode(&[5, 0x8a, 0x03, 0x20]).unwrap();
        assert_eq!((event.key(), event.end, event.volume, event.duration), (Some('5'), true, 10, 800));
    }

    #[test]
    fn short_payloads_are_refused() {
        for len in 0..TelephoneEvent::LEN {
            assert_eq!(TelephoneEvent::decode(&[0; 4][..len]), Err(EventError::TooShort));
        }
    }

    #[test]
    fn keys_and_codes_are_one_to_one() {
        for event in 0..16 {
            let report = TelephoneEvent { event, end: false, volume: 10, duration: 0 };
            assert_eq!(TelephoneEvent::code_of(report.key().unwrap()), Some(event));
        }
        assert_eq!(TelephoneEvent { event: 16, end: false, volume: 0, duration: 0 }.key(), None);
        assert_eq!(TelephoneEvent::code_of('d'), Some(15));
        assert_eq!(TelephoneEvent::code_of('E'), None);
        assert_eq!(TelephoneEvent::code_of('²'), None);
    }

    #[test]
    fn debug_shows_no_digit() {
        let event = TelephoneEvent { event: 7, end: true, volume: 10, duration: 160 };
        assert_eq!(format!("{event:?}"), "TelephoneEvent { end: true, duration: 160, .. }");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(event: u8, end: bool, volume in 0_u8..64, duration: u16) {
            let report = TelephoneEvent { event, end, volume, duration };
            prop_assert!(TelephoneEvent::decode(&report.encode()).unwrap() == report);
        }

        #[test]
        fn any_octets_are_survived(octets in prop::collection::vec(any::<u8>(), 0..12)) {
            prop_assert_eq!(TelephoneEvent::decode(&octets).is_ok(), octets.len() >= 4);
        }
    }
}
