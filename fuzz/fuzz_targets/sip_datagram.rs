//! One datagram as a SIP message: an answer, never a panic; what is accepted reads whole and prints back.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../sip-core/tests/oracle/mod.rs"]
#[expect(dead_code, reason = "one of its judges per target")]
mod oracle;

fuzz_target!(|octets: &[u8]| {
    oracle::datagram(octets);
});
