//! SIP-date (RFC 3261 20.17): `Sat, 13 Nov 2010 23:29:00 GMT`, and nothing else.

/// The date in seconds since 1970.
pub(super) fn parse(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.trim_ascii();
    let (weekday, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let (day, month, year, time, zone) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || zone != "GMT" {
        return None;
    }
    let mut clock = time.split(':');
    let (hour, minute, second) = (clock.next()?, clock.next()?, clock.next()?);
    if clock.next().is_some() {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)?.checked_add(1)?;
    let days = days(digits(year, 4)?, u64::try_from(month).ok()?, digits(day, 2)?)?;
    // 1 January 1970 was a Thursday.
    if WEEKDAYS.get(usize::try_from(days.checked_rem(7)?).ok()?)? != &weekday {
        return None;
    }
    let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let time = hour.checked_mul(3600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)?;
    days.checked_mul(86_400)?.checked_add(time)
}

/// Exactly `count` digits.
fn digits(text: &str, count: usize) -> Option<u64> {
    let is_number = text.len() == count && text.bytes().all(|octet| octet.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// Days since 1 January 1970.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let since = |year: u64| -> Option<u64> {
        let last = year.checked_sub(1)?;
        let leap_days = (last / 4).checked_sub(last / 100)?.checked_add(last / 400)?;
        last.checked_mul(365)?.checked_add(leap_days)
    };
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = |month: u64| match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day == 0 || day > length(month) {
        return None;
    }
    let before: u64 = (1..month).map(length).sum();
    since(year)?.checked_sub(since(1970)?)?.checked_add(before)?.checked_add(day.checked_sub(1)?)
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seconds_since_1970() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sat, 13 Nov 2010 23:29:00 GMT", 1_289_690_940),
            ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000),
            ("Tue, 24 Nov 2026 10:46:21 GMT", 1_795_517_181),
            (" Tue, 24 Nov 2026 10:46:21 GMT ", 1_795_517_181),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "Sat, 13 Nov 2010 23:29:00",
            "Sat, 13 Nov 2010 23:29:00 UTC",
            "Sun, 13 Nov 2010 23:29:00 GMT",
            "Sat, 13 nov 2010 23:29:00 GMT",
            "Sat, 13 Nov 2010 24:29:00 GMT",
            "Sat, 13 Nov 2010 +3:29:00 GMT",
            "Sat, 00 Nov 2010 23:29:00 GMT",
            "Wed, 29 Feb 2023 12:00:00 GMT",
            "Sat, 13 Nov 99999999999999999999 23:29:00 GMT",
            "Sat, 13 Nov 0000 23:29:00 GMT",
            "Sat, 13 Nov 2010 23:29:00 GMT GMT",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"\xff"), None);
    }
}
