//! Headers within a URI: `?name=value&name=value`, escaped (RFC 3261 19.1.1).

use bytes::{BufMut, BytesMut};

use super::{Malformed, scan};

/// The values of one name, unescaped. `headers` is what follows the `?`, whose escapes the URI's parser has checked.
pub(super) fn values<'a>(
    headers: &'a [u8],
    name: &'static str,
) -> impl Iterator<Item = Result<Vec<u8>, Malformed>> + use<'a> {
    headers.split(|octet| *octet == b'&').filter_map(move |header| {
        let (found, value) = scan::split_once(header, b'=').unwrap_or((header, &[]));
        found.eq_ignore_ascii_case(name.as_bytes()).then(|| unescape(value))
    })
}

/// `%XX` as the octet. A control octet is nothing that a header of ours could hold.
fn unescape(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut plain = Vec::with_capacity(text.len());
    let mut octets = text.iter().copied();
    while let Some(octet) = octets.next() {
        let octet = match octet {
            b'%' => {
                let (high, low) = (octets.next().and_then(digit), octets.next().and_then(digit));
                high.zip(low).map(|(high, low)| high << 4 | low).ok_or(Malformed)?
            }
            plain => plain,
        };
        plain.push(octet);
    }
    if scan::has_control(&plain) { Err(Malformed) } else { Ok(plain) }
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Writes `text` with everything escaped but `unreserved` (RFC 3261 25.1): what may also stand plain is read by nobody
/// else in the same way.
pub(super) fn escape(text: &[u8], out: &mut BytesMut) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let hex = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
    for &octet in text {
        if octet.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&octet) {
            out.put_u8(octet);
        } else {
            out.put_slice(&[b'%', hex(octet >> 4), hex(octet & 0xf)]);
        }
    }
}
