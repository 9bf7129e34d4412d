//! Why a session description was not accepted.

use sip_core::sdp::media_target::TargetRefusal;
use sip_core::sdp::{SdpError, SdpReason};
use sip_core::wire::StatusCode;

/// The reason, which knows its SIP response and its name in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the description cannot be read: {0}")]
    Sdp(#[from] SdpError),
    #[error("there is no audio stream")]
    NoAudio,
    #[error("the trunk requires SRTP")]
    SrtpRequired,
    #[error("the stream is secure and cannot become plain")]
    Downgrade,
    #[error("SRTP keys came over signalling that is not TLS")]
    KeysInClear,
    #[error(
        "no crypto line can be used: unknown or unlisted suite, wrong key length, MKI, lifetime or session parameter"
    )]
    NoUsableKey,
    #[error("the transport profile is not supported")]
    Profile,
    #[error("no codec in common")]
    Codec,
    #[error("the media address is refused: {0}")]
    Target(#[from] TargetRefusal),
    #[error("the media address is not one of the trunk's")]
    TargetNotListed,
    #[error("the answer does not fit the offer")]
    Answer,
}

impl Refused {
    /// The response to a request that carried it.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Sdp(error) => error.status(),
            Self::NoAudio
            | Self::SrtpRequired
            | Self::Downgrade
            | Self::KeysInClear
            | Self::NoUsableKey
            | Self::Profile
            | Self::Codec
            | Self::Target(_)
            | Self::TargetNotListed
            | Self::Answer => StatusCode::NOT_ACCEPTABLE_HERE,
        }
    }

    /// A word for logs and counters.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sdp(error)
                if matches!(error.reason(), SdpReason::Crypto | SdpReason::CryptoTag | SdpReason::TooManyKeys) =>
            {
                "sdp_crypto"
            }
            Self::Sdp(_) => "sdp",
            Self::NoAudio => "no_audio",
            Self::SrtpRequired => "srtp_required",
            Self::Downgrade => "srtp_downgrade",
            Self::KeysInClear => "keys_in_clear",
            Self::NoUsableKey => "no_usable_key",
            Self::Profile => "profile",
            Self::Codec => "codec",
            Self::Target(_) | Self::TargetNotListed => "media_target",
            Self::Answer => "answer",
        }
    }
}
