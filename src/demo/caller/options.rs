//! What a call shall be like.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use media_engine::codec::Codec;
use media_engine::dtmf::Key;
use media_engine::srtp::Suite;
use tokio::sync::mpsc;

use super::CallerEvent;
use crate::demo::limits::SETUP;

/// One call to place. Start with [`Call::tls`], [`Call::tcp`] or [`Call::udp`].
#[derive(Clone, Debug)]
pub struct Call {
    /// Where the server listens.
    pub server: SocketAddr,
    /// Over what.
    pub via: Via,
    /// The address to call from; by default the loopback address of the server's family.
    pub source: IpAddr,
    /// The user part of the Request-URI and To.
    pub to: String,
    /// The user part of From.
    pub from: String,
    /// How the media is protected.
    pub protection: Protection,
    /// Codecs to offer, the preferred first.
    pub codecs: Vec<Codec>,
    /// Whether to offer RFC 4733 events.
    pub telephone_events: bool,
    /// What to say.
    pub sound: Sound,
    /// When to begin, after the call was answered.
    pub say_after: Duration,
    /// Digits to send.
    pub digits: Vec<Touch>,
    /// Who hangs up, and when.
    pub hang_up: HangUp,
    /// How long the setup may take.
    pub patience: Duration,
    /// Where to report progress.
    pub events: Option<mpsc::Sender<CallerEvent>>,
}

/// The transport of the signalling.
#[derive(Clone, Debug)]
pub enum Via {
    /// SIP over UDP.
    Udp,
    /// SIP over TCP.
    Tcp,
    /// SIP over TLS.
    Tls {
        /// The name that the server's certificate must show.
        name: String,
        /// The CA that it must come from, in PEM; no other is trusted.
        ca_pem: String,
    },
}

/// How the media is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    /// RTP/SAVP with these suites, the preferred first; the call fails when the answer has none of them.
    Srtp(Vec<Suite>),
    /// RTP/AVP without keys.
    Plain,
}

/// What the caller says; then he is silent.
#[derive(Clone)]
pub enum Sound {
    /// Nothing.
    Silence,
    /// A sine tone at -12 dBFS.
    Tone {
        /// Its frequency.
        hz: f64,
        /// How long.
        length: Duration,
    },
    /// 8 kHz samples, for example from [`crate::demo::wav::decode`].
    Speech(Vec<i16>),
}

/// A digit to press.
#[derive(Clone, Copy, Debug)]
pub struct Touch {
    /// When, after the call was answered.
    pub after: Duration,
    /// Which.
    pub key: Key,
    /// How long.
    pub length: Duration,
}

/// Who hangs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangUp {
    /// The caller, so long after he has said all.
    AfterSpeech(Duration),
    /// The caller, so long after the answer.
    After(Duration),
    /// The other side; the caller gives up after this time.
    Callee {
        /// How long to wait for it.
        within: Duration,
    },
}

impl Call {
    /// A call over TLS with SRTP.
    pub fn tls(server: SocketAddr, name: impl Into<String>, ca_pem: impl Into<String>) -> Self {
        let via = Via::Tls { name: name.into(), ca_pem: ca_pem.into() };
        Self::new(server, via, Protection::Srtp(SUITES.to_vec()))
    }

    /// A call over TCP with plain RTP.
    pub fn tcp(server: SocketAddr) -> Self {
        Self::new(server, Via::Tcp, Protection::Plain)
    }

    /// A call over UDP with plain RTP.
    pub fn udp(server: SocketAddr) -> Self {
        Self::new(server, Via::Udp, Protection::Plain)
    }

    fn new(server: SocketAddr, via: Via, protection: Protection) -> Self {
        Self {
            server,
            via,
            source: match server {
                SocketAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
                SocketAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
            },
            to: "demo".into(),
            from: "caller".into(),
            protection,
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            telephone_events: true,
            sound: Sound::Silence,
            say_after: Duration::ZERO,
            digits: Vec::new(),
            hang_up: HangUp::AfterSpeech(Duration::ZERO),
            patience: SETUP,
            events: None,
        }
    }

    /// Sets what is said.
    #[must_use]
    pub fn say(mut self, sound: Sound) -> Self {
        self.sound = sound;
        self
    }

    /// Sets who hangs up.
    #[must_use]
    pub fn hang_up(mut self, hang_up: HangUp) -> Self {
        self.hang_up = hang_up;
        self
    }
}

impl Sound {
    /// The samples at 8 kHz.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a sine of this amplitude fits, and a sample's number is exact in an f64"
    )]
    pub(super) fn samples(self) -> Vec<i16> {
        match self {
            Self::Silence => Vec::new(),
            Self::Speech(samples) => samples,
            Self::Tone { hz, length } => {
                let step = std::f64::consts::TAU * hz / f64::from(crate::demo::wav::RATE);
                (0..crate::demo::measure::samples(length))
                    .map(|n| ((n as f64 * step).sin() * TONE_AMPLITUDE) as i16)
                    .collect()
            }
        }
    }
}

impl std::fmt::Debug for Sound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Silence => f.write_str("Silence"),
            Self::Tone { hz, length } => f.debug_struct("Tone").field("hz", hz).field("length", length).finish(),
            Self::Speech(samples) => f.debug_tuple("Speech").field(&samples.len()).finish(),
        }
    }
}

/// Offered by default, the strongest first.
const SUITES: [Suite; 4] = [Suite::AeadAes256Gcm, Suite::AeadAes128Gcm, Suite::AesCm256Sha1_80, Suite::AesCm128Sha1_80];
/// -12 dBFS.
const TONE_AMPLITUDE: f64 = 8_192.0;
