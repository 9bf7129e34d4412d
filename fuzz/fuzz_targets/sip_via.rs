//! A Via value: what is accepted prints back to the same, and takes the source that it is given.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../sip-core/tests/oracle/mod.rs"]
#[expect(dead_code, reason = "one of its judges per target")]
mod oracle;

fuzz_target!(|octets: &[u8]| {
    oracle::via(octets);
});
