//! The API without a network: requests go into the router, and a stand-in plays the calls.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use super::answer::Refusal;
use super::{Api, Clients, Rights};
use crate::control::{CallId, CallState, Control, Order, OrderRefused, Outlets, PlaceOrder, PlaceRefused, Presence};
use crate::telemetry::PiiKey;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER_KEY: &str = "fedcba9876543210fedcba9876543210";

/// Two applications with a client each.
const DIALPLAN: &str = r#"
[sip]
domain = "voice.example.com"
listen = ["tls://127.0.0.1:5061"]
certificate = { credential = "c" }
key = { credential = "k" }
[media]
ports = "20000-20099"
public_address = "192.0.2.1"
[[trunk]]
name = "carrier"
peers = ["192.0.2.7"]
[[app]]
name = "bot"
flow_url = "https://bot.example.com/flow"
signing = [{ credential = "k" }]
account = "acme"
stream = { hosts = ["stream.example.com"] }
[[app]]
name = "other"
flow_url = "https://other.example.com/flow"
signing = [{ credential = "k" }]
[[route]]
name = "all"
reject = 404
"#;

/// What was ordered, and the call's own side if it was placed.
type Opened = (PlaceOrder, Option<Presence>);

struct Lab {
    api: Api,
    control: Control,
    outlets: Outlets,
}

impl Lab {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl Fn(&mut Rights)) -> Self {
        let dialplan = dialplan::parse(DIALPLAN, "test.toml").unwrap_or_else(|errors| panic!("{errors}"));
        let mut clients = Clients::default();
        for (name, app, key) in [("ops", "bot", KEY), ("stranger", "other", OTHER_KEY)] {
            let mut rights = Rights {
                name: name.parse().unwrap(),
                app: app.parse().unwrap(),
                trunks: vec!["carrier".parse().unwrap()],
                from: vec![],
                per_second: 1_000,
            };
            change(&mut rights);
            clients.add(rights, key.as_bytes()).unwrap();
        }
        let (control, outlets) = Control::new(PiiKey::default());
        let api = Api::new(Arc::new(clients), control.clone(), Arc::new(dialplan), None);
        Self { api, control, outlets }
    }

    /// Answers the next calls that are placed, and hands over what was ordered.
    fn opener(self, answers: Vec<Result<(), PlaceRefused>>) -> (Api, JoinHandle<Vec<Opened>>) {
        let Self { api, mut outlets, .. } = self;
        let opened = tokio::spawn(async move {
            let mut opened = Vec::new();
            for answer in answers {
                let placing = outlets.placing.recv().await.unwrap();
                let order = placing.order().clone();
                let presence = match answer {
                    Ok(()) => placing.accept().map(|(presence, _)| presence),
                    Err(refused) => {
                        placing.refuse(refused);
                        None
                    }
                };
                opened.push((order, presence));
            }
            opened
        });
        (api, opened)
    }
}

struct Got {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Value,
}

async fn send(api: &Api, request: Request<Body>) -> Got {
    let response = api.clone().router().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("not JSON: {body:?}"));
    Got { status: head.status, headers: head.headers, body }
}

fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header("x-api-key", KEY)
}

fn post(path: &str, body: &Value) -> Request<Body> {
    request("POST", path).body(Body::from(body.to_string())).unwrap()
}

fn keyed(path: &str, key: &str, body: &Value) -> Request<Body> {
    request("POST", path).header("idempotency-key", key).body(Body::from(body.to_string())).unwrap()
}

async fn fetch(api: &Api, path: &str) -> Got {
    send(api, request("GET", path).body(Body::empty()).unwrap()).await
}

fn initiate() -> Value {
    json!({
        "from_number": "+14155550111", "to_number": "+14155550122", "flow_url": "https://bot.example.com/flow",
        "status_callback_url": "https://bot.example.com/status", "record": true
    })
}

fn native() -> Value {
    json!({ "from": "+14155550111", "to": "+14155550122" })
}

#[tokio::test]
async fn telers_initiate_has_telers_answer_on_both_paths() {
    let (api, opened) = Lab::new().opener(vec![Ok(()), Ok(())]);
    for path in ["/api/v1/voice/calls/initiate", "/api/v1/calls/initiate"] {
        let got = send(&api, post(path, &initiate())).await;
        assert_eq!(got.status, StatusCode::ACCEPTED);
        assert_eq!(got.body["message"], "Call initiated successfully");
        let data = got.body["data"].as_object().unwrap();
        let mut names: Vec<_> = data.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["from_number", "id", "record", "status_callback_url", "to_number"], "not one field more");
        assert_eq!(data["status_callback_url"], "https://bot.example.com/status");
        data["id"].as_str().unwrap().parse::<CallId>().unwrap();
    }
    let (order, _) = opened.await.unwrap().remove(0);
    assert_eq!((order.key_name.as_str(), order.app.as_str(), order.trunks[0].as_str()), ("ops", "bot", "carrier"));
    assert_eq!((order.from.as_str(), order.to.as_str()), ("+14155550111", "+14155550122"));
    assert_eq!(order.flow_url.unwrap().as_str(), "https://bot.example.com/flow");
}

#[tokio::test]
async fn without_a_known_key_there_is_403_and_the_connection_ends() {
    let lab = Lab::new();
    let with = |headers: &[(&str, &str)]| {
        let mut request = Request::builder().method("POST").uri("/api/v1/voice/calls/initiate");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // The body is never asked for: reading it would hang.
        request
            .body(Body::new(http_body_util::StreamBody::new(futures_util::stream::pending::<
                Result<hyper::body::Frame<bytes::Bytes>, std::convert::Infallible>,
            >())))
            .unwrap()
    };
    let bearer = format!("Bearer {KEY}");
    for headers in [
        vec![],
        vec![("x-api-key", "")],
        vec![("x-api-key", &KEY[1..])],
        vec![("x-api-key", KEY), ("x-api-key", KEY)],
        vec![("x-api-key", KEY), ("authorization", bearer.as_str())],
        vec![("authorization", KEY)],
        vec![("authorization", "Basic eDp5")],
    ] {
        let got = send(&lab.api, with(&headers)).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN);
        assert_eq!((&got.body["success"], &got.body["code"]), (&json!(false), &json!("invalid_api_key")));
        assert_eq!(got.headers["connection"], "close");
    }
    let bearer = Request::builder().uri("/v1/calls/x").header("authorization", format!("bearer {KEY}"));
    let got = send(&lab.api, bearer.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (got.status, &got.body["code"]),
        (StatusCode::NOT_FOUND, &json!("call_not_found")),
        "a bearer token is a key"
    );
}

#[tokio::test]
async fn unknown_paths_and_methods_have_json_too() {
    let api = Lab::new().api;
    for path in ["/", "/api/v1/voice/calls", "/v1/calls/", "/v1/calls/x/fly", "/api/v1/voice/calls/x/mute"] {
        let got = send(&api, Request::builder().uri(path).body(Body::empty()).unwrap()).await;
        assert_eq!((got.status, &got.body["code"]), (StatusCode::NOT_FOUND, &json!("not_found")), "{path}");
    }
    for (method, path) in [("GET", "/v1/calls"), ("DELETE", "/v1/calls/x"), ("PUT", "/api/v1/voice/calls/x/hangup")] {
        let got = send(&api, request(method, path).body(Body::empty()).unwrap()).await;
        assert_eq!((got.status, &got.body["code"]), (StatusCode::METHOD_NOT_ALLOWED, &json!("method_not_allowed")));
    }
}

#[tokio::test]
async fn mistakes_have_telers_form() {
    let api = Lab::new().api;
    let got =
        send(&api, post("/api/v1/voice/calls/initiate", &json!({ "from_number": "x", "to_number": "+14155550122" })))
            .await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!((&got.body["success"], &got.body["message"]), (&json!(false), &json!("Validation Error")));
    let errors = got.body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2);
    assert_eq!((&errors[0]["loc"], &errors[1]["type"]), (&json!(["body", "from_number"]), &json!("missing")));
}

#[tokio::test]
async fn long_bodies_are_refused_without_being_kept() {
    let api = Lab::new().api;
    let got = send(&api, request("POST", "/v1/calls").body(Body::from(vec![b' '; 64 * 1024 + 1])).unwrap()).await;
    assert_eq!((got.status, &got.body["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("body_too_large")));
    let endless =
        futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(bytes::Bytes::from_static(&[b' '; 4_096])));
    let got = send(&api, request("POST", "/v1/calls").body(Body::from_stream(endless)).unwrap()).await;
    assert_eq!(got.status, StatusCode::PAYLOAD_TOO_LARGE, "an endless body is cut");
}

#[tokio::test]
async fn every_refusal_to_place_has_its_status() {
    let cases = [
        (PlaceRefused::NoTrunk, 409, None),
        (PlaceRefused::TrunkDown, 503, Some("10")),
        (PlaceRefused::DestinationNotAllowed, 403, None),
        (PlaceRefused::CallerNotAllowed, 403, None),
        (PlaceRefused::Rate, 429, Some("1")),
        (PlaceRefused::Concurrency, 429, Some("5")),
        (PlaceRefused::Daily, 429, Some("3600")),
        (PlaceRefused::Draining, 503, Some("30")),
        (PlaceRefused::Full, 503, Some("1")),
        (PlaceRefused::FlowHost, 422, None),
        (PlaceRefused::UnknownApp, 409, None),
    ];
    let (api, _opened) = Lab::new().opener(cases.iter().map(|(refused, ..)| Err(*refused)).collect());
    for (refused, status, retry_after) in cases {
        let got = send(&api, post("/v1/calls", &native())).await;
        assert_eq!((got.status.as_u16(), &got.body["code"]), (status, &json!(refused.as_str())));
        let told = got.headers.get("retry-after").map(|value| value.to_str().unwrap());
        assert_eq!(told, retry_after, "{refused:?}");
        assert!(!got.body.to_string().contains("4155550122"));
    }
}

#[tokio::test]
async fn a_key_reaches_only_what_the_dialplan_gives_it() {
    let lab = Lab::with(|rights| rights.from = vec!["+1415*".parse().unwrap()]);
    let with = |name: &str, value: Value| {
        let mut body = native();
        body[name] = value;
        post("/v1/calls", &body)
    };
    for (request, code) in [
        (with("app", json!("other")), "app_not_allowed"),
        (with("trunk", json!("backdoor")), "trunk_not_allowed"),
        (with("from", json!("+12125550111")), "caller_not_allowed"),
    ] {
        let got = send(&lab.api, request).await;
        assert_eq!((got.status, &got.body["code"]), (StatusCode::FORBIDDEN, &json!(code)));
    }
    for (name, value) in [
        ("flow_url", json!("https://evil.example/flow")),
        ("status_callback_url", json!("https://169.254.169.254/")),
        ("stream", json!({ "ws_url": "wss://evil.example/" })),
    ] {
        let got = send(&lab.api, with(name, value)).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(got.body["errors"][0]["loc"], json!(["body", name]));
    }
    let (api, opened) = lab.opener(vec![Ok(())]);
    let got = send(&api, with("stream", json!({ "ws_url": "wss://stream.example.com/s" }))).await;
    assert_eq!(got.status, StatusCode::ACCEPTED, "{}", got.body);
    assert!(opened.await.unwrap()[0].0.first.is_some());
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_again() {
    let api = Lab::with(|rights| rights.per_second = 2).api;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let got = fetch(&api, "/v1/calls/x").await;
        statuses.push(got.status.as_u16());
        if got.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(
                (&got.body["code"], &got.headers["retry-after"]),
                (&json!("rate_limited"), &"1".parse().unwrap())
            );
        }
    }
    assert_eq!(statuses, [404, 404, 429]);
    let other = Request::builder().uri("/v1/calls/x").header("x-api-key", OTHER_KEY).body(Body::empty()).unwrap();
    assert_eq!(send(&api, other).await.status, StatusCode::NOT_FOUND, "each client has its own allowance");
}

#[tokio::test]
async fn an_order_that_is_sent_twice_is_carried_out_once() {
    let (api, opened) = Lab::new().opener(vec![Ok(()), Err(PlaceRefused::Rate), Ok(())]);
    let first = send(&api, keyed("/v1/calls", "k1", &native())).await;
    let again = send(&api, keyed("/v1/calls", "k1", &native())).await;
    assert_eq!((again.status, &again.body), (StatusCode::ACCEPTED, &first.body));
    let mut other = native();
    other["to"] = json!("+14155550133");
    let reused = send(&api, keyed("/v1/calls", "k1", &other)).await;
    assert_eq!((reused.status.as_u16(), &reused.body["code"]), (422, &json!("idempotency_key_reused")));
    let refused = send(&api, keyed("/v1/calls", "k2", &native())).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let later = send(&api, keyed("/v1/calls", "k2", &native())).await;
    assert_eq!(later.status, StatusCode::ACCEPTED, "what may be tried again is tried again");
    assert_eq!(opened.await.unwrap().len(), 3);
    for bad in [String::new(), "x".repeat(256), "a b".to_owned()] {
        let got = send(&api, keyed("/v1/calls", &bad, &native())).await;
        assert_eq!(got.body["code"], "idempotency_key_invalid");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_finds_its_answer_later() {
    let Lab { api, control: _control, mut outlets } = Lab::new();
    let hasty = tokio::spawn({
        let api = api.clone();
        async move { send(&api, keyed("/v1/calls", "k1", &native())).await.status }
    });
    let placing = outlets.placing.recv().await.unwrap();
    hasty.abort();
    assert!(hasty.await.unwrap_err().is_cancelled());
    let busy = send(&api, keyed("/v1/calls", "k1", &native())).await;
    assert_eq!((busy.status.as_u16(), &busy.body["code"]), (409, &json!("idempotency_in_progress")));
    let (presence, _) = placing.accept().expect("the order stands, whether its sender waits or not");
    let mut later = send(&api, keyed("/v1/calls", "k1", &native())).await;
    while later.status == StatusCode::CONFLICT {
        tokio::task::yield_now().await;
        later = send(&api, keyed("/v1/calls", "k1", &native())).await;
    }
    assert_eq!(later.body["id"], presence.id().to_string());
}

/// A call of the application `bot`, answered, and its actor's side.
async fn answered(lab: Lab) -> (Api, Control, CallId, Presence) {
    let control = lab.control.clone();
    let (api, opened) = lab.opener(vec![Ok(())]);
    let mut body = native();
    body["custom"] = json!({ "order": "4711" });
    let got = send(&api, post("/v1/calls", &body)).await;
    let id = got.body["id"].as_str().unwrap().parse().unwrap();
    let presence = opened.await.unwrap().remove(0).1.unwrap();
    presence.ringing();
    presence.answered();
    (api, control, id, presence)
}

#[tokio::test]
async fn a_call_is_seen_by_its_own_application_only() {
    let (api, _control, id, presence) = answered(Lab::new()).await;
    let got = fetch(&api, &format!("/api/v1/voice/calls/{id}")).await;
    assert_eq!(got.status, StatusCode::OK);
    for (name, value) in [
        ("id", json!(id.to_string())),
        ("account_id", json!("acme")),
        ("voice_app_id", json!("bot")),
        ("state", json!("answered")),
        ("direction", json!("outbound")),
        ("from_number", json!("+14155550111")),
        ("to_number", json!("+14155550122")),
        ("properties", json!({ "order": "4711" })),
        ("ended_at", Value::Null),
        ("legs", json!([])),
    ] {
        assert_eq!(got.body[name], value, "{name}");
    }
    assert!(got.body["answered_at"].as_str().unwrap().ends_with('Z'));
    presence.ended(CallState::Completed, "normal");
    let got = fetch(&api, &format!("/v1/calls/{id}")).await;
    assert_eq!((&got.body["state"], &got.body["reason"]), (&json!("completed"), &json!("normal")));
    let stranger =
        |path: String| Request::builder().uri(path).header("x-api-key", OTHER_KEY).body(Body::empty()).unwrap();
    let theirs = send(&api, stranger(format!("/v1/calls/{id}"))).await;
    let nothing = send(&api, stranger(format!("/v1/calls/{}", uuid::Uuid::new_v4()))).await;
    assert_eq!((theirs.status, &theirs.body), (nothing.status, &nothing.body), "not even that it exists");
    assert_eq!(theirs.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn orders_reach_the_call_and_refusals_come_back() {
    let (api, _control, id, mut presence) = answered(Lab::new()).await;
    let answers = [None, None, Some(OrderRefused::NotPossible), Some(OrderRefused::DestinationNotAllowed), None, None];
    let actor = tokio::spawn(async move {
        let mut orders = Vec::new();
        for answer in answers {
            let ordered = presence.next_order().await.unwrap();
            orders.push(ordered.order().as_str());
            match answer {
                Some(refused) => ordered.refuse(refused),
                None => {
                    if let Order::Hangup { .. } = ordered.accept() {
                        presence.ended(CallState::Completed, "DONE");
                    }
                }
            }
        }
        orders
    });
    let teler = format!("/api/v1/voice/calls/{id}");
    let own = format!("/v1/calls/{id}");
    let target = json!({ "target": { "kind": "pstn", "number": "+14155550133" }, "mode": "cold" });
    let got = send(&api, post(&format!("{teler}/dtmf"), &json!({ "digits": "12#" }))).await;
    assert_eq!(got.status, StatusCode::ACCEPTED);
    let request_id = got.body["request_id"].as_str().unwrap();
    assert!(request_id.starts_with("req_") && request_id.len() == 28, "{request_id}");
    assert!(!got.body.to_string().contains("12#"));
    assert_eq!(send(&api, post(&format!("{own}/dtmf"), &json!({ "digits": "1" }))).await.body["id"], id.to_string());
    let got = send(&api, post(&format!("{teler}/transfer"), &target)).await;
    assert_eq!((got.status.as_u16(), &got.body["code"]), (409, &json!("not_possible")));
    let got = send(&api, post(&format!("{own}/transfer"), &json!({ "to": "+14155550133" }))).await;
    assert_eq!((got.status.as_u16(), &got.body["code"]), (403, &json!("destination_not_allowed")));
    let got = send(&api, post(&format!("{teler}/transfer"), &target)).await;
    assert_eq!(got.status, StatusCode::ACCEPTED);
    assert_eq!((&got.body["call_id"], &got.body["mode"]), (&json!(id.to_string()), &json!("cold")));
    assert!(got.body["id"].as_str().unwrap().starts_with("op_") && got.body["id"].as_str().unwrap().len() == 29);
    let mut warm = target.clone();
    warm["mode"] = json!("warm");
    assert_eq!(send(&api, post(&format!("{teler}/transfer"), &warm)).await.status, StatusCode::BAD_REQUEST);
    let got = send(&api, keyed(&format!("{teler}/hangup"), "k1", &json!({ "reason": "DONE" }))).await;
    assert_eq!(got.status, StatusCode::ACCEPTED, "{}", got.body);
    assert_eq!(actor.await.unwrap(), ["dtmf", "dtmf", "transfer", "transfer", "transfer", "hangup"]);
    let got = send(&api, post(&format!("{teler}/hangup"), &json!({}))).await;
    assert_eq!(got.status, StatusCode::CONFLICT);
    assert_eq!(
        (&got.body["success"], &got.body["code"], &got.body["type"]),
        (&json!(false), &json!("call_not_live"), &json!("invalid_state"))
    );
    let got = send(&api, post("/v1/calls/nonsense/hangup", &json!({}))).await;
    assert_eq!((got.status.as_u16(), &got.body["code"]), (404, &json!("call_not_found")));
    let stranger = Request::builder().method("POST").uri(format!("{own}/hangup")).header("x-api-key", OTHER_KEY);
    assert_eq!(send(&api, stranger.body(Body::empty()).unwrap()).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let api = Lab::new().api;
    let never = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
    let got = send(&api, request("POST", "/v1/calls").body(Body::from_stream(never)).unwrap()).await;
    assert_eq!((got.status, &got.body["code"]), (StatusCode::REQUEST_TIMEOUT, &json!("request_timeout")));
}

#[test]
fn every_refusal_has_a_code() {
    for refusal in [Refusal::Internal, Refusal::BrokenBody, Refusal::Timeout, Refusal::IdempotencyBusy] {
        assert!(!refusal.code().is_empty() && refusal.code().bytes().all(|c| c.is_ascii_lowercase() || c == b'_'));
    }
}
