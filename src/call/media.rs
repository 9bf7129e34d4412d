//! A call's media: its sockets, its session, and the clock of what we send.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialplan::{MediaSource, Trunk};
use media_engine::audio::{Pcm, SampleRate};
use media_engine::buf::PacketBuf;
use media_engine::danger::permit_plaintext;
use media_engine::jitter::JitterConfig;
use media_engine::net::{Channel, OpenError, Received, SocketOptions};
use media_engine::pci::Mode;
use media_engine::rtcp::Cname;
use media_engine::rtp::{RtpTimestamp, Seq, Ssrc};
use media_engine::session::{EventFormat, Keys, Leg, Reconfigure, Session, SessionConfig, SourcePolicy};
use media_engine::srtp::{Inbound, MasterKey, Outbound, Suite};
use rand::RngExt;

use super::leg::Peer;
use super::negotiate::{Choice, Description, Offered};
use crate::server::Context;
use crate::telemetry::Held;

/// A frame.
pub(super) const FRAME: Duration = Duration::from_millis(20);
/// Frames that are sent at once after the worker was held up; what was further behind is left out.
const CATCH_UP: u32 = 5;
/// Packets read from one socket in one turn, so that a flood on one call does not hold up the others.
const READ_BUDGET: usize = 32;

/// Sockets and our half of the description. It lasts from the answer to the end of the call.
#[derive(Debug)]
pub(super) struct Port {
    channel: Channel,
    pub(super) description: Description,
    advertised: IpAddr,
    _held: Held,
}

/// Why there are no sockets.
#[derive(Debug, thiserror::Error)]
pub(super) enum PortError {
    #[error("the peer's address family has no `media.public_address` or `media.bind`")]
    Family,
    #[error("no RTP socket: {0} (are there enough ports in `media.ports`?)")]
    Open(#[from] OpenError),
}

impl Port {
    /// Binds sockets for a peer of this address family: one with rtcp-mux, else two.
    pub(super) fn bind(peer: IpAddr, mux: bool, context: &Context) -> Result<Self, PortError> {
        let shared = &context.shared;
        let address = shared.loaded.dialplan.media.address_for(peer).ok_or(PortError::Family)?;
        let channel = Channel::open(&context.ports, address.bind, mux, &SocketOptions::default(), Instant::now())?;
        let local = SocketAddr::new(address.advertise, channel.rtp_port());
        let description = Description::new(context.rng.borrow_mut().random(), local);
        Ok(Self { channel, description, advertised: address.advertise, _held: shared.gauges.rtp_sockets.hold() })
    }

    /// The port that RTP comes to.
    pub(super) const fn local_port(&self) -> u16 {
        self.channel.rtp_port()
    }

    /// Our address as peers see it.
    pub(super) const fn advertised(&self) -> IpAddr {
        self.advertised
    }
}

/// The media of a call that is agreed on.
#[derive(Debug)]
pub(super) struct Media {
    pub(super) port: Port,
    pub(super) session: Session,
    /// The keys now in use, ours and the peer's: what a re-INVITE is compared with.
    keys: Option<(MasterKey, MasterKey)>,
    /// The keys of our INVITE's offer that another callee has made us leave, each with what encrypts by it. One that comes back
    /// goes on from there: begun anew, it would say something else in the same keystream (RFC 3711 9.1).
    left: Vec<(MasterKey, Outbound)>,
    out: PacketBuf,
    next_send: Instant,
    /// Nothing is sent before the ACK, or before a packet proved that the peer is there: an INVITE alone must not make us
    /// send to anybody.
    pub(super) may_send: bool,
    /// The rate of the silence that fills gaps.
    silence: SampleRate,
    /// Where the trunk's RTP may come from when it need not be the signalled address.
    latch: Option<Latch>,
}

/// What is to be done with a frame whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Send,
    /// Its time has been over for too long.
    LeaveOut,
}

/// The addresses among which a leg's one latch may move.
#[derive(Debug)]
struct Latch {
    trunk: Arc<Trunk>,
    signalling: IpAddr,
}

impl Latch {
    fn of(peer: &Peer) -> Option<Self> {
        match peer.trunk.media.source {
            MediaSource::Signalled => None,
            MediaSource::Latch => Some(Self { trunk: Arc::clone(&peer.trunk), signalling: peer.signalling }),
        }
    }

    fn admits(&self, source: SocketAddr) -> bool {
        self.trunk.media.admits(source.ip(), self.signalling).is_ok()
    }
}

impl Media {
    /// Begins with what was chosen and our own key.
    pub(super) fn begin(
        port: Port,
        choice: Choice,
        our_key: Option<MasterKey>,
        uplink: SampleRate,
        peer: &Peer,
        context: &Context,
    ) -> Option<Self> {
        let now = Instant::now();
        let dialplan = &context.shared.loaded.dialplan;
        let jitter = &dialplan.media.jitter;
        let mut rng = context.rng.borrow_mut();
        let latch = Latch::of(peer);
        let (leg, keys) = match (choice.key, our_key) {
            (Some((_, theirs)), Some(ours)) => {
                (Leg::Secure { rx: Inbound::new(&theirs), tx: Outbound::new(&ours) }, Some((ours, theirs)))
            }
            (None, None) => (Leg::Plain(permit_plaintext()), None),
            (Some(_), None) | (None, Some(_)) => return None,
        };
        let config = SessionConfig {
            leg,
            codec: choice.codec,
            payload_type: choice.payload_type,
            telephone_event: choice
                .events
                .map(|(payload_type, _)| EventFormat { payload_type, clock_rate: choice.codec.clock_rate() }),
            remote: choice.remote,
            remote_rtcp: choice.remote_rtcp,
            source: if latch.is_some() { SourcePolicy::Symmetric } else { SourcePolicy::Signalled },
            direction: choice.direction,
            uplink_rate: uplink,
            ssrc: Ssrc::new(rng.random()),
            seq: Seq::new(rng.random_range(0..1 << 15)),
            timestamp: RtpTimestamp::new(rng.random()),
            cname: Cname::generate(&mut *rng),
            jitter: JitterConfig::new(jitter.min, jitter.initial, jitter.max).unwrap_or_default(),
            guard: Mode::Open,
            guard_hold: 0,
            inbound_timeout: dialplan.media.rtp_timeout,
            seed: rng.random(),
        };
        let silence = choice.codec.sample_rate();
        drop(rng);
        let out = context.pool.take()?;
        Some(Self {
            port,
            session: Session::new(config, now),
            keys,
            left: Vec::new(),
            out,
            next_send: now,
            may_send: false,
            silence,
            latch,
        })
    }

    /// The SRTP suite in use; `None` for plain RTP.
    pub(super) fn suite(&self) -> Option<Suite> {
        self.keys.as_ref().map(|(ours, _)| ours.suite())
    }

    /// The rate of the codec in use.
    pub(super) const fn codec_rate(&self) -> SampleRate {
        self.silence
    }

    /// Our key for the answer to a new offer: the one in use while the peer keeps its own, else a new one. A key is never used
    /// from the start again (RFC 3711 9.1).
    pub(super) fn key_for(&self, choice: &Choice, context: &Context) -> Option<MasterKey> {
        let (_, theirs) = choice.key.as_ref()?;
        match &self.keys {
            Some((ours, known)) if known.is_same(theirs) => MasterKey::new(ours.suite(), ours.expose()).ok(),
            _ => Some(MasterKey::generate(theirs.suite(), &mut *context.rng.borrow_mut())),
        }
    }

    /// Our key in use, for an offer of ours within the call.
    pub(super) fn offered_now(&self) -> Offered {
        let current = self.keys.as_ref().and_then(|(ours, _)| MasterKey::new(ours.suite(), ours.expose()).ok());
        current.map_or_else(Offered::plain, Offered::current)
    }

    /// Takes over what a re-INVITE agreed on, or the answer of another callee to our INVITE; `offered`: the keys of that, while
    /// each may still come back.
    pub(super) fn change(&mut self, choice: Choice, our_key: Option<MasterKey>, offered: Option<&Offered>) {
        let (keys, before) = match (choice.key, our_key) {
            (Some((_, theirs)), Some(ours)) => self.new_keys(theirs, ours),
            _ => (Keys::Unchanged, None),
        };
        let change = Reconfigure {
            remote: Some(choice.remote),
            remote_rtcp: choice.remote_rtcp,
            direction: Some(choice.direction),
            codec: Some((choice.codec, choice.payload_type)),
            telephone_event: Some(
                choice
                    .events
                    .map(|(payload_type, _)| EventFormat { payload_type, clock_rate: choice.codec.clock_rate() }),
            ),
            keys,
        };
        self.silence = choice.codec.sample_rate();
        match self.session.reconfigure(change, Instant::now()) {
            Ok(left) => self.left.extend(before.zip(left).filter(|(key, _)| offered.is_some_and(|all| all.has(key)))),
            // Both keys come from one choice: there is never one alone.
            Err(error) => tracing::error!(%error, "the media session kept its keys"),
        }
    }

    /// Contexts for what changed, and our key before; what did not change keeps its rollover counter and replay window.
    fn new_keys(&mut self, theirs: MasterKey, ours: MasterKey) -> (Keys, Option<MasterKey>) {
        let (same_ours, same_theirs) = match &self.keys {
            Some((our_old, their_old)) => (our_old.is_same(&ours), their_old.is_same(&theirs)),
            None => (false, false),
        };
        let keys = match (same_ours, same_theirs) {
            (true, true) => Keys::Unchanged,
            (true, false) => Keys::NewInbound(Inbound::new(&theirs)),
            (false, _) => {
                let left = self.left.iter().position(|(key, _)| key.is_same(&ours));
                let tx = left.map_or_else(|| Outbound::new(&ours), |at| self.left.swap_remove(at).1);
                Keys::New { rx: Inbound::new(&theirs), tx }
            }
        };
        (keys, self.keys.replace((ours, theirs)).map(|(ours, _)| ours))
    }

    /// Waits until a socket has something to read. Safe to cancel.
    async fn readable(&self) -> io::Result<()> {
        let Channel { rtp, rtcp, .. } = &self.port.channel;
        let Some(rtcp) = rtcp else { return rtp.readable().await };
        tokio::select! {
            ready = rtp.readable() => ready,
            ready = rtcp.readable() => ready,
        }
    }

    /// Reads what has arrived.
    pub(super) fn receive(&mut self, context: &Context, now: Instant) {
        let Self { port, session, latch, .. } = self;
        let Channel { rtp, rtcp, .. } = &port.channel;
        for (socket, is_rtp) in [Some(rtp), rtcp.as_ref()].into_iter().flatten().zip([true, false]) {
            for _ in 0..READ_BUDGET {
                let Some(mut buf) = context.pool.take() else { return };
                let Ok(Received::Packet { source } | Received::Oversize { source }) = socket.try_recv(&mut buf) else {
                    break;
                };
                if latch.as_ref().is_some_and(|latch| !latch.admits(source)) {
                    continue;
                }
                if is_rtp { session.handle_rtp(buf, source, now) } else { session.handle_rtcp(buf, source, now) }
            }
        }
    }

    /// When something is due.
    fn next(&self) -> Instant {
        [self.session.next_uplink(), self.session.next_rtcp()].into_iter().flatten().fold(self.next_send, Instant::min)
    }

    /// What is to be done with the next frame. Deadlines are absolute: a late turn is made up for, and a long one left out, so
    /// that a stall does not become lasting delay.
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        let behind = now.checked_duration_since(self.next_send)?;
        self.next_send += FRAME;
        Some(if behind > FRAME * CATCH_UP { Due::LeaveOut } else { Due::Send })
    }

    /// Sends a frame, or silence where there is none; says whether it left.
    pub(super) fn send(&mut self, frame: Option<&Pcm>, now: Instant) -> bool {
        if !self.may_send {
            return false;
        }
        let silence = Pcm::silence(self.silence, self.silence.frame_len());
        let Some(len) = self.session.send_audio(frame.unwrap_or(&silence), now, &mut self.out) else { return false };
        self.out.set_len(len);
        self.port.channel.rtp.try_send(&self.out, self.session.remote()).is_ok()
    }

    /// Sends a report if one is due.
    pub(super) fn send_rtcp(&mut self, now: Instant) {
        if let Some(len) = self.session.poll_rtcp(now, &mut self.out).filter(|_| self.may_send) {
            self.send_report(len);
        }
    }

    /// Sends the last report.
    pub(super) fn send_bye(&mut self, now: Instant) {
        if let Some(len) = self.session.poll_rtcp_bye(now, &mut self.out).filter(|_| self.may_send) {
            self.send_report(len);
        }
    }

    fn send_report(&mut self, len: usize) {
        self.out.set_len(len);
        let remote = self.session.remote_rtcp();
        let Channel { rtp, rtcp, .. } = &self.port.channel;
        let muxed = remote == self.session.remote();
        let socket = rtcp.as_ref().filter(|_| !muxed).unwrap_or(rtp);
        if let Err(error) = socket.try_send(&self.out, remote) {
            tracing::debug!(%error, "a report did not leave");
        }
    }
}

/// Until a packet came or something is due; without media never. Safe to cancel.
pub(super) async fn due(media: Option<&Media>) {
    let Some(media) = media else { return std::future::pending().await };
    tokio::select! {
        biased;
        () = readable(media) => {}
        () = tokio::time::sleep_until(media.next().into()) => {}
    }
}

async fn readable(media: &Media) {
    if let Err(error) = media.readable().await {
        tracing::warn!(%error, "an RTP socket failed");
        std::future::pending::<()>().await;
    }
}
