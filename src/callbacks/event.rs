//! What is posted: Teler's events, version 2026-06-01.

use ai_bridge::webhook::MessageId;
use bytes::Bytes;
use dialplan::{HttpsUrl, Name};
use serde_json::json;
use ulid::Ulid;
use uuid::Uuid;

use crate::api::rfc3339;
use crate::control::{CallId, CallState, Change};

/// The version of the events, as Teler names it.
const API_VERSION: &str = "2026-06-01";

/// One event on its way.
#[derive(Debug, Clone)]
pub(super) struct Callback {
    pub(super) call: CallId,
    /// The application whose keys sign it.
    pub(super) app: Name,
    pub(super) url: HttpsUrl,
    /// The same over all tries: what the receiver recognises a repetition by.
    pub(super) id: MessageId,
    /// Its name, such as `call.answered`.
    pub(super) name: &'static str,
    pub(super) body: Bytes,
}

impl Callback {
    /// Writes the event; `None` for a call of no application, which has nobody to sign for.
    pub(super) fn of(change: Change, account: &str) -> Option<Self> {
        let Change { view, url, at_ms } = change;
        let name = match view.state {
            CallState::Initiated => "call.initiated",
            CallState::Ringing => "call.ringing",
            CallState::Answered => "call.answered",
            CallState::Completed => "call.completed",
            CallState::Failed => "call.failed",
        };
        let id = format!("evt_{}", Ulid::from_parts(at_ms, Uuid::new_v4().as_u128()));
        let duration = view.answered_ms.zip(view.ended_ms).map(|(from, to)| to.saturating_sub(from) / 1_000);
        let body = json!({
            "id": id,
            "type": name,
            "api_version": API_VERSION,
            "account_id": account,
            "call_id": view.id.to_string(),
            "occurred_at": rfc3339(at_ms),
            "data": {
                "call_id": view.id.to_string(),
                "from_number": view.from.expose(),
                "to_number": view.to.expose(),
                "direction": view.direction,
                "state": view.state.as_str(),
                "reason": view.reason,
                "duration_seconds": duration,
                "properties": view.custom,
            },
        });
        let id = MessageId::new(id).ok()?;
        Some(Self { call: view.id, app: view.app?, url, id, name, body: body.to_string().into() })
    }
}
