//! Bodies as clients send them, and what must be refused. Every mistake is told, no value is repeated.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn told<T: std::fmt::Debug>(read: Read<T>) -> Vec<String> {
    let mistakes = read.unwrap_err();
    assert!(!mistakes.is_empty());
    mistakes
        .iter()
        .map(|mistake| {
            let mistake = mistake.to_json();
            let at = mistake["loc"].as_array().unwrap().iter().map(|at| at.as_str().unwrap()).collect::<Vec<_>>();
            format!("{} {}", at.join("."), mistake["type"].as_str().unwrap())
        })
        .collect()
}

fn octets(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}

#[test]
fn telers_initiate_is_read_as_its_clients_write_it() {
    let body = json!({
        "from_number": "+14155550111", "to_number": "+14155550122", "flow_url": "https://bot.example.com/flow?t=1",
        "status_callback_url": "https://bot.example.com/status", "record": true, "new_in_teler": {}
    });
    let call = teler_initiate(&octets(&body)).unwrap();
    assert_eq!((call.from.as_str(), call.to.as_str()), ("+14155550111", "+14155550122"));
    assert_eq!(call.flow_url.unwrap().as_str(), "https://bot.example.com/flow?t=1");
    assert_eq!(call.status_callback_url.unwrap().as_str(), "https://bot.example.com/status");
    assert_eq!(
        told(teler_initiate(b"{}")),
        ["body.from_number missing", "body.to_number missing", "body.flow_url missing"]
    );
    let wrong =
        json!({ "from_number": "4155550111", "to_number": "+123456", "flow_url": "http://x/", "record": "yes" });
    assert_eq!(
        told(teler_initiate(&octets(&wrong))),
        [
            "body.from_number value_error",
            "body.to_number value_error",
            "body.flow_url value_error",
            "body.record bool_type"
        ]
    );
    assert_eq!(told(teler_initiate(b"[]")), ["body dict_type"]);
    assert_eq!(told(teler_initiate(b"{")), ["body json_invalid"]);
}

#[test]
fn numbers_are_those_of_telers_pattern() {
    for (text, good) in [
        ("+1234567", true),
        ("+123456789012345", true),
        ("+1234567890123456", false),
        ("+123456", false),
        ("+0123456789", false),
        ("14155550100", false),
        ("+1 4155550100", false),
        ("+１４１５５５５０１００", false),
        ("sip:+14155550100@x", false),
        ("+14155550100\r\nX: y", false),
    ] {
        assert_eq!(e164(text).is_some(), good, "{text:?}");
    }
}

#[test]
fn our_own_call_takes_what_it_knows_and_nothing_else() {
    let body = json!({
        "from": "+14155550111", "to": "+14155550122", "timeout": 20, "app": "bot", "trunk": "carrier",
        "custom": { "order": "4711" },
        "stream": { "ws_url": "wss://bot.example.com/s?t=1", "sample_rate": "8k", "protocol": "native.v1" }
    });
    let call = new_call(&octets(&body)).unwrap();
    assert_eq!((call.ring_timeout, call.app.as_deref()), (Some(Duration::from_secs(20)), Some("bot")));
    assert_eq!(call.custom["order"], "4711");
    let Some(FlowAnswer::Stream(stream)) = call.stream else { panic!("no stream") };
    assert_eq!(stream.ws_url.as_str(), "wss://bot.example.com/s?t=1");
    let wrong = json!({
        "from": 1, "to": null, "timeout": 0, "custom": { "a": 1 }, "stream": { "ws_url": "ws://x/" }, "status_url": "",
        "app": []
    });
    assert_eq!(
        told(new_call(&octets(&wrong))),
        [
            "body.from string_type",
            "body.to missing",
            "body.stream value_error",
            "body.timeout int_range",
            "body.custom value_error",
            "body.app string_type",
            "body extra_forbidden"
        ]
    );
    let both = json!({
        "from": "+14155550111", "to": "+14155550122", "flow_url": "https://bot.example.com/",
        "stream": { "ws_url": "wss://bot.example.com/" }
    });
    assert_eq!(told(new_call(&octets(&both))), ["body.stream value_error"]);
}

#[test]
fn an_action_other_than_a_stream_cannot_be_smuggled_in() {
    let body = json!({
        "from": "+14155550111", "to": "+14155550122",
        "stream": { "action": "play", "media_url": "https://x.example/", "ws_url": "wss://bot.example.com/" }
    });
    let call = new_call(&octets(&body)).unwrap();
    assert!(matches!(call.stream, Some(FlowAnswer::Stream(_))));
}

#[test]
fn custom_values_are_bounded() {
    let with = |custom: Value| {
        new_call(&octets(&json!({ "from": "+14155550111", "to": "+14155550122", "custom": custom }))).is_ok()
    };
    let many = |count: usize| (0..count).map(|n| (n.to_string(), "x".into())).collect::<Map<_, _>>();
    assert!(with(many(32).into()) && !with(many(33).into()));
    assert!(with(json!({ "a": "x".repeat(1_024) })) && !with(json!({ "a": "x".repeat(1_025) })));
    assert!(!with(json!({ "": "x" })) && !with(json!({ "x".repeat(65): "x" })) && !with(json!([])));
}

#[test]
fn orders_are_read_as_telers_clients_write_them() {
    assert_eq!(teler_hangup(b"").unwrap(), Order::Hangup { reason: None });
    let reason = Some("DONE_1".to_owned());
    assert_eq!(teler_hangup(br#"{"leg_id":null,"reason":"DONE_1"}"#).unwrap(), Order::Hangup { reason });
    for reason in ["", "done", "A B", &"A".repeat(65)] {
        assert_eq!(told(teler_hangup(&octets(&json!({ "reason": reason })))), ["body.reason value_error"]);
    }
    assert_eq!(told(teler_hangup(br#"{"leg_id":"cl_1"}"#)), ["body.leg_id not_available"]);

    let Order::SendDigits { digits, tone } = teler_dtmf(br#"{"digits":"12#","duration_ms":200}"#).unwrap() else {
        panic!("another order")
    };
    assert_eq!((digits.expose(), tone), ("12#", Duration::from_millis(200)));
    let wrong = json!({ "digits": "12a", "duration_ms": 39 });
    assert_eq!(told(teler_dtmf(&octets(&wrong))), ["body.digits value_error", "body.duration_ms int_range"]);
    assert_eq!(told(dtmf(br#"{"digit":"1"}"#)), ["body.digits missing", "body extra_forbidden"]);
}

#[test]
fn transfers_are_cold_and_go_to_a_number_or_a_uri() {
    let to = |target: Value| teler_transfer(&octets(&json!({ "target": target, "mode": "cold" })));
    let number = TransferTarget::Number(Number::new("+14155550122").unwrap());
    let order = |target, timeout| Transfer::Cold(Order::Transfer { target, mode: TransferMode::Cold, timeout });
    let pstn = to(json!({ "kind": "pstn", "number": "+14155550122", "custom_headers": null })).unwrap();
    assert_eq!(pstn, order(number.clone(), TRANSFER_TIMEOUT));
    let uri = TransferTarget::Uri("sip:desk@example.com".to_owned());
    assert_eq!(
        to(json!({ "kind": "sip", "uri": "sip:desk@example.com" })).unwrap(),
        order(uri.clone(), TRANSFER_TIMEOUT)
    );
    assert_eq!(told(to(json!({ "kind": "pstn" }))), ["body.target.number missing"]);
    assert_eq!(told(to(json!({ "kind": "leg", "leg_id": "cl_1" }))), ["body.target.kind not_available"]);
    assert_eq!(told(to(json!({ "kind": "fax" }))), ["body.target.kind enum"]);
    assert_eq!(told(to(json!({}))), ["body.target.kind missing"]);
    assert_eq!(told(to(json!("x"))), ["body.target dict_type"]);
    let headers = json!({ "kind": "pstn", "number": "+14155550122", "custom_headers": { "X-A": "b" } });
    assert_eq!(told(to(headers)), ["body.target.custom_headers not_available"]);
    let warm = json!({ "target": { "kind": "pstn", "number": "+14155550122" }, "mode": "warm" });
    assert_eq!(teler_transfer(&octets(&warm)).unwrap(), Transfer::Warm);
    let more = json!({ "target": { "kind": "pstn", "number": "+14155550122" }, "mode": "cold", "record": false, "on_failure": {} });
    assert_eq!(told(teler_transfer(&octets(&more))), ["body.on_failure not_available"]);

    let own = |to: &str| transfer_order(&octets(&json!({ "to": to, "timeout": 5 })));
    assert_eq!(own("+14155550122").unwrap(), order(number, Duration::from_secs(5)));
    assert_eq!(own("sip:desk@example.com").unwrap(), order(uri, Duration::from_secs(5)));
    for wrong in [
        "",
        "sip:",
        "tel:+1415",
        "sip:a@b?Replaces=x",
        "sip:a@b>",
        "sip:a b",
        "SIPS",
        &format!("sip:{}", "a".repeat(512)),
    ] {
        assert_eq!(told(own(wrong)), ["body.to value_error"], "{wrong}");
    }
}

proptest! {
    /// Any octets and any JSON: an order that is right by construction, or mistakes that repeat nothing.
    #[test]
    fn readers_never_panic_and_never_repeat(body in prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        "\\{(\"(digits|from|to|mode|target|reason|custom|stream|timeout|flow_url)\":(\"[ -!#-\\[\\]-~]{0,20}\"|[0-9]{1,20}|null|true|\\{\\}|\\[\\]),){0,6}\"x\":1\\}".prop_map(String::into_bytes),
    ]) {
        read_all(&body);
    }
}

/// The committed corpus of the fuzz target.
#[test]
fn the_corpus_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/api_bodies");
    let seeds: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(seeds.len() >= 10);
    for seed in seeds {
        read_all(&seed);
    }
}
