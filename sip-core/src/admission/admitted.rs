//! The proof that the gate was passed.

use std::fmt;
use std::sync::Arc;

use crate::endpoint::{Body, CallKey};
use crate::wire::Request;

use super::{SourceFacts, TrunkId};

/// Something that the gate let in, with whom it came from. Minted by [`super::Gate::admit`] and nowhere else: there is no
/// road from the parser to the dialplan around it.
pub struct Admitted<T> {
    inner: T,
    source: SourceFacts,
    trunk: TrunkId,
    srtp: Arc<str>,
}

impl<T> Admitted<T> {
    pub(super) const fn mint(inner: T, source: SourceFacts, trunk: TrunkId, srtp: Arc<str>) -> Self {
        Self { inner, source, trunk, srtp }
    }

    /// What was admitted.
    pub const fn get(&self) -> &T {
        &self.inner
    }

    /// Where it came from.
    pub const fn source(&self) -> &SourceFacts {
        &self.source
    }

    /// The trunk that brought it.
    pub const fn trunk(&self) -> &TrunkId {
        &self.trunk
    }

    /// The trunk's media security policy, as its rule gave it.
    pub fn srtp(&self) -> &str {
        &self.srtp
    }
}

impl<T> fmt::Debug for Admitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted")
            .field("trunk", &self.trunk)
            .field("source", &self.source.address)
            .field("transport", &self.source.transport)
            .finish_non_exhaustive()
    }
}

/// An INVITE that starts a call, with its session description taken out of its body.
pub struct Invite {
    request: Request,
    sdp: Option<Body>,
    replaces: Option<CallKey>,
}

impl Invite {
    pub(crate) const fn new(request: Request, sdp: Option<Body>, replaces: Option<CallKey>) -> Self {
        Self { request, sdp, replaces }
    }

    /// The call of the same trunk whose place this one takes (RFC 3891): answer this one, and hang up that one.
    pub const fn replaces(&self) -> Option<CallKey> {
        self.replaces
    }

    /// The request: Request-URI, From, To, P-Asserted-Identity and the rest.
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// The caller's offer. `None`: our answer must carry an offer, and the ACK the answer.
    pub const fn sdp(&self) -> Option<&Body> {
        self.sdp.as_ref()
    }
}

impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invite").field("sdp", &self.sdp).finish_non_exhaustive()
    }
}
