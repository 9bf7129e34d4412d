//! Redirections of calls that we place (RFC 3261 8.1.3.4), as far as the trunk's rule follows them.
//!
//! A Contact only changes the Request-URI. The call goes the trunk's own way all the same: where a packet goes is never
//! for a peer to say (THREATS T44).

use std::time::Instant;

use crate::admission::Targets;
use crate::limits;
use crate::wire::{CSeq, Contact, HeaderName, Method, NameAddr, Response, StatusCode, Text, Uri};

use super::call::{Call, Calling, Cancel, Path, Phase};
use super::respond::SDP;
use super::transactions::{Forks, Purpose};
use super::transport::Lost;
use super::{EndReason, EndedBy, Endpoint, Refusal};

/// The targets of a call that was redirected.
#[derive(Debug)]
pub(super) struct Redirects {
    followed: u8,
    /// Where the call was sent: nobody is called twice.
    tried: Vec<Text>,
    /// Where it may be sent next, the last one first.
    next: Vec<Uri>,
}

impl Redirects {
    pub(super) fn new(target: &Uri) -> Self {
        Self { followed: 0, tried: vec![target.to_text()], next: Vec::new() }
    }

    /// Takes in the Contacts of a redirection: they come before what is left of an earlier one.
    fn take(&mut self, response: &Response, secure: bool) {
        let Ok(contacts) = response.contacts() else { return };
        let mut named: Vec<(u16, Uri)> = contacts.iter().filter_map(|contact| target(contact, secure)).collect();
        // The highest q is called first, and of equals the one that is named first.
        named.reverse();
        named.sort_by_key(|(q, _)| *q);
        let room = limits::CONTACTS.saturating_sub(self.next.len());
        let skip = named.len().saturating_sub(room);
        self.next.extend(named.into_iter().skip(skip).map(|(_, uri)| uri));
    }

    /// The next one that was not called yet, and how many were passed over because they may not be.
    fn pick(&mut self, targets: Option<&Targets>) -> (Option<Uri>, usize) {
        let mut forbidden = 0;
        while let Some(uri) = self.next.pop() {
            let text = uri.to_text();
            if self.tried.contains(&text) {
                continue;
            }
            if targets.is_some_and(|targets| !targets.permit(&uri)) {
                forbidden += 1;
                continue;
            }
            self.tried.push(text);
            self.followed = self.followed.saturating_add(1);
            return (Some(uri), forbidden);
        }
        (None, forbidden)
    }
}

impl Endpoint {
    /// A call of ours was refused: sends it to the next target, where there is one that may be called.
    pub(super) fn redirect(&mut self, call: &mut Call, response: &Response, now: Instant) -> bool {
        let rule = self.gate.rule(&call.trunk);
        let most = rule.map_or(0, |rule| rule.redirects);
        let Phase::Calling(calling) = &mut call.phase else { return false };
        if calling.cancel != Cancel::No || calling.redirects.followed >= most {
            return false;
        }
        let secure = calling.invite.uri().is_secure();
        let redirects = &mut calling.redirects;
        match response.status() {
            StatusCode::MULTIPLE_CHOICES | StatusCode::MOVED_PERMANENTLY | StatusCode::MOVED_TEMPORARILY => {
                redirects.take(response, secure);
            }
            // 305 and 380 name no callee; a 6xx speaks for all (RFC 3261 21.6).
            status if status.code() < 400 || status.code() >= 600 => return false,
            _ => {}
        }
        let (picked, forbidden) = redirects.pick(rule.and_then(|rule| rule.redirect_targets.as_ref()));
        for _ in 0..forbidden {
            self.transport.stats.count(Refusal::RedirectTarget);
        }
        let Some(uri) = picked else { return false };
        calling.invite.set_uri(uri);
        self.invite_again(call, now);
        true
    }

    /// The INVITE again, the way that the call went last.
    pub(super) fn invite_again(&mut self, call: &mut Call, now: Instant) {
        let renewed = self.renew_path(call, now);
        let path = call.path.clone();
        if renewed.and_then(|()| self.invite_over(call, &path, now)).is_err() {
            call.phase = Phase::Gone;
            self.end(call, EndedBy::Failure, EndReason::Transport, None);
        }
    }

    /// The INVITE again in a transaction of its own, with the next CSeq number. Nothing changes where it cannot be sent.
    pub(super) fn invite_over(&mut self, call: &mut Call, path: &Path, now: Instant) -> Result<(), Lost> {
        let Phase::Calling(calling) = &call.phase else { return Err(Lost) };
        let cseq = self.highest_cseq(calling).saturating_add(1);
        let (mut bare, offer) = (calling.invite.clone(), calling.offer.clone());
        let contact = self.contact(path.flow, path.transport, self.far_address(path), bare.uri().is_secure());
        bare.headers_mut().set(HeaderName::CSeq, CSeq::new(cseq, Method::Invite).to_value());
        bare.headers_mut().set(HeaderName::Contact, contact);
        let mut invite = bare.clone();
        if let Some(offer) = &offer {
            invite.set_body(SDP, offer.bytes());
        }
        let purpose = Purpose::Invite(Box::new(Forks::new(bare.clone())));
        let (tx, branch) = self.send_request(path, call.trunk.clone(), Some(call.key), invite, purpose, now)?;
        let Phase::Calling(calling) = &mut call.phase else { return Err(Lost) };
        (calling.tx, calling.branch, calling.invite) = (tx, branch, bare);
        for fork in std::mem::take(&mut calling.forks) {
            self.drop_early(&fork.early, now);
        }
        self.forget_early_dialogs(call);
        Ok(())
    }

    fn highest_cseq(&self, calling: &Calling) -> u32 {
        let own = calling.invite.cseq().map(|cseq| cseq.seq).unwrap_or_default();
        match self.transactions.purpose(calling.tx) {
            Some(Purpose::Invite(forks)) => own.max(forks.highest_cseq),
            Some(Purpose::Update | Purpose::Asked | Purpose::Trunk(_) | Purpose::Farewell) | None => own,
        }
    }
}

/// Where a Contact leads, if we go there: never from `sips:` to `sip:` (RFC 5630 5.3), nor to `sips:` over a way that was
/// not chosen for it.
fn target(contact: &Contact, secure: bool) -> Option<(u16, Uri)> {
    let named = contact.addr()?;
    let Uri::Sip(sip) = &named.uri else { return None };
    if secure != sip.secure {
        return None;
    }
    let mut sip = sip.clone();
    // Headers and a method are instructions of a stranger (THREATS T39).
    sip.headers = None;
    sip.params.remove("method");
    // In storage of its own.
    let uri = Uri::parse(&Uri::Sip(sip).to_text().into_bytes()).ok()?;
    Some((quality(named), uri))
}

/// q in thousandths; 1 where there is none that can be read (RFC 3261 20.10).
fn quality(contact: &NameAddr) -> u16 {
    let Some(text) = contact.params.value("q") else { return 1_000 };
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{part:0<3}");
    match (whole, digits.get(..3).and_then(|digits| digits.parse::<u16>().ok())) {
        ("0", Some(thousandths)) => thousandths,
        _ => 1_000,
    }
}
