//! message/sipfrag, of which only the status line matters to us (RFC 3420; RFC 3515 2.4.5).

use super::{Malformed, StatusCode, scan};
use crate::limits;

/// The status of a sipfrag that starts with a status line. What follows the line is not looked at.
pub fn sipfrag_status(body: &[u8]) -> Result<StatusCode, Malformed> {
    let window = body.get(..limits::START_LINE).unwrap_or(body);
    let end = memchr::memchr2(b'\r', b'\n', window).unwrap_or(window.len());
    let (line, _) = scan::split(window, end);
    // A line without an end is whole only where the body ends with it.
    if end == window.len() && body.len() > window.len() {
        return Err(Malformed);
    }
    let (version, rest) = scan::split_once(line, b' ').ok_or(Malformed)?;
    let (code, phrase) = scan::split(scan::trim_start(rest), 3);
    if !version.eq_ignore_ascii_case(b"SIP/2.0") || phrase.first().is_some_and(|&octet| !scan::is_blank(octet)) {
        return Err(Malformed);
    }
    let code = scan::number(code, 3).filter(|_| code.len() == 3).and_then(|code| u16::try_from(code).ok());
    code.and_then(StatusCode::new).ok_or(Malformed)
}

/// The sipfrag that says `status`.
pub fn sipfrag(status: StatusCode) -> String {
    format!("SIP/2.0 {status} {}\r\n", status.phrase())
}
