//! A forged flow request: the demo shows that the application refuses it before it shows that it accepts a real one.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::app::FLOW_PATH;
use super::files::LOOPBACK_NAME;
use super::tls;

/// Sends a flow request with a signature made without the key, and returns the HTTP status of the answer.
pub(crate) async fn forged_flow_request(app: SocketAddr, ca_pem: &str) -> io::Result<u16> {
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let body = r#"{"call_id":"forged","account_id":"forged","from_number":"","to_number":"","direction":"inbound"}"#;
    let headers = format!(
        "webhook-id: msg_forged\r\nwebhook-timestamp: {now}\r\n\
         webhook-signature: v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"
    );
    post(app, ca_pem, &headers, body).await
}

/// One POST to the flow address; the status of its answer.
pub(crate) async fn post(app: SocketAddr, ca_pem: &str, headers: &str, body: &str) -> io::Result<u16> {
    let request = format!(
        "POST {FLOW_PATH} HTTP/1.1\r\nhost: {LOOPBACK_NAME}:{port}\r\nconnection: close\r\n\
         content-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}",
        port = app.port(),
        length = body.len()
    );
    let exchange = async {
        let config = tls::client(ca_pem).map_err(io::Error::other)?;
        let mut stream = tls::connect(app, app.ip(), LOOPBACK_NAME, config).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut head = [0; STATUS_LINE.len()];
        stream.read_exact(&mut head).await?;
        let status = std::str::from_utf8(&head).ok().and_then(|line| line.get(9..12)?.parse().ok());
        status.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    };
    tokio::time::timeout(PATIENCE, exchange).await?
}

const STATUS_LINE: &str = "HTTP/1.1 401";
const PATIENCE: Duration = Duration::from_secs(5);
