//! Digest authentication of our requests, and of those that come (RFC 3261 22).
//!
//! A challenge is answered in the transaction's own name: the request goes out again with a new branch, the next CSeq
//! number and its credentials, under the [`TxId`] of the one that was refused. Whoever waits for that transaction does
//! not notice. The final response has the CSeq number that was used last.

use std::time::Instant;

use crate::admission::{Transport, TrunkId};
use crate::auth::{Asker, Declined, Verdict};
use crate::dialog::DialogId;
use crate::limits;
use crate::transaction::ClientKey;
use crate::wire::{CSeq, HeaderName, Method, Request, Response, StatusCode};

use super::call::{Call, Cancel, Path, Phase};
use super::recv::Arrival;
use super::request::Incoming;
use super::respond::encode_request;
use super::transactions::{ClientTx, Forks, Purpose, TxId};
use super::{CallKey, Endpoint, Flow, NextHop, Refusal};

/// A request of ours that may be challenged; kept until its final response.
#[derive(Debug)]
pub(super) struct Asked {
    /// Before it got its Via and its credentials.
    request: Request,
    /// How many challenges it has answered.
    challenges: u8,
    /// Whose challenges these were.
    answered: Vec<Asker>,
}

/// Where credentials go to: a trunk, a next hop of it, and who asks there.
pub(super) type Place = (TrunkId, NextHop, Scope);

/// Who behind a next hop asks. A registrar and those whom calls reach by the same proxy are not the same server, and a proxy
/// hands Authorization on to the callee: what the registrar was shown is not for him.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    Registrar,
    Calls,
}

impl Scope {
    fn of(request: &Request) -> Self {
        if *request.method() == Method::Register { Self::Registrar } else { Self::Calls }
    }
}

impl Endpoint {
    /// Adds the credentials that the next hop has asked for before. An INVITE's go into its ACK as well
    /// (RFC 3261 22.1). Gives what a challenge will be answered with; nothing for a trunk without credentials.
    pub(super) fn authorize(
        &mut self,
        path: &Path,
        trunk: &TrunkId,
        request: &mut Request,
        purpose: &mut Purpose,
    ) -> Option<Box<Asked>> {
        self.gate.rule(trunk)?.credentials.as_ref()?;
        let asked = Asked { request: request.clone(), challenges: 0, answered: Vec::new() };
        if let Some(place) = self.credential_place(path, trunk, Scope::of(request)) {
            for (name, value) in self.keyring.authorize(&place, request, || self.tokens.tag()) {
                if let Purpose::Invite(forks) = purpose {
                    forks.invite.headers_mut().set(name.clone(), value.clone());
                }
                request.headers_mut().set(name, value);
            }
        }
        Some(Box::new(asked))
    }

    /// Answers a 401 or 407 to a request of ours, before the transaction is settled. False when it stands.
    pub(super) fn answer_challenge(&mut self, id: TxId, response: &Response, arrival: &Arrival, now: Instant) -> bool {
        if response.status().is_success() {
            return false;
        }
        let Some(tx) = self.transactions.client(id) else { return false };
        let (Some(asked), Some(asker)) = (tx.asked.take(), Asker::of(response.status())) else { return false };
        let (path, trunk, call) = (tx.path.clone(), tx.trunk.clone(), tx.call);
        let is_farewell = matches!(tx.purpose, Purpose::Farewell);
        if call.is_some_and(|key| !self.still_wants(key, id, is_farewell)) {
            return false;
        }
        let taken = self.take_challenge(&path, &trunk, &asked, asker, response, arrival);
        taken.map_err(|reason| self.transport.stats.count(reason)).is_ok()
            && self.ask_again(id, (path, trunk, call), *asked, asker, now)
    }

    /// Whether a request of a call is worth another try: not where the call was given up meanwhile.
    fn still_wants(&self, key: CallKey, id: TxId, is_farewell: bool) -> bool {
        match self.calls.get(&key).map(|call| &call.phase) {
            Some(Phase::Calling(calling)) => calling.tx != id || calling.cancel == Cancel::No,
            Some(Phase::Up(_) | Phase::Ringing(_)) => true,
            Some(Phase::Gone) | None => is_farewell,
        }
    }

    /// Takes in a challenge, where it comes from the trunk's own next hop (THREATS T35) and not too often (T34).
    fn take_challenge(
        &mut self,
        path: &Path,
        trunk: &TrunkId,
        asked: &Asked,
        asker: Asker,
        response: &Response,
        arrival: &Arrival,
    ) -> Result<(), Refusal> {
        if asked.challenges >= limits::AUTH_TRIES {
            return Err(Refusal::ChallengeRepeated);
        }
        let place = self.credential_place(path, trunk, Scope::of(&asked.request));
        let place = place.filter(|_| came_back(path.flow, arrival));
        let place = place.ok_or(Refusal::ChallengeForeign)?;
        let rule = self.gate.rule(trunk).and_then(|rule| rule.credentials.as_ref());
        let credentials = rule.ok_or(Refusal::ChallengeForeign)?;
        let refused = asked.answered.contains(&asker);
        self.keyring.accept(&place, credentials, asker, response.headers(), refused).map_err(Refusal::from)
    }

    /// Sends a request again that was challenged.
    fn ask_again(
        &mut self,
        id: TxId,
        (path, trunk, call): (Path, TrunkId, Option<CallKey>),
        asked: Asked,
        asker: Asker,
        now: Instant,
    ) -> bool {
        let Asked { mut request, challenges, mut answered } = asked;
        let cseq = CSeq::new(self.next_cseq(call, id, &request), request.method().clone());
        request.headers_mut().set(HeaderName::CSeq, cseq.to_value());
        let Some(tx) = self.transactions.client(id) else { return false };
        let old = std::mem::replace(&mut tx.purpose, Purpose::Farewell);
        let mut purpose = if let Purpose::Invite(forks) = old {
            let mut invite = forks.invite.clone();
            tx.purpose = Purpose::Invite(forks);
            invite.headers_mut().set(HeaderName::CSeq, cseq.to_value());
            Purpose::Invite(Box::new(Forks::new(invite)))
        } else {
            old
        };
        let mut again = self.authorize(&path, &trunk, &mut request, &mut purpose);
        answered.push(asker);
        if let Some(again) = &mut again {
            (again.challenges, again.answered) = (challenges.saturating_add(1), answered);
        }
        let branch = self.tokens.branch();
        self.address(&path, &mut request, &branch);
        let (path, spare) = match self.roomier(&path, &trunk, &mut request, &branch, now) {
            Some((path, spare)) => (path, Some(spare)),
            None => (path, None),
        };
        let bytes = encode_request(&request);
        if again.is_none() || self.transport.transmit(path.flow, bytes.clone()).is_err() {
            self.transport.stats.count(Refusal::Unreachable);
            if let Some(tx) = self.transactions.client(id) {
                tx.purpose = purpose;
            }
            return false;
        }
        let machine = self.client_machine(*request.method() == Method::Invite, bytes, &path, call, now);
        let key = ClientKey::new(&branch, request.method());
        self.transactions.succeed(id, ClientTx { key, trunk, machine, path, call, purpose, asked: again });
        if let Some(spare) = spare {
            self.transactions.set_spare(id, spare);
        }
        if let Some(key) = call {
            self.with_call(key, |endpoint, call| endpoint.rename_invite(call, id, branch, &cseq, now));
        }
        true
    }

    /// The INVITE of a call that we place has a new branch and number. Who was heard of by its old ones is gone.
    fn rename_invite(&mut self, call: &mut Call, id: TxId, branch: String, cseq: &CSeq, now: Instant) {
        let Phase::Calling(calling) = &mut call.phase else { return };
        if calling.tx != id {
            return;
        }
        calling.branch = branch;
        calling.invite.headers_mut().set(HeaderName::CSeq, cseq.to_value());
        for fork in std::mem::take(&mut calling.forks) {
            self.drop_early(&fork.early, now);
        }
        self.forget_early_dialogs(call);
    }

    /// The next CSeq number of a request's dialog, and outside of one its own plus one (RFC 3261 22.2).
    fn next_cseq(&mut self, call: Option<CallKey>, id: TxId, request: &Request) -> u32 {
        let own = request.cseq().map(|cseq| cseq.seq).unwrap_or_default().saturating_add(1);
        let Some(call) = call.and_then(|key| self.calls.get_mut(&key)) else { return own };
        if matches!(&call.phase, Phase::Calling(calling) if calling.tx == id) {
            let tx = self.transactions.client(id);
            // PRACKs and UPDATEs in its early dialogs have used numbers too.
            return match tx.map(|tx| &tx.purpose) {
                Some(Purpose::Invite(forks)) => own.max(forks.highest_cseq.saturating_add(1)),
                Some(Purpose::Update | Purpose::Asked | Purpose::Trunk(_) | Purpose::Farewell) | None => own,
            };
        }
        let towards = request.to().ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default();
        let invite = if let Phase::Calling(calling) = &call.phase { Some(calling.tx) } else { None };
        let next = call.dialog_towards(&towards).map_or(own, crate::dialog::Dialog::next_cseq);
        if let Some(invite) = invite {
            self.note_cseq(invite, next);
        }
        next
    }

    /// A 2xx may bring the nonce for the next request (RFC 7616 3.5).
    pub(super) fn note_next_nonce(&mut self, id: TxId, response: &Response, arrival: &Arrival) {
        let Some(tx) = self.transactions.client(id) else { return };
        if !response.status().is_success() {
            return;
        }
        let Some(asked) = tx.asked.take() else { return };
        let (path, trunk, scope) = (tx.path.clone(), tx.trunk.clone(), Scope::of(&asked.request));
        if let Some(place) = self.credential_place(&path, &trunk, scope).filter(|_| came_back(path.flow, arrival)) {
            self.keyring.renew(&place, response.headers());
        }
    }

    /// Where a request over `path` goes to, if it may carry credentials: a next hop that a call or request of our own was
    /// placed to, reached as it was then. Never where a Contact, a Via or a packet's source has led us (THREATS T35).
    fn credential_place(&self, path: &Path, trunk: &TrunkId, scope: Scope) -> Option<Place> {
        let (hop, is_placed) = match path.flow {
            Flow::Datagram { remote, .. } => {
                let is_there = |hop: &NextHop| hop.transport == Transport::Udp && hop.address == remote;
                (NextHop::udp(remote), path.next_hop.as_ref().is_some_and(is_there))
            }
            Flow::Stream(id) => {
                let connection = self.transport.get(id)?;
                let hop = if let Some(opened) = &connection.opened {
                    (opened.trunk == *trunk).then(|| opened.hop.clone())?
                } else {
                    // One that the peer opened, where its certificate shows the name that we would ask for (RFC 5923).
                    let terms = self.transport.terms_of(trunk);
                    path.next_hop.clone().filter(|hop| connection.serves(hop, trunk, &terms))?
                };
                let is_placed = path.next_hop.as_ref() == Some(&hop);
                (hop, is_placed)
            }
        };
        let place = |scope| (trunk.clone(), hop.clone(), scope);
        let is_known = || [Scope::Registrar, Scope::Calls].into_iter().any(|scope| self.keyring.knows(&place(scope)));
        (is_placed || is_known()).then(|| place(scope))
    }

    /// Asks for credentials where the trunk's rule does, of everything that starts something: an INVITE that opens a call
    /// and what else stands outside of dialogs (RFC 3261 22.2). Requests in a dialog ride on it, and OPTIONS is how a
    /// peer finds out whether we live. True when the request is refused with that.
    pub(super) fn demands_credentials(&mut self, incoming: &Incoming<'_>, now: Instant) -> bool {
        let request = &incoming.request;
        let rule = self.gate.rule(&incoming.arrival.trunk);
        let Some(realm) = rule.and_then(|rule| rule.challenge.clone()) else { return false };
        if *request.method() == Method::Options || !matches!(DialogId::of_request(request), Ok(None)) {
            return false;
        }
        let source = incoming.arrival.source.ip();
        let verdict = self.challenger.judge(&realm, request, source, now);
        let reason = match verdict {
            Verdict::Proven => return false,
            Verdict::Missing => Refusal::Challenged,
            Verdict::Wrong => Refusal::BadCredentials,
            Verdict::Stale => Refusal::StaleNonce,
        };
        self.transport.stats.count(reason);
        let mut response = Response::for_request(request, StatusCode::UNAUTHORIZED);
        if response.ensure_to_tag(&self.tokens.stateless_tag(request)).is_err() {
            self.transport.stats.count(Refusal::Unanswerable);
            return true;
        }
        for challenge in self.challenger.challenge(&realm, source, verdict == Verdict::Stale, now) {
            response.headers_mut().push(HeaderName::WwwAuthenticate, challenge);
        }
        self.answer_statelessly(response, &incoming.reply);
        true
    }
}

/// The ACK of an INVITE has its credentials (RFC 3261 22.1).
pub(super) fn copy_credentials(invite: &Request, ack: &mut Request) {
    for asker in Asker::ALL {
        let name = asker.answer();
        for value in invite.secrets(&name) {
            ack.headers_mut().push(name.clone(), value.expose().clone());
        }
    }
}

/// Whether a response came from where its request went. A datagram's port is the sender's affair.
fn came_back(flow: Flow, arrival: &Arrival) -> bool {
    match (flow, arrival.flow) {
        (Flow::Datagram { remote: asked, .. }, Flow::Datagram { remote: from, .. }) => {
            asked.ip().to_canonical() == from.ip().to_canonical()
        }
        (asked, from) => asked == from,
    }
}

impl From<Declined> for Refusal {
    fn from(declined: Declined) -> Self {
        match declined {
            Declined::Unusable => Self::ChallengeUnusable,
            Declined::Realm => Self::ChallengeForeign,
            Declined::Refused => Self::ChallengeRepeated,
        }
    }
}
