//! The shell of the media: ports and sockets. It holds no rules; it moves datagrams between the kernel and the pool.

mod ports;
mod socket;

pub use ports::{PortGauge, PortLease, PortRange, PortRangeError, RtpPorts};
pub use socket::{Channel, OpenError, Received, RtpSocket, SocketOptions};
