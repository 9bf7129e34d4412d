//! The signalling of the calls: plain text over one TLS or UDP connection, written apart from the product's own stack so that
//! the two do not share mistakes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use media_engine::srtp::{MasterKey, Suite};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

const PATIENCE: Duration = Duration::from_millis(1);

/// The way to the server.
pub(crate) enum Line {
    Udp { socket: UdpSocket },
    Tls { stream: Box<StreamOwned<ClientConnection, TcpStream>>, inbox: Vec<u8>, local: SocketAddr },
}

impl Line {
    pub(crate) fn udp(target: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new([127, 0, 0, 1].into(), 0))?;
        socket.connect(target)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self::Udp { socket })
    }

    pub(crate) fn tls(target: SocketAddr, name: &str, config: Arc<ClientConfig>) -> io::Result<Self> {
        let tcp = TcpStream::connect(target)?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let local = tcp.local_addr()?;
        let mut stream = Box::new(StreamOwned::new(connection, tcp));
        stream.flush()?;
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        stream.sock.set_read_timeout(Some(PATIENCE))?;
        Ok(Self::Tls { stream, inbox: Vec::new(), local })
    }

    pub(crate) fn local(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Udp { socket } => socket.local_addr(),
            Self::Tls { local, .. } => Ok(*local),
        }
    }

    pub(crate) const fn transport(&self) -> &'static str {
        match self {
            Self::Udp { .. } => "UDP",
            Self::Tls { .. } => "TLS",
        }
    }

    pub(crate) fn send(&mut self, message: &str) -> io::Result<()> {
        match self {
            Self::Udp { socket } => socket.send(message.as_bytes()).map(drop),
            Self::Tls { stream, .. } => stream.write_all(message.as_bytes()).and_then(|()| stream.flush()),
        }
    }

    /// The next message, or `None` when none came for a millisecond.
    pub(crate) fn receive(&mut self) -> io::Result<Option<String>> {
        let mut octets = [0; 65_536];
        let waited = |error: io::Error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(None),
            _ => Err(error),
        };
        match self {
            Self::Udp { socket } => socket
                .recv(&mut octets)
                .map(|count| Some(String::from_utf8_lossy(&octets[..count]).into_owned()))
                .or_else(waited),
            Self::Tls { stream, inbox, .. } => {
                if let Some(message) = framed(inbox) {
                    return Ok(Some(message));
                }
                match stream.read(&mut octets) {
                    Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(count) => {
                        inbox.extend_from_slice(&octets[..count]);
                        Ok(framed(inbox))
                    }
                    Err(error) => waited(error),
                }
            }
        }
    }
}

/// Takes one whole message off the front.
fn framed(inbox: &mut Vec<u8>) -> Option<String> {
    while inbox.starts_with(b"\r\n") {
        inbox.drain(..2);
    }
    let head = inbox.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let length = Message(&String::from_utf8_lossy(&inbox[..head])).header("Content-Length")?.parse::<usize>().ok()?;
    (inbox.len() >= head + length)
        .then(|| String::from_utf8_lossy(&inbox.drain(..head + length).collect::<Vec<_>>()).into_owned())
}

/// A received message, read line by line.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a>(pub(crate) &'a str);

impl<'a> Message<'a> {
    pub(crate) fn status(self) -> Option<u16> {
        self.0.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    pub(crate) fn method(self) -> &'a str {
        self.0.split(' ').next().unwrap_or_default()
    }

    pub(crate) fn headers(self, name: &str) -> impl Iterator<Item = &'a str> {
        let head = self.0.split("\r\n\r\n").next().unwrap_or_default();
        head.lines().skip(1).filter_map(move |line| {
            let (field, value) = line.split_once(':')?;
            field.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn header(self, name: &str) -> Option<&'a str> {
        self.headers(name).next()
    }

    pub(crate) fn body(self) -> &'a str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// The URI between the angle brackets of Contact.
    pub(crate) fn contact(self) -> Option<&'a str> {
        self.header("Contact")?.split_once('<')?.1.split('>').next()
    }

    /// An answer to a request of the server's.
    pub(crate) fn response(self, status: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in self.headers(name) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        text + "Content-Length: 0\r\n\r\n"
    }
}

/// Our offer: PCMU, and one key where the call is to be secure.
pub(crate) fn offer(local: SocketAddr, key: Option<&MasterKey>) -> String {
    let profile = if key.is_some() { "RTP/SAVP" } else { "RTP/AVP" };
    let crypto = key.map_or_else(String::new, |key| {
        format!("a=crypto:1 {} inline:{}\r\n", key.suite().name(), BASE64_STANDARD.encode(key.expose()))
    });
    let (ip, port) = (local.ip(), local.port());
    format!(
        "v=0\r\no=load 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} {profile} 0 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=rtcp-mux\r\n{crypto}"
    )
}

/// The server's media address, and its key.
pub(crate) fn answer(body: &str) -> Option<(SocketAddr, Option<MasterKey>)> {
    let line = |start: &str| body.lines().find_map(|line| line.strip_prefix(start));
    let ip = line("c=IN IP4 ")?.trim().parse().ok()?;
    let port = line("m=audio ")?.split(' ').next()?.parse().ok()?;
    let key = line("a=crypto:").and_then(|line| {
        let mut words = line.split_whitespace().skip(1);
        let suite = Suite::from_name(words.next()?)?;
        MasterKey::new(suite, &BASE64_STANDARD.decode(words.next()?.strip_prefix("inline:")?.split('|').next()?).ok()?)
            .ok()
    });
    Some((SocketAddr::new(ip, port), key))
}
