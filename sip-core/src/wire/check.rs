//! The checks that every message passes, and the answer to one that fails.

use super::{
    HeaderName, Headers, Malformed, ParseError, Reason, Response,
    name_addr::NameAddrView,
    scan::{self, Elements},
    start_line::StartLine,
    typed::check_call_id,
    values::cseq,
    via::ViaView,
};
use crate::limits;

/// The checks of the headers that every message needs, and of those that decide where messages go.
#[expect(clippy::wildcard_enum_match_arm, reason = "of the many headers, these are looked into here")]
pub(super) fn check(start: &StartLine<'_>, headers: &Headers) -> Result<(), Reason> {
    let mut counts = Counts::default();
    for header in headers.iter() {
        let Some(value) = header.value() else { continue };
        match header.name() {
            HeaderName::Via => {
                counts.vias = check_list(value, counts.vias, limits::VIAS, Reason::Via, |via| {
                    if ViaView::parse(via)?.is_within_limits() { Ok(()) } else { Err(Malformed) }
                })?;
            }
            HeaderName::Route => {
                counts.routes = check_list(value, counts.routes, limits::ROUTES, Reason::Route, check_name_addr)?;
            }
            HeaderName::RecordRoute => {
                counts.record_routes =
                    check_list(value, counts.record_routes, limits::ROUTES, Reason::Route, check_name_addr)?;
            }
            HeaderName::Contact => {
                counts.contacts = check_list(value, counts.contacts, limits::CONTACTS, Reason::Contact, |contact| {
                    if contact == b"*" { Ok(()) } else { check_name_addr(contact) }
                })?;
            }
            HeaderName::From => {
                check_name_addr(value).map_err(|Malformed| Reason::From)?;
                counts.mandatory |= FROM;
            }
            HeaderName::To => {
                check_name_addr(value).map_err(|Malformed| Reason::To)?;
                counts.mandatory |= TO;
            }
            HeaderName::CallId => {
                check_call_id(value).map_err(|Malformed| Reason::CallId)?;
                counts.mandatory |= CALL_ID;
            }
            HeaderName::CSeq => {
                let (_, method) = cseq(value).map_err(|Malformed| Reason::CSeq)?;
                // RFC 3261 8.1.1.5, RFC 4475 3.1.2.17
                if start.request_method().is_some_and(|requested| requested != method) {
                    return Err(Reason::CSeq);
                }
                counts.mandatory |= CSEQ;
            }
            HeaderName::MaxForwards => {
                scan::number(value, 19).filter(|hops| *hops <= 255).ok_or(Reason::MaxForwards)?;
            }
            _ => {}
        }
    }
    if counts.vias == 0 || counts.mandatory != FROM | TO | CALL_ID | CSEQ {
        return Err(Reason::MissingHeader);
    }
    Ok(())
}

#[derive(Default)]
struct Counts {
    vias: usize,
    routes: usize,
    record_routes: usize,
    contacts: usize,
    mandatory: u8,
}

const FROM: u8 = 1;
const TO: u8 = 1 << 1;
const CALL_ID: u8 = 1 << 2;
const CSEQ: u8 = 1 << 3;

fn check_list(
    list: &[u8],
    before: usize,
    limit: usize,
    malformed: Reason,
    check: impl Fn(&[u8]) -> Result<(), Malformed>,
) -> Result<usize, Reason> {
    let mut count = before;
    for element in Elements::new(list) {
        count = count.saturating_add(1);
        if count > limit {
            return Err(Reason::TooManyValues);
        }
        check(element).map_err(|Malformed| malformed)?;
    }
    Ok(count)
}

fn check_name_addr(text: &[u8]) -> Result<(), Malformed> {
    if NameAddrView::parse(text)?.is_within_limits() { Ok(()) } else { Err(Malformed) }
}

/// The refusal of a request, with the answer that may be sent; silent for responses and for ACK (RFC 3261 17.1.1.3).
pub(super) fn answer(method: Option<&[u8]>, headers: &Headers, reason: Reason) -> ParseError {
    let (Some(method), Some(status)) = (method, reason.status()) else { return ParseError::silent(reason) };
    if method == b"ACK" {
        return ParseError::silent(reason);
    }
    let mut response = Response::new(status);
    if headers.via().is_ok() {
        response.copy(headers);
        return ParseError::answered(reason, response);
    }
    // Without a top Via that can be read there is nowhere to send an answer; its sent-by is enough (RFC 4475 3.1.2.1).
    let top = headers.elements(&HeaderName::Via).next().unwrap_or_default();
    let Ok(via) = ViaView::salvage(&top) else { return ParseError::silent(reason) };
    response.headers_mut().push(HeaderName::Via, via.own(&top).to_value());
    response.copy(headers);
    response.headers_mut().remove_second(&HeaderName::Via);
    ParseError::answered(reason, response)
}
