//! The flow request and its answer.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::{Value, json};

/// What the application reads of a flow request; it may hold more.
#[derive(Deserialize)]
struct FlowRequest {
    call_id: String,
}

/// The stream addresses given out and not used yet. Each is good for one connection.
#[derive(Default)]
pub(super) struct Tickets {
    waiting: VecDeque<String>,
}

impl Tickets {
    /// A new ticket. When too many wait, the oldest is void: a server that asks and never connects costs nothing.
    pub(super) fn issue(&mut self) -> String {
        let ticket = ulid::Ulid::generate().to_string();
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(ticket.clone());
        ticket
    }

    /// Takes a ticket; false when there is none of that name.
    pub(super) fn take(&mut self, ticket: &str) -> bool {
        let place = self.waiting.iter().position(|waiting| waiting == ticket);
        place.and_then(|place| self.waiting.remove(place)).is_some()
    }
}

/// Is this a flow request?
pub(super) fn accepts(body: &[u8]) -> bool {
    serde_json::from_slice::<FlowRequest>(body).is_ok_and(|request| !request.call_id.is_empty())
}

/// "Start a real-time stream": the answer to a flow request.
pub(super) fn stream_answer(ws_url: &str) -> Value {
    json!({
        "action": "stream",
        "ws_url": ws_url,
        "sample_rate": "16k",
        "protocol": "native.v1",
    })
}

const MAX_WAITING: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once() {
        let mut tickets = Tickets::default();
        let ticket = tickets.issue();
        assert!(!tickets.take("other"));
        assert!(tickets.take(&ticket));
        assert!(!tickets.take(&ticket));
    }

    #[test]
    fn unused_tickets_do_not_pile_up() {
        let mut tickets = Tickets::default();
        let first = tickets.issue();
        for _ in 0..1_000 {
            tickets.issue();
        }
        assert_eq!(tickets.waiting.len(), MAX_WAITING);
        assert!(!tickets.take(&first));
    }

    #[test]
    fn only_a_flow_request_is_one() {
        assert!(accepts(br#"{"call_id":"x","account_id":"y","direction":"inbound","more":1}"#));
        for body in [&b""[..], b"{}", b"[]", br#"{"call_id":""}"#, br#"{"call_id":7}"#] {
            assert!(!accepts(body));
        }
    }
}
