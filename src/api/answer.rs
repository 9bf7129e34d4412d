//! What the API answers: always JSON, and for what went wrong Teler's envelope with a name for it.

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::fields::Mistake;
use crate::control::{OrderRefused, PlaceRefused};

/// An answer that can be given again.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Bytes,
    retry_after: Option<Duration>,
    /// The connection ends with this answer.
    close: bool,
}

impl Answer {
    pub(super) fn new(status: StatusCode, body: &Value) -> Self {
        Self { status, body: body.to_string().into(), retry_after: None, close: false }
    }

    pub(super) fn accepted(body: &Value) -> Self {
        Self::new(StatusCode::ACCEPTED, body)
    }

    /// Whether the same request would have the same answer later: it says what is so, not what is so now.
    pub(super) fn is_lasting(&self) -> bool {
        let is_so_now = matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT);
        !is_so_now && !self.status.is_server_error()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("octets", &self.body.len()).finish_non_exhaustive()
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Answers name numbers and calls: nobody on the way keeps them.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after {
            // Whole seconds, rounded up: who comes then is served.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Why a request is not carried out. No variant holds what the client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No API key, or none that is known.
    Unauthorized,
    /// More requests than the client may send.
    RateLimited(Duration),
    /// No such path.
    NoSuchPath,
    /// The path takes other methods.
    Method,
    /// The body is longer than any order.
    TooLarge,
    /// The body did not come whole, or in time.
    BrokenBody,
    /// The request took too long.
    Timeout,
    /// We have failed.
    Internal,
    /// The body says something that cannot be.
    Mistakes(Vec<Mistake>),
    /// The `Idempotency-Key` header is no such key.
    IdempotencyKey,
    /// The key was used for another request.
    IdempotencyReused,
    /// The request with this key is under way.
    IdempotencyBusy,
    /// Teler's `mode: "warm"`.
    WarmTransfer,
    /// The client belongs to another application.
    AppNotAllowed,
    /// The client may not use this trunk.
    TrunkNotAllowed,
    /// The call is not placed.
    Place(PlaceRefused),
    /// The order is not carried out.
    Order(OrderRefused),
}

/// What a refusal looks like: status, `code`, `type`, and the text for a person.
struct Envelope {
    status: u16,
    code: &'static str,
    kind: &'static str,
    message: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    fn envelope(&self) -> Envelope {
        let made = |status, kind, code, message: &str| Envelope {
            status,
            code,
            kind,
            message: message.to_owned(),
            retry_after: None,
        };
        match self {
            Self::Unauthorized => made(
                403,
                "forbidden",
                "invalid_api_key",
                "The API key is missing or not known: send it as `x-api-key` or as a bearer token",
            ),
            Self::RateLimited(wait) => Envelope {
                retry_after: Some(*wait),
                ..made(429, "rate_limit", "rate_limited", "Too many requests: wait as long as Retry-After says")
            },
            Self::NoSuchPath => made(404, "not_found", "not_found", "There is nothing at this path"),
            Self::Method => {
                made(405, "method_not_allowed", "method_not_allowed", "This path does not take this method")
            }
            Self::TooLarge => made(413, "too_large", "body_too_large", "The body is longer than 65536 octets"),
            Self::BrokenBody => made(400, "bad_request", "broken_body", "The body did not come whole"),
            Self::Timeout => made(408, "timeout", "request_timeout", "The request took too long"),
            Self::Internal => made(500, "internal_error", "internal_error", "The server has failed: see its log"),
            Self::Mistakes(_) => made(422, "validation_error", "validation_error", "Validation Error"),
            Self::IdempotencyKey => made(
                422,
                "validation_error",
                "idempotency_key_invalid",
                "`Idempotency-Key` is one header of 1 to 255 visible characters",
            ),
            Self::IdempotencyReused => made(
                422,
                "validation_error",
                "idempotency_key_reused",
                "This `Idempotency-Key` was used with another body: make a new one for each order",
            ),
            Self::IdempotencyBusy => Envelope {
                retry_after: Some(Duration::from_secs(1)),
                ..made(409, "invalid_state", "idempotency_in_progress", "The request with this key is still under way")
            },
            Self::WarmTransfer => {
                made(400, "not_available", "warm_transfer", "Only `\"mode\": \"cold\"` is available in this version")
            }
            Self::AppNotAllowed => {
                made(403, "forbidden", "app_not_allowed", "This API key belongs to another application")
            }
            Self::TrunkNotAllowed => {
                made(403, "forbidden", "trunk_not_allowed", "This API key places no calls over this trunk")
            }
            Self::Place(refused) => place_envelope(*refused),
            Self::Order(refused) => order_envelope(*refused),
        }
    }

    /// Its name in logs.
    pub(super) fn code(&self) -> &'static str {
        self.envelope().code
    }
}

fn place_envelope(refused: PlaceRefused) -> Envelope {
    let (status, kind, wait) = match refused {
        PlaceRefused::DestinationNotAllowed | PlaceRefused::CallerNotAllowed => (403, "forbidden", None),
        PlaceRefused::FlowHost => (422, "validation_error", None),
        PlaceRefused::NoTrunk | PlaceRefused::UnknownApp => (409, "configuration", None),
        PlaceRefused::Rate => (429, "rate_limit", Some(1)),
        PlaceRefused::Concurrency => (429, "rate_limit", Some(5)),
        PlaceRefused::Daily => (429, "rate_limit", Some(3_600)),
        PlaceRefused::TrunkDown => (503, "unavailable", Some(10)),
        PlaceRefused::Draining => (503, "unavailable", Some(30)),
        PlaceRefused::Full => (503, "unavailable", Some(1)),
    };
    let retry_after = wait.map(Duration::from_secs);
    Envelope { status, code: refused.as_str(), kind, message: sentence(&refused.to_string()), retry_after }
}

fn order_envelope(refused: OrderRefused) -> Envelope {
    let (status, kind, wait) = match refused {
        OrderRefused::Unknown => (404, "not_found", None),
        OrderRefused::NotLive | OrderRefused::NotAnswered | OrderRefused::NotPossible => (409, "invalid_state", None),
        OrderRefused::DestinationNotAllowed => (403, "forbidden", None),
        OrderRefused::Busy => (429, "rate_limit", Some(1)),
    };
    let retry_after = wait.map(Duration::from_secs);
    Envelope { status, code: refused.as_str(), kind, message: sentence(&refused.to_string()), retry_after }
}

/// Error texts begin small, messages to people do not.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

impl From<&Refusal> for Answer {
    fn from(refusal: &Refusal) -> Self {
        let Envelope { status, code, kind, message, retry_after } = refusal.envelope();
        // Teler's 422 has this form and no more.
        let body = if let Refusal::Mistakes(mistakes) = refusal {
            let errors: Vec<_> = mistakes.iter().map(Mistake::to_json).collect();
            json!({ "success": false, "message": message, "errors": errors })
        } else {
            json!({ "success": false, "message": message, "code": code, "type": kind })
        };
        let close =
            matches!(refusal, Refusal::Unauthorized | Refusal::TooLarge | Refusal::BrokenBody | Refusal::Timeout);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { retry_after, close, ..Self::new(status, &body) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Answer::from(&self).into_response()
    }
}

impl From<PlaceRefused> for Refusal {
    fn from(refused: PlaceRefused) -> Self {
        Self::Place(refused)
    }
}

impl From<OrderRefused> for Refusal {
    fn from(refused: OrderRefused) -> Self {
        Self::Order(refused)
    }
}
