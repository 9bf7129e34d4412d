//! Answers as applications write them, and as they get them wrong.

use media_engine::audio::SampleRate;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::limits::MAX_FLOW_ANSWER;
use crate::stream::Dialect;

fn parse(value: &serde_json::Value) -> Result<FlowAnswer, FlowError> {
    parse_answer(value.to_string().as_bytes())
}

fn stream(value: &serde_json::Value) -> StreamAction {
    match parse(value).unwrap() {
        FlowAnswer::Stream(action) => action,
        other @ (FlowAnswer::Play(_) | FlowAnswer::Hangup) => panic!("{other:?}"),
    }
}

#[test]
fn request_is_tellers_schema() {
    let request = FlowRequest {
        call_id: "cs_1".into(),
        account_id: "acc_1".into(),
        from_number: "+14155550100".into(),
        to_number: "+14155550101".into(),
        direction: Direction::Inbound,
    };
    insta::assert_snapshot!(
        String::from_utf8(request.encode().to_vec()).unwrap(),
        @r#"{"call_id":"cs_1","account_id":"acc_1","from_number":"+14155550100","to_number":"+14155550101","direction":"inbound"}"#
    );
    assert!(!format!("{request:?}").contains("4155550"));
}

#[test]
fn a_plain_teler_stream_takes_the_apps_dialect_and_tellers_chunk() {
    let action = stream(&json!({"action": "stream", "ws_url": "wss://bot.example.com/media?token=s3cret"}));
    assert_eq!(action.ws_url.as_str(), "wss://bot.example.com/media?token=s3cret");
    assert_eq!(action.ws_url.target(), "/media?token=s3cret");
    let plan = action.plan(Dialect::Teler, SampleRate::Hz8000).unwrap();
    assert_eq!(plan, StreamPlan { dialect: Dialect::Teler, rate: SampleRate::Hz8000, chunk_ms: 400 });
    let plan = action.plan(Dialect::Native, SampleRate::Hz16000).unwrap();
    assert_eq!(plan, StreamPlan { dialect: Dialect::Native, rate: SampleRate::Hz16000, chunk_ms: 20 });
    assert!(!format!("{action:?}").contains("s3cret"));
}

#[test]
fn the_answers_own_words_win() {
    let action = stream(&json!({
        "action": "Stream", "ws_url": "wss://bot.example.com:8443", "sample_rate": "24k", "chunk_size": 60,
        "record": true, "protocol": "native.v1", "flow_url": "https://bot.example.com/next", "extra": [1, {"a": 2}],
    }));
    assert_eq!(action.ws_url.port(), 8443);
    assert!(action.record);
    assert_eq!(action.flow_url.as_ref().unwrap().as_str(), "https://bot.example.com/next");
    let plan = action.plan(Dialect::Teler, SampleRate::Hz8000).unwrap();
    assert_eq!(plan, StreamPlan { dialect: Dialect::Native, rate: SampleRate::Hz24000, chunk_ms: 60 });
}

#[test]
fn rates_are_read_in_every_spelling() {
    let cases = [
        (json!("8k"), SampleRate::Hz8000),
        (json!("16K"), SampleRate::Hz16000),
        (json!(16_000), SampleRate::Hz16000),
        (json!("24000"), SampleRate::Hz24000),
    ];
    for (given, expected) in cases {
        let action = stream(&json!({"action": "stream", "ws_url": "wss://a.example", "sample_rate": given}));
        assert_eq!(action.sample_rate, Some(expected));
    }
    let action = stream(&json!({"action": "stream", "ws_url": "wss://a.example", "sample_rate": "24k"}));
    assert_eq!(action.plan(Dialect::Teler, SampleRate::Hz8000), Err(FlowError::RateNeedsNative));
}

#[test]
fn play_takes_all_three_names() {
    for field in ["media_url", "file_url", "url"] {
        let answer = parse(&json!({"action": "play", field: "https://a.example/hello.wav"})).unwrap();
        let FlowAnswer::Play(play) = answer else { panic!("{answer:?}") };
        assert_eq!(play.media_url.as_str(), "https://a.example/hello.wav");
    }
    assert_eq!(parse(&json!({"action": "HANGUP"})), Ok(FlowAnswer::Hangup));
}

#[test]
fn each_mistake_is_told_what_to_mend() {
    let wss = "wss://a.example";
    let cases = [
        json!([1]),
        json!({}),
        json!({"action": null}),
        json!({"action": 7}),
        json!({"action": "dial", "to": "+1"}),
        json!({"action": "stream"}),
        json!({"action": "stream", "ws_url": "ws://a.example"}),
        json!({"action": "stream", "ws_url": "wss://user:pass@a.example"}),
        json!({"action": "stream", "ws_url": "wss://a.example/#x"}),
        json!({"action": "stream", "ws_url": "wss://a.example/a b"}),
        json!({"action": "stream", "ws_url": "wss://"}),
        json!({"action": "stream", "ws_url": "/media"}),
        json!({"action": "stream", "ws_url": "wss://a.example:99999/"}),
        json!({"action": "stream", "ws_url": "wss://a.example:/"}),
        json!({"action": "stream", "ws_url": format!("wss://a.example/{}", "x".repeat(2100))}),
        json!({"action": "stream", "ws_url": wss, "sample_rate": "44k"}),
        json!({"action": "stream", "ws_url": wss, "sample_rate": {"hz": 8000}}),
        json!({"action": "stream", "ws_url": wss, "chunk_size": 30}),
        json!({"action": "stream", "ws_url": wss, "chunk_size": 0}),
        json!({"action": "stream", "ws_url": wss, "chunk_size": 2020}),
        json!({"action": "stream", "ws_url": wss, "chunk_size": "400"}),
        json!({"action": "stream", "ws_url": wss, "chunk_size": 1e300}),
        json!({"action": "stream", "ws_url": wss, "record": "perhaps"}),
        json!({"action": "stream", "ws_url": wss, "protocol": "native.v2\u{1b}[31m"}),
        json!({"action": "stream", "ws_url": wss, "flow_url": "http://a.example"}),
        json!({"action": "play"}),
        json!({"action": "play", "media_url": "file:///etc/passwd"}),
    ];
    let told: Vec<String> = cases.iter().map(|case| parse(case).unwrap_err().to_string()).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_not_json_is_told_where() {
    let told = |body: &[u8]| parse_answer(body).unwrap_err().to_string();
    insta::assert_snapshot!(told(b"<Response/>"), @r#"the flow answer is not JSON (line 1, column 1): answer with one object such as {"action": "hangup"}"#);
    assert_eq!(parse_answer(b""), Err(FlowError::NotJson { line: 1, column: 0 }));
    assert!(matches!(parse_answer(&[0xff, 0xfe]), Err(FlowError::NotJson { .. })));
    let deep = format!("{{\"action\":{}", "[".repeat(10_000));
    assert!(matches!(parse_answer(deep.as_bytes()), Err(FlowError::NotJson { .. })));
    let long = vec![b' '; MAX_FLOW_ANSWER + 1];
    assert_eq!(parse_answer(&long), Err(FlowError::TooLong { octets: MAX_FLOW_ANSWER + 1 }));
}

#[test]
fn hosts_are_read_as_the_connection_uses_them() {
    let host = |text: &str| WssUrl::parse(text).map(|url| (url.host().to_owned(), url.port()));
    assert_eq!(host("wss://BOT.example.com/x"), Ok(("bot.example.com".into(), 443)));
    assert_eq!(host("WSS://[2001:db8::1]:8443"), Ok(("2001:db8::1".into(), 8443)));
    // What stands before an @ is what an attacker wants to have taken for the host.
    assert_eq!(host("wss://good.example@evil.example/"), Err(UrlError::UserInfo));
    assert!(host("wss://good.example\\@evil.example/").is_err());
    assert_eq!(host("wss://a.example:0/"), Err(UrlError::Malformed));
    assert_eq!(WssUrl::parse("wss://a.example").unwrap().target(), "/");
    assert_eq!(WssUrl::parse("wss://a.example/?x=%2F&y").unwrap().target(), "/?x=%2F&y");
    assert_eq!(WssUrl::parse("wss://a.example?x=%2F&y"), Err(UrlError::NoPath));
}

proptest! {
    #[test]
    fn never_panics(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let parsed = parse_answer(&body);
        prop_assert!(parsed.is_err() || serde_json::from_slice::<serde_json::Value>(&body).is_ok());
    }

    #[test]
    fn what_a_url_accepts_it_keeps(text in "wss://[a-z.:@\\[\\]0-9]{0,20}[!-~]{0,40}") {
        if let Ok(url) = WssUrl::parse(&text) {
            prop_assert_eq!(url.as_str(), &text);
            prop_assert!(!url.host().is_empty() && url.port() > 0);
            prop_assert!(url.target().starts_with('/'));
            // The host we check is the host the request names.
            prop_assert!(url.authority().to_ascii_lowercase().contains(url.host()));
        }
    }
}
