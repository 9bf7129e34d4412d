//! Inbound calls until they are answered (RFC 3261 13.3, 9.2).

use std::time::{Duration, Instant};

use crate::admission::{Invite, Refused, TrunkId};
use crate::dialog::{Dialog, DialogError, DialogId, Negotiated, SessionTimer, Unacked};
use crate::limits;
use crate::wire::{BodyError, HeaderName, Headers, Request, Response, StatusCode, Text, sdp_body};

use super::call::{Call, Inbound, Path, Phase, Ringing, Up};
use super::early::{Early, Exchange};
use super::reliable::{REL100, Reliable, is_reliable};
use super::request::Incoming;
use super::respond::{Base, Refuse, SDP, retry_after};
use super::transactions::{MergeKey, TxId};
use super::{Body, CallKey, EndReason, EndedBy, Endpoint, Event, Output, Refusal, Reject};

/// What the checks found out about an INVITE.
struct Screened {
    replaces: Option<CallKey>,
    sdp: Option<Body>,
    dialog: Dialog,
    agreed: Negotiated,
    merge: MergeKey,
    base: Base,
    path: Path,
    is_reliable: bool,
}

impl Endpoint {
    /// An INVITE that starts a call: check, admit, answer 100, tell the TU.
    pub(super) fn on_invite(&mut self, incoming: &Incoming<'_>, now: Instant) {
        let screened = match self.screen(incoming) {
            Ok(screened) => screened,
            Err(refuse) => {
                self.refuse(&incoming.request, &incoming.reply, refuse);
                return;
            }
        };
        let invite = Invite::new(incoming.request.clone(), screened.sdp.clone(), screened.replaces);
        let admitted = match self.gate.admit(invite, incoming.arrival.source.clone(), now) {
            Ok(admitted) => admitted,
            Err(refused) => {
                self.refuse_admission(incoming, refused);
                return;
            }
        };
        let key = self.next_call();
        let trunk = incoming.arrival.trunk.clone();
        let Some(tx) = self.open_server(incoming, key, Some(screened.merge.clone()), now) else {
            self.gate.release(&trunk);
            return;
        };
        self.transport.stats.admitted += 1;
        self.respond(tx, Response::for_request(&incoming.request, StatusCode::TRYING), now);
        let cseq = screened.merge.cseq;
        let dialog = screened.dialog.id().clone();
        self.dialogs.insert(dialog.clone(), key);
        self.transport.count_call(screened.path.flow, true, now);
        let exchange = if screened.sdp.is_some() { Exchange::Owed } else { Exchange::Idle };
        let is_required = incoming.request.require().is_ok_and(|tags| tags.contains(REL100));
        let ringing = Ringing {
            inbound: Inbound { tx, base: screened.base, cseq },
            dialog: screened.dialog,
            agreed: screened.agreed,
            delayed_offer: screened.sdp.is_none(),
            remote_offer: screened.sdp,
            ring_again_at: None,
            has_rung: false,
            reliable: Reliable::new(screened.is_reliable, is_required, self.tokens.rseq()),
            early: Early::new(exchange),
        };
        let phase = Phase::Ringing(Box::new(ringing));
        self.settle(Box::new(Call {
            key,
            trunk,
            path: screened.path,
            phase,
            dialog: Some(dialog),
            early: Vec::new(),
            is_over: false,
        }));
        let event = Event::Incoming(Box::new(admitted));
        self.transport.push_output(Output::Event { call: key, event });
    }

    /// All that must be right before the trunk is charged for the call.
    fn screen(&mut self, incoming: &Incoming<'_>) -> Result<Screened, Refuse> {
        let request = &incoming.request;
        // A call goes on behind us, towards the application: a hop like any other (RFC 7092).
        if request.max_forwards()? == Some(0) {
            return Err(Refuse::new(StatusCode::TOO_MANY_HOPS, Refusal::TooManyHops));
        }
        let merge = MergeKey {
            call_id: Text::copy_from(&request.call_id()?),
            from_tag: Text::copy_from(request.from()?.tag().unwrap_or_default()),
            cseq: request.cseq()?.seq,
        };
        if self.transactions.find_merged(&merge).is_some() || self.went_through_us(request) {
            return Err(Refuse::new(StatusCode::LOOP_DETECTED, Refusal::Merged));
        }
        let replaces = self.replaced_by(request, &incoming.arrival.trunk)?;
        if let Some(reason) = self.full() {
            let wait = self.tokens.seconds(5, 15);
            return Err(Refuse::new(StatusCode::SERVICE_UNAVAILABLE, reason).retry_after(wait));
        }
        let is_reliable = is_reliable(self.rel100(&incoming.arrival.trunk), request)?;
        let sdp = read_sdp(request)?;
        let agreed = self.session_interval(request)?;
        let tag = self.tokens.tag();
        let dialog = Dialog::uas(request, &tag, self.tokens.cseq())?;
        // For UDP the port that an honest Via names: where the peer listens, and not only where it sent from.
        let (flow, source) = (incoming.reply.flow, &incoming.arrival.source);
        let contact = self.contact(flow, source.transport, source.address, dialog.is_secure());
        let base = Base::new(request, &tag)?.in_dialog(request, contact);
        let path = Path { flow, transport: source.transport, next_hop: None };
        Ok(Screened { replaces, sdp, dialog, agreed, merge, base, path, is_reliable })
    }

    /// What both sides want of session timers, or 422 (RFC 4028 9).
    pub(super) fn session_interval(&self, request: &Request) -> Result<Negotiated, Refuse> {
        let policy = self.config.session;
        policy.answer(request)?.map_err(|_| {
            Refuse::new(StatusCode::SESSION_INTERVAL_TOO_SMALL, Refusal::SessionInterval)
                .with(HeaderName::MinSe, policy.min_se.as_secs().to_string())
        })
    }

    /// Our own address in a Via below the top: the request came back to us.
    fn went_through_us(&self, request: &Request) -> bool {
        let Ok(vias) = request.vias() else { return false };
        let ours = |host: &crate::wire::Host, port: u16| {
            self.config.listeners.iter().any(|listener| listener.host.is_same(host) && listener.port == port)
        };
        vias.iter().skip(1).any(|via| ours(&via.host, via.port_or_default()))
    }

    fn full(&self) -> Option<Refusal> {
        if self.draining {
            Some(Refusal::ShuttingDown)
        } else if self.calls.len() >= self.config.caps.calls {
            Some(Refusal::DialogsFull)
        } else if self.unanswered >= self.config.caps.unanswered {
            Some(Refusal::UnansweredFull)
        } else if self.transactions.len() >= self.config.caps.transactions {
            Some(Refusal::TransactionsFull)
        } else {
            None
        }
    }

    /// Session-Expires and what goes with it in a 2xx (RFC 4028 9), and what we can do.
    pub(super) fn add_session(&self, headers: &mut Headers, agreed: Negotiated, trunk: &TrunkId) {
        headers.push(HeaderName::Allow, self.allow(trunk));
        headers.push(HeaderName::Supported, self.supported(trunk).join(", "));
        if agreed.require {
            headers.push(HeaderName::Require, "timer");
        }
        headers.push(HeaderName::SessionExpires, agreed.as_uas().to_value());
    }

    fn refuse_admission(&mut self, incoming: &Incoming<'_>, refused: Refused) {
        let (reason, wait) = match refused {
            Refused::UnknownSource => {
                self.transport.stats.count(Refusal::UnknownSource);
                return;
            }
            Refused::Rate { wait } => (Refusal::TrunkRate, wait),
            Refused::Concurrency => (Refusal::TrunkCalls, self.tokens.seconds(5, 15)),
        };
        let refuse = Refuse::new(StatusCode::SERVICE_UNAVAILABLE, reason).retry_after(wait);
        self.refuse(&incoming.request, &incoming.reply, refuse);
    }

    /// The TU rings.
    pub(super) fn ring(
        &mut self,
        trunk: &TrunkId,
        ringing: &mut Ringing,
        status: StatusCode,
        sdp: Option<Body>,
        now: Instant,
    ) {
        if !status.is_provisional() || status == StatusCode::TRYING {
            return;
        }
        // RFC 3261 13.2.1, RFC 3262 5: where the INVITE had no offer, the first reliable response must carry ours.
        let lacks_offer = ringing.early.exchange == Exchange::Idle && sdp.is_none();
        if ringing.reliable.is_required && lacks_offer {
            ringing.has_rung = true;
            return;
        }
        if ringing.reliable.is_on && !lacks_offer {
            if self.ring_reliably(trunk, ringing, status, sdp, now) {
                ringing.has_rung = true;
                ringing.ring_again_at = Some(now + RING_AGAIN_RELIABLY);
            }
            return;
        }
        // An offer of ours needs a reliable response (RFC 3261 13.2.1).
        let sdp = sdp.filter(|_| !ringing.delayed_offer);
        let mut response = ringing.inbound.base.response(status);
        if let Some(sdp) = sdp {
            response.set_body(SDP, sdp.bytes());
        }
        if self.respond(ringing.inbound.tx, response, now).is_some() {
            ringing.has_rung = true;
            ringing.ring_again_at = Some(now + RING_AGAIN);
        }
    }

    /// The last 1xx again, so that proxies do not give up (RFC 3261 13.3.1.1).
    pub(super) fn ring_again(&mut self, trunk: &TrunkId, ringing: &mut Ringing, now: Instant) {
        if ringing.reliable.is_on {
            self.ring(trunk, ringing, StatusCode::SESSION_PROGRESS, None, now);
            ringing.ring_again_at = Some(now + RING_AGAIN_RELIABLY);
            return;
        }
        ringing.ring_again_at = Some(now + RING_AGAIN);
        let Some(tx) = self.transactions.server(ringing.inbound.tx) else { return };
        let reply = tx.reply.clone();
        if let super::transactions::ServerMachine::Invite(machine) = &tx.machine
            && let Some(bytes) = machine.on_invite()
        {
            self.resend(&reply, bytes, now);
        }
    }

    /// The TU answers: 200, and from now on the call is up.
    pub(super) fn answer(&mut self, call: &mut Call, mut ringing: Ringing, sdp: Body, now: Instant) {
        if ringing.reliable.holds_answer() {
            ringing.reliable.keep_answer(sdp);
            call.phase = Phase::Ringing(Box::new(ringing));
            return;
        }
        let Ringing { inbound, dialog, agreed, delayed_offer, remote_offer, reliable, early, .. } = ringing;
        // A description that was said reliably is not said again (RFC 3261 13.2.1).
        let is_agreed = early.exchange == Exchange::Agreed;
        let mut response = inbound.base.response(StatusCode::OK);
        self.add_session(response.headers_mut(), agreed, &call.trunk);
        if !is_agreed {
            response.set_body(SDP, sdp.bytes());
        }
        let Some(bytes) = self.respond(inbound.tx, response, now) else {
            self.end(call, EndedBy::Failure, EndReason::LastResort, None);
            return;
        };
        let mut up = Up::new(dialog, false, SessionTimer::new(agreed, now));
        up.unacked = Some(Unacked::new(inbound.cseq, bytes, &self.config.timers, now));
        up.late_prack = reliable.late().map(|rseq| (rseq, inbound.cseq));
        if is_agreed {
            up.take_over(early);
        } else {
            up.answer_in_ack = delayed_offer;
            up.local_sdp = Some(sdp);
            up.answered_offer = remote_offer.as_ref().map(Body::detached);
        }
        call.phase = Phase::Up(Box::new(up));
    }

    /// A final response other than 2xx to an inbound call; the call is over.
    pub(super) fn reject(&mut self, ringing: &Ringing, reject: &Reject, now: Instant) {
        self.drop_early(&ringing.early, now);
        let mut response = ringing.inbound.base.response(reject.status);
        let headers = response.headers_mut();
        if let Some(cause) = reject.reason {
            headers.push(HeaderName::Reason, cause.to_string());
        }
        if let Some(wait) = reject.retry_after {
            headers.push(HeaderName::RetryAfter, retry_after(wait));
        }
        self.respond(ringing.inbound.tx, response, now);
    }

    /// RFC 3261 9.2. The answer to the CANCEL keeps no state: the INVITE's transaction knows enough to give it again.
    pub(super) fn on_cancel(&mut self, incoming: &Incoming<'_>, now: Instant) {
        let Some(id) = self.transactions.find_server(&incoming.key.to_cancel()) else {
            self.refuse_no_dialog(incoming, Refusal::StrayCancel);
            return;
        };
        let mut response = Response::for_request(&incoming.request, StatusCode::OK);
        let tag = self.tokens.stateless_tag(&incoming.request);
        if response.ensure_to_tag(&tag).is_err() {
            self.transport.stats.count(Refusal::Unanswerable);
            return;
        }
        self.answer_statelessly(response, &incoming.reply);
        let Some(key) = self.transactions.server(id).and_then(|tx| tx.call) else { return };
        let reason = remote_reason(&incoming.request);
        self.with_call(key, |endpoint, call| endpoint.cancelled(call, id, reason, now));
    }

    fn cancelled(&mut self, call: &mut Call, tx: TxId, reason: Option<Text>, now: Instant) {
        match std::mem::replace(&mut call.phase, Phase::Gone) {
            Phase::Ringing(ringing) if ringing.inbound.tx == tx => {
                self.reject(&ringing, &Reject::new(StatusCode::REQUEST_TERMINATED), now);
                self.end(call, EndedBy::Remote, EndReason::Cancelled, reason);
            }
            Phase::Up(mut up) => {
                if let Some(pending) = up.inbound.take_if(|pending| pending.inbound.tx == tx) {
                    let response = pending.inbound.base.response(StatusCode::REQUEST_TERMINATED);
                    self.respond(tx, response, now);
                    self.tell(call, Event::ReinviteCancelled);
                }
                call.phase = Phase::Up(up);
            }
            // Answered already: the CANCEL comes too late and changes nothing.
            phase @ (Phase::Ringing(_) | Phase::Calling(_) | Phase::Gone) => call.phase = phase,
        }
    }

    /// The ACK of a 2xx: a request of its own, found by its dialog (RFC 3261 13.3.1.4).
    pub(super) fn on_dialog_ack(&mut self, incoming: &Incoming<'_>, now: Instant) {
        let id = DialogId::of_request(&incoming.request).ok().flatten();
        let Some(key) = id.and_then(|id| self.dialogs.get(&id).copied()) else {
            self.transport.stats.count(Refusal::StrayAck);
            return;
        };
        self.with_call(key, |endpoint, call| {
            if endpoint.is_foreign(call, incoming) {
                endpoint.transport.stats.count(Refusal::ForeignSource);
                return;
            }
            endpoint.acked(call, &incoming.request, now);
        });
    }

    /// Whether a request with a dialog's identifiers comes from anyone but the dialog's peer (THREATS T40): another trunk, or
    /// over a transport that is easier to forge than the one the dialog was made over. Two trunks may lead to the same host:
    /// then what comes from there may be of either.
    pub(super) fn is_foreign(&self, call: &Call, incoming: &Incoming<'_>) -> bool {
        let arrival = incoming.arrival;
        let is_theirs = call.trunk == arrival.trunk || self.gate.is_peer(&call.trunk, &arrival.source);
        !is_theirs || arrival.source.transport < call.path.transport
    }

    fn acked(&mut self, call: &mut Call, ack: &Request, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        let Ok(cseq) = ack.cseq() else { return };
        if up.unacked.take_if(|unacked| unacked.cseq == cseq.seq).is_none() {
            return;
        }
        let sdp = if up.answer_in_ack { read_sdp(ack).ok().flatten() } else { None };
        up.answer_in_ack = false;
        let bye = up.bye_after_ack.take();
        if !call.is_over {
            self.tell(call, Event::Ack { sdp });
        }
        if let Some(bye) = bye {
            self.send_bye(call, bye.cause, now);
        } else {
            self.send_info(call, now);
        }
    }
}

/// The session description of a request, or its refusal.
pub(super) fn read_sdp(request: &Request) -> Result<Option<Body>, Refuse> {
    let found = sdp_body(request, request.body());
    found.map(|sdp| sdp.and_then(Body::present)).map_err(|error: BodyError| {
        let reason = if error.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            Refusal::MediaType
        } else {
            Refusal::MalformedAnswered
        };
        Refuse::new(error.status(), reason).with(HeaderName::Accept, SDP)
    })
}

/// The peer's Reason header (RFC 3326), all lines as one, in storage of its own.
pub(super) fn remote_reason(headers: &Headers) -> Option<Text> {
    let name = HeaderName::Reason;
    let lines = headers.get_all(&name).filter_map(|line| std::str::from_utf8(line).ok());
    let lines: Vec<&str> = lines.take(limits::REASONS).collect();
    if lines.is_empty() { None } else { Some(Text::from(lines.join(", "))) }
}

impl From<DialogError> for Refuse {
    fn from(error: DialogError) -> Self {
        match error {
            DialogError::Header(error) => error.into(),
            DialogError::Contact => Self::new(StatusCode::BAD_REQUEST, Refusal::MalformedAnswered),
        }
    }
}

/// How often a 1xx is said again; once a minute (RFC 3261 13.3.1.1).
const RING_AGAIN: Duration = Duration::from_mins(1);
/// The same for reliable ones, which no proxy misses (RFC 3262 3).
const RING_AGAIN_RELIABLY: Duration = Duration::from_secs(150);
