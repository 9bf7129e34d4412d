//! A stream of SIP messages, cut in pieces: the pieces make no difference, and lost framing stays lost.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../sip-core/tests/oracle/mod.rs"]
#[expect(dead_code, reason = "one of its judges per target")]
mod oracle;

fuzz_target!(|octets: &[u8]| {
    oracle::stream_in_pieces(octets);
});
