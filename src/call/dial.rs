//! Legs that we place.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialplan::{DialTarget, Number, Trunk};
use sip_core::admission::TrunkId;
use sip_core::endpoint::{Body, Command, Dial, DialError, Fork};
use sip_core::net::PlaceError;
use sip_core::sdp::SessionDescription;
use sip_core::trunk::{HopState, HopStatus};
use sip_core::wire::{HeaderName, Replaces, StatusCode, Text, Uri};
use uuid::Uuid;

use super::agree::AgreeError;
use super::leg::{Leg, Negotiation, Peer, Said};
use super::negotiate::{self, Refused};
use crate::server::Context;

/// A leg to place. The dialplan has said that it may be.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) trunk: Arc<Trunk>,
    pub(super) to: DialTarget,
    /// The number to show.
    pub(super) from: Number,
    /// How long it may ring.
    pub(super) ring_for: Duration,
    /// The dialog at the target whose place it takes (RFC 3891).
    pub(super) replaces: Option<Replaces>,
    /// How many hops it may take, where it goes on behind a call that came in.
    pub(super) hops: Option<u8>,
}

/// Why a leg is not placed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotPlaced {
    #[error("the target makes no URI")]
    Target,
    #[error("no media: {0}")]
    Media(#[from] AgreeError),
    #[error(transparent)]
    Endpoint(#[from] PlaceError),
}

impl NotPlaced {
    /// The SIP status that stands for it.
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Target => StatusCode::ADDRESS_INCOMPLETE,
            Self::Media(AgreeError::Refused(refused)) => refused.status(),
            Self::Media(AgreeError::Port(_)) | Self::Endpoint(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) const fn dial_error(&self) -> Option<DialError> {
        match self {
            Self::Endpoint(PlaceError::Dial(error)) => Some(*error),
            Self::Target | Self::Media(_) | Self::Endpoint(_) => None,
        }
    }
}

impl Leg {
    /// Sends the INVITE, with our offer.
    pub(super) async fn place(id: Uuid, placed: Placed, context: &Context) -> Result<Self, NotPlaced> {
        let Placed { trunk, to, from, ring_for, replaces, hops } = placed;
        let outbound = trunk.outbound.as_ref().ok_or(NotPlaced::Endpoint(PlaceError::Dial(DialError::Trunk)))?;
        let host = &context.shared.loaded.dialplan.sip.domain;
        let target = target_uri(&trunk, &to).ok_or(NotPlaced::Target)?;
        let shown: Uri = format!("sip:{}@{host}", from.as_str()).parse().map_err(|_| NotPlaced::Target)?;
        let mut headers = Vec::new();
        if let Some(hops) = hops {
            headers.push((HeaderName::MaxForwards, Text::from(hops.to_string())));
        }
        if outbound.asserted_identity {
            headers.push((HeaderName::PAssertedIdentity, Text::from(format!("<{}>", shown.to_text().as_str()))));
        }
        let from = if outbound.privacy {
            headers.push((HeaderName::Privacy, Text::from_static("id")));
            ANONYMOUS.parse().map_err(|_| NotPlaced::Target)?
        } else {
            shown
        };
        if let Some(replaces) = replaces {
            let value = Text::from_utf8(replaces.to_value()).ok_or(NotPlaced::Target)?;
            headers.push((HeaderName::Replaces, value));
        }
        let peer = Peer::to_be(Arc::clone(&trunk), first_hop(&trunk, context).await);
        let (port, offered, sdp) = peer.offer(context)?;
        let dial = Dial {
            trunk: TrunkId::new(trunk.name.as_str()),
            next_hop: None,
            target,
            from,
            sdp: Some(sdp.into()),
            headers,
        };
        let outgoing = context.shared.sip.dial(dial).await?;
        let negotiation = Negotiation::Placed { port: Some(port), offered, fork: None };
        let mut leg = Self::new(id, outgoing.key, outgoing.events, peer, negotiation);
        leg.ring_until = Some(Instant::now() + ring_for);
        Ok(leg)
    }

    /// A 1xx: somebody rings, perhaps with a sound of his own.
    pub(super) fn on_progress(&mut self, status: StatusCode, sdp: Option<Body>, fork: Fork, context: &Context) -> Said {
        if let Err(refused) = self.take_answer_of(sdp, fork, context) {
            tracing::debug!(reason = refused.as_str(), "early media is not used");
        }
        Said::Progress(status)
    }

    /// A 200: its answer may be another one's than that whose early media came.
    pub(super) async fn on_answered(&mut self, sdp: Option<Body>, fork: Fork, context: &Context) -> Option<Said> {
        self.ring_until = None;
        let taken = self.take_answer_of(sdp, fork, context);
        let taken = taken.and_then(|()| if self.media.is_some() { Ok(()) } else { Err(Refused::Answer) });
        if let Err(refused) = taken {
            self.give_up(refused, context).await;
            return None;
        }
        self.negotiation = Negotiation::Done;
        self.established()
    }

    /// The answer of one callee to the offer of our INVITE. What we send goes on under our key; only the peer's changes from
    /// one callee to the next.
    fn take_answer_of(&mut self, sdp: Option<Body>, fork: Fork, context: &Context) -> Result<(), Refused> {
        let Negotiation::Placed { port, offered, fork: current } = &mut self.negotiation else { return Ok(()) };
        let Some(sdp) = sdp.filter(|_| *current != Some(fork) || self.media.is_none()) else { return Ok(()) };
        let answer = SessionDescription::parse(sdp.as_bytes())?;
        let own = match (&port, &self.media) {
            (Some(port), _) => port.advertised(),
            (None, Some(media)) => media.port.advertised(),
            (None, None) => return Err(Refused::Answer),
        };
        let secured = self.media.as_ref().is_some_and(|media| media.suite().is_some());
        let choice = negotiate::read_answer(&answer, offered, &self.peer.policy(secured, Some(own)))?;
        let ours = choice.key.as_ref().and_then(|(tag, _)| offered.key(*tag));
        *current = Some(fork);
        match port.take() {
            Some(port) => self.begin_media(port, choice, ours, context)?,
            None => {
                if let Some(media) = &mut self.media {
                    media.change(choice, ours, Some(offered));
                }
            }
        }
        Ok(())
    }

    /// An UPDATE before the answer. Our media is with one callee at a time: another one cannot draw it to itself.
    pub(super) async fn on_early_offer(&mut self, offer: Body, fork: Fork, context: &Context) {
        if matches!(self.negotiation, Negotiation::Placed { fork: current, .. } if current != Some(fork)) {
            let status = StatusCode::NOT_ACCEPTABLE_HERE;
            return self.command(Command::RejectReinvite { status }, context).await;
        }
        self.on_reinvite(Some(offer), context).await;
    }

    /// It has rung for long enough: nobody answers.
    pub(super) fn has_rung_out(&mut self, now: Instant) -> bool {
        self.rung_out |= self.ring_until.take_if(|until| *until <= now).is_some();
        self.rung_out && !self.leaving
    }
}

/// A target as the trunk's peer is to call it.
pub(super) fn target_uri(trunk: &Trunk, to: &DialTarget) -> Option<Uri> {
    let text = match (to, &trunk.outbound) {
        (DialTarget::Number(number), Some(outbound)) => {
            let hop = &outbound.to;
            let scheme = if hop.secure { "sips" } else { "sip" };
            let port = hop.port.map_or_else(String::new, |port| format!(":{port}"));
            format!("{scheme}:{}@{}{port};user=phone", number.as_str(), hop.host)
        }
        (DialTarget::Number(number), None) => format!("tel:{}", number.as_str()),
        (DialTarget::Uri(uri), _) => uri.expose(),
    };
    text.parse().ok()
}

/// Where the trunk's next call goes most likely: its address family is that of the media we offer.
async fn first_hop(trunk: &Trunk, context: &Context) -> Option<IpAddr> {
    let trunks = context.shared.sip.trunks().await.ok()?;
    let status = trunks.into_iter().find(|status| status.trunk.as_str() == trunk.name.as_str())?;
    let usable = |hop: &&HopStatus| hop.state != HopState::Down;
    status.hops.iter().find(usable).or_else(|| status.hops.first()).map(|hop| hop.hop.address.ip())
}

/// RFC 3323 4.1.1.3
const ANONYMOUS: &str = "sip:anonymous@anonymous.invalid";
