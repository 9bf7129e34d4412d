//! Offer and answer of one leg: what is chosen becomes sockets, keys and a description (RFC 3264).

use dialplan::SrtpPolicy;
use media_engine::audio::SampleRate;
use media_engine::srtp::{MasterKey, Suite};
use sip_core::endpoint::{Body, Cause, Command};
use sip_core::sdp::SessionDescription;
use sip_core::wire::StatusCode;
use zeroize::Zeroizing;

use super::leg::{Leg, Negotiation, Peer};
use super::media::{Media, Port, PortError};
use super::negotiate::{self, Choice, Offered, Refused};
use crate::server::Context;

/// Why there can be no media.
#[derive(Debug, thiserror::Error)]
pub(super) enum AgreeError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl Peer {
    /// An offer of ours, as the trunk wants its media secured.
    pub(super) fn offer(&self, context: &Context) -> Result<(Port, Offered, Zeroizing<Vec<u8>>), AgreeError> {
        let trunk = &self.trunk;
        let keys_may_travel = self.over_tls() || trunk.danger.sdes_over_plain_signalling;
        let offered = match trunk.srtp {
            SrtpPolicy::Required | SrtpPolicy::Preferred if keys_may_travel => {
                Offered::generate(trunk, &mut *context.rng.borrow_mut())
            }
            SrtpPolicy::Required => return Err(Refused::KeysInClear.into()),
            SrtpPolicy::Preferred | SrtpPolicy::Off => Offered::plain(),
        };
        // Whether the peer will multiplex RTCP is known only from its answer.
        let mut port = Port::bind(self.signalling, false, context)?;
        let sdp = port.description.offer(trunk, &offered);
        Ok((port, offered, sdp))
    }
}

impl Leg {
    /// Sends 183 with the answer to the offer, once; says whether the caller can be heard to. Without an offer there is nowhere to
    /// send to yet.
    pub(super) async fn answer_early(&mut self, context: &Context) -> Result<bool, AgreeError> {
        match std::mem::replace(&mut self.negotiation, Negotiation::Done) {
            Negotiation::Offered(offered) => {
                let sdp = self.answer_offer(*offered, context)?;
                let early = Command::Ring { status: StatusCode::SESSION_PROGRESS, sdp: Some(sdp.clone().into()) };
                self.negotiation = Negotiation::Early(sdp);
                self.command(early, context).await;
                if let Some(media) = &mut self.media {
                    // The route says in so many words that audio goes before the answer.
                    media.may_send = true;
                }
                Ok(true)
            }
            Negotiation::Early(sdp) => {
                self.negotiation = Negotiation::Early(sdp);
                Ok(true)
            }
            before @ (Negotiation::Delayed
            | Negotiation::Placed { .. }
            | Negotiation::WaitingForAnswer(..)
            | Negotiation::WaitingForAnswerWithin(_)
            | Negotiation::Done) => {
                self.negotiation = before;
                Ok(false)
            }
        }
    }

    /// Binds the media and sends 200. The rest follows with the ACK.
    pub(super) async fn answer(&mut self, context: &Context) -> Result<(), AgreeError> {
        let sdp = match std::mem::replace(&mut self.negotiation, Negotiation::Done) {
            Negotiation::Offered(offered) => self.answer_offer(*offered, context)?,
            // The 200 repeats the description of the 183 (RFC 3261 13.3.1.4).
            Negotiation::Early(sdp) => sdp,
            Negotiation::Delayed => self.wait_for_answer(self.peer.offer(context)?),
            Negotiation::WaitingForAnswer(port, offered, sdp) => self.wait_for_answer((port, offered, sdp)),
            // The run answers once.
            Negotiation::Placed { .. } | Negotiation::WaitingForAnswerWithin(_) | Negotiation::Done => return Ok(()),
        };
        self.command(Command::Answer { sdp: sdp.into() }, context).await;
        Ok(())
    }

    /// Lets the peer know that it rings. Where the INVITE had no offer ours goes along, in case that the 180 is sent reliably
    /// (RFC 3261 13.2.1); the endpoint leaves it out where it is not.
    pub(super) async fn ring(&mut self, context: &Context) -> Result<(), AgreeError> {
        let sdp = match &self.negotiation {
            Negotiation::Delayed => Some(self.wait_for_answer(self.peer.offer(context)?).into()),
            Negotiation::Offered(_)
            | Negotiation::Early(_)
            | Negotiation::Placed { .. }
            | Negotiation::WaitingForAnswer(..)
            | Negotiation::WaitingForAnswerWithin(_)
            | Negotiation::Done => None,
        };
        self.command(Command::Ring { status: StatusCode::RINGING, sdp }, context).await;
        Ok(())
    }

    fn wait_for_answer(&mut self, (port, offered, sdp): (Port, Offered, Zeroizing<Vec<u8>>)) -> Zeroizing<Vec<u8>> {
        self.negotiation = Negotiation::WaitingForAnswer(port, offered, sdp.clone());
        sdp
    }

    /// The PRACK of our reliable 180 brings the answer to its offer.
    pub(super) async fn on_early_answer(&mut self, sdp: Body, context: &Context) {
        let Negotiation::WaitingForAnswer(_, _, ours) = &self.negotiation else { return };
        let ours = ours.clone();
        match self.take_answer(Some(sdp), context) {
            Ok(()) => self.negotiation = Negotiation::Early(ours),
            Err(refused) => {
                tracing::info!(event = "call.refused", call = %self.id, reason = refused.as_str(), "call refused: {refused}");
                self.reject(refused.status(), Cause::Q850(88), context).await;
            }
        }
    }

    fn answer_offer(
        &mut self,
        (offer, choice): (SessionDescription, Choice),
        context: &Context,
    ) -> Result<Zeroizing<Vec<u8>>, AgreeError> {
        let mut port = Port::bind(choice.remote.ip(), choice.rtcp_mux, context)?;
        let key =
            choice.key.as_ref().map(|(_, theirs)| MasterKey::generate(theirs.suite(), &mut *context.rng.borrow_mut()));
        let sdp = port.description.answer(&offer, &choice, key.as_ref());
        self.begin_media(port, choice, key, context)?;
        Ok(sdp)
    }

    /// The answer to an offer of ours, where one is waited for.
    pub(super) fn take_answer(&mut self, sdp: Option<Body>, context: &Context) -> Result<(), Refused> {
        match std::mem::replace(&mut self.negotiation, Negotiation::Done) {
            Negotiation::WaitingForAnswer(port, offered, _) => {
                let answer = SessionDescription::parse(sdp.ok_or(Refused::Answer)?.as_bytes())?;
                let policy = self.peer.policy(false, Some(port.advertised()));
                let choice = negotiate::read_answer(&answer, &offered, &policy)?;
                let ours = choice.key.as_ref().and_then(|(tag, _)| offered.take(*tag));
                self.begin_media(port, choice, ours, context)
            }
            Negotiation::WaitingForAnswerWithin(offered) => {
                let answer = SessionDescription::parse(sdp.ok_or(Refused::Answer)?.as_bytes())?;
                let Some(media) = &mut self.media else { return Err(Refused::Answer) };
                let policy = self.peer.policy(media.suite().is_some(), Some(media.port.advertised()));
                let choice = negotiate::read_answer(&answer, &offered, &policy)?;
                let ours = choice.key.as_ref().and_then(|(tag, _)| offered.take(*tag));
                media.change(choice, ours, None);
                Ok(())
            }
            Negotiation::Offered(_)
            | Negotiation::Early(_)
            | Negotiation::Delayed
            | Negotiation::Placed { .. }
            | Negotiation::Done => Ok(()),
        }
    }

    /// A re-INVITE or UPDATE: the same rules as for the first offer, and never less secure than before. What is refused leaves
    /// the media as it was.
    pub(super) async fn on_reinvite(&mut self, offer: Option<Body>, context: &Context) {
        let Some(media) = &mut self.media else {
            // Before the first answer there is nothing to change.
            return self.command(Command::RejectReinvite { status: StatusCode::REQUEST_PENDING }, context).await;
        };
        let Some(offer) = offer else {
            let offered = media.offered_now();
            let sdp = media.port.description.offer(&self.peer.trunk, &offered);
            self.negotiation = Negotiation::WaitingForAnswerWithin(offered);
            return self.command(Command::AnswerReinvite { sdp: sdp.into() }, context).await;
        };
        let policy = self.peer.policy(media.suite().is_some(), Some(media.port.advertised()));
        let read = SessionDescription::parse(offer.as_bytes())
            .map_err(Refused::from)
            .and_then(|offer| Ok((negotiate::read_offer(&offer, &policy)?, offer)));
        match read {
            Ok((choice, offer)) => {
                let key = media.key_for(&choice, context);
                let sdp = media.port.description.answer(&offer, &choice, key.as_ref());
                tracing::debug!(direction = ?choice.direction, "the session changes");
                let offered =
                    if let Negotiation::Placed { offered, .. } = &self.negotiation { Some(offered) } else { None };
                media.change(choice, key, offered);
                self.command(Command::AnswerReinvite { sdp: sdp.into() }, context).await;
            }
            Err(refused) => {
                tracing::info!(
                    event = "reinvite.refused", call = %self.id, reason = refused.as_str(),
                    "change refused, the call goes on: {refused}"
                );
                self.command(Command::RejectReinvite { status: refused.status() }, context).await;
            }
        }
    }

    /// Begins the media with what offer and answer agreed on.
    pub(super) fn begin_media(
        &mut self,
        port: Port,
        choice: Choice,
        key: Option<MasterKey>,
        context: &Context,
    ) -> Result<(), Refused> {
        let uplink = SampleRate::Hz16000;
        let (codec, direction) = (choice.codec, choice.direction);
        let media = Media::begin(port, choice, key, uplink, &self.peer, context).ok_or(Refused::Answer)?;
        tracing::info!(
            event = "media.negotiated", call = %self.id, codec = codec.name(), ?direction,
            srtp_suite = media.suite().map_or("none", Suite::name),
            keying = if media.suite().is_some() { "sdes" } else { "none" },
            local_port = media.port.local_port(), "media agreed on"
        );
        if media.suite().is_none() {
            tracing::warn!(event = "media.plain", call = %self.id, trunk = %self.peer.trunk.name, "this call is not encrypted: the trunk's danger permits it");
        }
        self.media = Some(Box::new(media));
        Ok(())
    }
}
