//! The application under load: answers every flow request with a stream, and sends each binary message back at once.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine};
use futures_util::{SinkExt, StreamExt};
use rand::{RngExt, SeedableRng, rngs::StdRng, rngs::SysRng};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

const SUBPROTOCOL: &str = "strongline.native.v1";

/// Answers flow requests and echoes every stream.
#[derive(clap::Args)]
pub(crate) struct Echo {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Where the throw-away CA, certificate and keys are written: ca.pem, server.pem, server.key, webhook.key.
    #[arg(long)]
    folder: PathBuf,
    /// Stay on this processor.
    #[arg(long)]
    cpu: Option<usize>,
    /// End after so many seconds.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
}

impl Echo {
    pub(crate) fn run(&self) -> io::Result<()> {
        crate::system::raise_open_files()?;
        if let Some(cpu) = self.cpu {
            crate::system::pin(cpu)?;
        }
        let config = self.certificates().map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = TcpListener::bind(self.listen).await?;
            let acceptor = TlsAcceptor::from(config);
            eprintln!("load echo: listening on {}", listener.local_addr()?);
            tokio::time::timeout(Duration::from_secs(self.seconds), async {
                loop {
                    let (stream, _) = listener.accept().await?;
                    tokio::spawn(serve(acceptor.clone(), stream, self.listen));
                }
            })
            .await
            .unwrap_or(Ok(()))
        })
    }

    fn certificates(&self) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error + Send + Sync>> {
        fs::create_dir_all(&self.folder)?;
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &ca)?;
        let mut secret = [0_u8; 32];
        StdRng::try_from_rng(&mut SysRng)?.fill(&mut secret);
        fs::write(self.folder.join("ca.pem"), ca.pem())?;
        fs::write(self.folder.join("server.pem"), leaf.pem())?;
        fs::write(self.folder.join("server.key"), key.serialize_pem())?;
        fs::write(self.folder.join("webhook.key"), format!("whsec_{}", BASE64_STANDARD.encode(secret)))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der())?)?;
        Ok(Arc::new(config))
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, listen: SocketAddr) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    loop {
        let Some(head) = request(&mut stream).await? else { return Ok(()) };
        if let Some(key) = field(&head, "sec-websocket-key") {
            let native = field(&head, "sec-websocket-protocol").is_some_and(|offered| offered.contains(SUBPROTOCOL));
            let selected = if native { format!("Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n") } else { String::new() };
            let accept = derive_accept_key(key.as_bytes());
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{selected}Sec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await?;
            return echo(stream).await;
        }
        let body = format!(
            r#"{{"action":"stream","ws_url":"wss://localhost:{}/","sample_rate":"16k","protocol":"native.v1"}}"#,
            listen.port()
        );
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// The head of one request; its body is read and dropped. `None` at the end of the connection.
async fn request(stream: &mut TlsStream<TcpStream>) -> io::Result<Option<String>> {
    let mut octets = Vec::new();
    loop {
        let mut piece = [0; 4_096];
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            return Ok(None);
        }
        octets.extend_from_slice(&piece[..count]);
        let Some(end) = octets.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&octets[..end]).into_owned();
        let length = field(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if octets.len() - end - 4 >= length {
            return Ok(Some(head));
        }
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        line.split_once(':').filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    })
}

async fn echo(stream: TlsStream<TcpStream>) -> io::Result<()> {
    let config = WebSocketConfig::default().read_buffer_size(4_096);
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Binary(audio) = message {
            socket.send(Message::Binary(audio)).await.map_err(io::Error::other)?;
        }
    }
    Ok(())
}
