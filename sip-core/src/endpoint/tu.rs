//! The TU's side: its commands, what it is told, and the table of calls.

use std::time::Instant;

use crate::wire::{StatusCode, Text};

use super::call::{Call, LateBye, Phase};
use super::{CallKey, Cause, Command, EndReason, Ended, EndedBy, Endpoint, Event, Output, Refusal, Reject};

impl Endpoint {
    pub(super) fn on_command(&mut self, key: CallKey, command: Command, now: Instant) {
        self.with_call(key, |endpoint, call| {
            if !call.is_over {
                endpoint.execute(call, command, now);
            }
        });
    }

    /// A command that does not fit the phase changes nothing.
    fn execute(&mut self, call: &mut Call, command: Command, now: Instant) {
        match (command, std::mem::replace(&mut call.phase, Phase::Gone)) {
            (Command::Ring { status, sdp }, Phase::Ringing(mut ringing)) => {
                self.ring(&call.trunk, &mut ringing, status, sdp, now);
                call.phase = Phase::Ringing(ringing);
            }
            (Command::Answer { sdp }, Phase::Ringing(ringing)) => self.answer(call, *ringing, sdp, now),
            (Command::Reject(mut reject), Phase::Ringing(ringing)) => {
                if reject.status.code() < 300 {
                    reject.status = StatusCode::SERVER_INTERNAL_ERROR;
                }
                self.reject(&ringing, &reject, now);
                self.end(call, EndedBy::Local, EndReason::Rejected(reject.status), None);
            }
            (Command::Hangup { reason }, phase) => {
                call.phase = phase;
                self.hang_up(call, reason, None, now);
            }
            (Command::Reinvite { sdp }, phase @ Phase::Up(_)) => {
                call.phase = phase;
                self.want_change(call, sdp, now);
            }
            (Command::Acknowledge { sdp }, phase @ Phase::Calling(_)) => {
                call.phase = phase;
                self.answer_in_prack(call, sdp, now);
            }
            (Command::Reinvite { sdp }, phase @ (Phase::Ringing(_) | Phase::Calling(_))) => {
                call.phase = phase;
                self.want_early_change(call, sdp, now);
            }
            (Command::AnswerReinvite { sdp }, phase @ (Phase::Ringing(_) | Phase::Calling(_))) => {
                call.phase = phase;
                self.answer_early(call, Ok(sdp), now);
            }
            (Command::RejectReinvite { status }, phase @ (Phase::Ringing(_) | Phase::Calling(_))) => {
                call.phase = phase;
                self.answer_early(call, Err(status), now);
            }
            (Command::Acknowledge { sdp }, Phase::Up(mut up)) => {
                self.acknowledge(call, &mut up, Some(sdp));
                call.phase = Phase::Up(up);
            }
            (Command::AnswerReinvite { sdp }, Phase::Up(mut up)) => {
                if let Some(pending) = up.inbound.take() {
                    self.accept_reinvite(&call.trunk, &mut up, pending, sdp, now);
                }
                call.phase = Phase::Up(up);
            }
            (Command::RejectReinvite { status }, Phase::Up(mut up)) => {
                if let Some(pending) = up.inbound.take() {
                    self.reject_reinvite(&pending, status, now);
                }
                call.phase = Phase::Up(up);
            }
            (Command::Refer { target, replaces, referred_by }, phase @ Phase::Up(_)) => {
                call.phase = phase;
                self.refer(call, *target, replaces, referred_by.map(|uri| *uri), now);
            }
            (Command::AcceptRefer, phase @ Phase::Up(_)) => {
                call.phase = phase;
                self.accept_refer(call, now);
            }
            (Command::RejectRefer { status }, phase @ Phase::Up(_)) => {
                call.phase = phase;
                self.reject_refer(call, status, now);
            }
            (Command::NotifyRefer { status }, phase @ Phase::Up(_)) => {
                call.phase = phase;
                self.notify_refer(call, status, now);
            }
            (Command::Info { content_type, body }, phase @ Phase::Up(_)) => {
                call.phase = phase;
                self.inform(call, content_type, body, now);
            }
            (
                Command::Ring { .. }
                | Command::Answer { .. }
                | Command::Reject(_)
                | Command::Acknowledge { .. }
                | Command::Reinvite { .. }
                | Command::AnswerReinvite { .. }
                | Command::RejectReinvite { .. }
                | Command::Refer { .. }
                | Command::AcceptRefer
                | Command::RejectRefer { .. }
                | Command::NotifyRefer { .. }
                | Command::Info { .. },
                phase,
            ) => call.phase = phase,
        }
    }

    /// Ends a call from our side, whatever its phase. `why` stands in for the ordinary reason.
    pub(super) fn hang_up(&mut self, call: &mut Call, cause: Option<Cause>, why: Option<EndReason>, now: Instant) {
        match std::mem::replace(&mut call.phase, Phase::Gone) {
            Phase::Ringing(ringing) => {
                let status =
                    if why.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::TEMPORARILY_UNAVAILABLE };
                self.reject(&ringing, &Reject { status, reason: cause, retry_after: None }, now);
                self.end(call, EndedBy::Local, why.unwrap_or(EndReason::Rejected(status)), None);
            }
            Phase::Calling(calling) => {
                call.phase = Phase::Calling(calling);
                self.end(call, EndedBy::Local, why.unwrap_or(EndReason::Cancelled), None);
                self.cancel(call, cause, now);
            }
            // RFC 3261 15: no BYE before the ACK of our 2xx came.
            Phase::Up(mut up) if up.unacked.is_some() => {
                up.bye_after_ack = Some(LateBye { cause });
                call.phase = Phase::Up(up);
                self.end(call, EndedBy::Local, why.unwrap_or(EndReason::Bye), None);
            }
            Phase::Up(up) => {
                call.phase = Phase::Up(up);
                self.end(call, EndedBy::Local, why.unwrap_or(EndReason::Bye), None);
                self.send_bye(call, cause, now);
            }
            Phase::Gone => {}
        }
    }

    /// The TU hears something, unless it heard that the call is over.
    pub(super) fn tell(&mut self, call: &Call, event: Event) {
        if !call.is_over {
            self.transport.push_output(Output::Event { call: call.key, event });
        }
    }

    /// The call is over for the TU: its last event.
    pub(super) fn end(&mut self, call: &mut Call, by: EndedBy, reason: EndReason, remote_reason: Option<Text>) {
        self.tell(call, Event::Ended(Ended { by, reason, remote_reason }));
        call.is_over = true;
    }

    /// Takes a call out of the table, works on it, and puts it back or forgets it. False for one that is not there.
    pub(super) fn with_call(&mut self, key: CallKey, work: impl FnOnce(&mut Self, &mut Call)) -> bool {
        let Some(mut call) = self.calls.remove(&key) else { return false };
        self.unanswered -= usize::from(call.is_ringing());
        work(self, &mut call);
        self.settle(call);
        true
    }

    /// Puts a call into the table, or forgets one that is gone: its place among its trunk's calls, its dialog, its hold
    /// on a connection.
    pub(super) fn settle(&mut self, mut call: Box<Call>) {
        if !matches!(call.phase, Phase::Gone) {
            self.call_schedule.set(call.key, call.deadline());
            self.unanswered += usize::from(call.is_ringing());
            self.calls.insert(call.key, call);
            return;
        }
        if !call.is_over {
            self.transport.stats.count(Refusal::LastResort);
            self.end(&mut call, EndedBy::Failure, EndReason::Transport, None);
        }
        self.call_schedule.set(call.key, None);
        self.forget_early_dialogs(&mut call);
        self.release_call(call.key, &call.trunk, self.latest);
        if let Some(dialog) = &call.dialog {
            self.dialogs.remove(dialog);
        }
        self.transport.count_call(call.path.flow, false, self.latest);
    }

    pub(super) fn next_call(&mut self) -> CallKey {
        self.last_call += 1;
        CallKey(self.last_call)
    }
}
