//! Paths, and what stands before each of them: the deadline, the key, the allowance.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, header};

use super::answer::Refusal;
use super::clients::Client;
use super::limits::REQUEST_DEADLINE;
use super::{Api, native, teler, trunks};

/// Teler's header for the key.
const KEY_HEADER: &str = "x-api-key";

impl Api {
    /// All paths.
    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/api/v1/voice/calls/initiate", post(teler::initiate))
            // The path of the Node client.
            .route("/api/v1/calls/initiate", post(teler::initiate))
            .route("/api/v1/voice/calls/{id}", get(teler::view))
            .route("/api/v1/voice/calls/{id}/hangup", post(teler::hangup))
            .route("/api/v1/voice/calls/{id}/dtmf", post(teler::dtmf))
            .route("/api/v1/voice/calls/{id}/transfer", post(teler::transfer))
            .route("/v1/calls", post(native::place))
            .route("/v1/calls/{id}", get(native::view))
            .route("/v1/calls/{id}/hangup", post(native::hangup))
            .route("/v1/calls/{id}/dtmf", post(native::dtmf))
            .route("/v1/calls/{id}/transfer", post(native::transfer))
            .route("/v1/trunks", get(trunks::list))
            .method_not_allowed_fallback(|| async { Refusal::Method })
            .route_layer(from_fn_with_state(self.clone(), authenticate))
            .fallback(|| async { Refusal::NoSuchPath })
            .layer(from_fn(in_time))
            .with_state(self)
    }
}

/// Lets a request in whose client is known and has not asked too often. The body of any other is never read.
async fn authenticate(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let client = presented(request.headers()).and_then(|key| api.0.clients.find(key)).map(Arc::clone);
    let Some(client) = client else {
        tracing::debug!(event = "api.refused", reason = Refusal::Unauthorized.code(), "request refused");
        return Refusal::Unauthorized.into_response();
    };
    if let Err(wait) = client.take(Instant::now()) {
        let refusal = Refusal::RateLimited(wait);
        tracing::debug!(event = "api.refused", client = %client.rights.name, reason = refusal.code(), "request refused");
        return refusal.into_response();
    }
    request.extensions_mut().insert::<Arc<Client>>(client);
    next.run(request).await
}

/// The key as it was sent; `None` when there is none, or more than one.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let keys = headers.get_all(KEY_HEADER).iter().map(http::HeaderValue::as_bytes);
    let bearers = headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| bearer(value.as_bytes()));
    let mut keys = keys.chain(bearers);
    let key = keys.next()?;
    keys.next().is_none().then_some(key)
}

/// RFC 6750, section 2.1; the scheme is case-insensitive (RFC 9110, section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(b"bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(REQUEST_DEADLINE, next.run(request)).await;
    answer.unwrap_or_else(|_| Refusal::Timeout.into_response())
}
