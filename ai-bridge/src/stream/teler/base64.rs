//! Base64 as applications send it: one of the public bridges joins several separately encoded pieces, so that padding
//! stands in the middle of the text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;

/// Decodes piece by piece and appends to `out`. On garbage `out` is left as it was: noise is never played.
pub(super) fn decode_pieces(text: &str, out: &mut Vec<u8>) -> Result<(), NotBase64> {
    let before = out.len();
    let mut rest = text.trim_ascii();
    while !rest.is_empty() {
        let padding = rest.find('=').unwrap_or(rest.len());
        let end = rest.as_bytes()[padding..].iter().position(|b| *b != b'=').map_or(rest.len(), |n| padding + n);
        let (piece, next) = rest.split_at(end);
        if STANDARD_PAD_INDIFFERENT.decode_vec(piece, out).is_err() {
            out.truncate(before);
            return Err(NotBase64);
        }
        rest = next;
    }
    Ok(())
}

/// Not base64, even piece by piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotBase64;

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn decoded(text: &str) -> Result<Vec<u8>, NotBase64> {
        let mut out = vec![9];
        let result = decode_pieces(text, &mut out);
        assert_eq!(out[0], 9);
        result.map(|()| out.split_off(1)).inspect_err(|_| assert_eq!(out.len(), 1))
    }

    #[test]
    fn garbage_leaves_nothing_behind() {
        for bad in ["*", "A", "AAAA*", "AAA=A", "=", "====", "AAAA=AAAA", "AAAAA", "AA AA", "\u{e9}", "AB"] {
            let expected = if bad == "AB" { Err(NotBase64) } else { decoded(bad).and(Err(NotBase64)) };
            assert_eq!(decoded(bad), expected, "{bad}");
        }
        assert_eq!(decoded(""), Ok(vec![]));
        assert_eq!(decoded(" QUI=\r\n"), Ok(b"AB".to_vec()));
    }

    proptest! {
        #[test]
        fn joined_pieces_decode_to_joined_octets(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..900), 0..8)) {
            let text: String = pieces.iter().map(|piece| STANDARD.encode(piece)).collect();
            prop_assert_eq!(decoded(&text), Ok(pieces.concat()));
        }

        #[test]
        fn never_panics(text in ".*") {
            let mut out = Vec::new();
            if decode_pieces(&text, &mut out).is_err() {
                prop_assert!(out.is_empty());
            }
        }
    }
}
