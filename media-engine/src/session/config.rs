use std::{fmt, net::SocketAddr, time::Duration};

use crate::{
    audio::SampleRate,
    codec::{ClockRate, Codec},
    danger::PlaintextPermit,
    jitter::JitterConfig,
    pci::Mode,
    rtcp::Cname,
    rtp::{PayloadType, RtpTimestamp, Seq, Ssrc},
    srtp,
};

/// What signalling agreed on for one leg.
#[derive(Debug)]
pub struct SessionConfig {
    /// Encrypted or not.
    pub leg: Leg,
    /// The audio codec.
    pub codec: Codec,
    /// Its payload type, the same in both directions.
    pub payload_type: PayloadType,
    /// RFC 4733 events, when both sides have them.
    pub telephone_event: Option<EventFormat>,
    /// Where the peer said that it receives RTP.
    pub remote: SocketAddr,
    /// Where it receives RTCP: `None` with rtcp-mux (RFC 5761), when it is `remote`.
    pub remote_rtcp: Option<SocketAddr>,
    /// Whether packets from elsewhere may move `remote`.
    pub source: SourcePolicy,
    /// Who may send.
    pub direction: Direction,
    /// The rate of the frames that [`Session::poll_uplink`](super::Session::poll_uplink) gives.
    pub uplink_rate: SampleRate,
    /// Our synchronisation source.
    pub ssrc: Ssrc,
    /// Our first sequence number. Below 2^15, so that the receiver cannot miss the first wrap (RFC 3711 3.3.1).
    pub seq: Seq,
    /// Our first timestamp.
    pub timestamp: RtpTimestamp,
    /// Our CNAME: random, new for each call (RFC 7022 4.2).
    pub cname: Cname,
    /// The bounds of the jitter buffer.
    pub jitter: JitterConfig,
    /// What the guard lets through at first.
    pub guard: Mode,
    /// How many frames the guard holds back.
    pub guard_hold: usize,
    /// After how much time without an accepted packet [`Event::InboundTimeout`](super::Event::InboundTimeout) is raised.
    pub inbound_timeout: Duration,
    /// Where the random parts of the RTCP interval come from (RFC 3550 6.2).
    pub seed: [u8; 32],
}

/// Encrypted, or by permission not.
#[derive(Debug)]
pub enum Leg {
    /// SRTP. There is no way from here to plain RTP.
    Secure {
        /// What decrypts.
        rx: srtp::Inbound,
        /// What encrypts.
        tx: srtp::Outbound,
    },
    /// Plain RTP.
    Plain(PlaintextPermit),
}

/// Who may send, seen from us (RFC 3264 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both.
    #[default]
    SendRecv,
    /// Only we: what arrives is not heard.
    SendOnly,
    /// Only the peer.
    RecvOnly,
    /// Neither: hold.
    Inactive,
}

impl Direction {
    /// Whether we may send.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether we listen.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// Whether a packet may come from, and move `remote` to, an address that was not signalled: once per offer/answer, and
/// only before one came from the signalled address (RFC 7362 4.1 and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum SourcePolicy {
    /// Never: the signalled address and port, and no other.
    #[default]
    Signalled,
    /// Another port of the signalled address.
    SameIp,
    /// Any address, if the packet is authentic. On a plain leg the same as [`SourcePolicy::SameIp`].
    Symmetric,
}

/// The telephone events of a leg (RFC 4733).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventFormat {
    /// Their payload type.
    pub payload_type: PayloadType,
    /// Their clock, in which durations are counted: that of the audio they interrupt.
    pub clock_rate: ClockRate,
}

/// What a re-INVITE changes; what is `None` stays.
///
/// A secure leg has no way to become plain.
#[derive(Debug, Default)]
pub struct Reconfigure {
    /// Where the peer receives RTP now.
    pub remote: Option<SocketAddr>,
    /// Where it receives RTCP now; looked at only together with `remote`.
    pub remote_rtcp: Option<SocketAddr>,
    /// Who may send now.
    pub direction: Option<Direction>,
    /// The codec and its payload type.
    pub codec: Option<(Codec, PayloadType)>,
    /// The telephone events; `Some(None)` switches them off.
    pub telephone_event: Option<Option<EventFormat>>,
    /// The keys.
    pub keys: Keys,
}

/// The keys after a re-INVITE.
#[derive(Default)]
pub enum Keys {
    /// As before, and with them rollover counters and replay windows.
    #[default]
    Unchanged,
    /// New ones, which start from zero. A plain leg becomes secure.
    New {
        /// What decrypts.
        rx: srtp::Inbound,
        /// What encrypts.
        tx: srtp::Outbound,
    },
    /// A new key for what we receive; ours stays.
    NewInbound(srtp::Inbound),
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unchanged => "Unchanged",
            Self::New { .. } => "New",
            Self::NewInbound(_) => "NewInbound",
        })
    }
}

/// Why a leg was left as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReconfigureError {
    /// A plain leg got a key for one direction only.
    #[error("a plain leg needs keys for both directions to become secure")]
    HalfSecure,
}
