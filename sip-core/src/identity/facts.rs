//! What a request says of itself, to be held against its PASSporT.

use super::{Failure, Number, Numbering, date};
use crate::wire::{HeaderName, Request};

/// Which header of a request names the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Caller {
    /// From (RFC 8224 4.1).
    #[default]
    From,
    /// P-Asserted-Identity where it is a number, else From (ATIS-1000074): for trunks whose word is taken for it
    /// (RFC 3325).
    Asserted,
}

/// Caller, callee and Date of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The caller, when it is a number.
    pub caller: Option<Number>,
    /// The callee (To), when it is a number.
    pub callee: Option<Number>,
    /// Date in seconds since 1970.
    pub date: Option<u64>,
}

impl Facts {
    /// The facts of `request`, whose trunk names its caller in `caller` and writes numbers as `numbering` says.
    pub fn of(request: &Request, caller: Caller, numbering: Numbering) -> Result<Self, Failure> {
        let headers = request.headers();
        let date = match headers.get(&HeaderName::Date) {
            None => None,
            Some(value) => Some(date::parse(value).ok_or(Failure::Date)?),
        };
        let from = || headers.from().map_err(|_| Failure::Caller);
        let caller = match caller {
            Caller::From => Number::of_uri(&from()?.uri, numbering),
            Caller::Asserted => {
                let asserted = headers.asserted_identities().map_err(|_| Failure::Caller)?;
                match asserted.iter().find_map(|identity| Number::of_uri(&identity.uri, numbering)) {
                    Some(number) => Some(number),
                    None => Number::of_uri(&from()?.uri, numbering),
                }
            }
        };
        let callee = Number::of_uri(&headers.to().map_err(|_| Failure::Callee)?.uri, numbering);
        Ok(Self { caller, callee, date })
    }
}
