//! Listening sockets.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockAddr, Socket as RawSocket, Type};
use tokio::net::{TcpListener, UdpSocket};

use crate::admission::Transport;
use crate::endpoint::Listener;

use super::{Listen, ServeError};

/// A socket that is listened on.
#[derive(Debug)]
pub(super) enum Socket {
    Udp(UdpSocket),
    Stream(TcpListener),
}

impl Socket {
    /// Binds what is asked for; gives the listener as peers see it.
    pub(super) async fn bind(listen: &Listen) -> Result<(Self, Listener), ServeError> {
        let refused = |source| ServeError::Bind { transport: listen.transport, address: listen.bind, source };
        let (socket, local) = match listen.transport {
            Transport::Udp => {
                let socket =
                    UdpSocket::from_std(raw(listen.bind, Type::DGRAM).map_err(refused)?.into()).map_err(refused)?;
                // From here on the first send finds the socket ready.
                socket.writable().await.map_err(refused)?;
                let local = socket.local_addr().map_err(refused)?;
                (Self::Udp(socket), local)
            }
            Transport::Tcp | Transport::Tls => {
                let raw = raw(listen.bind, Type::STREAM).map_err(refused)?;
                raw.listen(BACKLOG).map_err(refused)?;
                let socket = TcpListener::from_std(raw.into()).map_err(refused)?;
                let local = socket.local_addr().map_err(refused)?;
                (Self::Stream(socket), local)
            }
        };
        let mut listener = Listener::new(listen.transport, local);
        match &listen.advertised {
            Some(host) => listener.host = host.clone(),
            None if local.ip().is_unspecified() => return Err(ServeError::Unadvertised(listen.bind)),
            None => {}
        }
        if let Some(port) = listen.advertised_port {
            listener.port = port;
        }
        Ok((socket, listener))
    }
}

fn raw(address: SocketAddr, kind: Type) -> io::Result<RawSocket> {
    let protocol = if kind == Type::DGRAM { Protocol::UDP } else { Protocol::TCP };
    let socket = RawSocket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // IPv4 has listeners of its own: one address family, one socket, one way to write an address.
        socket.set_only_v6(true)?;
    }
    if kind == Type::STREAM {
        socket.set_reuse_address(true)?;
    } else {
        // The kernel may grant less: a burst of calls then loses datagrams, which their senders repeat.
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 1024;
/// Octets that the kernel holds for a UDP socket.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
