//! One SIP leg of a call: its dialog with a peer, its media, and what the two have agreed on. A call has one, and a second one
//! while the caller is connected to somebody.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use dialplan::Trunk;
use media_engine::audio::{Pcm, SampleRate};
use media_engine::dtmf::MenuDigit;
use media_engine::pci::Cleared;
use media_engine::session;
use sip_core::admission::{SourceFacts, Transport};
use sip_core::endpoint::{Body, CallKey, Cause, Command, EndReason, Ended, EndedBy, Event, Fork, Referral, Reject};
use sip_core::sdp::SessionDescription;
use sip_core::wire::StatusCode;
use tokio::sync::mpsc;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::digits::{Keys, Source};
use super::media::{self, Due, Media};
use super::negotiate::{self, Choice, Offered, Policy, Refused};
use crate::server::{Context, Shared};

/// Who is at the other end, and how its signalling is secured.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) trunk: Arc<Trunk>,
    /// Where the signalling comes from.
    pub(super) signalling: IpAddr,
    pub(super) transport: Transport,
    /// TLS version and cipher suite of the signalling.
    pub(super) tls: Option<(&'static str, Arc<str>)>,
}

impl Peer {
    /// It has answered from there.
    fn met(&mut self, source: &SourceFacts) {
        *self = Self::new(Arc::clone(&self.trunk), source);
    }

    pub(super) fn new(trunk: Arc<Trunk>, source: &SourceFacts) -> Self {
        Self {
            trunk,
            signalling: source.address.ip(),
            transport: source.transport,
            tls: source.tls.as_ref().map(|tls| (tls.version.as_str(), Arc::clone(&tls.cipher_suite))),
        }
    }

    /// A peer that we are about to call. Where its signalling comes from is known when it answers.
    pub(super) fn to_be(trunk: Arc<Trunk>, hop: Option<IpAddr>) -> Self {
        let tls_hop = trunk.outbound.as_ref().is_some_and(|outbound| outbound.to.is_tls());
        let over_tls = tls_hop || trunk.allowed_transports() == [dialplan::Transport::Tls];
        let transport = if over_tls { Transport::Tls } else { Transport::Udp };
        Self { trunk, signalling: hop.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), transport, tls: None }
    }

    pub(super) fn over_tls(&self) -> bool {
        self.transport == Transport::Tls
    }

    /// Reads the offer of its INVITE, if it has one.
    pub(super) fn read_offer(&self, sdp: Option<&Body>, secured: bool) -> Result<Negotiation, Refused> {
        let Some(sdp) = sdp else { return Ok(Negotiation::Delayed) };
        let offer = SessionDescription::parse(sdp.as_bytes())?;
        let choice = negotiate::read_offer(&offer, &self.policy(secured, None))?;
        Ok(Negotiation::Offered(Box::new((offer, choice))))
    }

    /// What session descriptions of this leg are held against.
    pub(super) fn policy(&self, secured: bool, own: Option<IpAddr>) -> Policy<'_> {
        Policy { trunk: &self.trunk, signalling: self.signalling, over_tls: self.over_tls(), secured, own }
    }
}

/// How far offer and answer have come.
#[derive(Debug)]
pub(super) enum Negotiation {
    /// The INVITE had this offer; what was chosen waits for our answer.
    Offered(Box<(SessionDescription, Choice)>),
    /// The offer was answered in a 183; the 200 repeats it.
    Early(Zeroizing<Vec<u8>>),
    /// The INVITE had no offer: our 200 carries one.
    Delayed,
    /// Our offer is out, in an INVITE. Each callee may give an answer of its own, until one has answered the call.
    Placed { port: Option<media::Port>, offered: Offered, fork: Option<Fork> },
    /// Our offer is out, in a 200 whose ACK brings the answer, or in a reliable 180 whose PRACK does; the 200 repeats it.
    WaitingForAnswer(media::Port, Offered, Zeroizing<Vec<u8>>),
    /// Our offer is out, in the 200 to a re-INVITE without one.
    WaitingForAnswerWithin(Offered),
    /// Offer and answer are exchanged.
    Done,
}

/// A leg.
#[derive(Debug)]
pub(super) struct Leg {
    /// The call's id, for the log.
    pub(super) id: Uuid,
    pub(super) key: CallKey,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) peer: Peer,
    pub(super) negotiation: Negotiation,
    pub(super) media: Option<Box<Media>>,
    pub(super) answered: Option<Instant>,
    pub(super) ended: Option<Ended>,
    /// We have refused or hung up, and wait for the endpoint to say that it is over.
    pub(super) leaving: bool,
    /// A leg that we place rings until then.
    pub(super) ring_until: Option<Instant>,
    /// It has rung for long enough, and was taken back for that.
    pub(super) rung_out: bool,
    pub(super) keys: Keys,
}

/// What a leg has to say to its call.
#[derive(Debug)]
pub(super) enum Said {
    /// Somebody rings.
    Progress(StatusCode),
    /// The dialog stands: audio may flow.
    Established,
    /// A key was pressed.
    Digit(MenuDigit),
    /// The peer asks us to call somebody in its place.
    Refer(Box<Referral>),
    /// How the call fares that we asked the peer to place: the last word.
    Transferred(StatusCode),
    /// It is over.
    Ended,
}

impl Leg {
    pub(super) fn new(
        id: Uuid,
        key: CallKey,
        events: mpsc::Receiver<Event>,
        peer: Peer,
        negotiation: Negotiation,
    ) -> Self {
        Self {
            id,
            key,
            events,
            peer,
            negotiation,
            media: None,
            answered: None,
            ended: None,
            leaving: false,
            ring_until: None,
            rung_out: false,
            keys: Keys::default(),
        }
    }

    /// Tells the endpoint something of this leg.
    pub(super) async fn command(&mut self, command: Command, context: &Context) {
        if context.shared.sip.command(self.key, command).await.is_err() {
            self.ended = Some(endpoint_gone());
        }
    }

    /// Ends it, whatever its state.
    pub(super) async fn hang_up(&mut self, cause: Cause, context: &Context) {
        if !self.leaving {
            self.leaving = true;
            self.command(Command::Hangup { reason: Some(cause) }, context).await;
        }
    }

    /// Refuses it, before it is answered.
    pub(super) async fn reject(&mut self, status: StatusCode, reason: Cause, context: &Context) {
        self.leaving = true;
        self.command(Command::Reject(Reject { status, reason: Some(reason), retry_after: None }), context).await;
    }

    /// Something came from the endpoint.
    pub(super) async fn on_event(&mut self, event: Option<Event>, context: &Context) -> Option<Said> {
        match event {
            None => self.ended = Some(endpoint_gone()),
            // That we took it back says nothing to those who wait: nobody has answered.
            Some(Event::Ended(ended)) if self.rung_out && ended.reason == EndReason::Cancelled => {
                self.ended = Some(Ended { reason: EndReason::NoAnswer, ..ended });
            }
            Some(Event::Ended(ended)) => self.ended = Some(ended),
            Some(Event::Ack { sdp }) => return self.on_ack(sdp, context).await,
            Some(Event::Progress { status, sdp, fork, source }) => {
                self.peer.met(&source);
                return Some(self.on_progress(status, sdp, fork, context));
            }
            Some(Event::Answered { sdp, fork, source }) => {
                self.peer.met(&source);
                return self.on_answered(sdp, fork, context).await;
            }
            Some(Event::Reinvite { offer, .. }) => self.on_reinvite(offer, context).await,
            Some(Event::EarlyOffer { offer, fork }) => self.on_early_offer(offer, fork, context).await,
            Some(Event::Info { content_type, body }) => return self.on_info(&content_type, &body).map(Said::Digit),
            Some(Event::InfoAnswered { status }) => {
                self.keys.on_answered();
                if status.is_success() {
                    return None;
                }
                tracing::warn!(event = "digits.refused", call = %self.id, status = status.code(), "the peer takes no keys by INFO");
            }
            Some(Event::Refer(referral)) => return Some(Said::Refer(referral)),
            Some(Event::ReferProgress { status, is_final: true }) => return Some(Said::Transferred(status)),
            Some(Event::ReferFailed { status }) => return Some(Said::Transferred(status)),
            Some(Event::ReferAccepted | Event::ReferProgress { is_final: false, .. }) => {}
            Some(Event::ReinviteCancelled | Event::Reinvited { .. } | Event::ReinviteFailed { .. }) => {}
            Some(Event::EarlyAnswer { sdp }) => self.on_early_answer(sdp, context).await,
            // The first event of an inbound call came with the call.
            Some(Event::Incoming(_)) => {}
        }
        self.ended.is_some().then_some(Said::Ended)
    }

    /// The ACK: the dialog stands, and audio may flow.
    async fn on_ack(&mut self, sdp: Option<Body>, context: &Context) -> Option<Said> {
        if let Err(refused) = self.take_answer(sdp, context) {
            self.give_up(refused, context).await;
            return None;
        }
        self.established()
    }

    /// The dialog stands: audio may flow. `None` when that is no news.
    pub(super) fn established(&mut self) -> Option<Said> {
        if let Some(media) = &mut self.media {
            media.may_send = true;
        }
        if self.answered.is_some() {
            return None;
        }
        let now = Instant::now();
        if let Some(media) = &mut self.media {
            media.session.expect_inbound(now);
        }
        self.answered = Some(now);
        Some(Said::Established)
    }

    /// The answer to our offer cannot be used: the dialog stands already, so it is ended.
    pub(super) async fn give_up(&mut self, refused: Refused, context: &Context) {
        tracing::info!(event = "call.refused", call = %self.id, reason = refused.as_str(), "call ended: {refused}");
        self.hang_up(Cause::Sip(refused.status()), context).await;
    }

    /// Reads what has arrived.
    pub(super) fn receive(&mut self, context: &Context, now: Instant) {
        if let Some(media) = &mut self.media {
            media.receive(context, now);
        }
    }

    /// The next 20 ms from the peer, once its time has come.
    pub(super) fn poll_uplink(&mut self, now: Instant) -> Option<Cleared<Pcm>> {
        self.media.as_mut().and_then(|media| media.session.poll_uplink(now))
    }

    /// Sends what is due. `each` is called for every frame whose time has come, with what sends it (or silence) and says whether it
    /// left.
    pub(super) fn send(&mut self, now: Instant, mut each: impl FnMut(&mut dyn FnMut(Option<&Pcm>) -> bool)) {
        let Some(media) = &mut self.media else { return };
        while let Some(due) = media.due(now) {
            each(&mut |frame| due == Due::LeaveOut || media.send(frame, now));
        }
        media.send_rtcp(now);
    }

    /// The rate of the peer's codec.
    pub(super) fn codec_rate(&self) -> Option<SampleRate> {
        self.media.as_ref().map(|media| media.codec_rate())
    }

    /// The rate at which what the peer says is given.
    pub(super) fn uplink_rate(&self) -> Option<SampleRate> {
        self.media.as_ref().map(|media| media.session.uplink_rate())
    }

    /// What the peer says is given at another rate from now on.
    pub(super) fn set_uplink_rate(&mut self, rate: SampleRate) {
        if let Some(media) = &mut self.media {
            media.session.set_uplink_rate(rate);
        }
    }

    /// Waits for the endpoint to say that it is over, with nobody listening any more.
    pub(super) async fn see_off(mut self, shared: Arc<Shared>) {
        if !self.leaving {
            let hang_up = Command::Hangup { reason: Some(Cause::Q850(16)) };
            if shared.sip.command(self.key, hang_up).await.is_err() {
                return;
            }
        }
        self.media = None;
        while self.ended.is_none() {
            match self.events.recv().await {
                Some(Event::Ended(_)) | None => return,
                Some(_) => {}
            }
        }
    }

    /// What is waited for: the endpoint's events and the media.
    pub(super) fn parts(&mut self) -> (&mut mpsc::Receiver<Event>, Option<&Media>) {
        (&mut self.events, self.media.as_deref())
    }

    /// The next thing that the media has to say.
    pub(super) async fn next_media_event(&mut self, context: &Context) -> Option<Said> {
        while let Some(event) = self.media.as_mut().and_then(|media| media.session.poll_event()) {
            match event {
                session::Event::FirstAuthenticated => {
                    tracing::info!(event = "media.first_packet", call = %self.id, "the caller's media arrives");
                    if self.ended.is_none()
                        && let Some(media) = self.media.as_mut().filter(|media| media.session.is_secure())
                    {
                        media.may_send = true;
                    }
                }
                session::Event::Digit(digit) if self.keys.are_from(Source::Rtp) => return Some(Said::Digit(digit)),
                session::Event::Digit(_) => {}
                // Who only rings need not send anything, though it may: how long that goes on is for others to say.
                session::Event::InboundTimeout { .. } if self.answered.is_none() || self.ended.is_some() => {}
                session::Event::InboundTimeout { idle } => {
                    tracing::info!(
                        event = "media.timeout", call = %self.id, seconds = idle.as_secs(),
                        "nothing arrives any more: the call is ended"
                    );
                    self.hang_up(Cause::Q850(102), context).await;
                }
                session::Event::AuthFailures { run } => tracing::warn!(
                    event = "media.auth_failures", call = %self.id, run,
                    "packets fail authentication: somebody injects, or the keys differ"
                ),
                session::Event::KeyExhausted => self.hang_up(Cause::Q850(41), context).await,
                session::Event::SourceLatched { .. } => {
                    tracing::info!(event = "media.latched", call = %self.id, "the caller's media comes from another address");
                }
                session::Event::SsrcConflict { .. } => tracing::warn!(
                    event = "rtp_ssrc_conflict", call = %self.id, "a second stream comes from the caller's address: it is not heard"
                ),
                session::Event::InboundResumed | session::Event::SsrcChanged { .. } | session::Event::RtcpBye => {
                    tracing::debug!(?event, "media");
                }
                _ => {}
            }
        }
        None
    }
}

/// The endpoint has stopped under the call.
pub(super) const fn endpoint_gone() -> Ended {
    Ended { by: EndedBy::Failure, reason: EndReason::Shutdown, remote_reason: None }
}
