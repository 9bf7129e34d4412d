//! The media thread: sends a stamped frame for each call every 20 ms by absolute deadlines, and reads the stamps of what
//! comes back with the kernel's own arrival times.

use std::collections::{BTreeMap, VecDeque};
use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use media_engine::codec::Codec;
use media_engine::rtp::{HeaderWriter, Packet, PayloadType, RtpTimestamp, Seq, Ssrc};
use media_engine::srtp::{Inbound, Outbound};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};

use crate::stamp::{Detector, FRAME, frame};
use crate::system::{Values, now_ns};

const TICK_NS: u64 = 1_000_000;
const TICKS: usize = 20;
/// Stamps remembered by call, in frames: 80 s.
const REMEMBERED: usize = 4_096;

/// What the signalling thread asks for.
pub(crate) enum Order {
    Start(Box<Leg>),
    Stop(usize),
    /// Count from now on.
    Measure,
    /// Hand in the result.
    Finish,
}

/// The media of one call.
pub(crate) struct Leg {
    pub(crate) id: usize,
    pub(crate) socket: UdpSocket,
    pub(crate) remote: SocketAddr,
    pub(crate) keys: Option<(Inbound, Outbound)>,
    pub(crate) invited_ns: u64,
    pub(crate) first: u16,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// From the sending of a frame until the arrival of the packet that completes it, less its own 20 ms, in ms.
    pub(crate) delay_ms: Values,
    pub(crate) first_audio_ms: Values,
    pub(crate) sent: u64,
    pub(crate) returned: u64,
    pub(crate) duplicates: u64,
    /// Stamps that this call never sent.
    pub(crate) foreign: u64,
    pub(crate) refused: u64,
    /// Frames that came back more than 200 ms after they were sent.
    pub(crate) late: u64,
    /// Ticks at which this instrument itself was over 5 ms late.
    pub(crate) late_ticks: u64,
}

struct Live {
    leg: Leg,
    detector: Detector,
    sent_at: VecDeque<u64>,
    sent: u64,
    seen: VecDeque<u64>,
    seq: u16,
    heard: bool,
}

/// Runs until told to finish.
pub(crate) fn run(orders: &Receiver<Order>) -> Result<Measured, nix::Error> {
    let epoll = Epoll::new(EpollCreateFlags::empty())?;
    let mut live: BTreeMap<usize, Live> = BTreeMap::new();
    let mut measured = Measured::default();
    let mut measuring = false;
    let mut next_tick = now_ns();
    let mut tick = 0_usize;
    let mut events = vec![EpollEvent::empty(); 256];
    loop {
        loop {
            match orders.try_recv() {
                Ok(Order::Start(leg)) => {
                    setsockopt(&leg.socket, sockopt::ReceiveTimestampns, &true)?;
                    epoll.add(&leg.socket, EpollEvent::new(EpollFlags::EPOLLIN, leg.id as u64))?;
                    live.insert(leg.id, Live::new(*leg));
                }
                Ok(Order::Stop(id)) => drop(live.remove(&id)),
                Ok(Order::Measure) => measuring = true,
                Ok(Order::Finish) | Err(TryRecvError::Disconnected) => return Ok(measured),
                Err(TryRecvError::Empty) => break,
            }
        }
        while next_tick <= now_ns() {
            measured.late_ticks += u64::from(now_ns() - next_tick > 5 * TICK_NS);
            for call in live.values_mut().filter(|call| call.leg.id * 7 % TICKS == tick % TICKS) {
                call.send();
                measured.sent += u64::from(measuring);
            }
            tick += 1;
            next_tick += TICK_NS;
        }
        let wait = Duration::from_nanos(next_tick.saturating_sub(now_ns())).as_millis().max(1);
        let count = match epoll.wait(&mut events, EpollTimeout::try_from(wait as u32).unwrap_or(EpollTimeout::ZERO)) {
            Ok(count) => count,
            Err(nix::Error::EINTR) => 0,
            Err(error) => return Err(error),
        };
        for event in &events[..count] {
            if let Some(call) = live.get_mut(&(event.data() as usize)) {
                call.receive(measuring, &mut measured);
            }
        }
    }
}

impl Live {
    fn new(leg: Leg) -> Self {
        Self {
            leg,
            detector: Detector::default(),
            sent_at: VecDeque::with_capacity(REMEMBERED),
            sent: 0,
            seen: VecDeque::with_capacity(64),
            seq: 1,
            heard: false,
        }
    }

    fn send(&mut self) {
        let mut packet = [0_u8; 256];
        let header = HeaderWriter {
            marker: self.sent == 0,
            payload_type: PayloadType::PCMU,
            seq: Seq::new(self.seq),
            timestamp: RtpTimestamp::new((self.sent as u32).wrapping_mul(FRAME as u32)),
            ssrc: Ssrc::new(self.leg.id as u32 + 1),
        };
        let Some(payload) = header.write(&mut packet) else { return };
        if Codec::Pcmu.encoder().encode(&frame(self.leg.first.wrapping_add(self.sent as u16)), payload).is_err() {
            return;
        }
        let plain = 12 + FRAME;
        let len = match &mut self.leg.keys {
            Some((_, outbound)) => outbound.protect_rtp(&mut packet, plain).unwrap_or(0),
            None => plain,
        };
        if self.sent_at.len() == REMEMBERED {
            self.sent_at.pop_front();
        }
        self.sent_at.push_back(now_ns());
        self.sent += 1;
        self.seq = self.seq.wrapping_add(1);
        // A full socket buffer shows as loss, which is what it is.
        drop(self.leg.socket.send_to(&packet[..len], self.leg.remote));
    }

    fn receive(&mut self, measuring: bool, measured: &mut Measured) {
        let mut packet = [0_u8; 2_048];
        let mut found = Vec::new();
        while let Some((len, arrived)) = receive_stamped(&self.leg.socket, &mut packet) {
            let plain = match &mut self.leg.keys {
                Some((inbound, _)) => inbound.unprotect_rtp(&mut packet[..len]),
                None => Ok(len),
            };
            let Ok(len) = plain else {
                // RTCP shares the port where it is multiplexed: not counted.
                measured.refused += u64::from(!(192..224).contains(&packet[1]));
                continue;
            };
            let Ok(rtp) = Packet::parse(&packet[..len]) else { continue };
            if rtp.header.payload_type != PayloadType::PCMU {
                continue;
            }
            let mut samples = [0_i16; 480];
            let Ok(count) = Codec::Pcmu.decoder().decode(rtp.payload, &mut samples) else { continue };
            found.clear();
            self.detector.push(&samples[..count], &mut found);
            for stamp in &found {
                self.on_stamp(stamp.number, stamp.after, arrived, measuring, measured);
            }
        }
    }

    fn on_stamp(&mut self, number: u16, after: usize, arrived: u64, measuring: bool, measured: &mut Measured) {
        let next = self.leg.first.wrapping_add(self.sent as u16);
        let back = u64::from(next.wrapping_sub(number).wrapping_sub(1));
        if back >= self.sent_at.len() as u64 {
            measured.foreign += 1;
            return;
        }
        let index = self.sent - 1 - back;
        let sent_at = self.sent_at[self.sent_at.len() - 1 - back as usize];
        if !self.heard {
            self.heard = true;
            measured.first_audio_ms.push(milliseconds(arrived, self.leg.invited_ns));
        }
        if self.seen.contains(&index) {
            measured.duplicates += 1;
            return;
        }
        if self.seen.len() == 64 {
            self.seen.pop_front();
        }
        self.seen.push_back(index);
        if measuring {
            let delay = milliseconds(arrived, sent_at) - after as f64 / 8.0;
            measured.returned += 1;
            measured.late += u64::from(delay > 200.0);
            measured.delay_ms.push(delay);
        }
    }
}

fn milliseconds(later: u64, earlier: u64) -> f64 {
    later.saturating_sub(earlier) as f64 / 1e6
}

/// One packet and when the kernel took it in; `None` when there is none.
fn receive_stamped(socket: &UdpSocket, packet: &mut [u8]) -> Option<(usize, u64)> {
    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
    let mut pieces = [IoSliceMut::new(packet)];
    let message =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut pieces, Some(&mut control), MsgFlags::MSG_DONTWAIT).ok()?;
    let arrived = message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(at) => Some(at.tv_sec() as u64 * 1_000_000_000 + at.tv_nsec() as u64),
        _ => None,
    });
    Some((message.bytes, arrived.unwrap_or_else(now_ns)))
}
