//! Teler's schema, for clients that were written for Teler: `teler` 0.2 and 1.0 of Python, `@frejun/teler` of Node.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use http::StatusCode;
use serde_json::{Value, json};
use ulid::Ulid;
use uuid::Uuid;

use super::Api;
use super::answer::{Answer, Refusal};
use super::bodies;
use super::order::{CallPath, Caller, request_id};
use super::time::rfc3339;
use crate::control::{CallId, unix_ms};

type Outcome = Result<Answer, Refusal>;

/// `POST /api/v1/voice/calls/initiate`
pub(super) async fn initiate(State(api): State<Api>, Extension(client): Caller, request: Request) -> Outcome {
    let (acting, by) = (api.clone(), Arc::clone(&client));
    api.once(&client, request, |body| async move {
        let call = bodies::teler_initiate(&body).map_err(Refusal::Mistakes)?;
        let (from, to, callback) = (call.from.clone(), call.to.clone(), call.status_callback_url.clone());
        let id = acting.place(&by, call).await?;
        // Not one field more: the client 0.2.2 dies of a field it does not know. Nothing is recorded in this version, and
        // `record` says so.
        let data = json!({
            "id": id.to_string(),
            "from_number": from.as_str(),
            "to_number": to.as_str(),
            "status_callback_url": callback.as_ref().map(dialplan::HttpsUrl::as_str),
            "record": false,
        });
        Ok(Answer::accepted(&json!({ "message": "Call initiated successfully", "data": data })))
    })
    .await
}

/// `GET /api/v1/voice/calls/{id}`
pub(super) async fn view(State(api): State<Api>, Extension(client): Caller, id: CallPath) -> Outcome {
    let view = api.view(&client, id)?;
    let body = json!({
        "id": view.id.to_string(),
        "account_id": api.account(&view),
        "voice_app_id": view.app,
        "state": view.state.as_str(),
        "direction": view.direction,
        "from_number": view.from.expose(),
        "to_number": view.to.expose(),
        "properties": view.custom,
        "created_at": rfc3339(view.created_ms),
        "answered_at": view.answered_ms.map(rfc3339),
        "ended_at": view.ended_ms.map(rfc3339),
        "reason": view.reason,
        "legs": [],
    });
    Ok(Answer::new(StatusCode::OK, &body))
}

/// `POST /api/v1/voice/calls/{id}/hangup`
pub(super) async fn hangup(
    State(api): State<Api>,
    Extension(client): Caller,
    id: CallPath,
    request: Request,
) -> Outcome {
    api.command(client, id, request, bodies::teler_hangup, requested).await
}

/// `POST /api/v1/voice/calls/{id}/dtmf`
pub(super) async fn dtmf(State(api): State<Api>, Extension(client): Caller, id: CallPath, request: Request) -> Outcome {
    api.command(client, id, request, bodies::teler_dtmf, requested).await
}

/// `POST /api/v1/voice/calls/{id}/transfer`
pub(super) async fn transfer(
    State(api): State<Api>,
    Extension(client): Caller,
    id: CallPath,
    request: Request,
) -> Outcome {
    let (acting, by) = (api.clone(), Arc::clone(&client));
    api.once(&client, request, |body| async move {
        let transfer = bodies::teler_transfer(&body).map_err(Refusal::Mistakes)?;
        let id = acting.hand_over(&by, id, transfer).await?;
        let operation = Ulid::from_parts(unix_ms(), Uuid::new_v4().as_u128());
        let body = json!({
            "id": format!("op_{operation}"),
            "call_id": id.to_string(),
            "status": "initiated",
            "target_leg_id": null,
            "mode": "cold",
            "request_id": request_id(),
        });
        Ok(Answer::accepted(&body))
    })
    .await
}

/// Teler names the request, and not the call.
fn requested(_: CallId) -> Value {
    json!({ "request_id": request_id() })
}
