//! FreJun Teler's dialect: JSON text only, both ways.
//!
//! Learnt from the clients' own sources: replies are 8 kHz whatever the uplink's rate; `audio/l16` is little-endian in
//! spite of its name; every uplink `audio` carries `stream_id`; a binary message breaks some applications, so none is
//! ever sent; there is no mark, DTMF, error or stop message, and the end of the socket is the end of the call.

mod base64;
mod decode;
mod encode;

pub(super) use self::decode::{Parsed, Scratch};
pub(super) use self::encode::Encoder;
