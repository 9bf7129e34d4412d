//! The caller's signalling: a SIP endpoint of its own for one call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use media_engine::audio::SampleRate;
use media_engine::jitter::JitterConfig;
use media_engine::pci::Mode;
use media_engine::rtcp::Cname;
use media_engine::rtp::{RtpTimestamp, Seq, Ssrc};
use media_engine::session::{Direction, Session, SessionConfig, SourcePolicy};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};
use sip_core::admission::{Gate, Peer, Transport, TrunkId, TrunkRule};
use sip_core::endpoint::{Command, Dial, Ended, Event, NextHop};
use sip_core::net::{self, Config, Listen, OutgoingCall};
use sip_core::wire::{Host, StatusCode, Text, Uri};
use tokio::sync::oneshot;
use tokio::time::{timeout, timeout_at};

use super::media::{self, Media, Recorded};
use super::script::Script;
use super::sdp::{Agreed, Offer};
use super::{Call, CallError, CallReport, CallerEvent, End, Via};
use crate::demo::files;
use crate::demo::tls::{self, TlsFacts};

/// Places one call; `given_up` resolves when nobody waits for it any more.
pub(super) async fn place(call: Call, given_up: oneshot::Receiver<()>) -> Result<CallReport, CallError> {
    let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(|error| CallError::Endpoint(error.to_string()))?;
    let config = config(&call, &mut rng)?;
    let tls = inspect(&call, &config).await?;
    let server = net::serve(config).await.map_err(|error| CallError::Endpoint(in_full(&error)))?;
    let outcome = converse(call, server.handle(), &mut rng, given_up).await.map(|report| CallReport { tls, ..report });
    server.shutdown(GRACE).await;
    outcome
}

/// A handshake of its own before the call, with the configuration of the call: it tells what the connection is secured
/// with, and a certificate that is not right is named as what it is, not as a call that failed.
async fn inspect(call: &Call, config: &Config) -> Result<Option<TlsFacts>, CallError> {
    let (Via::Tls { name, .. }, Some(tls_client)) = (&call.via, &config.tls_client) else {
        return Ok(None);
    };
    let connected = tls::connect(call.server, call.source, name, Arc::clone(tls_client));
    let connected = timeout(call.patience, connected).await.map_err(|_| CallError::Patience(call.patience))?;
    let stream = connected.map_err(|error| CallError::Tls(error.to_string()))?;
    Ok(Some(TlsFacts::of(stream.get_ref().1)))
}

async fn converse(
    mut call: Call,
    sip: &net::SipHandle,
    rng: &mut StdRng,
    mut given_up: oneshot::Receiver<()>,
) -> Result<CallReport, CallError> {
    let socket = media::bind(call.source).await?;
    let offer = Offer::new(socket.local_addr()?, &call.codecs, call.telephone_events, &call.protection, rng);
    let began = Instant::now();
    let dialled = sip.dial(dial(&call, offer.body())?).await;
    let mut outgoing = dialled.map_err(|error| CallError::Endpoint(error.to_string()))?;
    let answer = tokio::select! {
        answer = timeout_at((began + call.patience).into(), answered(&mut outgoing, &call)) => answer,
        _ = &mut given_up => {
            hang_up(sip, &mut outgoing).await;
            return Err(CallError::GivenUp);
        }
    };
    let Ok(answer) = answer else {
        hang_up(sip, &mut outgoing).await;
        return Err(CallError::Patience(call.patience));
    };
    let answer = answer?;
    let answered_at = Instant::now();
    let agreed = match offer.answered(&answer) {
        Ok(agreed) => agreed,
        Err(reason) => {
            hang_up(sip, &mut outgoing).await;
            return Err(CallError::Media(reason));
        }
    };
    let setup = answered_at - began;
    tell(&call, CallerEvent::Answered { setup });
    let (codec, suite) = (agreed.codec, agreed.suite);
    let media = (socket.local_addr()?, agreed.remote);
    let sound = std::mem::replace(&mut call.sound, super::Sound::Silence).samples();
    let script = Script::new(answered_at, sound, call.say_after, std::mem::take(&mut call.digits), call.hang_up);
    let session = Session::new(session(agreed, rng)?, answered_at);
    let talk = Media::new(socket, session, script, call.events.take(), answered_at);
    let (recorded, end) = talk_until_the_end(talk, sip, &mut outgoing, given_up).await;
    Ok(CallReport {
        setup,
        talked: answered_at.elapsed(),
        codec,
        suite,
        tls: None,
        media,
        heard: recorded.heard,
        spoken: recorded.spoken,
        digits: recorded.digits,
        rtp: recorded.rtp,
        end: end.ok_or(CallError::Died)?,
    })
}

/// Waits for 200 and gives its SDP.
async fn answered(outgoing: &mut OutgoingCall, call: &Call) -> Result<Vec<u8>, CallError> {
    let mut early = None;
    while let Some(event) = outgoing.events.recv().await {
        match event {
            Event::Progress { status, sdp, .. } => {
                early = sdp.or(early);
                tell(call, CallerEvent::Ringing { status: status.code() });
            }
            Event::Answered { sdp, .. } => {
                // RFC 3261 section 13.2.1: an answer in a reliable response before the 200 need not be repeated.
                let sdp = sdp.or(early).ok_or(CallError::Media("there is none"))?;
                return Ok(sdp.as_bytes().to_vec());
            }
            Event::Ended(ended) => return Err(CallError::NotAnswered(ended.reason)),
            Event::Incoming(_)
            | Event::Ack { .. }
            | Event::Reinvite { .. }
            | Event::ReinviteCancelled
            | Event::Reinvited { .. }
            | Event::ReinviteFailed { .. }
            | Event::EarlyOffer { .. }
            | Event::EarlyAnswer { .. }
            | Event::Refer(_)
            | Event::ReferAccepted
            | Event::ReferProgress { .. }
            | Event::ReferFailed { .. }
            | Event::InfoAnswered { .. }
            | Event::Info { .. } => {}
        }
    }
    Err(CallError::Died)
}

/// Talks until the script, the other side, or the one who waits for the call ends it.
async fn talk_until_the_end(
    mut talk: Media,
    sip: &net::SipHandle,
    outgoing: &mut OutgoingCall,
    mut given_up: oneshot::Receiver<()>,
) -> (Recorded, Option<End>) {
    let ended = tokio::select! {
        biased;
        ended = ended(sip, outgoing) => ended,
        () = talk.run() => None,
        _ = &mut given_up => None,
    };
    let ended = match ended {
        Some(ended) => Some(ended),
        None => hang_up(sip, outgoing).await,
    };
    let end = ended.map(|ended| End { by: ended.by, reason: ended.reason });
    (talk.finish(), end)
}

/// Follows the call to its end. Changes of the session are refused: the call stays as it was agreed.
async fn ended(sip: &net::SipHandle, outgoing: &mut OutgoingCall) -> Option<Ended> {
    while let Some(event) = outgoing.events.recv().await {
        match event {
            Event::Ended(ended) => return Some(ended),
            Event::Reinvite { .. } => {
                let status = StatusCode::new(488)?;
                // The endpoint is gone when this fails, and the loop ends by itself.
                let _closed = sip.command(outgoing.key, Command::RejectReinvite { status }).await;
            }
            Event::Incoming(_)
            | Event::Ack { .. }
            | Event::ReinviteCancelled
            | Event::Reinvited { .. }
            | Event::ReinviteFailed { .. }
            | Event::Refer(_)
            | Event::ReferAccepted
            | Event::ReferProgress { .. }
            | Event::ReferFailed { .. }
            | Event::InfoAnswered { .. }
            | Event::Info { .. }
            | Event::EarlyOffer { .. }
            | Event::EarlyAnswer { .. }
            | Event::Progress { .. }
            | Event::Answered { .. } => {}
        }
    }
    None
}

async fn hang_up(sip: &net::SipHandle, outgoing: &mut OutgoingCall) -> Option<Ended> {
    sip.command(outgoing.key, Command::Hangup { reason: None }).await.ok()?;
    timeout(GRACE, ended(sip, outgoing)).await.ok().flatten()
}

fn tell(call: &Call, event: CallerEvent) {
    if let Some(events) = &call.events {
        let _lost_when_full = events.try_send(event);
    }
}

fn config(call: &Call, rng: &mut StdRng) -> Result<Config, CallError> {
    let rule = TrunkRule::new(TRUNK).peer(Peer::address(call.server.ip()));
    let gate = Gate::new(vec![rule], Instant::now()).map_err(|error| CallError::Endpoint(error.to_string()))?;
    let listen = vec![Listen::new(transport(&call.via), SocketAddr::new(call.source, 0))];
    let mut config = Config::new(listen, gate, rng_seed(rng));
    config.product = Some(Text::from_static("Strongline-caller"));
    if let Via::Tls { ca_pem, .. } = &call.via {
        let broken = |error: rustls::Error| CallError::Tls(error.to_string());
        config.tls_client = Some(tls::client(ca_pem).map_err(broken)?);
        // A TLS endpoint listens for what its peer may send over a connection of its own, and needs a certificate for it.
        let identity = files::own_certificate().map_err(|error| CallError::Tls(error.to_string()))?;
        config.tls_server = Some(tls::server(&identity).map_err(broken)?);
    }
    Ok(config)
}

fn dial(call: &Call, sdp: bytes::Bytes) -> Result<Dial, CallError> {
    let uri = |user: &str, host: Host, port: Option<u16>| {
        let user = Some(Text::copy_from(user));
        match call.via {
            Via::Tls { .. } => Uri::sips(user, host, port),
            Via::Udp | Via::Tcp => Uri::sip(user, host, port),
        }
    };
    let address = call.server;
    let (next_hop, host) = match &call.via {
        Via::Udp => (NextHop::udp(address), Host::from(address.ip())),
        Via::Tcp => (NextHop::tcp(address), Host::from(address.ip())),
        Via::Tls { name, .. } => (NextHop::tls(address, name.as_str()), Host::Name(Text::copy_from(name))),
    };
    if call.to.is_empty() || call.from.is_empty() {
        return Err(CallError::Endpoint("a call needs a user in From and To".into()));
    }
    Ok(Dial {
        trunk: TrunkId::new(TRUNK),
        next_hop: Some(next_hop),
        target: uri(&call.to, host, Some(address.port())),
        from: uri(&call.from, Host::from(call.source), None),
        sdp: Some(sdp.into()),
        headers: Vec::new(),
    })
}

fn session(agreed: Agreed, rng: &mut StdRng) -> Result<SessionConfig, CallError> {
    let jitter = JitterConfig::new(JITTER_LEAST, JITTER_LEAST, JITTER_MOST);
    Ok(SessionConfig {
        leg: agreed.leg,
        codec: agreed.codec,
        payload_type: agreed.payload_type,
        telephone_event: agreed.events,
        remote: agreed.remote,
        remote_rtcp: agreed.remote_rtcp,
        source: SourcePolicy::Signalled,
        direction: Direction::SendRecv,
        uplink_rate: SampleRate::Hz8000,
        ssrc: Ssrc::new(rng.next_u32()),
        // RFC 3711 section 3.3.1: below 2^15, so that the first wrap cannot be missed.
        seq: Seq::new((rng.next_u32() & 0x7fff) as u16),
        timestamp: RtpTimestamp::new(rng.next_u32()),
        cname: Cname::generate(rng),
        jitter: jitter.ok_or(CallError::Media("the jitter buffer's bounds"))?,
        guard: Mode::Open,
        guard_hold: 0,
        inbound_timeout: INBOUND_TIMEOUT,
        seed: rng_seed(rng),
    })
}

const fn transport(via: &Via) -> Transport {
    match via {
        Via::Udp => Transport::Udp,
        Via::Tcp => Transport::Tcp,
        Via::Tls { .. } => Transport::Tls,
    }
}

fn rng_seed(rng: &mut StdRng) -> [u8; 32] {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    seed
}

/// An error with all its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

const TRUNK: &str = "server";
/// For BYE and its answer.
const GRACE: Duration = Duration::from_secs(2);
/// The caller's own jitter buffer: it is part of what is measured, so it begins at its least.
const JITTER_LEAST: Duration = Duration::from_millis(20);
const JITTER_MOST: Duration = Duration::from_millis(200);
const INBOUND_TIMEOUT: Duration = Duration::from_secs(10);
