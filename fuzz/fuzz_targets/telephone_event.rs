//! Any payload of a telephone event.

#![no_main]

use libfuzzer_sys::fuzz_target;
use media_engine::rtp::TelephoneEvent;

fuzz_target!(|payload: &[u8]| {
    let Ok(event) = TelephoneEvent::decode(payload) else {
        assert!(payload.len() < TelephoneEvent::LEN);
        return;
    };
    let again = TelephoneEvent::decode(&event.encode()).expect("four octets");
    assert!(again == event);
    assert_eq!(event.key().is_some(), event.event < 16);
    if let Some(key) = event.key() {
        assert_eq!(TelephoneEvent::code_of(key), Some(event.event));
    }
});
