//! The flow request.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::flow::HttpsUrl;
use crate::limits::MAX_HTTP_BODY;
use crate::net::{ConnectError, GuardError, HttpAnswer, HttpClient, HttpError, HttpOptions};

const BODY: &[u8] = br#"{"call_id":"cs_1"}"#;

async fn post(app: &App, tls: ClientTls, guard: &AddressGuard, path: &str) -> Result<HttpAnswer, HttpError> {
    let url = HttpsUrl::parse(&app.url("https", path)).unwrap();
    let client = HttpClient::new(tls, HttpOptions::default());
    client.post(&url, guard, &signer(), &id(), Bytes::from_static(BODY)).await
}

/// Reads one request, head and body, and answers with these octets.
async fn serve(app: &App, answer: &[u8]) -> String {
    let mut stream = app.accept().await;
    let mut request = Vec::new();
    while !request.ends_with(BODY) {
        assert!(stream.read_buf(&mut request).await.unwrap() > 0);
    }
    stream.write_all(answer).await.unwrap();
    stream.shutdown().await.unwrap();
    String::from_utf8(request).unwrap()
}

async fn exchange(answer: &[u8]) -> (String, Result<HttpAnswer, HttpError>) {
    let app = App::new().await;
    let tls = app.authority.client();
    let guard = guard();
    tokio::join!(serve(&app, answer), post(&app, tls, &guard, "/flow?key=1"))
}

#[tokio::test(start_paused = true)]
async fn the_request_is_signed_and_a_stock_library_verifies_it() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{\"action\":\"hangup\"}";
    let (request, result) = exchange(answer).await;
    let answer = result.unwrap();
    assert_eq!((answer.status, &answer.body[..], answer.attempts), (200, &br#"{"action":"hangup"}"#[..], 1));
    assert_eq!(answer.facts.tls.version, "1.3");
    assert_eq!(answer.facts.tls.cipher, "TLS13_AES_256_GCM_SHA384");
    assert_eq!(answer.facts.tls.group, "X25519MLKEM768");
    assert!(request.starts_with("POST /flow?key=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("content-type: application/json\r\n"));
    assert!(!request.contains("accept-encoding"));
    let mut headers = ::http::HeaderMap::new();
    for line in request.lines().filter(|line| line.starts_with("webhook-")) {
        let (name, value) = line.split_once(": ").unwrap();
        headers.insert(::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let stock = standardwebhooks::Webhook::new(SECRET).unwrap();
    stock.verify(BODY, &headers).unwrap();
    stock.verify(b"{}", &headers).unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_chunked_answer_is_read_whole() {
    let (_, result) =
        exchange(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").await;
    assert_eq!(&result.unwrap().body[..], b"abcde");
}

#[tokio::test(start_paused = true)]
async fn a_file_is_fetched_unsigned() {
    let app = App::new().await;
    let url = HttpsUrl::parse(&app.url("https", "/hello.wav")).unwrap();
    let client = HttpClient::new(app.authority.client(), HttpOptions::default());
    let guard = guard();
    let server = async {
        let mut stream = app.accept().await;
        let mut request = vec![];
        while !request.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut request).await.unwrap() > 0);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nRIFF").await.unwrap();
        stream.flush().await.unwrap();
        String::from_utf8(request).unwrap()
    };
    let (answer, request) = tokio::join!(client.get(&url, &guard), server);
    assert_eq!(&answer.unwrap().body[..], b"RIFF");
    assert!(request.starts_with("GET /hello.wav HTTP/1.1\r\n") && !request.contains("webhook-"), "{request}");
}

#[tokio::test(start_paused = true)]
async fn a_rogue_certificate_is_refused_and_the_request_never_sent() {
    let app = App::new().await;
    let guard = guard();
    let stranger = Authority::new().client();
    let server = async {
        let (stream, _) = app.listener.accept().await.unwrap();
        app.acceptor.accept(stream).await.map(drop)
    };
    let (server, client) = tokio::join!(server, post(&app, stranger, &guard, "/"));
    server.unwrap_err();
    let error = client.unwrap_err();
    assert!(matches!(error, HttpError::Connect(ConnectError::Certificate { .. })), "{error}");
    assert!(error.to_string().contains("its issuer is not known here"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_for_another_name_is_refused() {
    let app = App::named("other.test").await;
    let guard = guard();
    let server = async {
        let (stream, _) = app.listener.accept().await.unwrap();
        app.acceptor.accept(stream).await.map(drop)
    };
    let (server, client) = tokio::join!(server, post(&app, app.authority.client(), &guard, "/"));
    server.unwrap_err();
    let error = client.unwrap_err();
    assert!(error.to_string().contains("it is for another name"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn inside_addresses_are_refused_unless_listed() {
    let app = App::new().await;
    let guard = AddressGuard::default().with_resolver(Names::to(vec![vec!["127.0.0.1"]]));
    let error = post(&app, app.authority.client(), &guard, "/").await.unwrap_err();
    assert!(matches!(error, HttpError::Connect(ConnectError::Guard(GuardError::Address { .. }))), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_name_is_looked_up_once_and_the_checked_address_is_used() {
    let app = App::new().await;
    // The second answer is what a rebinding resolver would give to whoever asks again.
    let names = Names::to(vec![vec!["127.0.0.1"], vec!["127.0.0.2"]]);
    let guard = AddressGuard::new(["bot.test"]).with_resolver(names.clone());
    let (_, result) =
        tokio::join!(serve(&app, b"HTTP/1.1 204 No Content\r\n\r\n"), post(&app, app.authority.client(), &guard, "/"));
    assert_eq!(result.unwrap().facts.peer.ip().to_string(), "127.0.0.1");
    assert_eq!(names.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn redirects_are_refused() {
    let (_, result) =
        exchange(b"HTTP/1.1 307 X\r\nlocation: https://169.254.169.254/\r\ncontent-length: 0\r\n\r\n").await;
    assert!(matches!(result, Err(HttpError::Redirect { status: 307 })));
}

#[tokio::test(start_paused = true)]
async fn refusals_tell_what_to_look_at() {
    let (_, result) = exchange(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").await;
    insta::assert_snapshot!(result.unwrap_err(), @"the application answered 401: does it verify the signature with this server's key, over the raw body, by a right clock?");
    let (_, result) = exchange(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b").await;
    assert!(matches!(result, Err(HttpError::Encoded)));
    let (_, result) = exchange(b"SIP/2.0 200 OK\r\n\r\n").await;
    assert!(matches!(result, Err(HttpError::Exchange { .. })));
}

#[tokio::test(start_paused = true)]
async fn long_bodies_are_cut_announced_or_not() {
    let app = App::new().await;
    let guard = guard();
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MAX_HTTP_BODY + 1);
    let (_, result) = tokio::join!(serve(&app, announced.as_bytes()), post(&app, app.authority.client(), &guard, "/"));
    assert!(matches!(result, Err(HttpError::TooLong { .. })));
    let endless = async {
        let mut stream = app.accept().await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b' '; 8_192]).await.is_ok() {}
    };
    let (result, ()) = tokio::join!(post(&app, app.authority.client(), &guard, "/"), endless);
    assert!(matches!(result, Err(HttpError::TooLong { .. })));
    let endless_head = async {
        let mut stream = app.accept().await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await.unwrap();
        while stream.write_all(&[b'x'; 4_096]).await.is_ok() {}
    };
    let (result, ()) = tokio::join!(post(&app, app.authority.client(), &guard, "/"), endless_head);
    assert!(matches!(result, Err(HttpError::Exchange { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_drips_meets_the_deadline() {
    let app = App::new().await;
    let guard = guard();
    let drip = async {
        let mut stream = app.accept().await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut next = tokio::time::Instant::now();
        loop {
            next += Duration::from_secs(1);
            tokio::time::sleep_until(next).await;
            if stream.write_all(b" ").await.is_err() || stream.flush().await.is_err() {
                break;
            }
        }
    };
    let begun = tokio::time::Instant::now();
    let result = tokio::select! {
        result = post(&app, app.authority.client(), &guard, "/") => result,
        () = drip => panic!("the client left before its deadline"),
    };
    assert!(matches!(result, Err(HttpError::Timeout { .. })));
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_failed_connect_is_tried_once_more_and_only_then_given_up() {
    let app = App::new().await;
    let guard = guard();
    let url = HttpsUrl::parse(&app.url("https", "/")).unwrap();
    let tls = app.authority.client();
    drop(app);
    let names = Names::to(vec![vec!["127.0.0.1"]]);
    let client = HttpClient::new(tls, HttpOptions::default());
    let error = client.post(&url, &guard, &signer(), &id(), Bytes::new()).await.unwrap_err();
    assert!(matches!(error, HttpError::Connect(ConnectError::Tcp { .. })), "{error}");
    let counted = AddressGuard::new(["bot.test"]).with_resolver(names.clone());
    client.post(&url, &counted, &signer(), &id(), Bytes::new()).await.unwrap_err();
    assert_eq!(names.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_speaks_tls_meets_the_connect_deadline() {
    let app = App::new().await;
    let guard = guard();
    let silent = async {
        let first = app.listener.accept().await.unwrap();
        let second = app.listener.accept().await.unwrap();
        std::future::pending::<()>().await;
        drop((first, second));
    };
    let begun = tokio::time::Instant::now();
    let result = tokio::select! {
        result = post(&app, app.authority.client(), &guard, "/") => result,
        () = silent => unreachable!("it waits for ever"),
    };
    // Three seconds, a little wait, and what is left of five.
    assert!(matches!(result, Err(HttpError::Timeout { .. } | HttpError::Connect(ConnectError::Timeout { .. }))));
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn further_headers_are_sent_beside_the_signed_body() {
    let app = App::new().await;
    let (tls, guard) = (app.authority.client(), guard());
    let url = HttpsUrl::parse(&app.url("https", "/flow")).unwrap();
    let client = HttpClient::new(tls, HttpOptions::default());
    let headers = [(crate::flow::Attestation::HEADER, crate::flow::Attestation::A.as_str())];
    let (signer, id) = (signer(), id());
    let post = client.post_with(&url, &guard, &signer, &id, Bytes::from_static(BODY), &headers);
    let (request, answer) = tokio::join!(serve(&app, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"), post);
    assert_eq!(answer.unwrap().status, 200);
    assert!(request.contains("\r\nx-strongline-attestation: A\r\n"), "{request}");
    assert!(request.contains("\r\nwebhook-signature: "), "{request}");
}
