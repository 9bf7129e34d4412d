//! Uplink messages. The audio message is written by hand into a shared buffer: no heap once warm.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde_json::json;

use super::super::start::StreamStart;

#[derive(Debug)]
pub(crate) struct Encoder {
    /// `{"type":"audio","stream_id":"…","message_id":`
    head: Vec<u8>,
    message_id: u64,
    buffer: BytesMut,
}

impl Encoder {
    pub(crate) fn new(facts: &StreamStart) -> Self {
        let head = format!("{{\"type\":\"audio\",\"stream_id\":{},\"message_id\":", json!(facts.stream_id));
        Self { head: head.into_bytes(), message_id: 0, buffer: BytesMut::new() }
    }

    /// The first message. `rate` is what it says, true or not.
    pub(crate) fn start(&mut self, facts: &StreamStart, rate: u32) -> Bytes {
        self.message_id += 1;
        // Field order as the original writes it.
        let id = self.message_id;
        format!(
            "{{\"type\":\"start\",\"account_id\":{},\"call_app_id\":{},\"call_id\":{},\"stream_id\":{},\"message_id\":{id},\
             \"data\":{{\"encoding\":\"audio/l16\",\"sample_rate\":{rate},\"channels\":1}}}}",
            json!(facts.account),
            json!(facts.app),
            json!(facts.call_id),
            json!(facts.stream_id),
        )
        .into()
    }

    /// One piece of little-endian audio.
    pub(crate) fn audio(&mut self, pcm: &[u8]) -> Bytes {
        const DATA: &[u8] = b",\"data\":{\"audio_b64\":\"";
        const TAIL: &[u8] = b"\"}}";
        self.message_id += 1;
        let encoded = pcm.len().div_ceil(3) * 4;
        self.buffer.reserve(self.head.len() + DIGITS + DATA.len() + encoded + TAIL.len());
        self.buffer.extend_from_slice(&self.head);
        push_decimal(&mut self.buffer, self.message_id);
        self.buffer.extend_from_slice(DATA);
        let at = self.buffer.len();
        self.buffer.resize(at + encoded, 0);
        let written = STANDARD.encode_slice(pcm, &mut self.buffer[at..]).unwrap_or(0);
        self.buffer.truncate(at + written);
        self.buffer.extend_from_slice(TAIL);
        self.buffer.split().freeze()
    }
}

/// Most digits of a `u64`.
const DIGITS: usize = 20;

fn push_decimal(out: &mut BytesMut, mut number: u64) {
    let mut digits = [0u8; DIGITS];
    let mut at = DIGITS;
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
