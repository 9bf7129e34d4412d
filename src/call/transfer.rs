//! Somebody else comes in: a second leg that the route dials, a call handed on by REFER, a peer that refers us to another one, and
//! a call that takes the place of this one.

use std::time::Instant;

use dialplan::{DialFailure, DialPlan, Event, InDialog, TransferPlan};
use sip_core::endpoint::{Cause, Command, EndReason, Referral, Reject};
use sip_core::net::IncomingCall;
use sip_core::wire::StatusCode;

use super::activity::Activity;
use super::dial::{Placed, target_uri};
use super::far::Far;
use super::leg::{Leg, Peer, Said};
use super::{Call, ringback};

/// A leg that takes the place of the present one as soon as it stands.
#[derive(Debug)]
pub(super) struct Successor {
    pub(super) leg: Leg,
    /// The present peer asked for it by REFER, and is told how it fares.
    referred: bool,
}

/// A second leg, as the route wants it.
impl Call<'_> {
    /// Calls somebody for the caller. What becomes of it is told to the run.
    pub(super) async fn dial(&mut self, plan: DialPlan) -> Option<Event> {
        let DialPlan { trunk, to, from, timeout, early_media } = plan;
        tracing::info!(event = "dial.begin", call = %self.facts.id, trunk = %trunk.name, "somebody else is called");
        let placed = Placed { trunk, to, from, ring_for: timeout, replaces: None, hops: self.facts.hops_left() };
        match Leg::place(self.facts.id, placed, self.context).await {
            Ok(leg) => {
                self.far = Some(Box::new(Far::new(leg, early_media)));
                None
            }
            Err(error) => {
                tracing::warn!(event = "dial.failed", call = %self.facts.id, %error, "nobody could be called");
                Some(Event::DialFailed(failure(error.status())))
            }
        }
    }

    /// The two hear each other from now on.
    pub(super) fn bridge(&mut self) {
        let Some(far) = &mut self.far else { return };
        self.activity = Activity::Idle;
        far.connect(&mut self.leg);
        tracing::info!(event = "bridge.begin", call = %self.facts.id, "the caller is connected");
    }

    pub(super) async fn on_far_said(&mut self, said: Said) {
        match said {
            Said::Progress(status) => self.on_far_rings(status).await,
            Said::Established => {
                self.stop_ringback();
                self.step(Event::DialAnswered).await;
            }
            Said::Digit(digit) => {
                // One key at a time: the caller's own peer may want it in another way.
                let key = zeroize::Zeroizing::new(digit.digit.to_char().to_string());
                self.leg.press(&key, digit.duration, self.context).await;
            }
            Said::Refer(_) => self.refuse_far_referral().await,
            Said::Transferred(_) => {}
            Said::Ended => self.on_far_ended().await,
        }
    }

    /// What the caller hears of it: the far side's own sound, or a ringing tone.
    async fn on_far_rings(&mut self, status: StatusCode) {
        let Some(far) = &mut self.far else { return };
        if self.leg.answered.is_none() {
            if far.has_early_media() {
                match self.leg.answer_early(self.context).await {
                    Ok(true) => return far.connect_early(&mut self.leg),
                    Ok(false) => {}
                    Err(error) => return self.no_media(&error).await,
                }
            }
            if let Err(error) = self.leg.ring(self.context).await {
                self.no_media(&error).await;
            }
        } else if far.has_early_media() {
            self.stop_ringback();
            if let Some(far) = &mut self.far {
                far.connect_early(&mut self.leg);
            }
        } else if matches!(self.activity, Activity::Idle) {
            tracing::debug!(status = status.code(), "the caller hears that it rings");
            self.activity = Activity::Ringback(ringback::tone().play());
        }
    }

    fn stop_ringback(&mut self) {
        if matches!(self.activity, Activity::Ringback(_)) {
            self.activity = Activity::Idle;
        }
    }

    async fn on_far_ended(&mut self) {
        let Some(far) = self.far.take() else { return };
        self.stop_ringback();
        let was_up = far.leg.answered.is_some();
        let reason = far.leg.ended.as_ref().map(|ended| &ended.reason);
        tracing::info!(event = "dial.end", call = %self.facts.id, was_up, ?reason, "the other one is gone");
        let event = if was_up { Event::DialEnded } else { Event::DialFailed(failure_of(reason)) };
        self.step(event).await;
    }

    fn drop_far(&mut self) {
        if let Some(far) = self.far.take() {
            self.part_from(far.leg);
        }
    }

    /// Lets a leg go: it hangs up, and the endpoint has the last word.
    pub(super) fn part_from(&self, leg: Leg) {
        let shared = std::sync::Arc::clone(&self.context.shared);
        tokio::task::spawn_local(leg.see_off(shared));
    }

    async fn refuse_far_referral(&mut self) {
        if let Some(far) = &mut self.far {
            far.leg.command(Command::RejectRefer { status: StatusCode::DECLINE }, self.context).await;
        }
    }
}

/// REFER by us: the peer calls the target itself.
impl Call<'_> {
    pub(super) async fn transfer(&mut self, plan: TransferPlan) -> Option<Event> {
        let Some(target) = target_uri(&self.leg.peer.trunk, &plan.to) else {
            return Some(Event::TransferFailed(failure(StatusCode::ADDRESS_INCOMPLETE)));
        };
        let replaces = self.far.as_ref().filter(|_| plan.attended).map(|far| far.leg.key);
        tracing::info!(event = "transfer.begin", call = %self.facts.id, attended = plan.attended, "the peer is asked to call somebody else");
        self.transfer_until = Some(Instant::now() + plan.timeout);
        let refer = Command::Refer { target: Box::new(target), replaces, referred_by: None };
        self.leg.command(refer, self.context).await;
        None
    }

    /// The last word on the transfer.
    pub(super) async fn on_transferred(&mut self, status: StatusCode) {
        if self.transfer_until.take().is_none() {
            return;
        }
        let done = status.is_success();
        tracing::info!(event = "transfer.end", call = %self.facts.id, status = status.code(), done, "the transfer is over");
        self.drop_far();
        self.step(if done { Event::TransferDone } else { Event::TransferFailed(failure(status)) }).await;
    }
}

/// Another leg in the place of the present one.
impl Call<'_> {
    /// The peer asks us to call somebody in its place. Only where the trunk may ask that, and only whom the trunk may call.
    pub(super) async fn on_referral(&mut self, referral: Referral) {
        let trunk = std::sync::Arc::clone(&self.leg.peer.trunk);
        let allowed = trunk.refer == InDialog::Accept && self.next.is_none() && referral.replaced.is_none();
        let target = crate::config::target(&referral.target).filter(|_| allowed);
        let permitted = target.zip(trunk.outbound.as_ref()).filter(|(target, outbound)| outbound.permits(target));
        let Some((to, outbound)) = permitted else {
            tracing::warn!(event = "refer.refused", call = %self.facts.id, "the peer's REFER is refused");
            return self.leg.command(Command::RejectRefer { status: StatusCode::FORBIDDEN }, self.context).await;
        };
        let Ok(from) = outbound.caller(None) else {
            return self.leg.command(Command::RejectRefer { status: StatusCode::FORBIDDEN }, self.context).await;
        };
        self.leg.command(Command::AcceptRefer, self.context).await;
        tracing::info!(event = "refer.accepted", call = %self.facts.id, "the call goes over to somebody else");
        let ring_for = outbound.ring_timeout;
        let (replaces, hops) = (referral.replaces, self.facts.hops_left());
        let placed = Placed { trunk: std::sync::Arc::clone(&trunk), to, from, ring_for, replaces, hops };
        match Leg::place(self.facts.id, placed, self.context).await {
            Ok(leg) => self.next = Some(Box::new(Successor { leg, referred: true })),
            Err(error) => {
                tracing::warn!(event = "refer.failed", call = %self.facts.id, %error, "nobody could be called");
                self.leg.command(Command::NotifyRefer { status: error.status() }, self.context).await;
            }
        }
    }

    /// A call came in that takes the place of this one (RFC 3891). The endpoint has matched it, and the trunk may do so.
    pub(super) async fn on_replacement(&mut self, incoming: IncomingCall) {
        let IncomingCall { key, invite, events } = incoming;
        let peer = Peer::new(std::sync::Arc::clone(&self.leg.peer.trunk), invite.source());
        let refused = match peer.read_offer(invite.get().sdp(), self.is_secure()) {
            Ok(negotiation) if self.next.is_none() && self.leg.answered.is_some() => {
                let mut leg = Leg::new(self.facts.id, key, events, peer, negotiation);
                match leg.answer(self.context).await {
                    Ok(()) => return self.next = Some(Box::new(Successor { leg, referred: false })),
                    Err(error) => {
                        tracing::warn!(event = "replace.refused", call = %self.facts.id, %error, "no media");
                        return leg.reject(StatusCode::NOT_ACCEPTABLE_HERE, Cause::Q850(88), self.context).await;
                    }
                }
            }
            Ok(_) => StatusCode::REQUEST_PENDING,
            Err(refused) => refused.status(),
        };
        tracing::info!(event = "replace.refused", call = %self.facts.id, status = refused.code(), "the new leg is refused");
        super::refuse(self.context, key, events, Reject::new(refused)).await;
    }

    pub(super) async fn on_next_said(&mut self, said: Said) {
        match said {
            Said::Progress(status) => {
                if self.next.as_ref().is_some_and(|next| next.referred) {
                    self.leg.command(Command::NotifyRefer { status }, self.context).await;
                }
            }
            Said::Established => self.succeed().await,
            Said::Ended => {
                let Some(next) = self.next.take() else { return };
                if next.referred {
                    let reason = next.leg.ended.as_ref().map(|ended| &ended.reason);
                    self.leg.command(Command::NotifyRefer { status: status_of(reason) }, self.context).await;
                }
            }
            Said::Digit(_) | Said::Refer(_) | Said::Transferred(_) => {}
        }
    }

    /// The new leg stands: the application goes on with it, and the old one is let go.
    async fn succeed(&mut self) {
        let Some(next) = self.next.take() else { return };
        let Successor { leg, referred } = *next;
        if self.leg.leaving {
            // The call was ended meanwhile, and is not to go on with somebody else.
            return self.part_from(leg);
        }
        tracing::info!(event = "leg.replaced", call = %self.facts.id, referred, "the call goes on with another peer");
        if referred {
            self.leg.command(Command::NotifyRefer { status: StatusCode::OK }, self.context).await;
        }
        let rate = self.leg.uplink_rate();
        self.replacements.follow(leg.key);
        let old = std::mem::replace(&mut self.leg, leg);
        if let Some(rate) = rate {
            self.leg.set_uplink_rate(rate);
        }
        self.part_from(old);
    }

    /// The peer has hung up and another one is on its way in its place: the call waits for that one (RFC 5589 6.1). Not where
    /// we have ended it.
    pub(super) fn is_handed_on(&self) -> bool {
        self.next.is_some() && !self.leg.leaving
    }

    fn is_secure(&self) -> bool {
        self.leg.media.as_ref().is_some_and(|media| media.suite().is_some())
    }
}

fn status_of(reason: Option<&EndReason>) -> StatusCode {
    match reason {
        Some(EndReason::Refused(status)) => *status,
        Some(EndReason::NoAnswer) => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn failure_of(reason: Option<&EndReason>) -> DialFailure {
    failure(status_of(reason))
}

/// The dialplan's word for a status.
fn failure(status: StatusCode) -> DialFailure {
    DialFailure::from_status(status.code())
}
