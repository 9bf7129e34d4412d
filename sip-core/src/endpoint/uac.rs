//! Outbound calls until they are answered (RFC 3261 13.2, 9.1; RFC 4028 7.1).

use std::time::{Duration, Instant};

use crate::admission::{Rel100, Transport};
use crate::transaction::ClientKey;
use crate::wire::{CSeq, HeaderName, Method, NameAddr, Request, Response, StatusCode};

use super::call::{Call, Calling, Cancel, Path, Phase};
use super::redirect::Redirects;
use super::reliable::REL100;
use super::respond::SDP;
use super::send::MAX_FORWARDS;
use super::transactions::{ClientMachine, Forks, Purpose, TxId};
use super::{CallKey, Cause, Dial, DialError, EndReason, EndedBy, Endpoint, Flow, ListenerId, NextHop};
use crate::limits;

impl Endpoint {
    pub(super) fn place(&mut self, dial: &Dial, now: Instant) -> Result<CallKey, DialError> {
        if self.draining {
            return Err(DialError::ShuttingDown);
        }
        let caps = self.config.caps;
        if self.calls.len() >= caps.calls || self.transactions.len() >= caps.transactions {
            return Err(DialError::Full);
        }
        if dial.headers.iter().any(|(name, value)| is_ours(name) || value.bytes().any(|b| b < b' ')) {
            return Err(DialError::Unsendable);
        }
        let key = self.next_call();
        let mut hop = self.route(key, dial, now)?;
        loop {
            match self.start_call(key, dial, &hop, now) {
                Ok(key) => {
                    self.note_hop(key, &hop);
                    return Ok(key);
                }
                // Nothing more can be sent there now: another hop may do.
                Err(error) => {
                    let Some(next) = self.another_hop(key) else {
                        self.release_call(key, &dial.trunk, now);
                        return Err(error);
                    };
                    hop = next;
                }
            }
        }
    }

    /// The trunk must be one that the answer can come from.
    pub(super) fn check_trunk(&self, dial: &Dial, hop: &NextHop) -> Result<(), DialError> {
        let rule = self.gate.rule(&dial.trunk).ok_or(DialError::Trunk)?;
        let source = crate::admission::SourceFacts::plain(hop.address, hop.transport);
        let by_address = self.gate.may_call(&source) && self.gate.trunk_of(&source).as_ref() == Some(&dial.trunk);
        // Over a connection of our own the peer is whom we called; a datagram only has its address.
        if !rule.transports.contains(hop.transport) || (hop.transport == Transport::Udp && !by_address) {
            return Err(DialError::Trunk);
        }
        if hop.transport == Transport::Tls && hop.server_name.is_none() {
            return Err(DialError::Unsendable);
        }
        Ok(())
    }

    fn start_call(&mut self, key: CallKey, dial: &Dial, hop: &NextHop, now: Instant) -> Result<CallKey, DialError> {
        // RFC 5630 3.1: `sips:` is TLS, whatever the trunk else may use.
        if dial.target.is_secure() && hop.transport != Transport::Tls {
            return Err(DialError::Unsendable);
        }
        let flow = match hop.transport {
            Transport::Udp => self.datagram_to(hop.address).ok_or(DialError::NoListener)?,
            Transport::Tcp | Transport::Tls => {
                Flow::Stream(self.transport.open(hop, &dial.trunk, now).ok_or(DialError::Full)?)
            }
        };
        let path = Path { flow, transport: hop.transport, next_hop: Some(hop.clone()) };
        let mut invite = Request::new(Method::Invite, dial.target.clone());
        let contact = self.contact(flow, hop.transport, hop.address, dial.target.is_secure());
        let (tag, call_id, cseq) = (self.tokens.tag(), self.tokens.call_id(), self.tokens.cseq());
        let (allow, supported) = (self.allow(&dial.trunk), self.extensions(&dial.trunk, true));
        let required = self.rel100(&dial.trunk) == Rel100::Required;
        let headers = invite.headers_mut();
        headers.push(HeaderName::From, NameAddr::new(dial.from.clone()).with_tag(&tag).to_value());
        headers.push(HeaderName::To, NameAddr::new(dial.target.clone()).to_value());
        headers.push(HeaderName::CallId, call_id);
        headers.push(HeaderName::CSeq, CSeq::new(cseq, Method::Invite).to_value());
        headers.push(HeaderName::Contact, contact);
        headers.push(HeaderName::Allow, allow);
        headers.push(HeaderName::Supported, supported);
        if required {
            headers.push(HeaderName::Require, REL100);
        }
        headers.push(HeaderName::SessionExpires, self.config.session.ask(self.config.session.interval).to_value());
        headers.push(HeaderName::MinSe, self.config.session.min_se.as_secs().to_string());
        // A peer that does not know Replaces would have two calls (RFC 3891 4).
        if dial.headers.iter().any(|(name, _)| *name == HeaderName::Replaces) {
            headers.push(HeaderName::Require, "replaces");
        }
        for (name, value) in &dial.headers {
            headers.push(name.clone(), value.clone().into_bytes());
        }
        for route in self.preloaded_routes(key) {
            headers.push(HeaderName::Route, route.into_bytes());
        }
        let bare = invite.clone();
        if let Some(sdp) = &dial.sdp {
            invite.set_body(SDP, sdp.bytes());
        }
        let purpose = Purpose::Invite(Box::new(Forks::new(bare.clone())));
        let sent = self.send_request(&path, dial.trunk.clone(), Some(key), invite, purpose, now);
        let (tx, branch) = sent.map_err(|_| DialError::Full)?;
        self.transport.count_call(flow, true, now);
        let redirects = Redirects::new(bare.uri());
        let calling = Calling {
            tx,
            invite: bare,
            branch,
            offer: dial.sdp.clone(),
            cancel: Cancel::No,
            interval_retries: 0,
            redirects,
            forks: Vec::new(),
            heard_of: 0,
        };
        let phase = Phase::Calling(Box::new(calling));
        self.settle(Box::new(Call {
            key,
            trunk: dial.trunk.clone(),
            path,
            phase,
            dialog: None,
            early: Vec::new(),
            is_over: false,
        }));
        Ok(key)
    }

    /// The UDP socket of ours for an address.
    pub(super) fn datagram_to(&self, remote: std::net::SocketAddr) -> Option<Flow> {
        let fits = |listener: &super::Listener| {
            listener.transport == Transport::Udp && listener.local.is_ipv4() == remote.is_ipv4()
        };
        let index = self.config.listeners.iter().position(fits)?;
        let listener = ListenerId(u16::try_from(index).ok()?);
        Some(Flow::Datagram { listener, remote })
    }

    /// The TU takes back a call that is not answered (RFC 3261 9.1).
    pub(super) fn cancel(&mut self, call: &mut Call, cause: Option<Cause>, now: Instant) {
        let Phase::Calling(calling) = &mut call.phase else { return };
        if calling.cancel != Cancel::No {
            return;
        }
        let waits = self.transactions.client(calling.tx).is_some_and(|tx| match &tx.machine {
            ClientMachine::Invite(machine) => machine.is_calling(),
            ClientMachine::NonInvite(_) => false,
        });
        if waits {
            calling.cancel = Cancel::Wanted(cause);
        } else {
            self.send_cancel(call, cause, now);
        }
    }

    pub(super) fn send_cancel(&mut self, call: &mut Call, cause: Option<Cause>, now: Instant) {
        let Phase::Calling(calling) = &mut call.phase else { return };
        calling.cancel = Cancel::Sent;
        let (tx, branch) = (calling.tx, calling.branch.clone());
        self.cancel_invite(tx, &branch, cause, now);
    }

    /// CANCEL of an INVITE of ours that has a provisional response.
    pub(super) fn cancel_invite(&mut self, id: TxId, branch: &str, cause: Option<Cause>, now: Instant) {
        let Some(tx) = self.transactions.client(id) else { return };
        let (ClientMachine::Invite(machine), Purpose::Invite(forks)) = (&mut tx.machine, &tx.purpose) else { return };
        machine.on_cancel_sent(now);
        let (path, trunk, invite) = (tx.path.clone(), tx.trunk.clone(), forks.invite.clone());
        self.transactions.settle(id);
        let mut cancel = self.like_invite(&path, &invite, branch, Method::Cancel);
        if let Some(cause) = cause {
            cancel.headers_mut().push(HeaderName::Reason, cause.to_string());
        }
        if self.transactions.find_client(&ClientKey::new(branch, &Method::Cancel)).is_none() {
            let sent = self.start_client(&path, trunk, None, &cancel, branch, Purpose::Farewell, now);
            self.note_lost(&sent);
        }
    }

    /// A 300 to 699, or none at all, to the INVITE of a call that we place.
    pub(super) fn on_refused(&mut self, call: &mut Call, tx: TxId, response: Option<&Response>, now: Instant) {
        let Phase::Calling(calling) = &mut call.phase else { return };
        if calling.tx != tx {
            return;
        }
        if let Some(response) = response
            && response.status() == StatusCode::SESSION_INTERVAL_TOO_SMALL
            && calling.cancel == Cancel::No
            && calling.interval_retries < limits::SESSION_INTERVAL_RETRIES
            && let Ok(Some(min_se)) = response.min_se()
        {
            self.call_again(call, Duration::from_secs(u64::from(min_se)), now);
            return;
        }
        if let Some(response) = response
            && self.redirect(call, response, now)
        {
            return;
        }
        if self.fail_over(call, response, now) {
            return;
        }
        call.phase = Phase::Gone;
        match response {
            Some(response) => {
                // RFC 6432
                let reason = super::uas::remote_reason(response);
                self.end(call, EndedBy::Remote, EndReason::Refused(response.status()), reason);
            }
            None => self.end(call, EndedBy::Failure, EndReason::NoAnswer, None),
        }
    }

    /// The INVITE again, with the interval that the peer asks for (RFC 4028 7.3).
    fn call_again(&mut self, call: &mut Call, min_se: Duration, now: Instant) {
        let Phase::Calling(calling) = &mut call.phase else { return };
        let interval = self.config.session.interval.max(min_se);
        let asked = self.config.session.ask(interval);
        let headers = calling.invite.headers_mut();
        headers.set(HeaderName::SessionExpires, asked.to_value());
        headers.set(HeaderName::MinSe, min_se.as_secs().to_string());
        calling.interval_retries += 1;
        self.invite_again(call, now);
    }

    /// CANCEL, or the ACK of a refusal: what they repeat of the INVITE (RFC 3261 9.1, 17.1.1.3). The same branch.
    pub(super) fn like_invite(&self, path: &Path, invite: &Request, branch: &str, method: Method) -> Request {
        let cseq = invite.cseq().map(|cseq| cseq.seq).unwrap_or_default();
        let mut request = Request::new(method.clone(), invite.uri().clone());
        let headers = request.headers_mut();
        headers.push(HeaderName::Via, self.via(path, branch).to_value());
        headers.push(HeaderName::MaxForwards, MAX_FORWARDS);
        for header in invite.headers().iter() {
            let repeated =
                matches!(header.name(), HeaderName::From | HeaderName::To | HeaderName::CallId | HeaderName::Route);
            if let Some(value) = header.value().filter(|_| repeated) {
                headers.push(header.name().clone(), value.clone());
            }
        }
        let is_ack = method == Method::Ack;
        headers.push(HeaderName::CSeq, CSeq::new(cseq, method).to_value());
        if is_ack {
            super::authenticate::copy_credentials(invite, &mut request);
        }
        request
    }
}

/// Headers that a call to place cannot bring along.
const fn is_ours(name: &HeaderName) -> bool {
    matches!(
        name,
        HeaderName::Via
            | HeaderName::From
            | HeaderName::To
            | HeaderName::CallId
            | HeaderName::CSeq
            | HeaderName::Contact
            | HeaderName::Route
            | HeaderName::RecordRoute
            | HeaderName::ContentType
            | HeaderName::ContentLength
            | HeaderName::SessionExpires
            | HeaderName::MinSe
            | HeaderName::Allow
            | HeaderName::Supported
            | HeaderName::Require
            | HeaderName::Authorization
            | HeaderName::ProxyAuthorization
    )
}
