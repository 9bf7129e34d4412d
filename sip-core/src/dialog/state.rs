//! The state of a dialog (RFC 3261 12).

use std::fmt;

use bytes::Bytes;

use crate::wire::{CSeq, HeaderError, HeaderName, Headers, Method, Request, Response, Text, Uri};

use super::{DialogId, RouteSet};

/// One dialog: what a request within it is made of, and which requests are accepted in it.
pub struct Dialog {
    id: DialogId,
    /// From of our requests, with our tag.
    local: Bytes,
    /// To of our requests, with the peer's tag.
    remote: Bytes,
    remote_target: Uri,
    route_set: RouteSet,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    allows_update: bool,
    secure: bool,
}

/// A message makes no dialog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialogError {
    /// A header cannot be read.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// There is no Contact, or not one that a request can go to (RFC 3261 8.1.1.8).
    #[error("no usable Contact")]
    Contact,
}

/// A request whose CSeq number does not rise (RFC 3261 12.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the CSeq number does not rise")]
pub struct CSeqOrder;

impl Dialog {
    /// The dialog of a UAS: `invite` came, and is answered with `local_tag` (RFC 3261 12.1.1). Our own requests count
    /// from `local_cseq`.
    pub fn uas(invite: &Request, local_tag: &str, local_cseq: u32) -> Result<Self, DialogError> {
        let from = invite.from()?;
        let id = DialogId {
            call_id: Text::copy_from(&invite.call_id()?),
            local_tag: Text::copy_from(local_tag),
            remote_tag: Text::copy_from(from.tag().unwrap_or_default()),
        };
        Ok(Self {
            id,
            local: invite.to()?.with_tag(local_tag).to_value(),
            remote: from.to_value(),
            remote_target: target(invite)?,
            route_set: RouteSet::of_request(invite)?,
            local_cseq,
            remote_cseq: Some(invite.cseq()?.seq),
            allows_update: invite.allows(Method::Update.as_str()),
            secure: invite.uri().is_secure(),
        })
    }

    /// The dialog of a UAC: `invite` was sent, and `response` (101 to 299) came (RFC 3261 12.1.2).
    pub fn uac(invite: &Request, response: &Response) -> Result<Self, DialogError> {
        Ok(Self {
            id: DialogId::of_response(response)?,
            local: invite.from()?.to_value(),
            remote: response.to()?.to_value(),
            remote_target: target(response)?,
            route_set: RouteSet::of_response(response)?,
            local_cseq: invite.cseq()?.seq,
            remote_cseq: None,
            allows_update: response.allows(Method::Update.as_str()),
            secure: invite.uri().is_secure(),
        })
    }

    /// The 2xx of an early dialog came: the route set is that of the 2xx, and so is the target (RFC 3261 13.2.2.4).
    pub fn confirm(&mut self, response: &Response) -> Result<(), DialogError> {
        self.route_set = RouteSet::of_response(response)?;
        self.remote_target = target(response)?;
        if response.contains(&HeaderName::Allow) {
            self.allows_update = response.allows(Method::Update.as_str());
        }
        Ok(())
    }

    /// Its identity.
    pub const fn id(&self) -> &DialogId {
        &self.id
    }

    /// Where the peer wants its requests; written in them, and not where the packets go (THREATS T44).
    pub const fn remote_target(&self) -> &Uri {
        &self.remote_target
    }

    /// Whether the peer said that it takes UPDATE (RFC 3311 4).
    pub const fn allows_update(&self) -> bool {
        self.allows_update
    }

    /// Whether the dialog was made with a sips URI (RFC 3261 12.1.1): our Contact must be one too.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The CSeq number of our last request.
    pub const fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// Our next request counts on from here: a number that was used before must not be used again.
    pub fn count_on_from(&mut self, cseq: u32) {
        self.local_cseq = self.local_cseq.max(cseq);
    }

    /// The CSeq number for one more request of ours, as it is for a request that is made again.
    pub const fn next_cseq(&mut self) -> u32 {
        self.local_cseq += 1;
        self.local_cseq
    }

    /// A new request within the dialog (RFC 3261 12.2.1.1). Via, Max-Forwards and Contact are the endpoint's to add.
    pub fn request(&mut self, method: Method) -> Request {
        self.local_cseq += 1;
        self.build(method, self.local_cseq)
    }

    /// The ACK of the 2xx to our INVITE with this CSeq number (RFC 3261 13.2.2.4).
    pub fn ack(&self, cseq: u32) -> Request {
        self.build(Method::Ack, cseq)
    }

    /// Checks and takes over the CSeq number of a request that came (RFC 3261 12.2.2). Not for ACK, which repeats the
    /// number of its INVITE.
    pub fn accept(&mut self, cseq: u32) -> Result<(), CSeqOrder> {
        if self.remote_cseq.is_some_and(|last| cseq <= last) {
            return Err(CSeqOrder);
        }
        self.remote_cseq = Some(cseq);
        Ok(())
    }

    /// The peer's Contact in a re-INVITE, an UPDATE, or the 2xx to ours, becomes the remote target
    /// (RFC 3261 12.2.2, RFC 3311 5.1). One that cannot be read leaves the target as it is.
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Ok(uri) = target(headers) {
            self.remote_target = uri;
        }
        if headers.contains(&HeaderName::Allow) {
            self.allows_update = headers.allows(Method::Update.as_str());
        }
    }

    /// The peer refused an UPDATE that it said it takes: no more of them.
    pub const fn forget_update(&mut self) {
        self.allows_update = false;
    }

    fn build(&self, method: Method, cseq: u32) -> Request {
        let cseq = CSeq::new(cseq, method.clone());
        let mut request = Request::new(method, self.remote_target.clone());
        self.route_set.address(&mut request, &self.remote_target);
        let headers = request.headers_mut();
        headers.push(HeaderName::From, self.local.clone());
        headers.push(HeaderName::To, self.remote.clone());
        headers.push(HeaderName::CallId, self.id.call_id.clone().into_bytes());
        headers.push(HeaderName::CSeq, cseq.to_value());
        request
    }
}

impl fmt::Debug for Dialog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialog")
            .field("local_cseq", &self.local_cseq)
            .field("remote_cseq", &self.remote_cseq)
            .finish_non_exhaustive()
    }
}

/// The one Contact, when a request can be sent to it.
fn target(headers: &Headers) -> Result<Uri, DialogError> {
    let contact = headers.contact()?.ok_or(DialogError::Contact)?;
    match contact.uri {
        // In storage of its own: a dialog must not hold on to a whole packet, with the keys in its body.
        Uri::Sip(_) => Uri::parse(&contact.uri.to_text().into_bytes()).map_err(|_| DialogError::Contact),
        Uri::Tel(_) | Uri::Other(_) => Err(DialogError::Contact),
    }
}
