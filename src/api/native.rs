//! Our own schema: short names, no field that is silently ignored.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use http::StatusCode;
use serde_json::{Value, json};

use super::Api;
use super::answer::{Answer, Refusal};
use super::bodies;
use super::order::{CallPath, Caller};
use super::time::rfc3339;
use crate::control::{CallId, CallState};

type Outcome = Result<Answer, Refusal>;

/// `POST /v1/calls`
pub(super) async fn place(State(api): State<Api>, Extension(client): Caller, request: Request) -> Outcome {
    let (acting, by) = (api.clone(), Arc::clone(&client));
    api.once(&client, request, |body| async move {
        let call = bodies::new_call(&body).map_err(Refusal::Mistakes)?;
        let id = acting.place(&by, call).await?;
        Ok(Answer::accepted(&json!({ "id": id.to_string(), "state": CallState::Initiated.as_str() })))
    })
    .await
}

/// `GET /v1/calls/{id}`
pub(super) async fn view(State(api): State<Api>, Extension(client): Caller, id: CallPath) -> Outcome {
    let view = api.view(&client, id)?;
    let body = json!({
        "id": view.id.to_string(),
        "state": view.state.as_str(),
        "direction": view.direction,
        "from": view.from.expose(),
        "to": view.to.expose(),
        "app": view.app,
        "custom": view.custom,
        "created_at": rfc3339(view.created_ms),
        "answered_at": view.answered_ms.map(rfc3339),
        "ended_at": view.ended_ms.map(rfc3339),
        "reason": view.reason,
    });
    Ok(Answer::new(StatusCode::OK, &body))
}

/// `POST /v1/calls/{id}/hangup`
pub(super) async fn hangup(
    State(api): State<Api>,
    Extension(client): Caller,
    id: CallPath,
    request: Request,
) -> Outcome {
    api.command(client, id, request, bodies::hangup, named).await
}

/// `POST /v1/calls/{id}/dtmf`
pub(super) async fn dtmf(State(api): State<Api>, Extension(client): Caller, id: CallPath, request: Request) -> Outcome {
    api.command(client, id, request, bodies::dtmf, named).await
}

/// `POST /v1/calls/{id}/transfer`
pub(super) async fn transfer(
    State(api): State<Api>,
    Extension(client): Caller,
    id: CallPath,
    request: Request,
) -> Outcome {
    let (acting, by) = (api.clone(), Arc::clone(&client));
    api.once(&client, request, |body| async move {
        let transfer = bodies::transfer_order(&body).map_err(Refusal::Mistakes)?;
        Ok(Answer::accepted(&json!({ "id": acting.hand_over(&by, id, transfer).await?.to_string() })))
    })
    .await
}

/// Which call was told.
fn named(id: CallId) -> Value {
    json!({ "id": id.to_string() })
}
