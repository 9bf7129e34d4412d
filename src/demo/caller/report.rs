//! What became of a call.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media_engine::codec::Codec;
use media_engine::dtmf::MenuDigit;
use media_engine::session::Stats;
use media_engine::srtp::Suite;
use sip_core::endpoint::{EndReason, EndedBy};

use crate::demo::measure::Track;
use crate::demo::tls::TlsFacts;

/// A call that was answered, and is over.
#[derive(Clone, Debug)]
pub struct CallReport {
    /// From INVITE to 200.
    pub setup: Duration,
    /// From 200 to the end.
    pub talked: Duration,
    /// The codec.
    pub codec: Codec,
    /// The SRTP suite; none on a plain call.
    pub suite: Option<Suite>,
    /// TLS of the signalling: its certificate is verified. None over UDP and TCP.
    pub tls: Option<TlsFacts>,
    /// Our RTP address and the server's.
    pub media: (SocketAddr, SocketAddr),
    /// What was heard, in its place in time.
    pub heard: Track,
    /// When the first sample of the sound was spoken; none when the call ended before.
    pub spoken: Option<Instant>,
    /// Digits received.
    pub digits: Vec<MenuDigit>,
    /// Packets, loss, jitter, refusals.
    pub rtp: Stats,
    /// How it ended.
    pub end: End,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Who ended it.
    pub by: EndedBy,
    /// Why.
    pub reason: EndReason,
}

/// What happens while the call lasts.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum CallerEvent {
    /// A provisional response.
    Ringing {
        /// Its status.
        status: u16,
    },
    /// 200, with media agreed on.
    Answered {
        /// From INVITE to 200.
        setup: Duration,
    },
    /// The first sound of the other side.
    Heard,
    /// The caller begins to speak.
    Speaking,
    /// A fifth of a second of the call.
    Tick {
        /// Since the answer.
        talked: Duration,
        /// How long the call will be, where the caller decides it.
        planned: Option<Duration>,
        /// RTP packets sent.
        sent: u64,
        /// RTP packets received.
        received: u64,
    },
}

/// Why there was no call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// A socket or thread could not be had.
    #[error("no socket or thread for the call: {0}")]
    Socket(#[from] io::Error),
    /// TLS could not be set up, or the server is not who it should be.
    #[error("TLS to the server: {0}")]
    Tls(String),
    /// The SIP endpoint did not start.
    #[error("the caller's SIP endpoint: {0}")]
    Endpoint(String),
    /// The call was refused or not answered.
    #[error("the call was not answered: {0:?}")]
    NotAnswered(EndReason),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    Patience(Duration),
    /// The answer's SDP cannot be used.
    #[error("the answer's media: {0}")]
    Media(&'static str),
    /// The caller was told to stop.
    #[error("the call was given up")]
    GivenUp,
    /// The caller's thread died.
    #[error("the caller's thread ended unexpectedly")]
    Died,
}
