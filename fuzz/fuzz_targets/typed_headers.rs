//! Identity, privacy, diversion, reason and transfer headers, and a sipfrag: all of them read, none panics.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../sip-core/tests/oracle/mod.rs"]
#[expect(dead_code, reason = "one of its judges per target")]
mod oracle;

fuzz_target!(|octets: &[u8]| {
    oracle::typed_headers(octets);
});
