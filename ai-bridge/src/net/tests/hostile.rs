//! Stream sockets with applications that never read, never write, die, or send what they should not.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::socket::{open, pair};
use super::*;
use crate::limits::{MAX_NATIVE_BINARY, MAX_WRITE_BUFFER, PING_BURST};
use crate::net::{Incoming, SendError, SocketError, StreamSocket};
use crate::stream::{CloseCode, Dialect, WsMessage};

/// A Teler socket whose application is raw TLS after the handshake.
async fn raw_pair() -> (StreamSocket, TlsStream<TcpStream>) {
    let app = App::new().await;
    let server = async {
        let mut stream = app.accept().await;
        let mut request = vec![];
        while !request.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut request).await.unwrap() > 0);
        }
        let request = String::from_utf8(request).unwrap();
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        stream
    };
    let (client, server) = tokio::join!(open(&app, Dialect::Teler, "/"), server);
    (client.unwrap(), server)
}

/// Sends octets until the client has gone, while the client reads to its end.
async fn until_the_end(client: &mut StreamSocket, server: &mut TlsStream<TcpStream>, octets: &[u8]) -> SocketError {
    let sending = async {
        loop {
            if server.write_all(octets).await.is_err() || server.flush().await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        error = async { loop { if let Err(error) = client.next().await { return error } } } => error,
        () = sending => unreachable!("it sends for ever"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_fills_a_bounded_buffer_and_never_blocks() {
    let (mut client, _server) = pair().await;
    let piece = Bytes::from(vec![7; 640]);
    let mut taken = 0;
    let full = loop {
        match client.try_send(WsMessage::Binary(piece.clone())) {
            Ok(()) => taken += piece.len(),
            Err(error) => break error,
        }
        client.try_flush().unwrap();
        assert!(taken < 4_000_000, "the buffer has no bound");
    };
    assert_eq!(full, SendError::Full(WsMessage::Binary(piece)));
    assert!(!client.has_room());
    // It is noticed, in time, by its silence.
    let begun = Instant::now();
    let error = client.next().await.unwrap_err();
    assert!(matches!(error, SocketError::Dead), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 45);
    assert_eq!(client.next().await.unwrap(), Incoming::Closed { code: None });
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_wakes_up_gets_everything_in_order() {
    let (mut client, mut server) = pair().await;
    let mut sent = 0u32;
    while client.has_room() {
        client.try_send(WsMessage::Binary(Bytes::from(sent.to_be_bytes().repeat(200)))).unwrap();
        client.try_flush().unwrap();
        sent += 1;
    }
    let reading = async {
        for number in 0..sent {
            let message = server.next().await.unwrap().unwrap();
            assert_eq!(message.into_data()[..4], number.to_be_bytes());
        }
        server.close(None).await.unwrap();
    };
    let (incoming, ()) = tokio::join!(client.next(), reading);
    assert_eq!(incoming.unwrap(), Incoming::Closed { code: None });
}

#[tokio::test(start_paused = true)]
async fn a_close_towards_a_peer_that_never_reads_takes_two_seconds() {
    let (mut client, _server) = pair().await;
    while client.has_room() {
        client.try_send(WsMessage::Binary(Bytes::from(vec![7; 640]))).unwrap();
    }
    let begun = Instant::now();
    client.close(CloseCode::TryAgainLater, "the application has read nothing for too long").await;
    assert_eq!(begun.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_can_never_fit_is_refused_at_once() {
    let (mut client, _server) = pair().await;
    let message = WsMessage::Binary(Bytes::from(vec![0; MAX_WRITE_BUFFER]));
    assert!(matches!(client.try_send(message), Err(SendError::TooLong(_))));
    let bad = WsMessage::Text(Bytes::from_static(b"\xff"));
    assert!(matches!(client.try_send(bad), Err(SendError::NotUtf8(_))));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_is_dead_after_two_missed_pings() {
    let (mut client, server) = raw_pair().await;
    let begun = Instant::now();
    let error = client.next().await.unwrap_err();
    assert!(matches!(error, SocketError::Dead), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 45);
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_dies_is_noticed() {
    let (mut client, server) = raw_pair().await;
    drop(server);
    let error = client.next().await.unwrap_err();
    assert!(matches!(error, SocketError::Vanished | SocketError::Lost { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_accepts_meets_the_deadline() {
    let app = App::new().await;
    let begun = Instant::now();
    let silent = async {
        let stream = app.accept().await;
        std::future::pending::<()>().await;
        drop(stream);
    };
    let result = tokio::select! {
        result = open(&app, Dialect::Native, "/") => result,
        () = silent => unreachable!("it waits for ever"),
    };
    assert!(matches!(result, Err(SocketError::OpenTimeout { .. })));
    assert_eq!(begun.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_without_end_is_cut_off() {
    let app = App::new().await;
    let endless = async {
        let mut stream = app.accept().await;
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nx: ").await.unwrap();
        while stream.write_all(&[b'x'; 512]).await.is_ok() && stream.flush().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let (result, ()) = tokio::join!(open(&app, Dialect::Teler, "/"), endless);
    assert!(matches!(result, Err(SocketError::HandshakeTooLong)), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_frame_of_2_to_the_63_octets_is_closed_with_1009_and_costs_nothing() {
    let (mut client, mut server) = raw_pair().await;
    server.write_all(&[0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).await.unwrap();
    server.flush().await.unwrap();
    let error = client.next().await.unwrap_err();
    assert!(matches!(error, SocketError::TooLong), "{error}");
    let mut answer = vec![];
    drop(client);
    // The client left without a farewell of TLS; its close frame came before.
    let ended = server.read_to_end(&mut answer).await;
    assert!(ended.is_err() || !answer.is_empty());
    assert_eq!(answer[0], 0x88, "a close frame");
    let mask = &answer[2..6];
    assert_eq!([answer[6] ^ mask[0], answer[7] ^ mask[1]], 1009u16.to_be_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_message_of_empty_fragments_is_cut_off() {
    let (mut client, mut server) = raw_pair().await;
    server.write_all(&[0x01, 0]).await.unwrap();
    let error = until_the_end(&mut client, &mut server, &[0x00, 0].repeat(8_192)).await;
    assert!(matches!(error, SocketError::TooLong), "{error}");
}

#[tokio::test(start_paused = true)]
async fn ping_floods_are_closed() {
    let (mut client, mut server) = raw_pair().await;
    let error = until_the_end(&mut client, &mut server, &[0x89, 0].repeat(16)).await;
    assert!(matches!(error, SocketError::PingFlood), "{error}");
    // A burst is answered and forgiven.
    let (mut client, mut server) = pair().await;
    for _ in 0..PING_BURST {
        server.send(Message::Ping(Bytes::new())).await.unwrap();
    }
    server.send(Message::Text("on".into())).await.unwrap();
    assert_eq!(client.next().await.unwrap(), Incoming::Text(Bytes::from_static(b"on")));
}

#[tokio::test(start_paused = true)]
async fn broken_frames_are_refused() {
    let cases: [(&str, &[u8]); 5] = [
        ("masked by a server", &[0x82, 0x80, 1, 2, 3, 4]),
        ("a reserved bit, as compression would set it", &[0xc1, 0x01, b'x']),
        ("a reserved opcode", &[0x83, 0]),
        ("a fragmented ping", &[0x09, 0]),
        ("a continuation of nothing", &[0x80, 0]),
    ];
    for (what, octets) in cases {
        let (mut client, mut server) = raw_pair().await;
        server.write_all(octets).await.unwrap();
        server.flush().await.unwrap();
        let error = client.next().await.unwrap_err();
        assert!(matches!(error, SocketError::Protocol { .. }), "{what}: {error}");
    }
    let (mut client, mut server) = raw_pair().await;
    server.write_all(&[0x81, 2, 0xff, 0xfe]).await.unwrap();
    server.flush().await.unwrap();
    assert!(matches!(client.next().await, Err(SocketError::NotUtf8)));
}

#[tokio::test(start_paused = true)]
async fn the_longest_message_passes_and_one_octet_more_does_not() {
    let (mut client, mut server) = pair().await;
    let (incoming, sent) = tokio::join!(client.next(), server.send(Message::Binary(vec![1; MAX_NATIVE_BINARY].into())));
    sent.unwrap();
    assert!(matches!(incoming, Ok(Incoming::Binary(octets)) if octets.len() == MAX_NATIVE_BINARY));
    let sending = async {
        let sent = server.send(Message::Binary(vec![1; MAX_NATIVE_BINARY + 1].into())).await;
        tokio::time::timeout(Duration::from_secs(1), std::future::pending::<()>()).await.unwrap_err();
        sent
    };
    let (incoming, _sent) = tokio::join!(client.next(), sending);
    assert!(matches!(incoming, Err(SocketError::TooLong)), "{incoming:?}");
}
