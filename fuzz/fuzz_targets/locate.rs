//! What name servers say: the look-up ends, in bounds, and never leaves TLS where it may not.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../sip-core/tests/oracle/mod.rs"]
#[expect(dead_code, reason = "one of its judges per target")]
mod oracle;

fuzz_target!(|octets: &[u8]| {
    oracle::locate(octets);
});
