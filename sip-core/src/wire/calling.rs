//! Who calls, as far as the caller's side can be believed (RFC 3323, RFC 3325, RFC 5806, RFC 7044).

use std::fmt;

use super::{Diversion, HeaderError, Headers, HistoryEntry, NameAddr, Text, Uri};

/// Who calls, and who sent the call on to us.
#[derive(Clone, PartialEq, Eq)]
pub struct Calling {
    /// Who calls. `None` where nobody says.
    pub caller: Option<Uri>,
    /// The name that goes with it.
    pub display_name: Option<Text>,
    /// The network asserts it (P-Asserted-Identity from within the trust domain), and not only the caller says so (From).
    pub is_asserted: bool,
    /// The caller wants it withheld (RFC 3323, RFC 3325 9.3): for us to know, and to show to nobody.
    pub is_restricted: bool,
    /// Who was called at first, where the call was diverted.
    pub diverted_first: Option<Uri>,
    /// Who diverted the call last.
    pub diverted_last: Option<Uri>,
}

impl Calling {
    /// Who calls by this request. `is_trusted`: whether it comes from within our trust domain (RFC 3325 2.4); from
    /// elsewhere what only a network can say is not read at all.
    pub fn of(request: &Headers, is_trusted: bool) -> Result<Self, HeaderError> {
        let from = request.from()?;
        let privacy = request.privacy().unwrap_or_default();
        let is_anonymous = is_anonymous(&from.uri);
        let asserted = if is_trusted { asserted(request) } else { None };
        let (first, last) = if is_trusted { diverted(request) } else { (None, None) };
        let is_asserted = asserted.is_some();
        let from = (!is_anonymous).then_some(from);
        let name = asserted.as_ref().and_then(display_name).or_else(|| from.as_ref().and_then(display_name));
        Ok(Self {
            caller: asserted.or(from).map(|addr| addr.uri),
            display_name: name,
            is_asserted,
            is_restricted: privacy.hides_caller() || is_anonymous,
            diverted_first: first,
            diverted_last: last,
        })
    }

    /// The user part or number of who calls.
    pub fn number(&self) -> Option<&str> {
        self.caller.as_ref().and_then(Uri::user).map(Text::as_str)
    }
}

// Names and numbers are persons'.
impl fmt::Debug for Calling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calling")
            .field("is_asserted", &self.is_asserted)
            .field("is_restricted", &self.is_restricted)
            .field("is_diverted", &self.diverted_last.is_some())
            .finish_non_exhaustive()
    }
}

/// P-Asserted-Identity: one value, or a `sip:` and a `tel:` one of the same user (RFC 3325 9.1). The `tel:` one is the
/// number itself.
fn asserted(request: &Headers) -> Option<NameAddr> {
    let mut identities = request.asserted_identities().ok()?;
    let tel = identities.iter().position(|addr| matches!(addr.uri, Uri::Tel(_)));
    let index = tel.unwrap_or(0);
    let name = identities.iter().find_map(display_name);
    let chosen = (index < identities.len()).then(|| identities.swap_remove(index))?;
    Some(match name {
        Some(name) => chosen.with_display_name(&name),
        None => chosen,
    })
}

fn display_name(addr: &NameAddr) -> Option<Text> {
    addr.display_name().map(|name| Text::copy_from(name.trim())).filter(|name| !name.is_empty())
}

/// RFC 3323 4.1.1.3, and the user part that most write.
fn is_anonymous(uri: &Uri) -> bool {
    let Some(sip) = uri.as_sip() else { return false };
    let is_invalid = matches!(&sip.host, super::Host::Name(name) if name.eq_ignore_ascii_case("anonymous.invalid"));
    is_invalid || sip.user.as_ref().is_some_and(|user| user.eq_ignore_ascii_case("anonymous"))
}

/// The first and the last who sent the call on.
fn diverted(request: &Headers) -> (Option<Uri>, Option<Uri>) {
    if let Ok(diversions) = request.diversions()
        && !diversions.is_empty()
    {
        // The latest stands first (RFC 5806 4).
        let uri = |diversion: Option<&Diversion>| diversion.map(|diversion| diversion.from.uri.clone());
        return (uri(diversions.last()), uri(diversions.first()));
    }
    let history = request.history().unwrap_or_default();
    let mut by = history.iter().enumerate().filter(|(_, entry)| entry.cause.is_some_and(is_diversion)).filter_map(
        |(index, entry)| {
            let named = entry.parent.as_ref().and_then(|parent| history.iter().find(|other| other.index == *parent));
            named.or_else(|| index.checked_sub(1).and_then(|before| history.get(before)))
        },
    );
    let uri = |entry: &HistoryEntry| entry.target.clone();
    let first = by.next().map(uri);
    let last = by.last().map(uri).or_else(|| first.clone());
    (first, last)
}

/// The causes of a call that was sent on (RFC 4458 2.1).
const fn is_diversion(cause: u16) -> bool {
    matches!(cause, 302 | 404 | 408 | 480 | 486 | 487 | 503)
}
