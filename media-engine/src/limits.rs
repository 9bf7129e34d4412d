//! Every bound on what a peer controls, in one table.

/// The largest RTP, RTCP or protected packet that is taken from or given to the network, in octets (ASVS 5.0 17.2.7).
pub const MAX_PACKET: usize = 1_500;

/// What one pooled buffer holds: the largest packet, one octet that shows that a datagram was longer, and padding to a
/// multiple of the cache line.
pub const BUFFER_CAPACITY: usize = 1_536;

/// How far behind the highest index a packet may come and still be judged by the replay window (RFC 3711 3.3.2 asks for
/// at least 64).
pub const REPLAY_WINDOW: u32 = 128;

/// How many SSRCs one SRTP context knows. A slot is taken only after authentication and never given back: an SSRC that
/// is forgotten could be replayed.
pub const MAX_SSRCS: usize = 16;

/// How many octets of another implementation's CNAME are read (RFC 3550 6.5 allows no more).
pub const MAX_CNAME: usize = 255;

/// How many packets of one compound RTCP packet are read; the rest is not looked at.
pub const MAX_RTCP_PACKETS: usize = 16;

/// How many reception report blocks one SR or RR can hold (RFC 3550 6.4.1: RC has five bits).
pub const MAX_REPORT_BLOCKS: usize = 31;

/// How far a sequence number may jump forward before it is taken for a restarted source (RFC 3550 A.1).
pub const MAX_DROPOUT: u16 = 3_000;

/// How far a sequence number may lie behind and still be a late packet (RFC 3550 A.1).
pub const MAX_MISORDER: u16 = 100;

/// The most samples that one packet is allowed to hold: more than 180 ms at 8 kHz, all that fits into [`MAX_PACKET`].
pub const MAX_PACKET_SAMPLES: usize = 1_500;

/// How many frames the guard can hold back.
pub const MAX_GUARD_HOLD: usize = 16;

/// How many packets wait in a jitter buffer: 640 ms at a ptime of 10 ms.
pub const MAX_JITTER_PACKETS: usize = 64;

/// The largest delay that a jitter buffer may be told to reach, in milliseconds.
pub const MAX_JITTER_MS: u32 = 500;

/// The oldest audio that is still played after a stall, in milliseconds; what is older is dropped.
pub const MAX_BACKLOG_MS: u32 = 600;

/// Packets a second that a stream may bring: twice the hundred of a ptime of 10 ms, and 50. A stall may bring as many at
/// once.
pub const MAX_PACKETS_PER_SECOND: u32 = 250;

/// How many digits wait to be sent.
pub const MAX_QUEUED_DIGITS: usize = 32;

/// How many events wait for [`poll_event`](crate::session::Session::poll_event); more are counted and lost.
pub const MAX_EVENTS: usize = 64;

/// How many packets in a row, in order and from the locked source, a new SSRC needs on a plain leg (RFC 3550 A.1).
pub const SSRC_PROBATION: u8 = 3;

/// How many frames [`poll_uplink`](crate::session::Session::poll_uplink) makes up for after its worker stalled; the rest
/// of the time is skipped.
pub const MAX_UPLINK_LAG: u32 = 25;

/// How many authentication failures in a row raise an event.
pub const AUTH_FAILURE_RUN: u64 = 50;
