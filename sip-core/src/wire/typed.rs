//! The typed headers of a message. Each reads its lines when it is asked.

use std::net::SocketAddr;

use bytes::Bytes;

use super::{
    CSeq, Contact, ContentType, HeaderError, HeaderName, Headers, Malformed, NameAddr, OptionTags, RAck,
    SessionExpires, Text, Via,
    scan::{self, class},
    values::{seconds_and_params, sequence},
};
use crate::limits;

impl Headers {
    /// The top Via.
    pub fn via(&self) -> Result<Via, HeaderError> {
        let top = self.elements(&HeaderName::Via).next().ok_or(HeaderError::Missing(HeaderName::Via))?;
        Via::parse(&top).map_err(|Malformed| HeaderError::Malformed(HeaderName::Via))
    }

    /// All Via values, top first.
    pub fn vias(&self) -> Result<Vec<Via>, HeaderError> {
        self.read_all(&HeaderName::Via, limits::VIAS, Via::parse)
    }

    /// Notes the source of a request in its top Via (RFC 3261 18.2.1, RFC 3581 4): `received` when the source is not
    /// the sent-by or `rport` is asked for, and `rport` when it is asked for. Gives the Via as it stands now.
    ///
    /// For a request when it comes in, or for the answer of a refused one.
    pub fn note_source(&mut self, source: SocketAddr) -> Result<Via, HeaderError> {
        let mut via = self.via()?;
        let address = source.ip().to_canonical();
        let asks_port = via.rport().is_some();
        if asks_port {
            via.set_rport(source.port());
        }
        if asks_port || via.host.ip().map(|ip| ip.to_canonical()) != Some(address) {
            via.set_received(address);
        } else {
            // A sender may not claim a source of its own.
            via.params.remove("received");
        }
        self.replace_first_element(&HeaderName::Via, &via.to_value());
        Ok(via)
    }

    /// From
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.read(HeaderName::From, NameAddr::parse)?.ok_or(HeaderError::Missing(HeaderName::From))
    }

    /// To
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.read(HeaderName::To, NameAddr::parse)?.ok_or(HeaderError::Missing(HeaderName::To))
    }

    /// Call-ID
    pub fn call_id(&self) -> Result<Text, HeaderError> {
        self.read(HeaderName::CallId, call_id)?.ok_or(HeaderError::Missing(HeaderName::CallId))
    }

    /// CSeq
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        self.read(HeaderName::CSeq, CSeq::parse)?.ok_or(HeaderError::Missing(HeaderName::CSeq))
    }

    /// The only Contact. `None` when there is none; an error when there are several, or `*`.
    pub fn contact(&self) -> Result<Option<NameAddr>, HeaderError> {
        let mut contacts = self.contacts()?;
        match (contacts.pop(), contacts.is_empty()) {
            (None, _) => Ok(None),
            (Some(_), false) => Err(HeaderError::Repeated(HeaderName::Contact)),
            (Some(Contact::Addr(addr)), true) => Ok(Some(addr)),
            (Some(Contact::Star), true) => Err(HeaderError::Malformed(HeaderName::Contact)),
        }
    }

    /// All Contact values.
    pub fn contacts(&self) -> Result<Vec<Contact>, HeaderError> {
        self.read_all(&HeaderName::Contact, limits::CONTACTS, |text| match text.as_ref() {
            b"*" => Ok(Contact::Star),
            _ => NameAddr::parse(text).map(Contact::Addr),
        })
    }

    /// Route, top first.
    pub fn routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.read_all(&HeaderName::Route, limits::ROUTES, NameAddr::parse)
    }

    /// Record-Route, top first.
    pub fn record_routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.read_all(&HeaderName::RecordRoute, limits::ROUTES, NameAddr::parse)
    }

    /// P-Asserted-Identity (RFC 3325), to be believed from a trusted peer only.
    pub fn asserted_identities(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.read_all(&HeaderName::PAssertedIdentity, limits::ROUTES, NameAddr::parse)
    }

    /// Max-Forwards
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        self.read(HeaderName::MaxForwards, |text| {
            let hops = scan::number(scan::trim(text), 19).ok_or(Malformed)?;
            u8::try_from(hops).map_err(|_| Malformed)
        })
    }

    /// Expires, in seconds
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        self.read(HeaderName::Expires, |text| super::values::seconds(scan::trim(text)))
    }

    /// Session-Expires (RFC 4028 4)
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, HeaderError> {
        self.read(HeaderName::SessionExpires, SessionExpires::parse)
    }

    /// Min-SE, in seconds (RFC 4028 5)
    pub fn min_se(&self) -> Result<Option<u32>, HeaderError> {
        self.read(HeaderName::MinSe, |text| seconds_and_params(text).map(|(seconds, _)| seconds))
    }

    /// Supported
    pub fn supported(&self) -> Result<OptionTags, HeaderError> {
        self.option_tags(&HeaderName::Supported)
    }

    /// Require
    pub fn require(&self) -> Result<OptionTags, HeaderError> {
        self.option_tags(&HeaderName::Require)
    }

    /// Unsupported
    pub fn unsupported(&self) -> Result<OptionTags, HeaderError> {
        self.option_tags(&HeaderName::Unsupported)
    }

    /// RSeq (RFC 3262 7.1)
    pub fn rseq(&self) -> Result<Option<u32>, HeaderError> {
        self.read(HeaderName::RSeq, |text| sequence(scan::trim(text)))
    }

    /// RAck (RFC 3262 7.2)
    pub fn rack(&self) -> Result<Option<RAck>, HeaderError> {
        self.read(HeaderName::RAck, RAck::parse)
    }

    /// Content-Type
    pub fn content_type(&self) -> Result<Option<ContentType>, HeaderError> {
        self.read(HeaderName::ContentType, ContentType::parse)
    }

    /// Whether `method` stands in Allow.
    pub fn allows(&self, method: &str) -> bool {
        self.elements(&HeaderName::Allow).any(|name| name.as_ref() == method.as_bytes())
    }

    fn option_tags(&self, name: &HeaderName) -> Result<OptionTags, HeaderError> {
        let tags = self.read_all(name, limits::OPTION_TAGS, |text| match text.as_ref() {
            // `Supported:` with nothing says that nothing is supported (RFC 3261 20.37).
            b"" => Ok(None),
            tag if scan::all(tag, class::TOKEN) => Ok(Text::from_utf8(text.clone())),
            _ => Err(Malformed),
        })?;
        if tags.len() > 1 && tags.iter().any(Option::is_none) {
            return Err(HeaderError::Malformed(name.clone()));
        }
        Ok(OptionTags(tags.into_iter().flatten().collect()))
    }
}

/// word [ "@" word ]
pub(super) fn call_id(text: &Bytes) -> Result<Text, Malformed> {
    check_call_id(text)?;
    Text::from_utf8(text.slice_ref(scan::trim(text))).ok_or(Malformed)
}

pub(super) fn check_call_id(text: &[u8]) -> Result<(), Malformed> {
    let text = scan::trim(text);
    if text.len() > limits::CALL_ID || !scan::all(text, class::CALL_ID) { Err(Malformed) } else { Ok(()) }
}
