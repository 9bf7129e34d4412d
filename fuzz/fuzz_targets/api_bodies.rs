//! Any octets as the body of any request to the API.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| strongline::fuzzing::api_bodies(body));
