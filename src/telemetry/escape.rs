//! One event, one line: whatever a peer wrote cannot forge a second record or steer a terminal.

use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes each event to the inner writer with every control and direction character escaped as `\uXXXX`, which is
/// also what JSON asks for. The subscriber hands over one whole event per call, ended by one newline.
#[derive(Debug)]
pub(crate) struct EscapingWriter<W> {
    inner: W,
}

impl<W> EscapingWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner }
    }
}

impl<W: Write> Write for EscapingWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let mut escaped = String::with_capacity(line.len() + 1);
        for c in line.chars() {
            if is_dangerous(c) {
                write!(escaped, "\\u{:04x}", u32::from(c)).map_err(io::Error::other)?;
            } else {
                escaped.push(c);
            }
        }
        escaped.push('\n');
        self.inner.write_all(escaped.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// C0, DEL, C1, line and paragraph separators, and the bidirectional controls (CVE-2021-42574 class).
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_inside_one_line() {
        let mut out = Vec::new();
        let event = "call from \u{1b}[31mroot\r\n2026 INFO forged\u{2028}\u{202e}txt\u{9b}\n";
        EscapingWriter::new(&mut out).write_all(event.as_bytes()).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line, "call from \\u001b[31mroot\\u000d\\u000a2026 INFO forged\\u2028\\u202etxt\\u009b\n");
    }

    #[test]
    fn plain_text_is_untouched() {
        let mut out = Vec::new();
        EscapingWriter::new(&mut out).write_all("Zürich ☎ 42\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "Zürich ☎ 42\n");
    }
}
