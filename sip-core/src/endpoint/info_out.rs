//! INFOs of ours (RFC 6086 in its old use, without packages): digits, mostly, so their order must stand.

use std::collections::VecDeque;
use std::time::Instant;

use crate::limits;
use crate::wire::{Method, Response, StatusCode, Text};

use super::call::{Call, Phase};
use super::transactions::{Purpose, TxId};
use super::{Body, Endpoint, Event};

/// One is under way at a time: two at once could overtake each other.
#[derive(Debug, Default)]
pub(super) struct Infos {
    tx: Option<TxId>,
    waiting: VecDeque<(Text, Body)>,
}

impl Infos {
    pub(super) fn asks(&self, id: TxId) -> bool {
        self.tx == Some(id)
    }
}

impl Endpoint {
    /// The TU wants to send an INFO.
    pub(super) fn inform(&mut self, call: &mut Call, content_type: Text, body: Body, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        if up.usages.infos.waiting.len() >= limits::INFO_QUEUE {
            self.tell(call, Event::InfoAnswered { status: StatusCode::SERVICE_UNAVAILABLE });
            return;
        }
        up.usages.infos.waiting.push_back((content_type, body));
        self.send_info(call, now);
    }

    pub(super) fn send_info(&mut self, call: &mut Call, now: Instant) {
        loop {
            let Phase::Up(up) = &mut call.phase else { return };
            // A request that overtakes our 2xx finds no dialog at the peer.
            if up.usages.infos.tx.is_some() || up.unacked.is_some() {
                return;
            }
            let Some((content_type, body)) = up.usages.infos.waiting.pop_front() else { return };
            let Some(mut info) = self.request_within(call, Method::Info) else { return };
            info.set_body(content_type, body.bytes());
            match self.send_in_call(call, info, Purpose::Asked, now) {
                Ok(tx) => {
                    if let Phase::Up(up) = &mut call.phase {
                        up.usages.infos.tx = Some(tx);
                    }
                    return;
                }
                Err(_) => self.tell(call, Event::InfoAnswered { status: StatusCode::SERVICE_UNAVAILABLE }),
            }
        }
    }

    pub(super) fn on_info_answered(&mut self, call: &mut Call, response: Option<&Response>, now: Instant) {
        let Phase::Up(up) = &mut call.phase else { return };
        up.usages.infos.tx = None;
        let status = response.map_or(StatusCode::REQUEST_TIMEOUT, Response::status);
        self.tell(call, Event::InfoAnswered { status });
        self.end_if_lost(call, status);
        self.send_info(call, now);
    }
}
