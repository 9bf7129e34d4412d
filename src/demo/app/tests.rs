use std::sync::Arc;
use std::time::SystemTime;

use futures_util::{SinkExt, StreamExt};
use rustls_pki_types::ServerName;
use standardwebhooks::Webhook;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::*;
use crate::demo::probe;

struct Bench {
    dir: Workdir,
    app: App,
    events: mpsc::Receiver<AppEvent>,
    _base: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let dir = Workdir::create(&base.path().join("demo"), true).unwrap();
        let (sender, events) = mpsc::channel(64);
        let app = App::start(&dir, 0, sender).unwrap();
        Self { dir, app, events, _base: base }
    }

    fn signature(&self, payload: &str) -> [(&'static str, String); 3] {
        let time = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
        let signed = [&self.dir.new_key, &self.dir.old_key].map(|key| {
            let webhook = Webhook::new(key.secret()).unwrap();
            webhook.sign("msg_1", time, payload.as_bytes()).unwrap()
        });
        [
            ("webhook-id", "msg_1".into()),
            ("webhook-timestamp", time.to_string()),
            ("webhook-signature", signed.join(" ")),
        ]
    }

    async fn connect(&self) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
        let connector = TlsConnector::from(Arc::clone(&tls::client(&self.dir.ca_pem).unwrap()));
        let socket = tokio::net::TcpStream::connect(self.app.address()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        connector.connect(name, socket).await.unwrap()
    }

    /// A flow request as Strongline sends it; the `ws_url` of the answer.
    async fn ask(&self) -> String {
        let body = r#"{"call_id":"c","account_id":"a","from_number":"1","to_number":"2","direction":"inbound"}"#;
        let headers = self.signature(body).map(|(name, value)| format!("{name}: {value}\r\n")).concat();
        let mut stream = self.connect().await;
        let request = format!(
            "POST /flow HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let json: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!((&json["action"], &json["sample_rate"]), (&"stream".into(), &"16k".into()));
        assert_eq!(json["protocol"], "native.v1");
        json["ws_url"].as_str().unwrap().into()
    }

    fn handshake(&self, ws_url: &str, signed: &str) -> Request {
        let mut request = ws_url.into_client_request().unwrap();
        for (name, value) in self.signature(signed) {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let subprotocol = "other, strongline.native.v1".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", subprotocol);
        request
    }

    async fn status(&self, request: Request) -> u16 {
        match tokio_tungstenite::client_async(request, self.connect().await).await {
            Ok((_, response)) => response.status().as_u16(),
            Err(Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("{error}"),
        }
    }

    async fn happened(&mut self) -> Happened {
        self.events.recv().await.unwrap().what
    }
}

#[tokio::test]
async fn a_forged_flow_request_is_refused() {
    let mut bench = Bench::new();
    let status = probe::forged_flow_request(bench.app.address(), &bench.dir.ca_pem).await.unwrap();
    assert_eq!(status, 401);
    assert!(matches!(bench.happened().await, Happened::Refused { status: 401, .. }));
}

#[tokio::test]
async fn a_request_too_long_to_be_one_is_refused() {
    let bench = Bench::new();
    let body = "x".repeat(17 * 1024);
    let status = probe::post(bench.app.address(), &bench.dir.ca_pem, "", &body).await.unwrap();
    assert_eq!(status, 413);
}

#[tokio::test]
async fn nobody_talks_to_it_who_does_not_trust_its_ca() {
    let bench = Bench::new();
    let other = Workdir::create(&bench.dir.root().join("other"), true).unwrap();
    let error = probe::post(bench.app.address(), &other.ca_pem, "", "").await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_conversation_from_the_flow_request_to_the_echo() {
    let mut bench = Bench::new();
    let ws_url = bench.ask().await;
    let request = bench.handshake(&ws_url, &ws_url);
    let (mut socket, response) = tokio_tungstenite::client_async(request, bench.connect().await).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "strongline.native.v1");
    let start = r#"{"type":"start","version":1,"media":{"encoding":"pcm_s16le","rate":16000}}"#;
    socket.send(Message::text(start)).await.unwrap();
    let loud: Vec<u8> = std::iter::repeat_n(3_000_i16.to_le_bytes(), 320).flatten().collect();
    for _ in 0..4 {
        socket.send(Message::binary(loud.clone())).await.unwrap();
    }
    let mut texts = Vec::new();
    while let Some(message) = socket.next().await {
        if let Message::Text(text) = message.unwrap() {
            texts.push(text.to_string());
            if text.contains("clear") {
                break;
            }
        }
    }
    assert_eq!(texts.len(), 3, "two marks and a clear: {texts:?}");
    socket.send(Message::text(r#"{"type":"stop","reason":"hangup"}"#)).await.unwrap();
    socket.close(None).await.unwrap();
    let mut story = Vec::new();
    loop {
        let what = bench.happened().await;
        let last = matches!(what, Happened::StreamEnded { .. });
        story.push(what);
        if last {
            break;
        }
    }
    assert!(
        matches!(&story[0], Happened::FlowVerified { keys, .. } if keys.len() == 2 && keys[0].starts_with("new ("))
    );
    assert!(matches!(&story[1], Happened::StreamAccepted { tls, .. } if tls.version == "TLS 1.3"));
    assert!(story.iter().any(|what| matches!(what, Happened::Talk(TalkEvent::Interrupted))));
    assert!(story.iter().any(|what| matches!(what, Happened::Talk(TalkEvent::Stopped { .. }))));
}

#[tokio::test]
async fn a_stream_address_is_good_once_and_only_with_its_signature() {
    let bench = Bench::new();
    let ws_url = bench.ask().await;
    assert_eq!(bench.status(bench.handshake(&ws_url, "wss://localhost/other")).await, 401);
    assert_eq!(bench.status(bench.handshake(&ws_url, &ws_url)).await, 101);
    assert_eq!(bench.status(bench.handshake(&ws_url, &ws_url)).await, 403);
    let without = {
        let ws_url = bench.ask().await;
        let mut request = bench.handshake(&ws_url, &ws_url);
        request.headers_mut().remove("sec-websocket-protocol");
        request
    };
    assert_eq!(bench.status(without).await, 400);
}
