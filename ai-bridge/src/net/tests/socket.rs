//! Stream sockets with applications that behave.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::*;
use crate::flow::WssUrl;
use crate::net::{ConnectError, Incoming, SendError, SocketError, SocketOptions, StreamRequest, StreamSocket};
use crate::stream::{CloseCode, Dialect, SUBPROTOCOL, WsMessage};

pub(super) type Server = WebSocketStream<TlsStream<TcpStream>>;

pub(super) async fn open(app: &App, dialect: Dialect, path: &str) -> Result<StreamSocket, SocketError> {
    open_with(app, dialect, path, app.authority.client(), &guard()).await
}

async fn open_with(
    app: &App,
    dialect: Dialect,
    path: &str,
    tls: ClientTls,
    guard: &AddressGuard,
) -> Result<StreamSocket, SocketError> {
    let url = WssUrl::parse(&app.url("wss", path)).unwrap();
    let (signer, id) = (signer(), id());
    let request = StreamRequest { url: &url, dialect, signer: Some(&signer), id: &id };
    StreamSocket::open(&tls, guard, request, &SocketOptions::default()).await
}

/// Accepts one WebSocket, selecting a subprotocol or none; gives the request line's target and headers.
async fn accept(app: &App, select: Option<&'static str>) -> (String, HeaderMap, Result<Server, WsError>) {
    let (mut target, mut headers) = (String::new(), HeaderMap::new());
    #[expect(clippy::result_large_err, reason = "tungstenite's own signature")]
    let callback = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        target = request.uri().to_string();
        headers = request.headers().clone();
        if let Some(name) = select {
            response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(name));
        }
        Ok(response)
    };
    let server = accept_hdr_async(app.accept().await, callback).await;
    (target, headers, server)
}

/// A native socket and its application.
pub(super) async fn pair() -> (StreamSocket, Server) {
    let app = App::new().await;
    let (client, (_, _, server)) =
        tokio::join!(Box::pin(open(&app, Dialect::Native, "/media")), Box::pin(accept(&app, Some(SUBPROTOCOL))));
    (client.unwrap(), server.unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_handshake_is_signed_over_the_exact_url_and_the_url_is_kept_byte_for_byte() {
    let app = App::new().await;
    let path = "/Media-Stream/%7Etok%2fen?b=2&a=1&sig=%41+x==";
    let (client, (target, headers, server)) =
        tokio::join!(open(&app, Dialect::Native, path), accept(&app, Some(SUBPROTOCOL)));
    let client = client.unwrap();
    drop(server.unwrap());
    assert_eq!(target, path);
    assert_eq!(headers["sec-websocket-protocol"], SUBPROTOCOL);
    assert!(!headers.contains_key("sec-websocket-extensions"), "no compression is offered");
    let url = app.url("wss", path);
    let stock = standardwebhooks::Webhook::new(SECRET).unwrap();
    stock.verify(url.as_bytes(), &headers).unwrap();
    stock.verify(format!("{url}&x=1").as_bytes(), &headers).unwrap_err();
    assert_eq!(client.facts().tls().version, "1.3");
    assert_eq!(client.facts().connect.peer.port(), app.port());
}

#[tokio::test(start_paused = true)]
async fn native_needs_its_subprotocol_selected_and_teler_offers_none() {
    let app = App::new().await;
    let (client, _) = tokio::join!(open(&app, Dialect::Native, "/"), accept(&app, None));
    let error = client.unwrap_err();
    assert!(matches!(error, SocketError::NoSubprotocol));
    insta::assert_snapshot!(error, @"the application did not select the subprotocol `strongline.native.v1`: select it, or configure another dialect for it");
    let (client, (_, headers, server)) = tokio::join!(open(&app, Dialect::Teler, "/"), accept(&app, None));
    client.unwrap();
    drop(server);
    assert!(!headers.contains_key("sec-websocket-protocol"));
    let (client, _) = tokio::join!(open(&app, Dialect::Teler, "/"), accept(&app, Some(SUBPROTOCOL)));
    assert!(matches!(client, Err(SocketError::OtherSubprotocol)));
}

#[tokio::test(start_paused = true)]
async fn strangers_and_inside_addresses_are_refused() {
    let app = App::new().await;
    let rogue = Authority::new().client();
    let guard = guard();
    let server = async {
        let (stream, _) = app.listener.accept().await.unwrap();
        app.acceptor.accept(stream).await.map(drop)
    };
    let (server, client) = tokio::join!(server, open_with(&app, Dialect::Teler, "/", rogue, &guard));
    server.unwrap_err();
    assert!(matches!(client, Err(SocketError::Connect(ConnectError::Certificate { .. }))));
    let strict = AddressGuard::default().with_resolver(Names::to(vec![vec!["127.0.0.1"]]));
    let client = open_with(&app, Dialect::Teler, "/", app.authority.client(), &strict).await;
    assert!(matches!(client, Err(SocketError::Connect(ConnectError::Guard(_)))));
}

#[tokio::test(start_paused = true)]
async fn messages_go_both_ways_in_order() {
    let (mut client, mut server) = pair().await;
    for number in 0..50u8 {
        client.try_send(WsMessage::Binary(Bytes::from(vec![number; 640]))).unwrap();
    }
    client.try_send(WsMessage::Text(Bytes::from_static(b"{}"))).unwrap();
    client.flush().await.unwrap();
    for number in 0..50u8 {
        assert_eq!(server.next().await.unwrap().unwrap(), Message::Binary(Bytes::from(vec![number; 640])));
    }
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Text("{}".into()));
    server.send(Message::Text("hello".into())).await.unwrap();
    server.send(Message::Binary(Bytes::from_static(&[1, 2]))).await.unwrap();
    assert_eq!(client.next().await.unwrap(), Incoming::Text(Bytes::from_static(b"hello")));
    assert_eq!(client.next().await.unwrap(), Incoming::Binary(Bytes::from_static(&[1, 2])));
}

#[tokio::test(start_paused = true)]
async fn next_alone_writes_what_was_sent_and_loses_nothing_when_dropped() {
    let (mut client, mut server) = pair().await;
    client.try_send(WsMessage::Text(Bytes::from_static(b"up"))).unwrap();
    // Dropped again and again while a message is on its way in pieces.
    let (mut got, whole) = (None, "x".repeat(40_000));
    let sending = async {
        assert_eq!(server.next().await.unwrap().unwrap(), Message::Text("up".into()));
        server.send(Message::Text(whole.clone().into())).await.unwrap();
    };
    let receiving = async {
        while got.is_none() {
            tokio::select! {
                biased;
                message = client.next() => got = Some(message.unwrap()),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    tokio::join!(sending, receiving);
    assert_eq!(got, Some(Incoming::Text(whole.into())));
}

#[tokio::test(start_paused = true)]
async fn a_close_is_answered_on_either_side() {
    let (mut client, mut server) = pair().await;
    client.try_send(WsMessage::Text(Bytes::from_static(b"last"))).unwrap();
    let closing = client.close(CloseCode::Normal, "the stream is over");
    let serving = async {
        assert_eq!(server.next().await.unwrap().unwrap(), Message::Text("last".into()));
        let Message::Close(Some(frame)) = server.next().await.unwrap().unwrap() else { panic!("no close") };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1000, "the stream is over"));
        assert!(server.next().await.is_none());
    };
    tokio::join!(closing, serving);
    assert!(matches!(client.try_send(WsMessage::Text(Bytes::new())), Err(SendError::Closed(_))));
    assert!(!client.has_room());

    let (mut client, mut server) = pair().await;
    let (incoming, ()) = tokio::join!(client.next(), async { server.close(None).await.unwrap() });
    assert_eq!(incoming.unwrap(), Incoming::Closed { code: None });
    assert_eq!(client.next().await.unwrap(), Incoming::Closed { code: None });
}

#[tokio::test(start_paused = true)]
async fn pings_keep_a_quiet_stream_alive() {
    let (mut client, mut server) = pair().await;
    let answering = async {
        let mut pings = 0;
        while let Some(Ok(message)) = server.next().await {
            pings += u32::from(matches!(message, Message::Ping(_)));
        }
        pings
    };
    let waiting = async {
        let quiet = tokio::time::timeout(Duration::from_secs(290), client.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        drop(client);
    };
    let (pings, ()) = tokio::join!(answering, waiting);
    assert_eq!(pings, 19);
}

#[tokio::test(start_paused = true)]
async fn http_refusals_tell_what_to_look_at() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let app = App::new().await;
    for (answer, expected) in [
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "answered the WebSocket handshake with 403"),
        ("HTTP/1.1 302 Found\r\nlocation: https://x\r\n\r\n", "redirects are not followed"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "it must answer 101"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "not a WebSocket handshake"),
        ("220 mail.example ESMTP\r\n\r\n", "not a WebSocket handshake"),
    ] {
        let server = async {
            let mut stream = app.accept().await;
            let mut request = vec![];
            while !request.ends_with(b"\r\n\r\n") {
                assert!(stream.read_buf(&mut request).await.unwrap() > 0);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            stream
        };
        let (client, _stream) = tokio::join!(open(&app, Dialect::Teler, "/"), server);
        let error = client.unwrap_err().to_string();
        assert!(error.contains(expected), "{answer:?}: {error}");
    }
}
