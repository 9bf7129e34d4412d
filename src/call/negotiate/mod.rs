//! Where SIP's session descriptions and the media engine meet: offer in, keys and addresses out.
//!
//! Rules, in this order, and no way round them:
//!
//! 1. A profile that is not known is refused, never taken for plain RTP. Unless the trunk may do without SRTP, plain RTP is
//!    refused; a stream that was secure once stays so, whatever the trunk may do (RFC 3264 8, CVE-2022-39269).
//! 2. Keys count only when they came over TLS (RFC 4568 8.1), in a suite the trunk lists, with the right length, and with
//!    nothing beside them that this server does not do: no MKI, no weakening session parameter, no short lifetime.
//!    A line with any of these is declined as a whole, never accepted and half ignored.
//! 3. Media goes only where the trunk's prefixes allow, after un-mapping; host names are not resolved.

mod choice;
mod keys;
mod refused;
#[cfg(test)]
mod tests;
mod write;

use std::net::{IpAddr, SocketAddr};

use dialplan::Trunk;
use media_engine::codec::Codec;
use media_engine::rtp::PayloadType;
use media_engine::session::Direction;
use media_engine::srtp::MasterKey;
use sip_core::sdp::{EventSet, Profile};

pub(crate) use choice::{read_answer, read_offer};
pub(crate) use keys::Offered;
pub(crate) use refused::Refused;
pub(crate) use write::Description;

/// What an offer or answer is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy<'a> {
    pub(crate) trunk: &'a Trunk,
    /// Where the signalling came from.
    pub(crate) signalling: IpAddr,
    /// Whether the signalling came over TLS.
    pub(crate) over_tls: bool,
    /// Whether the stream is or was secure: it can never become plain.
    pub(crate) secured: bool,
    /// Our own media address, which no peer may name as its own.
    pub(crate) own: Option<IpAddr>,
}

/// What was chosen from an offer, or read from an answer.
#[derive(Debug)]
pub(crate) struct Choice {
    /// Which `m=` line.
    pub(crate) line: usize,
    pub(crate) profile: Profile,
    pub(crate) codec: Codec,
    pub(crate) payload_type: PayloadType,
    pub(crate) events: Option<(PayloadType, EventSet)>,
    /// Where the peer receives RTP; the unspecified address while it says hold in the old way.
    pub(crate) remote: SocketAddr,
    /// Where it receives RTCP, if not by rtcp-mux.
    pub(crate) remote_rtcp: Option<SocketAddr>,
    pub(crate) rtcp_mux: bool,
    /// Who may send, as we see it.
    pub(crate) direction: Direction,
    /// The peer's key and the tag of its line; `None` for plain RTP, which the trunk's `danger` permits.
    pub(crate) key: Option<(u32, MasterKey)>,
}
