//! The Identity header's value (RFC 8224 4).
//!
//! ```text
//! eyJhbGciOi….eyJhdHRlc3Qi….rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w
//!     ;info=<https://biloxi.example.org/biloxi.cer>;alg=ES256;ppt=shaken
//! ```

use super::Failure;
use crate::limits;

/// A value, taken apart.
#[derive(Clone, Copy)]
pub(super) struct Header<'a> {
    /// The PASSporT.
    pub(super) token: &'a [u8],
    /// What stands between the angle brackets of `info`.
    pub(super) info: &'a [u8],
    pub(super) ppt: Ppt,
}

/// Which kind of PASSporT the parameter announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ppt {
    Shaken,
    Other,
    /// There is no such parameter.
    Unsaid,
}

impl<'a> Header<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Failure> {
        let value = value.trim_ascii();
        let end = value.iter().position(|octet| !is_token(*octet)).unwrap_or(value.len());
        let (token, mut rest) = value.split_at_checked(end).ok_or(Failure::Header)?;
        let (mut info, mut alg, mut ppt) = (None, None, None);
        for _ in 0..limits::IDENTITY_PARAMS {
            let Some((name, param, after)) = parameter(rest)? else { break };
            let slot = match name {
                name if name.eq_ignore_ascii_case(b"info") => &mut info,
                name if name.eq_ignore_ascii_case(b"alg") => &mut alg,
                name if name.eq_ignore_ascii_case(b"ppt") => &mut ppt,
                _ => &mut None,
            };
            if slot.replace(param).is_some() {
                return Err(Failure::Header);
            }
            rest = after;
        }
        if token.is_empty() || !rest.trim_ascii().is_empty() {
            return Err(Failure::Header);
        }
        let ppt = match ppt {
            None => Ppt::Unsaid,
            Some(Param::Text(b"shaken")) => Ppt::Shaken,
            Some(Param::Text(_)) => Ppt::Other,
            Some(Param::Uri(_)) => return Err(Failure::Header),
        };
        // Another kind may have parameters of another kind.
        if ppt != Ppt::Other && !matches!(alg, None | Some(Param::Text(b"ES256"))) {
            return Err(Failure::Algorithm);
        }
        let Some(Param::Uri(info)) = info else { return Err(Failure::Header) };
        Ok(Self { token, info, ppt })
    }
}

#[derive(Clone, Copy)]
enum Param<'a> {
    /// `<…>`
    Uri(&'a [u8]),
    /// A token, or a quoted string without escapes.
    Text(&'a [u8]),
}

type Parameter<'a> = (&'a [u8], Param<'a>, &'a [u8]);

/// `;name=value` at the start of `text`, and the rest; `None` at the end.
fn parameter(text: &[u8]) -> Result<Option<Parameter<'_>>, Failure> {
    let [b';', text @ ..] = text.trim_ascii_start() else { return Ok(None) };
    let (name, text) = until(text, |octet| matches!(octet, b'=' | b';')).ok_or(Failure::Header)?;
    let name = name.trim_ascii();
    let [b'=', text @ ..] = text else { return Err(Failure::Header) };
    let text = text.trim_ascii_start();
    let (value, rest) = match text {
        [b'<', inner @ ..] => {
            let (uri, rest) = until(inner, |octet| octet == b'>').ok_or(Failure::Header)?;
            (Param::Uri(uri), rest.get(1..).unwrap_or_default())
        }
        [b'"', inner @ ..] => {
            let (quoted, rest) = until(inner, |octet| matches!(octet, b'"' | b'\\')).ok_or(Failure::Header)?;
            let [b'"', rest @ ..] = rest else { return Err(Failure::Header) };
            (Param::Text(quoted), rest)
        }
        _ => {
            let end = text.iter().position(|octet| matches!(octet, b';' | b' ' | b'\t')).unwrap_or(text.len());
            let (token, rest) = text.split_at_checked(end).ok_or(Failure::Header)?;
            (Param::Text(token), rest)
        }
    };
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return Err(Failure::Header);
    }
    Ok(Some((name, value, rest)))
}

/// What stands before the first octet that is an end, and the rest with it.
fn until(text: &[u8], is_end: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8])> {
    text.split_at_checked(text.iter().position(|octet| is_end(*octet))?)
}

/// base64url and the dots between (RFC 8224 4, signed-identity-digest).
const fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<(String, String, Ppt), Failure> {
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        Header::parse(value.as_bytes()).map(|header| (text(header.token), text(header.info), header.ppt))
    }

    #[test]
    fn parameters_stand_in_any_order_and_any_writing() {
        let expected = Ok(("a.b.c".to_owned(), "https://x/y".to_owned(), Ppt::Shaken));
        for value in [
            "a.b.c;info=<https://x/y>;alg=ES256;ppt=shaken",
            "a.b.c ; ppt = \"shaken\" ; alg=\"ES256\"; INFO=<https://x/y> ",
            "a.b.c;info=<https://x/y>;ppt=shaken;more=<a;b>;other=\"c;d\"",
        ] {
            assert_eq!(parse(value), expected, "{value}");
        }
        assert_eq!(parse("a.b.c;info=<https://x/y>").unwrap().2, Ppt::Unsaid);
        assert_eq!(parse("a.b.c;info=<https://x/y>;ppt=div;alg=ES384").unwrap().2, Ppt::Other);
    }

    #[test]
    fn what_is_not_one_value_is_refused() {
        for value in [
            "",
            ";info=<https://x/y>",
            "a.b.c",
            "a.b.c;info=https://x/y",
            "a.b.c;info=<https://x/y",
            "a.b.c;info=<https://x/y>;info=<https://x/y>",
            "a.b.c;info=<https://x/y>;ppt",
            "a.b.c;info=<https://x/y>;ppt=<shaken>",
            "a.b.c;info=<https://x/y>;ppt=\"sha\\ken\"",
            "a.b.c;info=<https://x/y>;ppt=shaken, d.e.f;info=<https://x/z>",
            "a.b=.c;info=<https://x/y>",
            "a.b.c info=<https://x/y>",
        ] {
            assert_eq!(parse(value), Err(Failure::Header), "{value}");
        }
        assert_eq!(parse("a.b.c;info=<https://x/y>;alg=none"), Err(Failure::Algorithm));
        let many = format!("a.b.c;info=<https://x/y>{}", ";x=y".repeat(limits::IDENTITY_PARAMS));
        assert_eq!(parse(&many), Err(Failure::Header));
    }
}
