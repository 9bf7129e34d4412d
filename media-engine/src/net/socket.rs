use std::{
    io,
    net::{IpAddr, SocketAddr},
    task::{Context, Poll},
    time::Instant,
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;

use super::{PortLease, RtpPorts};
use crate::{buf::PacketBuf, limits::MAX_PACKET};

/// How a media socket is set up.
#[derive(Clone, Copy, Debug)]
pub struct SocketOptions {
    /// The differentiated services code point of what we send.
    pub dscp: u8,
    /// The kernel's receive buffer in octets: what a leg may pile up while the worker is late.
    pub recv_buffer: usize,
}

impl SocketOptions {
    /// Expedited forwarding: the code point of telephony (RFC 4594 4.1).
    pub const EXPEDITED_FORWARDING: u8 = 46;
}

impl Default for SocketOptions {
    fn default() -> Self {
        // The kernel counts its own overhead, some 800 octets a packet: this is about two seconds of 20 ms packets.
        Self { dscp: Self::EXPEDITED_FORWARDING, recv_buffer: 128 * 1_024 }
    }
}

/// A UDP socket for RTP, RTCP or both.
#[derive(Debug)]
pub struct RtpSocket {
    socket: UdpSocket,
}

impl RtpSocket {
    /// Opens a socket. An IPv6 one takes no IPv4, so that a peer has one form of address only.
    pub fn bind(address: SocketAddr, options: &SocketOptions) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        let class = u32::from(options.dscp) << 2;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
            socket.set_tclass_v6(class)?;
        } else {
            socket.set_tos_v4(class)?;
        }
        socket.set_recv_buffer_size(options.recv_buffer)?;
        socket.bind(&address.into())?;
        Ok(Self { socket: UdpSocket::from_std(socket.into())? })
    }

    /// The address of our end.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Takes one datagram from the kernel. `WouldBlock` when there is none.
    pub fn try_recv(&self, buf: &mut PacketBuf) -> io::Result<Received> {
        // One octet more than a packet may have: if it is used, the datagram was too long.
        let room = buf.room_mut().get_mut(..=MAX_PACKET).unwrap_or_default();
        let (len, source) = self.socket.try_recv_from(room)?;
        if len > MAX_PACKET {
            buf.set_len(0);
            return Ok(Received::Oversize { source });
        }
        buf.set_len(len);
        Ok(Received::Packet { source })
    }

    /// Gives one datagram to the kernel. `WouldBlock` when it has no room: the packet is then lost, as on any network.
    pub fn try_send(&self, packet: &[u8], to: SocketAddr) -> io::Result<()> {
        // Past tokio, which would hold back what is sent before it has polled the socket for the first time. There is
        // nothing to wait for: a UDP socket that has no room has none for a moment, and the packet is late by then.
        let sent = SockRef::from(&self.socket).send_to(packet, &to.into())?;
        if sent == packet.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    /// Waits until there may be something to receive. Safe to cancel.
    pub async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// As [`RtpSocket::readable`], for a worker that waits on many sockets at once.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_recv_ready(cx)
    }
}

/// What [`RtpSocket::try_recv`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A packet, now in the buffer.
    Packet {
        /// Who sent it, or claims to have.
        source: SocketAddr,
    },
    /// A datagram longer than [`MAX_PACKET`]: to be counted, there is nothing to read.
    Oversize {
        /// Who sent it, or claims to have.
        source: SocketAddr,
    },
}

/// The sockets of one leg, on a pair of ports that comes back when they are closed.
#[derive(Debug)]
pub struct Channel {
    /// RTP; with rtcp-mux RTCP too.
    pub rtp: RtpSocket,
    /// RTCP without rtcp-mux.
    pub rtcp: Option<RtpSocket>,
    /// Dropped last: the sockets are closed by then.
    lease: PortLease,
}

impl Channel {
    /// How many pairs are tried when ports of ours are in use by others.
    const ATTEMPTS: usize = 8;

    /// Opens the sockets of a leg on `ip`: one with `mux` (RFC 5761), else two.
    pub fn open(
        ports: &RtpPorts,
        ip: IpAddr,
        mux: bool,
        options: &SocketOptions,
        now: Instant,
    ) -> Result<Self, OpenError> {
        let mut attempts = Self::ATTEMPTS;
        loop {
            let lease = ports.take(now).ok_or(OpenError::NoPorts)?;
            match Self::bind(&lease, ip, mux, options) {
                Ok((rtp, rtcp)) => return Ok(Self { rtp, rtcp, lease }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempts > 1 => attempts -= 1,
                Err(error) => return Err(OpenError::Socket(error)),
            }
        }
    }

    /// The port of RTP, as SDP is to say it.
    pub const fn rtp_port(&self) -> u16 {
        self.lease.rtp()
    }

    /// The port of RTCP, as SDP is to say it: that of RTP with rtcp-mux.
    pub const fn rtcp_port(&self) -> u16 {
        if self.rtcp.is_some() { self.lease.rtcp() } else { self.lease.rtp() }
    }

    fn bind(
        lease: &PortLease,
        ip: IpAddr,
        mux: bool,
        options: &SocketOptions,
    ) -> io::Result<(RtpSocket, Option<RtpSocket>)> {
        let rtp = RtpSocket::bind(SocketAddr::new(ip, lease.rtp()), options)?;
        let rtcp = if mux { None } else { Some(RtpSocket::bind(SocketAddr::new(ip, lease.rtcp()), options)?) };
        Ok((rtp, rtcp))
    }
}

/// Why a leg got no sockets.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// All pairs are in use or at rest.
    #[error("no media ports left")]
    NoPorts,
    /// The system refused.
    #[error("cannot open a media socket")]
    Socket(#[source] io::Error),
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the clock is asked for an origin")]

    use std::{net::Ipv4Addr, time::Duration};

    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::buf::Pool;

    const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    fn socket() -> RtpSocket {
        RtpSocket::bind(LOCAL, &SocketOptions::default()).unwrap()
    }

    async fn receive(socket: &RtpSocket, buf: &mut PacketBuf) -> Received {
        loop {
            match socket.try_recv(buf) {
                Ok(received) => return received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.readable().await.unwrap(),
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[tokio::test]
    async fn datagrams_go_both_ways() {
        let (one, two) = (socket(), socket());
        let mut buf = Pool::new(1).take().unwrap();
        let (from, to) = (one.local_addr().unwrap(), two.local_addr().unwrap());
        for packet in [&b"there"[..], b"", &[7; MAX_PACKET]] {
            one.try_send(packet, to).unwrap();
            assert_eq!(receive(&two, &mut buf).await, Received::Packet { source: from });
            assert_eq!(&*buf, packet);
        }
        let error = two.try_recv(&mut buf).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn what_is_too_long_is_seen_and_not_kept() {
        let (one, two) = (socket(), socket());
        let mut buf = Pool::new(1).take().unwrap();
        let (source, to) = (one.local_addr().unwrap(), two.local_addr().unwrap());
        for len in [MAX_PACKET + 1, MAX_PACKET + 2, 9_000] {
            one.try_send(&vec![1; len], to).unwrap();
            assert_eq!(receive(&two, &mut buf).await, Received::Oversize { source });
            assert!(buf.is_empty());
        }
    }

    #[tokio::test]
    async fn options_are_set() {
        let socket = socket();
        let raw = SockRef::from(&socket.socket);
        assert_eq!(raw.tos_v4().unwrap(), 0xb8);
        assert!(raw.recv_buffer_size().unwrap() >= 128 * 1_024);
        let Ok(six) = RtpSocket::bind("[::1]:0".parse().unwrap(), &SocketOptions::default()) else {
            return; // a machine without IPv6
        };
        let raw = SockRef::from(&six.socket);
        assert!(raw.only_v6().unwrap());
        assert_eq!(raw.tclass_v6().unwrap(), 0xb8);
    }

    #[tokio::test]
    async fn a_leg_has_one_socket_or_two_and_gives_its_ports_back() {
        let ports = RtpPorts::new(
            "31200-31299".parse().unwrap(),
            Duration::ZERO,
            &mut StdRng::seed_from_u64(u64::from(std::process::id())),
        );
        let now = Instant::now();
        let open = |mux| Channel::open(&ports, LOCAL.ip(), mux, &SocketOptions::default(), now).unwrap();

        let muxed = open(true);
        assert!(muxed.rtcp.is_none());
        assert_eq!(muxed.rtcp_port(), muxed.rtp_port());
        assert_eq!(muxed.rtp.local_addr().unwrap().port(), muxed.rtp_port());

        let pair = open(false);
        let rtcp = pair.rtcp.as_ref().unwrap().local_addr().unwrap().port();
        assert_eq!((rtcp, pair.rtcp_port()), (pair.rtp_port() + 1, rtcp));
        assert_eq!(ports.gauge().in_use, 2);

        drop((muxed, pair));
        assert_eq!(ports.gauge().in_use, 0);
    }

    #[tokio::test]
    async fn ports_that_others_have_are_passed_over() {
        let range = "31300-31303".parse().unwrap();
        let ports = RtpPorts::new(range, RtpPorts::REST, &mut StdRng::seed_from_u64(1));
        let now = Instant::now();
        let next = {
            // Whichever comes first is taken by somebody else; its odd port suffices.
            let twin = RtpPorts::new(range, RtpPorts::REST, &mut StdRng::seed_from_u64(1));
            twin.take(now).unwrap().rtcp()
        };
        let _squatter = RtpSocket::bind(SocketAddr::new(LOCAL.ip(), next), &SocketOptions::default()).unwrap();
        let open = || Channel::open(&ports, LOCAL.ip(), false, &SocketOptions::default(), now);
        let channel = open().unwrap();
        assert_ne!(channel.rtp_port() + 1, next);
        assert!(matches!(open(), Err(OpenError::NoPorts)));
    }
}
