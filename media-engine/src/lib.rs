//! The media of a call: from the octets of a socket to audio that may be heard, and back.
//!
//! The cores here do no input or output: they are given packets and the time and give back packets and audio. What touches
//! a socket stands in `net`, behind the feature of that name, and holds no rules.

pub mod limits;

pub mod audio;
pub mod buf;
pub mod codec;
pub mod danger;
pub mod dtmf;
pub mod jitter;
pub mod pci;
pub mod rtcp;
pub mod rtp;
pub mod session;
pub mod srtp;

#[cfg(feature = "net")]
pub mod net;
