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
