//! Any octets as a flow answer: an action that is right by construction, or a text that says what to mend.

#![no_main]

use ai_bridge::flow::{FlowAnswer, parse_answer};
use ai_bridge::stream::Dialect;
use libfuzzer_sys::fuzz_target;
use media_engine::audio::SampleRate;

fuzz_target!(|body: &[u8]| match parse_answer(body) {
    Ok(FlowAnswer::Stream(stream)) => {
        assert!(stream.ws_url.as_str()[..6].eq_ignore_ascii_case("wss://"));
        assert!(stream.ws_url.port() > 0 && !stream.ws_url.host().is_empty());
        assert!(stream.ws_url.target().starts_with('/'));
        assert!(std::str::from_utf8(body).is_ok());
        // The host that is checked is the host that is asked for.
        assert!(stream.ws_url.authority().to_ascii_lowercase().contains(stream.ws_url.host()));
        for dialect in [Dialect::Native, Dialect::Teler] {
            if let Ok(plan) = stream.plan(dialect, SampleRate::Hz8000) {
                assert!((20..=2000).contains(&plan.chunk_ms) && plan.chunk_ms % 20 == 0);
                assert!(plan.dialect == Dialect::Native || plan.rate != SampleRate::Hz24000);
            }
        }
    }
    Ok(FlowAnswer::Play(play)) => assert!(play.media_url.as_str()[..8].eq_ignore_ascii_case("https://")),
    Ok(FlowAnswer::Hangup) => {}
    Err(error) => {
        let told = error.to_string();
        assert!(!told.is_empty() && told.len() < 1_000);
        assert!(!told.chars().any(char::is_control));
    }
});
