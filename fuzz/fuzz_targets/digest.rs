//! A challenge and its answer, and credentials that nobody gave out: what is asked is answered as it was asked, and
//! nothing is proved.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../sip-core/tests/oracle/mod.rs"]
#[expect(dead_code, reason = "one of its judges per target")]
mod oracle;

fuzz_target!(|octets: &[u8]| {
    oracle::digest(octets);
});
