//! Transport profiles of `m=` lines.

use std::fmt;

/// The third field of an `m=` line.
///
/// An unknown profile is unknown, never "plain": treating every other word as plain RTP is how a stack was
/// downgraded (licode issue 2048).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// `RTP/AVP`: plain (RFC 3551)
    RtpAvp,
    /// `RTP/AVPF`: plain with feedback (RFC 4585)
    RtpAvpf,
    /// `RTP/SAVP`: SRTP (RFC 3711)
    RtpSavp,
    /// `RTP/SAVPF`: SRTP with feedback (RFC 5124)
    RtpSavpf,
    /// `UDP/TLS/RTP/SAVP`: DTLS-SRTP (RFC 5764)
    UdpTlsRtpSavp,
    /// `UDP/TLS/RTP/SAVPF`: DTLS-SRTP with feedback (RFC 5764)
    UdpTlsRtpSavpf,
    /// Anything else.
    Unknown(String),
}

impl Profile {
    /// The profile of this name, letter by letter.
    pub fn from_name(name: &str) -> Self {
        match name {
            "RTP/AVP" => Self::RtpAvp,
            "RTP/AVPF" => Self::RtpAvpf,
            "RTP/SAVP" => Self::RtpSavp,
            "RTP/SAVPF" => Self::RtpSavpf,
            "UDP/TLS/RTP/SAVP" => Self::UdpTlsRtpSavp,
            "UDP/TLS/RTP/SAVPF" => Self::UdpTlsRtpSavpf,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::RtpAvp => "RTP/AVP",
            Self::RtpAvpf => "RTP/AVPF",
            Self::RtpSavp => "RTP/SAVP",
            Self::RtpSavpf => "RTP/SAVPF",
            Self::UdpTlsRtpSavp => "UDP/TLS/RTP/SAVP",
            Self::UdpTlsRtpSavpf => "UDP/TLS/RTP/SAVPF",
            Self::Unknown(name) => name,
        }
    }

    /// Whether the media is plain RTP.
    pub const fn is_plain(&self) -> bool {
        matches!(self, Self::RtpAvp | Self::RtpAvpf)
    }

    /// Whether the media is SRTP with keys from `a=crypto`.
    pub const fn is_sdes(&self) -> bool {
        matches!(self, Self::RtpSavp | Self::RtpSavpf)
    }

    /// Whether the media is SRTP with keys from a DTLS handshake.
    pub const fn is_dtls(&self) -> bool {
        matches!(self, Self::UdpTlsRtpSavp | Self::UdpTlsRtpSavpf)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
