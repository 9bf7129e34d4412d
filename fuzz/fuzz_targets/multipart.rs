//! A multipart body behind its Content-Type: a slice of the body, or a refusal.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../sip-core/tests/oracle/mod.rs"]
#[expect(dead_code, reason = "one of its judges per target")]
mod oracle;

fuzz_target!(|octets: &[u8]| {
    oracle::multipart(octets);
});
