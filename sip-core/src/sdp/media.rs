//! Media descriptions: an `m=` line and what belongs to it.

use super::{
    Address, Attribute, Connection, Crypto, EventSet, Fingerprint, Fmtp, Profile, Ptime, RtpMap, Setup,
    rtp::payload_type,
};

/// A media description.
#[derive(Clone, Debug)]
pub struct Media {
    /// `audio`, `video`, ...
    pub kind: MediaKind,
    /// The port; 0 refuses or ends the stream (RFC 3264 5.1, 6).
    pub port: u16,
    /// The number of ports, when it is written.
    pub port_count: Option<u16>,
    /// The transport profile.
    pub profile: Profile,
    /// The formats in order of preference, as they were written.
    pub formats: Vec<String>,
    /// The first `c=` line.
    pub connection: Option<Connection>,
    /// `c=` lines after the first: several targets, which unicast media may not have.
    pub other_connections: Vec<Connection>,
    /// The direction, when this level states one.
    pub direction: Option<Direction>,
    /// `a=rtpmap` lines that can be read; the first of a payload type counts.
    pub rtpmaps: Vec<RtpMap>,
    /// `a=fmtp` lines that can be read; the first of a payload type counts.
    pub fmtps: Vec<Fmtp>,
    /// `a=ptime`
    pub ptime: Option<Ptime>,
    /// `a=maxptime`
    pub max_ptime: Option<Ptime>,
    /// `a=rtcp` (RFC 3605)
    pub rtcp: Option<Rtcp>,
    /// `a=rtcp-mux` (RFC 5761)
    pub rtcp_mux: bool,
    /// `a=crypto` lines in order of preference.
    pub crypto: Vec<Crypto>,
    /// `a=fingerprint` lines of this level.
    pub fingerprints: Vec<Fingerprint>,
    /// `a=setup` of this level.
    pub setup: Option<Setup>,
    /// All other attributes.
    pub attributes: Vec<Attribute>,
}

/// The first field of an `m=` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// `audio`
    Audio,
    /// `video`
    Video,
    /// Any other: `image`, `text`, `application`, ...
    Other(String),
}

impl MediaKind {
    pub(super) fn from_name(name: String) -> Self {
        match name.as_str() {
            "audio" => Self::Audio,
            "video" => Self::Video,
            _ => Self::Other(name),
        }
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Other(name) => name,
        }
    }
}

/// Which way media flows, as the writer of the description sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways; what holds when nothing is said.
    SendRecv,
    /// From the writer.
    SendOnly,
    /// To the writer.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "sendrecv" => Self::SendRecv,
            "sendonly" => Self::SendOnly,
            "recvonly" => Self::RecvOnly,
            "inactive" => Self::Inactive,
            _ => return None,
        })
    }

    /// The attribute's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The same flow as the other side sees it, which is the widest answer to it (RFC 3264 6.1).
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }

    /// Whether the writer sends.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// `a=rtcp`: where RTCP goes when it is not the next port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtcp {
    /// The port.
    pub port: u16,
    /// The address, when it is another than the media's.
    pub address: Option<Address>,
}

impl Media {
    /// An audio description without formats.
    pub const fn audio(port: u16, profile: Profile) -> Self {
        Self::new(MediaKind::Audio, port, profile)
    }

    /// A description without formats.
    pub const fn new(kind: MediaKind, port: u16, profile: Profile) -> Self {
        Self {
            kind,
            port,
            port_count: None,
            profile,
            formats: Vec::new(),
            connection: None,
            other_connections: Vec::new(),
            direction: None,
            rtpmaps: Vec::new(),
            fmtps: Vec::new(),
            ptime: None,
            max_ptime: None,
            rtcp: None,
            rtcp_mux: false,
            crypto: Vec::new(),
            fingerprints: Vec::new(),
            setup: None,
            attributes: Vec::new(),
        }
    }

    /// The answer that refuses this description: port 0, the same profile and formats (RFC 3264 6).
    #[must_use]
    pub fn refused(&self) -> Self {
        Self { formats: self.formats.clone(), ..Self::new(self.kind.clone(), 0, self.profile.clone()) }
    }

    /// Whether the stream is refused or ended.
    pub const fn is_refused(&self) -> bool {
        self.port == 0
    }

    /// Adds an RTP format with its parameters.
    pub fn add_format(&mut self, map: RtpMap, params: Option<&str>) {
        self.formats.push(map.payload_type.to_string());
        self.fmtps.extend(params.map(|params| Fmtp::new(map.payload_type, params)));
        self.rtpmaps.push(map);
    }

    /// The payload types among the formats, in order of preference.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> {
        self.formats.iter().filter_map(|format| payload_type(format))
    }

    /// What a payload type carries: by `a=rtpmap`, or by the static table.
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap> {
        let mapped = self.rtpmaps.iter().find(|map| map.payload_type == payload_type).cloned();
        mapped.or_else(|| RtpMap::from_static(payload_type))
    }

    /// The RTP formats in order of preference, each with what it carries.
    pub fn rtp_formats(&self) -> impl Iterator<Item = RtpMap> {
        self.payload_types().filter_map(|payload_type| self.rtpmap(payload_type))
    }

    /// The parameters of a payload type.
    pub fn fmtp(&self, payload_type: u8) -> Option<&Fmtp> {
        self.fmtps.iter().find(|fmtp| fmtp.payload_type == payload_type)
    }

    /// The `telephone-event` format at this clock rate, with its events (RFC 4733 2.4.1, 2.5.1.1).
    ///
    /// Events that cannot be read are as good as none: the format is not offered then.
    pub fn telephone_event(&self, clock_rate: u32) -> Option<(u8, EventSet)> {
        let map = self.rtp_formats().find(|map| map.is("telephone-event", clock_rate))?;
        let events = match self.fmtp(map.payload_type) {
            None => EventSet::DTMF,
            Some(fmtp) => EventSet::parse(&fmtp.params)?,
        };
        Some((map.payload_type, events))
    }

    /// The attribute of this name among those that are not read.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}
