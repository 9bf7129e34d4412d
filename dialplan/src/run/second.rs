//! The second leg: a call to somebody else, the connection with it, and the hand-over to it.

use std::sync::Arc;
use std::time::Duration;

use super::action::{Action, DialFailure, DialPlan, FlowRefusal, HangupCause, TransferPlan};
use super::machine::{Run, State, Then, Turn};
use crate::model::{DialStep, OutboundRefusal, TransferStep, Trunk};
use crate::value::{DialTarget, HttpsUrl, Name, Number, OnEnd, OnFailure, TransferMode};

/// Where the second leg stands, and what follows it.
#[derive(Debug)]
pub(super) enum Second {
    /// `Dial` is under way; when the far end answers the two are connected.
    Dialing(Follow),
    /// `Dial` is under way; when the far end answers the call is handed over to it.
    Consulting(TransferPlan, Follow),
    /// `Bridge` is under way.
    Bridged(Follow),
    /// `Transfer` is under way.
    Transferring(Follow),
}

/// What follows a second leg: an application that is asked, or what the step says.
#[derive(Debug)]
pub(super) struct Follow {
    pub(super) on_end: OnEnd,
    pub(super) on_failure: OnFailure,
    pub(super) ask: Option<(Turn, HttpsUrl)>,
}

impl Follow {
    pub(super) fn new(on_end: OnEnd, on_failure: OnFailure) -> Self {
        Self { on_end, on_failure, ask: None }
    }
}

impl Run {
    pub(super) fn dial(&mut self, step: DialStep, follow: Follow) -> (State, Action) {
        let DialStep { to, trunk, from, timeout, early_media, on_end: _, on_failure: _ } = step;
        let trunk = self.trunks.iter().find(|known| known.name == trunk).cloned();
        let placed = trunk.ok_or(OutboundRefusal::NoTrunk).and_then(|trunk| {
            let from = trunk.may_place(&to, from.as_ref())?;
            let ring_timeout = trunk.outbound.as_ref().ok_or(OutboundRefusal::NotOutbound)?.ring_timeout;
            Ok(DialPlan { trunk, to, from, timeout: timeout.unwrap_or(ring_timeout), early_media })
        });
        match placed {
            Ok(plan) => {
                let early_media = plan.early_media && !self.answering;
                let plan = DialPlan { early_media, ..plan };
                (State::Second(Second::Dialing(follow)), Action::Dial(Box::new(plan)))
            }
            Err(_) => self.second_failed(follow, DialFailure::NotAllowed),
        }
    }

    pub(super) fn transfer(&mut self, step: TransferStep, mut follow: Follow) -> (State, Action) {
        let TransferStep { to, mode, trunk, from, timeout, on_failure } = step;
        let dial = |to, trunk| {
            let (on_end, early_media) = (OnEnd::Hangup, false);
            DialStep { to, trunk, from, timeout, early_media, on_end, on_failure }
        };
        match (mode, trunk) {
            (TransferMode::Blind, trunk) => {
                // The peer calls the target at the cost of its own trunk: there it must be allowed.
                let own = self.trunk.clone().filter(|own| trunk.is_none_or(|trunk| trunk == own.name));
                match own.ok_or(OutboundRefusal::NoTrunk).and_then(|own| refer_timeout(&own, &to, timeout)) {
                    Ok(timeout) => {
                        let plan = TransferPlan { to, attended: false, timeout };
                        self.once_answered(Then::Transfer(plan, follow))
                    }
                    Err(_) => self.second_failed(follow, DialFailure::NotAllowed),
                }
            }
            (TransferMode::Bridge, Some(trunk)) => {
                follow.on_end = OnEnd::Hangup;
                self.dial(dial(to, trunk), follow)
            }
            (TransferMode::Attended, Some(trunk)) => {
                // A far end that is gone before the hand-over is a transfer that failed.
                follow.on_end = match follow.on_failure {
                    OnFailure::Continue => OnEnd::Continue,
                    OnFailure::Hangup => OnEnd::Hangup,
                };
                match self.dial(dial(to.clone(), trunk), follow) {
                    (State::Second(Second::Dialing(follow)), Action::Dial(dialled)) => {
                        let plan = TransferPlan { to, attended: true, timeout: dialled.timeout };
                        (State::Second(Second::Consulting(plan, follow)), Action::Dial(dialled))
                    }
                    failed => failed,
                }
            }
            // The check of the file has refused it.
            (TransferMode::Bridge | TransferMode::Attended, None) => {
                self.second_failed(follow, DialFailure::NotAllowed)
            }
        }
    }

    /// The developer has the caller of an answered call connected to somebody else, over the call's own trunk: whatever was
    /// under way is left, and the call ends with the connection.
    pub fn connect_to(&mut self, to: DialTarget, timeout: Option<Duration>) -> Result<Action, OutboundRefusal> {
        let trunk = self.trunk.clone().ok_or(OutboundRefusal::NoTrunk)?;
        trunk.may_place(&to, None)?;
        let (trunk, on_failure) = (Some(trunk.name.clone()), OnFailure::Hangup);
        let step = TransferStep { to, mode: TransferMode::Bridge, trunk, from: None, timeout, on_failure };
        let (state, action) = self.transfer(step, Follow::new(OnEnd::Hangup, on_failure));
        self.state = state;
        Ok(action)
    }

    pub(super) fn on_dial_answered(&mut self, state: State) -> (State, Action) {
        match state {
            State::Second(Second::Dialing(follow)) => self.once_answered(Then::Bridge(follow)),
            State::Second(Second::Consulting(plan, follow)) => self.once_answered(Then::Transfer(plan, follow)),
            state @ (State::Second(Second::Bridged(_) | Second::Transferring(_))
            | State::Fresh
            | State::Ringing
            | State::Answering(_)
            | State::Asking(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Streaming(_)
            | State::Over) => (state, Action::Wait),
        }
    }

    pub(super) fn on_dial_failed(&mut self, state: State, failure: DialFailure) -> (State, Action) {
        match state {
            State::Second(Second::Dialing(follow) | Second::Consulting(_, follow)) => {
                self.second_failed(follow, failure)
            }
            state @ (State::Second(Second::Bridged(_) | Second::Transferring(_))
            | State::Fresh
            | State::Ringing
            | State::Answering(_)
            | State::Asking(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Streaming(_)
            | State::Over) => (state, Action::Wait),
        }
    }

    /// The far end hung up. While the call is handed over to it that is what is wanted, and says nothing.
    pub(super) fn on_dial_ended(&mut self, state: State) -> (State, Action) {
        match state {
            State::Second(Second::Bridged(follow)) => self.second_ended(follow),
            State::Second(Second::Dialing(follow) | Second::Consulting(_, follow)) => {
                self.second_failed(follow, DialFailure::Unavailable)
            }
            // Our answer to the caller is under way: it is waited for.
            State::Answering(Then::Bridge(follow)) => (State::Answering(Then::Ended(follow)), Action::Wait),
            State::Answering(Then::Transfer(plan, follow)) if plan.attended => {
                (State::Answering(Then::Ended(follow)), Action::Wait)
            }
            state @ (State::Second(Second::Transferring(_))
            | State::Fresh
            | State::Ringing
            | State::Answering(_)
            | State::Asking(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Streaming(_)
            | State::Over) => (state, Action::Wait),
        }
    }

    pub(super) fn on_transfer_done(state: State) -> (State, Action) {
        match state {
            State::Second(Second::Transferring(_)) => (State::Over, Action::Hangup(HangupCause::Transferred)),
            state @ (State::Second(Second::Dialing(_) | Second::Consulting(..) | Second::Bridged(_))
            | State::Fresh
            | State::Ringing
            | State::Answering(_)
            | State::Asking(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Streaming(_)
            | State::Over) => (state, Action::Wait),
        }
    }

    pub(super) fn on_transfer_failed(&mut self, state: State, failure: DialFailure) -> (State, Action) {
        match state {
            State::Second(Second::Transferring(follow)) => self.second_failed(follow, failure),
            state @ (State::Second(Second::Dialing(_) | Second::Consulting(..) | Second::Bridged(_))
            | State::Fresh
            | State::Ringing
            | State::Answering(_)
            | State::Asking(_)
            | State::Playing
            | State::PlayingForApp(..)
            | State::Streaming(_)
            | State::Over) => (state, Action::Wait),
        }
    }

    pub(super) fn second_ended(&mut self, follow: Follow) -> (State, Action) {
        match (follow.ask, follow.on_end) {
            (Some((turn, next)), _) => self.ask(turn, next),
            (None, OnEnd::Continue) => self.next_step(),
            (None, OnEnd::Hangup) => self.end(HangupCause::FarEnd),
        }
    }

    pub(super) fn second_failed(&mut self, follow: Follow, failure: DialFailure) -> (State, Action) {
        self.failure = Some(failure);
        match (follow.ask, follow.on_failure) {
            (Some((turn, next)), _) => self.ask(turn, next),
            (None, OnFailure::Continue) => self.next_step(),
            (None, OnFailure::Hangup) => self.end(HangupCause::DialFailed),
        }
    }

    /// Why a flow answer may not order a call by this trunk to this target.
    pub(super) fn order_refused(&self, order: &Order<'_>) -> Option<FlowRefusal> {
        let named = order
            .trunk
            .map_or_else(|| self.trunk.clone(), |name| self.trunks.iter().find(|trunk| trunk.name == *name).cloned());
        let Some(trunk) = named.filter(|trunk| self.orderable.contains(&trunk.name)) else {
            return Some(FlowRefusal::Trunk);
        };
        match trunk.may_place(order.to, order.from) {
            Ok(_) => None,
            Err(OutboundRefusal::NoTrunk | OutboundRefusal::NotOutbound) => Some(FlowRefusal::Trunk),
            Err(OutboundRefusal::Destination) => Some(FlowRefusal::Destination),
            Err(OutboundRefusal::Caller) => Some(FlowRefusal::Caller),
        }
    }
}

/// What an application orders, as far as it must be allowed.
pub(super) struct Order<'o> {
    pub(super) to: &'o DialTarget,
    pub(super) trunk: Option<&'o Name>,
    pub(super) from: Option<&'o Number>,
}

/// How long a blind transfer may take, if the trunk of the call may reach the target at all.
fn refer_timeout(own: &Arc<Trunk>, to: &DialTarget, timeout: Option<Duration>) -> Result<Duration, OutboundRefusal> {
    own.may_place(to, None)?;
    let outbound = own.outbound.as_ref().ok_or(OutboundRefusal::NotOutbound)?;
    Ok(timeout.unwrap_or(outbound.ring_timeout))
}
